package rollout

import (
	"context"
	"slices"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// deciding is the seat of a version while it decides.
type deciding struct {
	sandbox.Judge
	member *member
	group  *group
}

// Applies implements sandbox.Judge.
func (d *deciding) Applies(q *abi.Request) bool {
	at, known := d.group.timeOf(q)
	if !known {
		return d.group.first(d.member)
	}
	if d.member == d.group.canary {
		return d.group.taken(at, q) && d.Judge.Applies(q)
	}
	return d.group.asked(at) == d.member && !d.group.taken(at, q) && d.Judge.Applies(q)
}

// Possible implements sandbox.Judge.
func (d *deciding) Possible(ctx context.Context, q *abi.Request) (abi.DecisionSet, error) {
	if _, known := d.group.timeOf(q); known {
		return d.Judge.Possible(ctx, q)
	}
	return d.group.possible(ctx, q)
}

// beside is the seat of a version while another one decides, or nobody.
type beside struct {
	sandbox.Judge
	member *member
	group  *group
}

// Info implements sandbox.Judge: what sits here is recorded and takes no part.
func (b *beside) Info() abi.Judged {
	info := b.Judge.Info()
	info.Monitored = true
	return info
}

// Applies implements sandbox.Judge: a shadow always, a canary for its agents outside its dates, and the version that
// decides for all others for a canary's agents.
func (b *beside) Applies(q *abi.Request) bool {
	g := b.group
	at, known := g.timeOf(q)
	if !known { // what is monitored hides no tool
		return false
	}
	sits := true
	switch {
	case b.member == g.canary:
		sits = !g.canary.holds(at) && g.drawn(q)
	case !slices.Contains(g.shadows, b.member):
		sits = g.asked(at) == b.member && g.taken(at, q)
	}
	return sits && b.Judge.Applies(q)
}

// The rules of what is said when no version is in effect.
const (
	ruleNotEffective = "not_effective"
	ruleLapsed       = "lapsed"
)

// silence speaks when no version is in effect: it says so, or denies.
type silence struct {
	sandbox.Judge // the newest active version, by whose name it speaks
	group         *group
}

// spokenFor is the version that silence speaks of: the newest that lapsed, or the next to come.
func (s *silence) spokenFor(at string) (m *member, lapsed bool) {
	if m := s.group.lapsed(at); m != nil {
		return m, true
	}
	return s.group.next(), false
}

// Applies implements sandbox.Judge.
func (s *silence) Applies(q *abi.Request) bool {
	at, known := s.group.timeOf(q)
	if !known { // the seats that decide answer for it
		return false
	}
	if s.group.asked(at) != nil || s.group.taken(at, q) {
		return false
	}
	m, _ := s.spokenFor(at)
	return m.judge.Applies(q)
}

// Redacts implements sandbox.Judge: what any of the versions keeps out of the record stays out.
func (s *silence) Redacts() (all [][]abi.Step) {
	for _, m := range s.group.active {
		all = append(all, m.judge.Redacts()...)
	}
	return all
}

// Evaluate implements sandbox.Judge.
func (s *silence) Evaluate(_ context.Context, q *abi.Request, found []abi.Finding) ([]abi.Finding, int64, error) {
	at, _ := s.group.timeOf(q)
	m, lapsed := s.spokenFor(at)
	switch {
	case lapsed && m.onLapse == lapseDeny:
		return found, 0, &abi.Failure{Code: abi.CodeLapsed, Detail: "version " + m.version + " was in effect until " + m.until + ", and no other is"}
	case lapsed:
		return append(found, abi.Finding{
			Decision: abi.Log, Rule: ruleLapsed, Reason: "version " + m.version + " was in effect until " + m.until + ", and no other is; nothing is decided",
		}), 0, nil
	default:
		return append(found, abi.Finding{
			Decision: abi.Log, Rule: ruleNotEffective, Reason: "no version is in effect yet; " + m.version + " begins at " + m.from,
		}), 0, nil
	}
}
