package replay

import (
	"cmp"
	"maps"
	"slices"
)

// merge makes one report of what the workers counted.
func merge(tallies []*tally, o *Options) *Report {
	all := newTally(o)
	for _, t := range tallies {
		all.add(t)
	}
	r := all.report
	r.Mode, r.Candidates, r.Alone, r.Scope = o.mode(), slices.Clone(o.Candidates), o.Alone, scopeOf(&o.Filter)
	for i := range r.Candidates {
		r.Candidates[i].Replaces = all.versions(r.Candidates[i].Name)
	}
	r.First, r.Last = pointer(all.first), pointer(all.last)
	if all.report.Fuel.Most > 0 {
		r.Fuel.At = all.dearest.at.String()
	}
	r.Rules = all.ruleRows()
	r.Agents, r.Tools = countRows(all.agents), countRows(all.tools)
	for _, left := range []int{cut(&r.Rules), cut(&r.Agents), cut(&r.Tools)} {
		r.RowsLeftOut += int64(left)
	}
	r.NotReplayed, r.Stood = all.missed.rows(), all.stood.rows()
	r.Samples = []Sample{}
	for _, change := range []Change{NewlyDenied, NewlyAllowed, NewlyApproval, OtherRule, OtherText} {
		r.Samples = append(r.Samples, all.samples[change]...)
	}
	return &r
}

// versions are those that took part under a name, sorted as text.
func (t *tally) versions(name string) []string {
	var out []string
	for p := range t.replaced {
		if p.name == name {
			out = append(out, p.version)
		}
	}
	slices.Sort(out)
	return out
}

// cut leaves the first rows and says how many it left out.
func cut[R any](rows *[]R) int {
	left := max(0, len(*rows)-shownRows)
	*rows = (*rows)[:len(*rows)-left]
	return left
}

func (t *tally) add(u *tally) {
	if !u.first.IsZero() && (t.first.IsZero() || u.first.Before(t.first)) {
		t.first = u.first
	}
	if u.last.After(t.last) {
		t.last = u.last
	}
	t.addCounts(u)
	for key, n := range u.rules {
		m := t.rules[key]
		if m == nil {
			t.rules[key] = n
			continue
		}
		m.count += n.count
		if n.newest.before(m.newest) {
			m.newest = n.newest
		}
	}
	maps.Copy(t.replaced, u.replaced)
	addRows(t.agents, u.agents)
	addRows(t.tools, u.tools)
	t.missed.add(u.missed)
	t.stood.add(u.stood)
	for change, list := range u.samples {
		for i := range list {
			t.sample(change, list[i].sampled(), func() Sample { return list[i] })
		}
	}
}

func (t *tally) addCounts(u *tally) {
	a, b := &t.report, &u.report
	a.Decisions += b.Decisions
	a.Replayed += b.Replayed
	a.Standing += b.Standing
	a.Unreplayed += b.Unreplayed
	a.Identical += b.Identical
	a.Same += b.Same
	a.Changed += b.Changed
	a.Changes.add(b.Changes)
	a.LimitsAssumed += b.LimitsAssumed
	a.HostFailures += b.HostFailures
	a.Unenforced += b.Unenforced
	a.Fuel.Was += b.Fuel.Was
	a.Fuel.Now += b.Fuel.Now
	if b.Fuel.Most > a.Fuel.Most || b.Fuel.Most == a.Fuel.Most && u.dearest.before(t.dearest) {
		a.Fuel.Most, t.dearest = b.Fuel.Most, u.dearest
	}
}

func addRows(into, from map[string]*CountRow) {
	for name, row := range from {
		have := into[name]
		if have == nil {
			into[name] = row
			continue
		}
		have.Replayed += row.Replayed
		have.Changed += row.Changed
		have.Changes.add(row.Changes)
	}
}

func (m reasons) add(from reasons) {
	for key, n := range from {
		have := m[key]
		if have == nil {
			m[key] = n
			continue
		}
		have.count += n.count
		for _, at := range n.places {
			have.place(at)
		}
	}
}

func (m reasons) rows() []ReasonRow {
	out := make([]ReasonRow, 0, len(m))
	for _, key := range slices.SortedFunc(maps.Keys(m), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(m[b].count, m[a].count), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		out = append(out, ReasonRow{Reason: key[0], Detail: key[1], Count: m[key].count, Samples: places(m[key].places)})
	}
	return out
}

func places(list []sampled) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].at.String()
	}
	return out
}

func (t *tally) ruleRows() []RuleRow {
	out := make([]RuleRow, 0, len(t.rules))
	for key, n := range t.rules {
		out = append(out, RuleRow{Change: key.change, Was: key.was, Now: key.now, Count: n.count, Sample: n.newest.at.String()})
	}
	slices.SortFunc(out, func(a, b RuleRow) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count), cmp.Compare(a.Change, b.Change), compareRulings(&a.Was, &b.Was), compareRulings(&a.Now, &b.Now),
		)
	})
	return out
}

func compareRulings(a, b *Ruling) int {
	return cmp.Or(
		cmp.Compare(a.Decision, b.Decision), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Code, b.Code),
	)
}

func countRows(rows map[string]*CountRow) []CountRow {
	out := make([]CountRow, 0, len(rows))
	for _, row := range rows {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b CountRow) int {
		return cmp.Or(cmp.Compare(b.Changed, a.Changed), cmp.Compare(b.Replayed, a.Replayed), cmp.Compare(a.Name, b.Name))
	})
	return out
}
