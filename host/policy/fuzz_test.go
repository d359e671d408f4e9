package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
)

// FuzzCondition holds Format against the parser: what is written of a tree must give the same tree and the same text again.
func FuzzCondition(f *testing.F) {
	for _, src := range []string{
		"action.type == 'export' and data.contains_pii",
		"not (data.a == 1) or data['x-y'][0] in ['a', 1, null, data.z] && !exists(data.x)",
		"any(x in resource.paths, lower(x.a) startswith '/etc' or all(y in x.b, len(y) > 5.0))",
		`data.x not in [1e30, -0.0, [true, "\u0000\ud83d\ude00"]] || result matches '\\.exe$'`,
		"((data.a and data.b) and (data.c or data.d)) or false",
		"not not data.a <= -9223372036854775808",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		scope := policy.Scope{File: "f", Stage: policy.PostTool}
		tree, err := policy.ParseCondition(src, scope)
		if err != nil {
			checkPlaces(t, err)
			return
		}
		text := policy.Format(tree)
		again, err := policy.ParseCondition(text, scope)
		if err != nil {
			if len(text) > len(src) && strings.Contains(err.Error(), "more than") {
				t.Skip("escapes and parentheses lead beyond a limit")
			}
			t.Fatalf("%q is written %q, which is refused:\n%v", src, text, err)
		}
		if diff := cmp.Diff(tree, again, sameTree); diff != "" {
			t.Fatalf("%q is written %q\n-tree +read again:\n%s", src, text, diff)
		}
		if twice := policy.Format(again); twice != text {
			t.Fatalf("%q is written %q and then %q", src, text, twice)
		}
	})
}

// FuzzLoad wants every file to give either a policy that its own sources give again, or errors with places.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "*.json"} {
		names, err := filepath.Glob(filepath.Join(broken, pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text), strings.HasSuffix(name, ".json"))
		}
	}
	f.Add(promised, false)
	f.Fuzz(func(t *testing.T, text string, json bool) {
		name := "f.yaml"
		if json {
			name = "f.json"
		}
		p, err := policy.Load(policy.Sources{{Name: name, Text: text}}, name)
		if err != nil {
			checkPlaces(t, err)
			return
		}
		again, err := policy.Load(p.Sources, p.Sources[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, again, sameTree); diff != "" {
			t.Errorf("loaded again from its sources, -was +is:\n%s", diff)
		}
		if _, err := policy.ReadCases(name, text); err == nil {
			t.Error("a policy was read as cases")
		}
	})
}

// FuzzCases wants files of cases to give cases or errors with places.
func FuzzCases(f *testing.F) {
	f.Add(someCases, false)
	f.Add(`[{"name": "a", "request": {"data": {"x": [1, 2.5, null, "\ud83d\ude00"]}}, "want": {"decision": "deny"}}]`, true)
	f.Fuzz(func(t *testing.T, text string, json bool) {
		name := "cases.yaml"
		if json {
			name = "cases.json"
		}
		if _, err := policy.ReadCases(name, text); err != nil {
			checkPlaces(t, err)
		}
	})
}
