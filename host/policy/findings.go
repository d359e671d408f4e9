package policy

import (
	"slices"

	"agentmesh/pdk/abi"
)

// DefaultRule is the name a finding has when the policy's default_action decided.
const DefaultRule = "default"

// Outcome is what a policy has to say of one request. It is filled anew by each call of Findings, and reuses its
// memory; its parts share the module's and must not be changed.
type Outcome struct {
	// Findings stand by priority, higher first, then in file order. One that abstains is a limit whose condition could
	// not be decided: it does not allow, but its obligation holds.
	Findings []abi.Finding
	// Obligations hold whatever was found: redaction.
	Obligations []abi.Obligation

	fired []uint32
}

// prepared are a rule's findings, made once.
type prepared struct {
	stage         Stage
	decision      abi.Decision
	limited       bool
	whenTrue      abi.Finding
	indeterminate abi.Finding
}

// undecided is added to the reason of what fired only because its condition could not be decided.
const undecided = " (the condition could not be decided: a value is missing or of another type)"

// prepare makes everything that Findings hands out.
func (m *Module) prepare() {
	for i := range m.Rules {
		r := m.rule(i)
		m.findings = append(m.findings, prepareRule(r))
		if len(r.Redact) > 0 {
			m.redact = append(m.redact, redaction(r))
		}
	}
	if d := m.Policy.Default; d != nil {
		m.defaults = []abi.Finding{{Decision: *d, Rule: DefaultRule, Reason: "no rule of the policy decided"}}
	}
}

func prepareRule(r *Rule) prepared {
	reason := r.Description
	if reason == "" {
		reason = "rule " + r.Name + " applies"
	}
	f := abi.Finding{Decision: r.Action, Rule: r.Name, Reason: reason, Priority: r.Priority, Obligations: obligations(r)}
	p := prepared{stage: r.Stage, decision: r.Action, limited: r.Limit != nil, whenTrue: f}
	f.Reason += undecided
	if r.Action == abi.Allow {
		f.Decision = abi.Abstain
	}
	p.indeterminate = f
	return p
}

func obligations(r *Rule) []abi.Obligation {
	var out []abi.Obligation
	if r.Limit != nil {
		out = append(out, abi.Obligation{Kind: abi.ObligationLimit, Rule: r.Name, Limit: r.Limit.Text})
	}
	if r.Action == abi.RequireApproval {
		out = append(out, abi.Obligation{Kind: abi.ObligationApproval, Rule: r.Name, Approvers: r.Approvers})
	}
	return out
}

func redaction(r *Rule) abi.Obligation {
	o := abi.Obligation{Kind: abi.ObligationRedact, Rule: r.Name}
	for _, path := range r.Redact {
		o.Paths = append(o.Paths, string(abi.AppendPath(nil, path)))
	}
	return o
}

// Findings turns the words of one evaluation in mode ModeIndeterminate into what the policy finds at that stage: its
// conflict strategy and default applied (SEMANTICS, policy files). Steadily used with one Outcome it allocates nothing.
func (m *Module) Findings(fired []uint32, stage Stage, out *Outcome) {
	out.Findings = out.Findings[:0]
	out.Obligations = m.redact
	out.fired = firedRules(out.fired[:0], fired)
	decided := false
	for i := 0; i < len(out.fired) && !decided; i++ {
		p := &m.findings[out.fired[i]>>1]
		isTrue := out.fired[i]&1 == 0
		if i > 0 && out.fired[i-1]>>1 == out.fired[i]>>1 || p.stage != stage {
			continue
		}
		decided = p.report(isTrue, out) && m.Policy.Conflict == PriorityFirstMatch
	}
	if stage == PreTool && !slices.ContainsFunc(out.Findings, decides) {
		out.Findings = append(out.Findings, m.defaults...)
	}
}

func decides(f abi.Finding) bool { return f.Decision.Deciding() }

// report adds what the rule finds, and reports whether that decides.
func (p *prepared) report(isTrue bool, out *Outcome) bool {
	switch {
	case isTrue:
		out.Findings = append(out.Findings, p.whenTrue)
		return p.decision.Deciding()
	case p.decision != abi.Allow:
		out.Findings = append(out.Findings, p.indeterminate)
		return p.decision.Deciding()
	case p.limited:
		out.Findings = append(out.Findings, p.indeterminate)
	}
	return false
}

// firedRules sorts the words by rule, those that are true before those that are only not false: rule<<1, and 1 for the
// latter.
func firedRules(dst, words []uint32) []uint32 {
	const ruleMask = 1<<abi.ModeShift - 1
	for _, w := range words {
		dst = append(dst, (w&ruleMask)<<1|w>>abi.ModeShift&abi.ModeIndeterminate)
	}
	slices.Sort(dst)
	return dst
}

// certainty is what is known of a rule when some values are not.
type certainty struct {
	mayFire, mayBeTrue, mustFire, mustBeTrue bool
}

// mayDecide and mustDecide say whether the rule can, and whether it will, decide.
func (c certainty) mayDecide(d abi.Decision) bool {
	return d.Deciding() && (c.mayBeTrue || d != abi.Allow && c.mayFire)
}

func (c certainty) mustDecide(d abi.Decision) bool {
	return d.Deciding() && (c.mustBeTrue || d != abi.Allow && c.mustFire)
}

// Possible turns the words of one evaluation in mode ModeIndeterminate|ModeUnknown into the decisions the policy may
// still come to at that stage once every unknown value is known: Allow, RequireApproval, Deny, and Abstain. The decision
// for each filling of the unknown values, absence included, is in the set; a limit that may count makes Deny possible.
func (m *Module) Possible(fired []uint32, stage Stage, scratch *Outcome) abi.DecisionSet {
	scratch.fired = append(scratch.fired[:0], fired...)
	slices.SortFunc(scratch.fired, byRule)
	var set, must abi.DecisionSet
	ended := false
	for words := scratch.fired; len(words) > 0 && !ended; {
		rule, c, n := certaintyOf(words)
		words = words[n:]
		p := &m.findings[rule]
		if p.stage != stage {
			continue
		}
		if p.limited && c.mayFire {
			set |= abi.SetOf(abi.Deny)
		}
		if c.mayDecide(p.decision) {
			set |= abi.SetOf(p.decision)
		}
		if c.mustDecide(p.decision) {
			must |= abi.SetOf(p.decision)
			ended = m.Policy.Conflict == PriorityFirstMatch
		}
	}
	switch {
	case must == 0:
		set |= abi.SetOf(m.fallback(stage))
	case m.Policy.Conflict == DenyOverrides:
		set &^= weakerThan(must)
	}
	return set
}

// fallback is what the policy comes to when no rule decides.
func (m *Module) fallback(stage Stage) abi.Decision {
	if stage == PreTool && len(m.defaults) > 0 {
		return m.defaults[0].Decision
	}
	return abi.Abstain
}

// weakerThan are the decisions that lose against the strongest of the set.
func weakerThan(must abi.DecisionSet) abi.DecisionSet {
	switch {
	case must.Has(abi.Deny):
		return abi.SetOf(abi.RequireApproval, abi.Allow)
	case must.Has(abi.RequireApproval):
		return abi.SetOf(abi.Allow)
	default:
		return 0
	}
}

func byRule(a, b uint32) int { return int(a<<8>>8) - int(b<<8>>8) }

// certaintyOf reads the words of the first rule, which stand together, and says how many they are.
func certaintyOf(words []uint32) (rule uint32, c certainty, n int) {
	rule = words[0] << 8 >> 8
	for n < len(words) && words[n]<<8>>8 == rule {
		switch words[n] >> abi.ModeShift {
		case abi.ModeIndeterminate | abi.ModeUnknown:
			c.mayFire = true
		case abi.ModeUnknown:
			c.mayBeTrue = true
		case abi.ModeIndeterminate:
			c.mustFire = true
		default:
			c.mustBeTrue = true
		}
		n++
	}
	return rule, c, n
}
