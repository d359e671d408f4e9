package pdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
)

// built are the modules built so far, by their folders, and compiled what wazero has made of them.
var (
	built    sync.Map
	compiled = wazero.NewCompilationCache()
)

// build is the module of a plugin's folder, below the module's root. Each is built once.
func build(t testing.TB, folder string) []byte {
	t.Helper()
	if raced {
		t.Skip("modules are run without the race detector")
	}
	if module, ok := built.Load(folder); ok {
		return module.([]byte)
	}
	out := filepath.Join(t.TempDir(), "plugin.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./"+folder)
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", folder, err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	built.Store(folder, module)
	return module
}
