package pdk_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agentmesh/pdk"
)

// TestKitsAreWhole holds what is embedded against the folders: a file added there must reach authors.
func TestKitsAreWhole(t *testing.T) {
	goKit, err := pdk.Go()
	if err != nil {
		t.Fatal(err)
	}
	rustKit, err := pdk.Rust()
	if err != nil {
		t.Fatal(err)
	}
	same(t, goKit, append([]string{"go.mod"}, under(t, func(name string) bool {
		return (strings.HasPrefix(name, "go/") || strings.HasPrefix(name, "abi/")) && !strings.Contains(name, "testdata/") &&
			strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
	}, "pdk/")...))
	same(t, rustKit, under(t, func(name string) bool {
		crate := strings.TrimPrefix(name, "rust/")
		return crate != name && (strings.HasSuffix(crate, ".rs") || strings.HasSuffix(crate, "Cargo.toml") || crate == "README.md") &&
			!strings.HasPrefix(crate, "target/") && !strings.HasPrefix(crate, "tests/") && !strings.Contains(crate, "/.")
	}, ""))
}

func same(t *testing.T, kit []pdk.File, want []string) {
	t.Helper()
	var got []string
	for _, f := range kit {
		if len(f.Text) == 0 {
			t.Errorf("%s is empty", f.Name)
		}
		got = append(got, f.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func under(t *testing.T, keep func(name string) bool, prefix string) []string {
	t.Helper()
	var out []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == "target" {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && keep(name) {
			if prefix == "" {
				name = strings.TrimPrefix(name, "rust/")
			}
			out = append(out, prefix+name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestGoKitBuildsAlone has the kit compiled as authors get it: from its files, with nothing to fetch.
func TestGoKitBuildsAlone(t *testing.T) {
	dir := t.TempDir()
	kit, err := pdk.Go()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range kit {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for system, pkgs := range map[string]string{"": "./...", "wasip1/wasm": "./pdk/go"} {
		c := exec.Command("go", "build", pkgs)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
		if goos, arch, cross := strings.Cut(system, "/"); cross {
			c.Env = append(c.Env, "GOOS="+goos, "GOARCH="+arch)
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", system, err, out)
		}
	}
}

func ExampleGo() {
	kit, err := pdk.Go()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(kit[0].Name)
	// Output: go.mod
}
