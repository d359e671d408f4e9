package gate_test

import (
	"strings"
	"testing"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

func answer(name string, fs ...abi.Finding) gate.Answer {
	return gate.Answer{Judge: abi.Judged{Name: name}, Findings: fs}
}

func monitored(a gate.Answer) gate.Answer {
	a.Judge.Monitored = true
	return a
}

func failing(name string, code abi.Code) gate.Answer {
	return gate.Answer{Judge: abi.Judged{Name: name}, Failure: &abi.Failure{Code: code, Detail: "broke"}}
}

func prior(p int64, f abi.Finding) abi.Finding {
	f.Priority = p
	return f
}

func TestCombine(t *testing.T) {
	allow, deny, ask := rule(abi.Allow, "yes"), rule(abi.Deny, "no"), rule(abi.RequireApproval, "maybe")
	warn, log := rule(abi.Warn, "careful"), rule(abi.Log, "note")
	for _, c := range []struct {
		name    string
		answers []gate.Answer
		want    string // decision code policy rule
		warns   int
	}{
		{"nobody is asked", nil, "deny no_rule  ", 0},
		{"everybody abstains", []gate.Answer{answer("a"), answer("b")}, "deny no_rule  ", 0},
		{"warn and log do not allow", []gate.Answer{answer("a", warn, log)}, "deny no_rule  ", 2},
		{"an allow", []gate.Answer{answer("a"), answer("b", allow)}, "allow rule b yes", 0},
		{"a deny beats an allow", []gate.Answer{answer("a", allow), answer("b", deny)}, "deny rule b no", 0},
		{"a deny beats an allow of the same judge", []gate.Answer{answer("a", allow, deny)}, "deny rule a no", 0},
		{"a deny beats an allow of higher priority", []gate.Answer{answer("a", prior(9, allow)), answer("b", deny)}, "deny rule b no", 0},
		{"approval beats allow", []gate.Answer{answer("a", allow), answer("b", ask)}, "require_approval approval_unavailable b maybe", 0},
		{"a deny beats approval", []gate.Answer{answer("a", ask), answer("b", deny)}, "deny rule b no", 0},
		{"ties by priority", []gate.Answer{answer("a", deny), answer("b", prior(1, rule(abi.Deny, "higher")))}, "deny rule b higher", 0},
		{"then by judge", []gate.Answer{answer("a", rule(abi.Deny, "first")), answer("b", deny)}, "deny rule a first", 0},
		{"then by order", []gate.Answer{answer("a", rule(abi.Deny, "first"), deny)}, "deny rule a first", 0},
		{"a default", []gate.Answer{answer("a", rule(abi.Deny, "default"))}, "deny default a default", 0},
		{"a default allow", []gate.Answer{answer("a", rule(abi.Allow, "default"))}, "allow default a default", 0},
		{"a failure denies", []gate.Answer{answer("a", allow), failing("b", abi.CodeTrap)}, "deny trap b ", 1},
		{"a rule is named before a failure", []gate.Answer{failing("a", abi.CodeTrap), answer("b", deny)}, "deny rule b no", 1},
		{"two failures", []gate.Answer{failing("a", abi.CodeOutOfFuel), failing("b", abi.CodeTrap)}, "deny out_of_fuel a ", 2},
		{"a monitored deny", []gate.Answer{answer("a", allow), monitored(answer("b", deny))}, "allow rule a yes", 0},
		{"a monitored allow", []gate.Answer{monitored(answer("a", allow))}, "deny no_rule  ", 0},
		{"a monitored failure", []gate.Answer{answer("a", allow), monitored(failing("b", abi.CodeTrap))}, "allow rule a yes", 1},
		{"warnings stay beside an allow", []gate.Answer{answer("a", warn, allow)}, "allow rule a yes", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := gate.Combine(abi.StagePreTool, c.answers)
			if got := brief(&v); got != c.want || len(v.Warnings) != c.warns {
				t.Errorf("got %q with warnings %q, want %q with %d", got, v.Warnings, c.want, c.warns)
			}
			if len(v.Judges) != len(c.answers) {
				t.Errorf("%d judges are recorded of %d", len(v.Judges), len(c.answers))
			}
		})
	}
}

func brief(v *abi.Verdict) string {
	return strings.Join([]string{v.Decision.String(), string(v.Code), v.Policy, v.Rule}, " ")
}

func TestCombineResults(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []gate.Answer
		want    string
	}{
		{"silence releases", nil, "allow released  "},
		{"a warning releases", []gate.Answer{answer("a", rule(abi.Warn, "w"))}, "allow released  "},
		{"a deny withholds", []gate.Answer{answer("a", rule(abi.Deny, "no"))}, "deny rule a no"},
		{"a failure withholds", []gate.Answer{failing("a", abi.CodeTrap)}, "deny trap a "},
		{"a monitored deny releases", []gate.Answer{monitored(answer("a", rule(abi.Deny, "no")))}, "allow released  "},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := gate.Combine(abi.StagePostTool, c.answers)
			if got := brief(&v); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCombineRecordsHowEachJudgeTookPart(t *testing.T) {
	v := gate.Combine(abi.StagePreTool, []gate.Answer{
		answer("a", rule(abi.Allow, "yes"), rule(abi.Warn, "careful")),
		answer("b"),
		monitored(answer("c", rule(abi.Log, "note"), rule(abi.Deny, "no"))),
		failing("d", abi.CodeTrap),
	})
	var got []string
	for _, j := range v.Judges {
		got = append(got, j.Name+" "+j.Decision.String()+" "+j.Rule)
	}
	want := "a allow yes|b abstain |c deny no|d deny "
	if strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
	}
}

func TestCombineKeepsTheObligationsThatTheDecisionCallsFor(t *testing.T) {
	limited := rule(abi.Allow, "slow", limit("slow", "1/hour"))
	asked := rule(abi.RequireApproval, "maybe", abi.Obligation{Kind: abi.ObligationApproval, Rule: "maybe", Approvers: []string{"ann"}})
	for _, c := range []struct {
		name    string
		answers []gate.Answer
		want    string
	}{
		{"limits with an allow", []gate.Answer{answer("a", limited), answer("b", rule(abi.Allow, "yes"))}, "limit slow"},
		{"limits of a finding that abstains", []gate.Answer{answer("a", rule(abi.Allow, "yes"), rule(abi.Abstain, "s", limit("s", "1/day")))}, "limit s"},
		{"none with a deny", []gate.Answer{answer("a", limited), answer("b", rule(abi.Deny, "no"))}, ""},
		{"approval, not limits", []gate.Answer{answer("a", limited), answer("b", asked)}, "approval maybe"},
		{"none of a monitored judge", []gate.Answer{answer("a", rule(abi.Allow, "yes")), monitored(answer("b", limited))}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := gate.Combine(abi.StagePreTool, c.answers)
			var got []string
			for _, o := range v.Obligations {
				got = append(got, string(o.Kind)+" "+o.Rule)
			}
			if strings.Join(got, "|") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// With no judge that may decide, looking for the missing rule would be in vain: the reason says so.
func TestCombineSaysWhyNobodyAllows(t *testing.T) {
	for _, c := range []struct {
		answers []gate.Answer
		want    string
	}{
		{nil, "no enforcing policy applies to this agent"},
		{[]gate.Answer{monitored(answer("a", rule(abi.Allow, "yes")))}, "no enforcing policy applies to this agent"},
		{[]gate.Answer{answer("a")}, "no rule allows this action"},
	} {
		if v := gate.Combine(abi.StagePreTool, c.answers); v.Reason != c.want {
			t.Errorf("%d judges: reason %q, want %q", len(c.answers), v.Reason, c.want)
		}
	}
}
