package wasm_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

// TestForeignModules instruments the modules that wazero and the Extism SDK test themselves with, written by Go, TinyGo,
// Rust and Zig among others: what compiled before compiles after, and what did not does not.
func TestForeignModules(t *testing.T) {
	if race {
		t.Skip("nothing runs here beside anything else, and the race detector makes it slow")
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	compiles := func(module []byte) bool {
		compiled, err := r.CompileModule(ctx, module)
		if err == nil {
			compiled.Close(ctx)
		}
		return err == nil
	}
	admitted := 0
	for _, path := range foreign(t) {
		module, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wasm.Scan(module, wasm.Limits{})
		if err != nil {
			continue
		}
		out, _, err := wasm.Instrument(m, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 256})
		if err != nil {
			continue
		}
		admitted++
		if before, after := compiles(module), compiles(out); before != after {
			t.Errorf("%s: compiles %v, instrumented %v", path, before, after)
		}
	}
	t.Logf("%d modules admitted", admitted)
	if admitted < 30 {
		t.Errorf("%d modules admitted", admitted)
	}
}

// foreign lists the .wasm files of two dependencies, without the specification tests of version 1, which version 2 holds.
func foreign(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, module := range []string{"github.com/tetratelabs/wazero", "github.com/extism/go-sdk"} {
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Fatalf("go list -m %s: %v", module, err)
		}
		err = filepath.WalkDir(strings.TrimSpace(string(dir)), func(path string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() && d.Name() == "v1" || err != nil {
				return fs.SkipDir
			}
			if strings.HasSuffix(path, ".wasm") {
				paths = append(paths, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}
