package policy_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

const one = "version: \"1.0\"\n"

func TestExtendsRefused(t *testing.T) {
	const base = one + "default_action: deny\nrules: [{name: a, action: deny}]\n"
	tests := []struct{ name, child, parent, want string }{
		{"missing", "extends: other.yaml\n", base, "child.yaml:2:10: extends: read other.yaml: file does not exist"},
		{"unknown preset", "extends: preset:lax\n", base, `child.yaml:2:10: extends: no preset "lax"; there is strict`},
		{"preset without a name", "extends: 'preset:'\n", base, "extends: a preset without a name"},
		{"absolute", "extends: /base.yaml\n", base, `extends: "/base.yaml" is not a path from this file's folder`},
		{"drive", "extends: 'C:/base.yaml'\n", base, "is not a path from this file's folder"},
		{"backslash", "extends: 'x\\base.yaml'\n", base, "is not a path from this file's folder"},
		{"home", "extends: ~/base.yaml\n", base, "is not a path from this file's folder"},
		{"a URL", "extends: https://example.com/base.yaml\n", base, "is not a path from this file's folder"},
		{"itself", "extends: ./child.yaml\n", base, "extends: a circle: child.yaml → child.yaml"},
		{"circle", "extends: base.yaml\n", one + "extends: child.yaml\n", "base.yaml:2:10: extends: a circle: child.yaml → base.yaml → child.yaml"},
		{"a list", "extends: [base.yaml]\n", base, "extends must be a string, not a list"},
		{"broken parent", "extends: base.yaml\n", one + "moed: x\n", `base.yaml:2:1: unknown key "moed" in a policy`},
		{"rule replaced", "extends: base.yaml\nrules: [{name: a, action: allow}]\n", base, `child.yaml:3:16: rule "a" is already in base.yaml, line 3`},
		{"looser default", "extends: base.yaml\ndefault_action: allow\n", base, "child.yaml:3:1: default_action is looser than the parent's"},
		{"looser than none", "extends: base.yaml\ndefault_action: allow\n", one, "child.yaml:3:1: default_action is looser than the parent's"},
		{"mode", "extends: base.yaml\nmode: monitor\n", base, "child.yaml:3:1: mode differs from the parent's, which binds"},
		{"mode the other way", "extends: base.yaml\nmode: enforce\n", one + "mode: monitor\n", "mode differs from the parent's, which binds"},
		{"conflict", "extends: base.yaml\nconflict: priority_first_match\n", base, "conflict differs from the parent's, which binds"},
		{"agents", "extends: base.yaml\n", one + "agent: x\n", "child.yaml:2:1: the parent selects agents and this policy does not say which it is for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := load(t, "child.yaml", one+tt.child, "base.yaml", tt.parent)
			if p != nil {
				t.Error("got a policy")
			}
			wantError(t, err, tt.want)
		})
	}
}

func TestPresetExtendsPresetsAlone(t *testing.T) {
	files := policy.WithPresets(policy.Sources{}, func(name string) ([]byte, error) {
		return []byte(one + "extends: base.yaml\n"), nil
	})
	_, err := policy.Load(files, "preset:x")
	wantError(t, err, "preset:x:2:10: extends: a preset can extend presets alone")
}

func TestFileSystemEndsAtItsRoot(t *testing.T) {
	files := policy.FS{FS: fstest.MapFS{"child.yaml": {Data: []byte(one + "extends: ../base.yaml\n")}}}
	_, err := policy.Load(files, "child.yaml")
	wantError(t, err, "child.yaml:2:10: extends: ../base.yaml lies outside the folder that policies are read from")
}

// chain is a policy with so many parents above it.
func chain(parents int) policy.Sources {
	var files policy.Sources
	for i := range parents {
		files = append(files, policy.Source{Name: fmt.Sprintf("p%d.yaml", i), Text: fmt.Sprintf("%sextends: p%d.yaml\n", one, i+1)})
	}
	return append(files, policy.Source{Name: fmt.Sprintf("p%d.yaml", parents), Text: one})
}

func TestEightParents(t *testing.T) {
	if _, err := policy.Load(chain(9), "p0.yaml"); err == nil {
		t.Error("nine parents were taken")
	} else {
		wantError(t, err, "p8.yaml:2:10: extends: more than 8 policies extend one another")
	}
	if _, err := policy.Load(chain(8), "p0.yaml"); err != nil {
		t.Error(err)
	}
}

const (
	child = one + `extends: ../lib/base.yaml
agent: analyst
default_action: deny
rules:
  - {name: own, action: allow, condition: data.own}
`
	base = one + `extends: preset:strict
mode: enforce
rules:
  - {name: based, action: warn, condition: data.based}
`
)

func TestParentsComeFirst(t *testing.T) {
	p, err := load(t, "team/child.yaml", child, "lib/base.yaml", base)
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, r := range p.Rules {
		rules = append(rules, fmt.Sprintf("%s in %s line %d", r.Name, p.Sources[r.Source].Name, r.Pos.Line))
	}
	want := []string{"reads in preset:strict line 4", "based in ../lib/base.yaml line 5", "own in child.yaml line 6"}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Name != "child" || *p.Default != abi.Deny || p.Monitor || p.File != "team/child.yaml" {
		t.Errorf("got %+v", p)
	}
}

func TestSourcesAreEnoughToLoadAgain(t *testing.T) {
	p, err := load(t, "team/child.yaml", child, "lib/base.yaml", base)
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.Load(p.Sources, p.Sources[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	p.File = again.File
	if diff := cmp.Diff(p, again, sameTree); diff != "" {
		t.Errorf("-before +again:\n%s", diff)
	}
}

func TestWhatIsInherited(t *testing.T) {
	parent := one + "default_action: allow\nmode: monitor\nconflict: priority_first_match\n"
	for name, tt := range map[string]struct {
		child string
		want  abi.Decision
	}{
		"nothing written":  {"", abi.Allow},
		"the same":         {"default_action: allow\nmode: monitor\nconflict: priority_first_match\n", abi.Allow},
		"stricter default": {"default_action: deny\n", abi.Deny},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := load(t, "child.yaml", one+"extends: base.yaml\n"+tt.child, "base.yaml", parent)
			if err != nil {
				t.Fatal(err)
			}
			if *p.Default != tt.want || !p.Monitor || p.Conflict != policy.PriorityFirstMatch {
				t.Errorf("got default %v, monitor %v, conflict %v", *p.Default, p.Monitor, p.Conflict)
			}
		})
	}
}
