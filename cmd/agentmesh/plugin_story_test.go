package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestPluginStories are told to the built commands, with nothing to fetch for Go and YAML: "new" to a decision. The condition
// [rust] holds where the stories in Rust can be told.
func TestPluginStories(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the stories build plugins, which takes a minute")
	}
	p := with(stories(t, "plugin"), append(toolchains(t), "GOPROXY=off", "GOFLAGS=")...)
	p.Condition = func(name string) (bool, error) {
		switch name {
		case "race": // modules of Go are compiled so slowly then that the story takes minutes
			return raceFlag != "-race=false", nil
		case "rust":
		default:
			return false, fmt.Errorf("unheard condition %q", name)
		}
		why := noRust(filepath.Join("..", ".."))
		if why != "" {
			t.Logf("no story in Rust: %s", why)
		}
		return why == "", nil
	}
	testscript.Run(t, p)
}

// toolchains are the variables by which a story, whose home is another, finds what this user has built and installed.
func toolchains(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOTOOLCHAIN"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, name+"="+strings.TrimSpace(string(value)))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"CARGO_HOME": ".cargo", "RUSTUP_HOME": ".rustup"} {
		value := os.Getenv(name)
		if value == "" {
			value = filepath.Join(home, dir)
		}
		out = append(out, name+"="+value)
	}
	return out
}

// noRust says why plugins in Rust are not built here, or nothing.
func noRust(root string) string {
	if raceFlag != "-race=false" {
		return "cargo's work is the same under the race detector"
	}
	if _, err := os.Stat(filepath.Join(root, ".tools", "rust", "ready")); err == nil {
		return ""
	}
	libs, err := exec.Command("rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
	if err != nil {
		return "there is no rustc: " + err.Error()
	}
	if found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(libs)), "libstd-*.rlib")); err != nil || len(found) == 0 {
		return "rustc lacks wasm32-unknown-unknown: rustup target add wasm32-unknown-unknown"
	}
	return ""
}

// replace edits a file as an author would: replace FILE OLD NEW, where OLD must stand.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 || neg {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	name := ts.MkAbs(args[0])
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(name, []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}
