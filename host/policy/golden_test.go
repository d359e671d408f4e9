package policy_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
)

var update = flag.Bool("update", false, "write what the broken policies report into their golden files")

// broken is where policies stand that do not load, each with a file NAME.golden that says why; a folder is loaded whole.
const broken = "../../testdata/policies/broken"

// presetNames stands in for the presets: there is one, and what is said of others is up to the host.
func presetNames(name string) ([]byte, error) {
	if name == "strict" {
		return []byte("version: \"1.0\"\ndefault_action: deny\nrules:\n  - name: reads\n    condition: action.type == 'read'\n    action: allow\n"), nil
	}
	return nil, fmt.Errorf("no preset %q; there is strict", name)
}

func TestBrokenPolicies(t *testing.T) {
	entries, err := os.ReadDir(broken)
	if err != nil {
		t.Fatal(err)
	}
	files := policy.WithPresets(policy.FS{FS: os.DirFS(broken)}, presetNames)
	for _, e := range entries {
		if path.Ext(e.Name()) == ".golden" {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			names := []string{e.Name()}
			if e.IsDir() {
				if names, err = policy.Names(os.DirFS(broken), e.Name()); err != nil {
					t.Fatal(err)
				}
			}
			policies, err := policy.LoadAll(files, names)
			if policies != nil || err == nil {
				t.Fatalf("loaded %v", names)
			}
			golden(t, filepath.Join(broken, e.Name()+".golden"), err.Error()+"\n")
			checkPlaces(t, err)
		})
	}
}

// checkPlaces wants every error to name a file, and a place that its excerpt shows with a caret.
func checkPlaces(t *testing.T, err error) {
	t.Helper()
	var errs policy.Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got an error of type %T, want Errors", err)
	}
	for _, e := range errs {
		if e.File == "" || e.Message == "" {
			t.Errorf("error without file or message: %+v", e)
		}
		if (e.Line > 0) != strings.HasSuffix(e.Excerpt, "^") {
			t.Errorf("line %d, excerpt %q", e.Line, e.Excerpt)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s is missing: run with -update and read what it says", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
