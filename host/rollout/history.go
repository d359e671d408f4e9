package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// Past is what one writer of the ledger, a host or a proxy, had in force at a time.
type Past struct {
	At     ledger.ID // of the entry that says so
	Since  time.Time
	Set    string
	Judges []PastJudge // by name, the newest version first
}

// PastJudge is one judge of a set.
type PastJudge struct {
	Name, Version, Digest string
	Monitored             bool
	Stage                 Stage // active where the plan says nothing
	Percent               int
	From, Until           time.Time
	// InEffect: at that time the judge was the version that decided, for all agents but those of a canary; or it was a canary
	// within its dates, or a shadow.
	InEffect bool
}

// ActiveAt says what was in force at a time, by the set entries of each shard of the ledger. A writer that stopped before
// then has nothing in force; one that ended without a word counts as running until its shard was opened again.
func ActiveAt(ctx context.Context, r *ledger.Reader, at time.Time) ([]Past, error) {
	sets, err := lastOf(ctx, r, ledger.KindSet, at)
	if err != nil {
		return nil, err
	}
	for _, kind := range []string{ledger.KindStart, ledger.KindStop} {
		ended, err := lastOf(ctx, r, kind, at)
		if err != nil {
			return nil, err
		}
		for shard, e := range ended {
			if s, ok := sets[shard]; ok && e.At.Index > s.At.Index {
				delete(sets, shard)
			}
		}
	}
	var out []Past
	for _, s := range sets {
		p, err := pastOf(&s, at)
		if err != nil {
			return nil, fmt.Errorf("read the set of entry %s: %w", s.At, err)
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Past) int { return cmp.Compare(a.At.Shard, b.At.Shard) })
	return out, nil
}

// lastOf is the last entry of a kind in each shard that is not after a time.
func lastOf(ctx context.Context, r *ledger.Reader, kind string, at time.Time) (map[int]ledger.Record, error) {
	out := map[int]ledger.Record{}
	for record, err := range r.Records(ctx, ledger.Filter{Kind: kind, Until: at.Add(time.Nanosecond)}) {
		if err != nil {
			return nil, fmt.Errorf("what was active: %w", err)
		}
		if known, ok := out[record.At.Shard]; !ok || record.At.Index > known.At.Index {
			out[record.At.Shard] = record
		}
	}
	return out, nil
}

func pastOf(s *ledger.Record, at time.Time) (Past, error) {
	p := Past{At: s.At, Since: s.Time, Set: s.Set}
	body, err := abi.ReadValue(string(s.Body))
	if err != nil {
		return p, err
	}
	plan, err := ReadPlan(body.Get("plan"))
	if err != nil {
		return p, err
	}
	judges := body.Get("judges")
	for i := range judges.Len() {
		p.Judges = append(p.Judges, pastJudge(judges.At(i), plan))
	}
	slices.SortStableFunc(p.Judges, func(a, b PastJudge) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), compare(b.Version, a.Version))
	})
	inEffect(p.Judges, at)
	return p, nil
}

func pastJudge(v abi.Value, plan Plan) PastJudge {
	j := PastJudge{
		Name: v.Get("name").Text(), Version: v.Get("version").Text(), Digest: v.Get("digest").Text(),
		Monitored: v.Get("monitored").IsTrue(), Stage: Active,
	}
	for _, p := range plan {
		if p.Name == j.Name && p.Version == j.Version {
			j.Stage, j.Percent, j.From, j.Until = p.Stage, p.Percent, p.From, p.Until
		}
	}
	return j
}

// inEffect marks, among judges that are sorted, those that took part.
func inEffect(judges []PastJudge, at time.Time) {
	decided := ""
	for i := range judges {
		j := &judges[i]
		holds := !at.Before(j.From) && (j.Until.IsZero() || at.Before(j.Until))
		switch {
		case j.Stage == Shadow:
			j.InEffect = true
		case j.Stage == Canary:
			j.InEffect = holds
		case holds && decided != j.Name:
			j.InEffect, decided = true, j.Name
		}
	}
}

// Event is one change of plugins.lock, as the ledger has it.
type Event struct {
	At   ledger.ID
	Time time.Time
	Change
}

// Events are the changes that were recorded of a plugin, oldest first; an empty name is any.
func Events(ctx context.Context, r *ledger.Reader, name string) ([]Event, error) {
	var out []Event
	for record, err := range r.Records(ctx, ledger.Filter{Kind: ledger.KindTrust, OldestFirst: true}) {
		if err != nil {
			return nil, fmt.Errorf("what was changed: %w", err)
		}
		body, err := abi.ReadValue(string(record.Body))
		if err != nil {
			return nil, fmt.Errorf("read entry %s: %w", record.At, err)
		}
		if v := body.Get("rollout"); v.Exists() && (name == "" || v.Get("name").Text() == name) {
			out = append(out, Event{record.At, record.Time, changeOf(v)})
		}
	}
	return out, nil
}

func changeOf(v abi.Value) Change {
	text := func(name string) string { return v.Get(name).Text() }
	c := Change{
		Action: text("action"), Name: text("name"), Version: text("version"), From: Stage(text("from")), To: Stage(text("to")),
		Reason: text("reason"), By: text("by"),
	}
	percent, _ := v.Get("percent").Int()
	c.Revision, _ = v.Get("revision").Int()
	c.Percent = int(percent)
	for _, m := range v.Get("retired").Items() {
		c.Retired = append(c.Retired, m.Value.Text())
	}
	return c
}
