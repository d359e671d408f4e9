package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// compiled compiles a policy's YAML.
func compiled(t testing.TB, yaml string) *policy.Module {
	t.Helper()
	p, err := policy.Load(policy.FS{FS: fstest.MapFS{"p.yaml": {Data: []byte(yaml)}}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// word is a result word for the module's rule of that name.
func word(t testing.TB, m *policy.Module, mode uint32, name string) uint32 {
	t.Helper()
	for i, at := range m.Rules {
		if m.Policy.Rules[at].Name == name {
			return mode<<abi.ModeShift | uint32(i)
		}
	}
	t.Fatalf("no rule %s in the module", name)
	return 0
}

const settling = `
version: "1.0"
name: settling
default_action: deny
%s
rules:
  - {name: low-allow, action: allow, priority: -1}
  - {name: warns, action: warn, priority: 5}
  - {name: limited, limit: 10/minute, priority: 4}
  - {name: allows, action: allow, priority: 3}
  - {name: asks, action: require_approval, approvers: [a, b], priority: 2}
  - {name: denies, action: deny, priority: 2, description: not this, redact: [data.card]}
  - {name: off, action: deny, enabled: false}
  - {name: after, action: deny, stage: post_tool}
`

const (
	orIndeterminate = abi.ModeIndeterminate
	whenTrue        = 0
)

// fire is a rule listed under one mode: orIndeterminate alone is indeterminate.
type fire struct {
	mode uint32
	rule string
}

func certain(rules ...string) (out []fire) {
	for _, r := range rules {
		out = append(out, fire{orIndeterminate, r}, fire{whenTrue, r})
	}
	return out
}

func perhaps(rules ...string) (out []fire) {
	for _, r := range rules {
		out = append(out, fire{orIndeterminate, r})
	}
	return out
}

func TestFindings(t *testing.T) {
	const first = "conflict: priority_first_match"
	for _, c := range []struct {
		name, conflict string
		fired          []fire
		stage          policy.Stage
		want           []string
	}{
		{"nothing fired", "", nil, policy.PreTool, []string{"deny default"}},
		{"nothing fired after the action", "", nil, policy.PostTool, nil},
		{"only a warning", "", certain("warns"), policy.PreTool, []string{"warn warns", "deny default"}},
		{"every rule", "", certain("denies", "low-allow", "warns", "allows", "asks"), policy.PreTool, []string{"warn warns", "allow allows", "require_approval asks", "deny denies", "allow low-allow"}},
		{"the first that decides", first, certain("denies", "low-allow", "warns", "asks"), policy.PreTool, []string{"warn warns", "require_approval asks"}},
		{"an indeterminate allow", "", perhaps("allows"), policy.PreTool, []string{"deny default"}},
		{"an indeterminate allow does not end the search", first, append(perhaps("allows"), certain("denies")...), policy.PreTool, []string{"deny denies"}},
		{"an indeterminate deny", "", perhaps("denies"), policy.PreTool, []string{"deny denies?"}},
		{"an indeterminate deny ends the search", first, append(perhaps("denies"), certain("low-allow")...), policy.PreTool, []string{"deny denies?"}},
		{"a limit", first, certain("limited", "allows"), policy.PreTool, []string{"allow limited"}},
		{"an indeterminate limit", first, append(perhaps("limited"), certain("allows")...), policy.PreTool, []string{"abstain limited?", "allow allows"}},
		{"an indeterminate limit alone", "", perhaps("limited"), policy.PreTool, []string{"abstain limited?", "deny default"}},
		{"the other stage", "", certain("after"), policy.PreTool, []string{"deny default"}},
		{"after the action", "", certain("after", "denies"), policy.PostTool, []string{"deny after"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := compiled(t, fmtPolicy(c.conflict))
			var words []uint32
			for _, f := range c.fired {
				words = append(words, word(t, m, f.mode, f.rule))
			}
			var out policy.Outcome
			m.Findings(words, c.stage, &out)
			var got []string
			for _, f := range out.Findings {
				line := f.Decision.String() + " " + f.Rule
				if len(f.Reason) > 0 && f.Reason[len(f.Reason)-1] == ')' {
					line += "?"
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			redact := []abi.Obligation{{Kind: abi.ObligationRedact, Rule: "denies", Paths: []string{"data.card"}}}
			if diff := cmp.Diff(redact, out.Obligations); diff != "" {
				t.Errorf("obligations of the file (-want +got):\n%s", diff)
			}
		})
	}
}

func fmtPolicy(conflict string) string { return strings.Replace(settling, "%s", conflict, 1) }

func TestFindingsCarryObligationsAndReasons(t *testing.T) {
	m := compiled(t, fmtPolicy(""))
	var words []uint32
	for _, f := range append(certain("asks", "denies"), perhaps("limited")...) {
		words = append(words, word(t, m, f.mode, f.rule))
	}
	var out policy.Outcome
	m.Findings(words, policy.PreTool, &out)
	want := []abi.Finding{
		{
			Decision: abi.Abstain, Rule: "limited", Priority: 4,
			Reason:      "rule limited applies (the condition could not be decided: a value is missing or of another type)",
			Obligations: []abi.Obligation{{Kind: abi.ObligationLimit, Rule: "limited", Limit: "10/minute"}},
		},
		{
			Decision: abi.RequireApproval, Rule: "asks", Priority: 2, Reason: "rule asks applies",
			Obligations: []abi.Obligation{{Kind: abi.ObligationApproval, Rule: "asks", Approvers: []string{"a", "b"}}},
		},
		{Decision: abi.Deny, Rule: "denies", Priority: 2, Reason: "not this"},
	}
	if diff := cmp.Diff(want, out.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if n := testing.AllocsPerRun(100, func() { m.Findings(words, policy.PreTool, &out) }); n != 0 {
		t.Errorf("%v allocations for findings with a used outcome, want none", n)
	}
}

func TestPossible(t *testing.T) {
	const all = abi.ModeIndeterminate | abi.ModeUnknown
	may := func(rules ...string) (out []fire) {
		for _, r := range rules {
			out = append(out, fire{all, r}, fire{abi.ModeUnknown, r})
		}
		return out
	}
	must := func(rules ...string) []fire { return append(may(rules...), certain(rules...)...) }
	const first = "conflict: priority_first_match"
	for _, c := range []struct {
		name, conflict string
		fired          []fire
		want           abi.DecisionSet
	}{
		{"nothing can fire", "", nil, abi.SetOf(abi.Deny)},
		{"an allow may", "", may("allows"), abi.SetOf(abi.Allow, abi.Deny)},
		{"an allow must", "", must("allows"), abi.SetOf(abi.Allow)},
		{"a limit must", "", must("limited"), abi.SetOf(abi.Allow, abi.Deny)},
		{"a deny must", "", append(may("allows", "asks"), must("denies")...), abi.SetOf(abi.Deny)},
		{"an approval must", "", append(may("allows", "denies"), must("asks")...), abi.SetOf(abi.RequireApproval, abi.Deny)},
		{"an allow only ever indeterminate", "", []fire{{all, "allows"}, {orIndeterminate, "allows"}}, abi.SetOf(abi.Deny)},
		{"the first must", first, append(must("allows"), may("denies")...), abi.SetOf(abi.Allow)},
		{"the first may", first, append(may("allows"), must("asks", "denies")...), abi.SetOf(abi.Allow, abi.RequireApproval)},
		{"the other stage", "", must("after"), abi.SetOf(abi.Deny)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := compiled(t, fmtPolicy(c.conflict))
			var words []uint32
			for _, f := range c.fired {
				words = append(words, word(t, m, f.mode, f.rule))
			}
			var scratch policy.Outcome
			if got := m.Possible(words, policy.PreTool, &scratch); got != c.want {
				t.Errorf("got %06b, want %06b", got, c.want)
			}
		})
	}
}
