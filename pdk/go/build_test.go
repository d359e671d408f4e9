package pdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// build is the module of a plugin's folder, below the module's root.
func build(t testing.TB, folder string) []byte {
	t.Helper()
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
	return module
}
