package policy_test

import (
	"context"
	"testing"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// decision is what the policy comes to for a request.
func (r *running) decision(t testing.TB, q *abi.Request) abi.Decision {
	t.Helper()
	words, err := r.direct.Evaluate(context.Background(), q, abi.ModeIndeterminate)
	if err != nil {
		t.Fatal(err)
	}
	var out policy.Outcome
	r.Findings(words, policy.PreTool, &out)
	strongest := abi.Abstain
	for _, f := range out.Findings {
		if f.Decision.Deciding() {
			strongest = min(strongest, f.Decision)
		}
	}
	return strongest
}

// filled is the value with every unknown one inside replaced at random, by absence too where that can be.
func (m *maker) filled(v abi.Value) abi.Value {
	calm := &maker{Rand: m.Rand}
	switch v.Kind() {
	case abi.Unknown:
		if m.IntN(4) == 0 {
			return abi.Value{}
		}
		if m.IntN(2) == 0 {
			return calm.object(2)
		}
		return calm.value(2)
	case abi.List:
		var items []abi.Value
		for _, item := range v.Items() {
			if x := m.filled(item.Value); x.Exists() {
				items = append(items, x)
			} else {
				items = append(items, abi.NullValue())
			}
		}
		return abi.ListValue(items...)
	case abi.Object:
		var members []abi.Member
		for _, member := range v.Items() {
			members = append(members, abi.Member{Name: member.Name, Value: m.filled(member.Value)})
		}
		return abi.ObjectValue(members...)
	default:
		return v
	}
}

// holdPossible: what a policy decides for any filling of what is unknown is among what it may still decide; and so is
// deny, where a limit that it allows by may be used up.
func holdPossible(t testing.TB, r *running, m *maker) {
	m.unknowns = true
	q := m.request()
	words, err := r.direct.Evaluate(context.Background(), q, abi.ModeIndeterminate|abi.ModeUnknown)
	if err != nil {
		t.Fatal(err)
	}
	var scratch policy.Outcome
	set := r.Possible(words, policy.PreTool, &scratch)
	for range 6 {
		known := &abi.Request{Agent: m.filled(q.Agent), Action: m.filled(q.Action), Data: m.filled(q.Data), Resource: m.filled(q.Resource)}
		if d := r.decision(t, known); !set.Has(d) {
			t.Fatalf("decision %s is not among the possible %06b\n%s%s\nfilled:\n%s", d, set, printed(r.Policy), facts(q), facts(known))
		}
		words, _ = r.direct.Evaluate(context.Background(), known, abi.ModeIndeterminate)
		r.Findings(words, policy.PreTool, &scratch)
		for _, f := range scratch.Findings {
			if len(f.Obligations) > 0 && f.Obligations[0].Kind == abi.ObligationLimit && !set.Has(abi.Deny) && set.Has(abi.Allow) {
				t.Fatalf("rule %s has a limit, and deny is not among the possible %06b\n%s", f.Rule, set, printed(r.Policy))
			}
		}
	}
}

func TestPossibleDecisionsHoldEveryFilling(t *testing.T) {
	runtime := newRuntime(t)
	for seed := range uint64(100) {
		m := newMaker(50_000 + seed)
		r := run(t, runtime, m.policy())
		for range 8 {
			holdPossible(t, &r, m)
		}
		r.close()
	}
}

// onlyUnderFunctions reports whether an atom reads data, if at all, under an ordering or a string function only.
func onlyUnderFunctions(e policy.Expr) bool {
	switch e := e.(type) {
	case *policy.Compare:
		if e.Op == policy.Eq || e.Op == policy.Ne {
			return !readsData(e.L) && !readsData(e.R)
		}
		return true
	case *policy.Text, *policy.Matches:
		return true
	case *policy.In:
		return !readsData(e.L) && !readsData(e.R)
	case *policy.Exists:
		return !readsData(e.Path)
	case *policy.Truth:
		return !readsData(e.Path)
	}
	return false
}

func readsData(o policy.Operand) bool {
	switch o := o.(type) {
	case *policy.Path:
		return o.Var != "" || o.Steps[0].Name == "data"
	case *policy.Len:
		return readsData(o.X)
	case *policy.Lower:
		return readsData(o.X)
	case *policy.ListLiteral:
		for _, item := range o.Items {
			if readsData(item) {
				return true
			}
		}
	}
	return false
}

// TestMistypedNeverTurnsDenyIntoAllow: a boolean fits no ordering and no string function.
func TestMistypedNeverTurnsDenyIntoAllow(t *testing.T) {
	runtime := newRuntime(t)
	denied := 0
	for seed := range uint64(150) {
		m := newMaker(60_000 + seed)
		m.only = onlyUnderFunctions
		r := run(t, runtime, m.policy())
		for range 8 {
			q := m.request()
			if r.decision(t, q) != abi.Deny {
				continue
			}
			denied++
			for _, name := range fieldNames {
				broken := *q
				broken.Data = q.Data.With(name, abi.BoolValue(true))
				if d := r.decision(t, &broken); d == abi.Allow {
					t.Fatalf("data.%s made a boolean turns deny into allow\n%s%s", name, printed(r.Policy), facts(q))
				}
			}
		}
		r.close()
	}
	if denied < 100 {
		t.Errorf("only %d requests were denied at first: the test shows little", denied)
	}
}

// TestNoAllowanceByAbsence: what an allowing rule finds true where a value is missing, it finds true whatever the value.
func TestNoAllowanceByAbsence(t *testing.T) {
	runtime := newRuntime(t)
	allowed := 0
	for seed := range uint64(150) {
		m := newMaker(70_000 + seed)
		m.only = func(e policy.Expr) bool {
			_, exists := e.(*policy.Exists)
			return !exists
		}
		p := m.policy()
		for i := range p.Rules {
			p.Rules[i].Action, p.Rules[i].Limit, p.Rules[i].Stage = abi.Allow, nil, policy.PreTool
		}
		r := run(t, runtime, p)
		for range 8 {
			q := m.request()
			for _, name := range fieldNames {
				without, with := *q, *q
				without.Data = q.Data.With(name, abi.Value{})
				with.Data = q.Data.With(name, m.known(m.value(2)))
				before, after := r.fired(t, &with, 0), r.fired(t, &without, 0)
				for i := range after {
					if after[i] != 0 {
						allowed++
						if before[i] == 0 {
							t.Fatalf("rule %d allows once data.%s is missing\n%s%s", i, name, printed(p), facts(&with))
						}
					}
				}
			}
		}
		r.close()
	}
	if allowed < 100 {
		t.Errorf("rules allowed only %d times: the test shows little", allowed)
	}
}
