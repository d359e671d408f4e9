package extism

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
)

// Crate is a Rust crate whose modules are tested. It is built once, when the first of them is asked for.
type Crate struct {
	built func() (string, error)
	cache func() wazero.CompilationCache
}

// NewCrate is the crate in the folder of the test, which lies two below the root. Its modules land in a folder of the release
// build; args are more words for cargo build.
func NewCrate(modules string, args ...string) *Crate {
	return &Crate{
		cache: sync.OnceValue(wazero.NewCompilationCache),
		built: sync.OnceValues(func() (string, error) {
			args := append([]string{"build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown"}, args...)
			if out, err := exec.Command("../../.ci/rust", args...).CombinedOutput(); err != nil {
				return "", fmt.Errorf("%w\n%s", err, out)
			}
			return filepath.Join("target", "wasm32-unknown-unknown", "release", modules), nil
		}),
	}
}

// Module is the file of a module. The test is skipped where no Rust can be built, but in CI.
func (c *Crate) Module(t testing.TB, name string) string {
	t.Helper()
	if testing.Short() || raced {
		t.Skip("-short, or under the race detector, which sees nothing of a guest: building Rust takes its time")
	}
	dir, err := c.built()
	if err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("no Rust guests can be built here: %v", err)
		}
		t.Fatal(err)
	}
	return filepath.Join(dir, name+".wasm")
}

// Guest is a new instance of a module, which ends with the test.
func (c *Crate) Guest(t testing.TB, name string) *Guest {
	t.Helper()
	g, err := Open(context.Background(), c.Module(t, name), c.cache())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return g
}
