package rollout

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// timeLayout is how context.time is written, so that times compare as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

// member is one version of a group.
type member struct {
	judge       sandbox.Judge
	version     string
	from, until string // in timeLayout; empty: no bound
	onLapse     string
}

func memberOf(j sandbox.Judge, p *Planned) *member {
	return &member{judge: j, version: j.Info().Version, from: bound(p.From), until: bound(p.Until), onLapse: p.OnLapse}
}

// bound is the first moment, to the millisecond as context.time has it, that is not before t.
func bound(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond).Format(timeLayout)
}

func (m *member) holds(at string) bool {
	return m.from <= at && (m.until == "" || at < m.until)
}

func (m *member) lapsed(at string) bool { return m.until != "" && m.until <= at }

// group is the versions of one name that take part.
type group struct {
	active  []*member // newest first
	canary  *member   // or nil
	shadows []*member
	prefix  []byte // of what an agent's share is drawn from
	percent uint64
	now     func() time.Time
}

// seats are the judges of one name as they take part. A single version without dates decides as it is.
func seats(name string, versions []sandbox.Judge, plan Plan, now func() time.Time) []sandbox.Judge {
	slices.SortStableFunc(versions, func(a, b sandbox.Judge) int { return compare(b.Info().Version, a.Info().Version) })
	g := &group{now: now}
	for _, j := range versions {
		g.add(name, j, plan)
	}
	if g.plain() {
		return []sandbox.Judge{g.active[0].judge}
	}
	var out []sandbox.Judge
	for _, m := range g.active {
		out = append(out, &deciding{m.judge, m, g})
		if g.canary != nil {
			out = append(out, &beside{m.judge, m, g})
		}
	}
	if g.canary != nil {
		out = append(out, &deciding{g.canary.judge, g.canary, g}, &beside{g.canary.judge, g.canary, g})
	}
	for _, m := range g.shadows {
		out = append(out, &beside{m.judge, m, g})
	}
	if len(g.active) > 0 {
		out = append(out, &silence{g.active[0].judge, g})
	}
	return out
}

// add takes a version in. One that the plan does not name decides always.
func (g *group) add(name string, j sandbox.Judge, plan Plan) {
	version := j.Info().Version
	p := Planned{Name: name, Version: version, Stage: Active, OnLapse: lapseDeny}
	if i := slices.IndexFunc(plan, func(p Planned) bool { return p.Name == name && p.Version == version }); i >= 0 {
		p = plan[i]
	}
	m := memberOf(j, &p)
	switch p.Stage {
	case Shadow:
		g.shadows = append(g.shadows, m)
	case Canary:
		g.canary, g.percent = m, uint64(p.Percent)
		g.prefix = append(append(append(append([]byte(nil), name...), 0), version...), 0)
	default:
		g.active = append(g.active, m)
	}
}

func (g *group) plain() bool {
	return len(g.active) == 1 && g.canary == nil && len(g.shadows) == 0 && g.active[0].from == "" && g.active[0].until == ""
}

// timeOf is context.time as text that compares; unknown while tools are listed. A request without one, which no gate decides, is
// about now.
func (g *group) timeOf(q *abi.Request) (at string, known bool) {
	v := q.Context.Get("time")
	if v.Kind() == abi.Unknown {
		return "", false
	}
	at = v.Text()
	if len(at) == len(timeLayout) && at[len(at)-1] == 'Z' {
		return at, true
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t = g.now()
	}
	return t.UTC().Format(timeLayout), true
}

// drawn reports whether the canary decides for an agent: sha256 of plugin, version and agent, its first 32 bits as a share. The
// agent is its DID, or its name where it has none.
func (g *group) drawn(q *abi.Request) bool {
	if g.canary == nil {
		return false
	}
	agent := q.Agent.Get("did").Text()
	if agent == "" {
		agent = q.Agent.Get("name").Text()
	}
	var room [512]byte
	sum := sha256.Sum256(append(append(room[:0], g.prefix...), agent...))
	return uint64(binary.BigEndian.Uint32(sum[:4]))*100>>32 < g.percent
}

// asked is the newest version in effect, which decides for all but a canary's agents, or nil.
func (g *group) asked(at string) *member {
	for _, m := range g.active {
		if m.holds(at) {
			return m
		}
	}
	return nil
}

// taken reports whether the canary decides. Looking at dates comes before drawing, which is dearer.
func (g *group) taken(at string, q *abi.Request) bool {
	return g.canary != nil && g.canary.holds(at) && g.drawn(q)
}

// decides is the version that decides, or nil.
func (g *group) decides(at string, q *abi.Request) *member {
	if g.taken(at, q) {
		return g.canary
	}
	return g.asked(at)
}

// lapsed is the newest version past its dates, or nil.
func (g *group) lapsed(at string) *member {
	for _, m := range g.active {
		if m.lapsed(at) {
			return m
		}
	}
	return nil
}

// next is the version that begins first, at a time when none is in effect and none has lapsed.
func (g *group) next() *member {
	return slices.MinFunc(g.active, func(a, b *member) int {
		if a.from < b.from {
			return -1
		}
		return 1
	})
}

// ahead are the moments from now on at which somebody else may decide.
func (g *group) ahead() []string {
	now := g.now().UTC().Format(timeLayout)
	out := []string{now}
	members := g.active
	if g.canary != nil {
		members = append(slices.Clone(members), g.canary)
	}
	for _, m := range members {
		for _, at := range [2]string{m.from, m.until} {
			if at > now {
				out = append(out, at)
			}
		}
	}
	return out
}

// possible is what may be decided from now on, whoever decides then. It is asked while context.time is unknown.
func (g *group) possible(ctx context.Context, q *abi.Request) (abi.DecisionSet, error) {
	var out abi.DecisionSet
	asked := map[*member]bool{}
	for _, at := range g.ahead() {
		m := g.decides(at, q)
		if m == nil {
			out |= g.silent(at, q)
			continue
		}
		if asked[m] {
			continue
		}
		asked[m] = true
		if !m.judge.Applies(q) {
			out |= abi.SetOf(abi.Abstain)
			continue
		}
		s, err := m.judge.Possible(ctx, q)
		if err != nil {
			s = abi.SetOf(abi.Deny)
		}
		out |= s
	}
	return out, nil
}

// silent is what may be decided when no version is in effect.
func (g *group) silent(at string, q *abi.Request) abi.DecisionSet {
	if m := g.lapsed(at); m != nil && m.onLapse == lapseDeny && m.judge.Applies(q) {
		return abi.SetOf(abi.Deny)
	}
	return abi.SetOf(abi.Log)
}

// first reports whether m answers for its group while context.time is unknown.
func (g *group) first(m *member) bool {
	if len(g.active) > 0 {
		return m == g.active[0]
	}
	return m == g.canary
}
