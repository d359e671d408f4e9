package policy_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// maker makes random policies and requests. Names and values come from small sets, so that rules and facts meet.
type maker struct {
	*rand.Rand
	vars []string
	// only, when set, is what the conditions may be made of.
	only func(policy.Expr) bool
	// unknowns lets values be unknown.
	unknowns bool
}

func newMaker(seed uint64) *maker { return &maker{Rand: rand.New(rand.NewPCG(seed, 7))} }

func pickOf[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }

func (m *maker) text() string {
	return pickOf(m, "", "a", "b", "A", "ab", "é", "É", "日本語", "İx", "Ⱥ", "/etc", "/etc/passwd", "/ETC/Passwd", "/srv/data/report.csv",
		"/srv/data/reports/", "https://api.internal.example/v1", "https://api.internal.example/", "https://evil7.example/", "secret", "secrets", "a secret b",
		".pem", "key.pem", "a\nb", "a_b-c", "10", "\x00", "line\n", "aaaaaaab", "aaaaaaaab")
}

func (m *maker) number() abi.Value {
	switch m.IntN(4) {
	case 0:
		return abi.IntValue(pickOf[int64](m, 0, 1, 2, 5, -1, 30, 1<<53-1, 1<<53, 1<<53+1, -1<<53-1, math.MaxInt64, math.MaxInt64-1, math.MinInt64))
	case 1:
		return abi.FloatValue(pickOf[float64](m, 0, math.Copysign(0, -1), 0.5, 1, 2.5, 5, 1<<53, 1<<53+2, 1<<63, -(1 << 63), 1e300, -1e300, 9.2e18))
	default:
		return abi.IntValue(int64(m.IntN(6)))
	}
}

// value is a random value, composite ones up to the depth.
func (m *maker) value(depth int) abi.Value {
	n := 12
	if depth == 0 {
		n = 8
	}
	switch m.IntN(n) {
	case 0:
		return abi.NullValue()
	case 1:
		return abi.BoolValue(m.IntN(2) == 0)
	case 2, 3:
		return m.number()
	case 8, 9, 10:
		items := make([]abi.Value, m.IntN(4))
		for i := range items {
			items[i] = m.known(m.value(depth - 1))
		}
		return abi.ListValue(items...)
	case 11:
		return m.object(depth - 1)
	default:
		return abi.StringValue(m.text())
	}
}

// known is the value or, where values may be unknown or broken, sometimes not.
func (m *maker) known(v abi.Value) abi.Value {
	switch {
	case m.unknowns && m.IntN(8) == 0:
		return abi.UnknownValue()
	case m.IntN(60) == 0:
		return abi.StringValue("a\xffb")
	default:
		return v
	}
}

func (m *maker) object(depth int) abi.Value {
	var members []abi.Member
	for _, name := range fieldNames {
		if m.IntN(3) > 0 {
			members = append(members, abi.Member{Name: name, Value: m.known(m.value(depth))})
		}
	}
	return abi.ObjectValue(members...)
}

var fieldNames = [...]string{"a", "b", "c", "list", "tool", "x-y"}

func (m *maker) request() *abi.Request {
	q := &abi.Request{Agent: m.object(1), Action: m.object(1), Data: m.object(3), Resource: m.object(2)}
	if m.unknowns && m.IntN(4) == 0 {
		q.Data = abi.UnknownValue()
	}
	if m.IntN(6) == 0 {
		q.Resource = abi.Value{}
	}
	return q
}

func (m *maker) path() *policy.Path {
	p := &policy.Path{}
	if len(m.vars) > 0 && m.IntN(3) > 0 {
		p.Var = pickOf(m, m.vars...)
		if m.IntN(2) == 0 {
			return p
		}
	} else {
		p.Steps = []abi.Step{{Name: pickOf(m, "data", "data", "resource", "agent", "action")}}
	}
	p.Steps = append(p.Steps, abi.Step{Name: pickOf(m, fieldNames[:]...)})
	for m.IntN(4) == 0 {
		if m.IntN(2) == 0 {
			p.Steps = append(p.Steps, abi.Step{IsIndex: true, Index: m.IntN(3)})
		} else {
			p.Steps = append(p.Steps, abi.Step{Name: pickOf(m, fieldNames[:]...)})
		}
	}
	return p
}

// listPath is a path that may well lead to a list.
func (m *maker) listPath() *policy.Path {
	p := m.path()
	if p.Var == "" && m.IntN(3) > 0 {
		p.Steps = append(p.Steps[:1], abi.Step{Name: "list"})
	}
	return p
}

func (m *maker) literal() *policy.Literal {
	if m.IntN(8) == 0 {
		return &policy.Literal{Value: m.knownLiteral(2)}
	}
	return &policy.Literal{Value: m.knownLiteral(0)}
}

// knownLiteral is a value with nothing unknown or broken in it, as a policy can write it.
func (m *maker) knownLiteral(depth int) abi.Value {
	calm := &maker{Rand: m.Rand}
	for {
		if v := calm.value(depth); calmValue(v) {
			return v
		}
	}
}

func calmValue(v abi.Value) bool {
	if checked(v).mistyped {
		return false
	}
	for _, item := range v.Items() {
		if !calmValue(item.Value) {
			return false
		}
	}
	return true
}

func (m *maker) operand() policy.Operand {
	switch m.IntN(10) {
	case 0:
		return &policy.Len{X: m.path()}
	case 1:
		return &policy.Lower{X: m.path()}
	case 2:
		return &policy.Len{X: &policy.Lower{X: m.path()}}
	case 3, 4:
		return m.literal()
	default:
		return m.path()
	}
}

func (m *maker) atom() policy.Expr {
	for {
		if e := m.anyAtom(); m.only == nil || m.only(e) {
			return e
		}
	}
}

func (m *maker) anyAtom() policy.Expr {
	switch m.IntN(14) {
	case 0:
		return &policy.Exists{Path: m.path()}
	case 1, 2:
		return &policy.Truth{Path: m.path()}
	case 3, 4:
		return &policy.Compare{Op: pickOf(m, policy.Eq, policy.Ne), L: m.operand(), R: m.literal()}
	case 5:
		return &policy.Compare{Op: pickOf(m, policy.Eq, policy.Ne), L: m.operand(), R: m.operand()}
	case 6, 7:
		op := pickOf(m, policy.Lt, policy.Le, policy.Gt, policy.Ge)
		if m.IntN(3) > 0 {
			return &policy.Compare{Op: op, L: m.operand(), R: &policy.Literal{Value: m.number()}}
		}
		return &policy.Compare{Op: op, L: m.operand(), R: m.operand()}
	case 8:
		return &policy.In{L: m.operand(), R: m.writtenList(), Negated: m.IntN(2) == 0}
	case 9:
		return &policy.In{L: m.operand(), R: m.listPath(), Negated: m.IntN(2) == 0}
	case 10, 11:
		return &policy.Text{Op: m.textOp(), L: m.operand(), R: &policy.Literal{Value: abi.StringValue(m.text())}}
	case 12:
		return &policy.Text{Op: m.textOp(), L: m.operand(), R: m.operand()}
	default:
		return &policy.Matches{L: m.operand(), Pattern: pickOf(m, `^/etc`, `(?i)passwd$`, `a.b`, `é|日`, `\bsecret\b`, `^$`, `\.pem\z`, `(?m)^b$`)}
	}
}

func (m *maker) textOp() policy.TextOp {
	return pickOf(m, policy.Contains, policy.StartsWith, policy.EndsWith)
}

func (m *maker) writtenList() policy.Operand {
	if m.IntN(4) == 0 {
		return &policy.Literal{Value: abi.ListValue(m.knownLiteral(1), m.knownLiteral(0), m.knownLiteral(0))}
	}
	items := make([]policy.Operand, m.IntN(4)+m.IntN(2)*10)
	for i := range items {
		if m.IntN(6) == 0 {
			items[i] = m.path()
		} else {
			items[i] = m.literal()
		}
	}
	return &policy.ListLiteral{Items: items}
}

func (m *maker) condition(depth int) policy.Expr {
	if depth == 0 {
		return m.atom()
	}
	switch m.IntN(8) {
	case 0, 1, 2:
		kids := make([]policy.Expr, 2+m.IntN(3))
		for i := range kids {
			kids[i] = m.condition(depth - 1)
		}
		return &policy.Logical{Op: pickOf(m, policy.And, policy.Or), Kids: kids}
	case 3, 4:
		return &policy.Not{X: m.condition(depth - 1)}
	case 5:
		if len(m.vars) < 3 {
			return m.quantifier(depth)
		}
		return m.atom()
	case 6:
		if m.IntN(10) == 0 {
			return &policy.Constant{Value: m.IntN(2) == 0}
		}
		return m.atom()
	default:
		return m.atom()
	}
}

func (m *maker) quantifier(depth int) policy.Expr {
	q := &policy.Quantifier{All: m.IntN(2) == 0, Over: m.listPath(), Var: pickOf(m, "x", "y")}
	m.vars = append(m.vars, q.Var)
	q.Body = m.condition(depth - 1)
	m.vars = m.vars[:len(m.vars)-1]
	return q
}

func (m *maker) policy() *policy.Policy {
	p := &policy.Policy{Name: "random", Sources: []policy.Source{{Name: "random.yaml"}}}
	p.Conflict = pickOf(m, policy.DenyOverrides, policy.PriorityFirstMatch)
	if m.IntN(2) == 0 {
		d := pickOf(m, abi.Allow, abi.Deny)
		p.Default = &d
	}
	rules := 1 + m.IntN(8)
	if m.IntN(20) == 0 {
		rules = 100
	}
	for i := range rules {
		r := m.rule(i)
		if rules == 100 {
			// a guard for the pivots
			guard := &policy.Compare{Op: policy.Eq, L: &policy.Path{Steps: []abi.Step{{Name: "action"}, {Name: "tool"}}}, R: &policy.Literal{Value: abi.StringValue(m.text())}}
			r.Condition = &policy.Logical{Op: policy.And, Kids: []policy.Expr{guard, r.Condition}}
		}
		p.Rules = append(p.Rules, r)
	}
	return p
}

func (m *maker) rule(i int) policy.Rule {
	r := policy.Rule{Name: fmt.Sprintf("r%d", i), Enabled: m.IntN(10) > 0, Priority: int64(m.IntN(3)), Condition: m.condition(m.IntN(4))}
	r.Action = pickOf(m, abi.Deny, abi.RequireApproval, abi.Allow, abi.Allow, abi.Warn, abi.Log)
	if r.Action == abi.Allow && m.IntN(3) == 0 {
		r.Limit = &policy.Limit{Count: 5, Text: "5/hour"}
	}
	if m.IntN(6) == 0 {
		r.Stage = policy.PostTool
	}
	return r
}
