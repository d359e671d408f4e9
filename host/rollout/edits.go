package rollout

import (
	"fmt"
	"slices"
	"time"
)

// Newcomer is a version to be staged, which whoever stages it has admitted and found trusted.
type Newcomer struct {
	Name, Kind   string
	Source, Root string
	Version      Version // of which Stage, Percent, Guard, Since and Yanked are set by Stage
	Reason       string
}

// Stage makes a version known. One that is there already and was not retired stays as it is.
func (l *Lock) Stage(n Newcomer, now time.Time) (Change, error) {
	v := n.Version
	if err := nameable(n.Name, n.Kind); err != nil {
		return Change{}, no(n.Name, v.Version, err.Error(), "")
	}
	p := l.Find(n.Name)
	if p == nil {
		p = &Plugin{Name: n.Name, Kind: n.Kind, Source: n.Source, Root: n.Root}
		l.add(p)
	}
	c := Change{Action: "stage", Name: n.Name, Version: v.Version, To: Staged, Reason: n.Reason}
	if p.Kind != n.Kind {
		return c, no(n.Name, v.Version, "it is of kind "+n.Kind+", and was of kind "+p.Kind, "give the module a name of its own")
	}
	old := p.Find(v.Version)
	if old == nil {
		old = &v
		p.add(old)
	} else if old.Wasm != v.Wasm {
		return c, no(n.Name, v.Version, "it is known with the digest "+old.Wasm+", not "+v.Wasm, "a version never changes: its publisher must give the module a version of its own")
	} else if old.Stage != Retired {
		return c, no(n.Name, v.Version, "it is there already, "+string(old.Stage), "`agentmesh plugin promote` lets it go on")
	}
	if old.Yanked != nil {
		return c, no(n.Name, v.Version, "it was yanked: "+old.Yanked.Reason, "stage another version")
	}
	if c.From = old.Stage; n.Source != "" || n.Root != "" {
		p.Source, p.Root = n.Source, n.Root
	}
	old.enter(Staged, n.Reason, now)
	return c, nil
}

// enter brings a version to a stage.
func (v *Version) enter(s Stage, reason string, now time.Time) {
	v.Stage, v.Reason, v.Since, v.Percent, v.Guard = s, reason, now.UTC().Truncate(time.Millisecond), 0, nil
}

// Promotion is a step of a version.
type Promotion struct {
	Name, Version string
	To            Stage // empty: the next one
	Percent       int   // of a canary; 0: DefaultPercent
	Guard         *Guard
	Reason        string
}

// DefaultPercent is the share of a canary that nobody gave one.
const DefaultPercent = 10

// Promote brings a version to another stage.
func (l *Lock) Promote(o Promotion, now time.Time) (Change, error) {
	p, v, err := l.named(o.Name, o.Version)
	if err != nil {
		return Change{}, err
	}
	if o.To == "" {
		o.To = after(v.Stage)
	}
	if !slices.Contains(Stages(), o.To) {
		return Change{}, no(o.Name, o.Version, fmt.Sprintf("%q is no stage", o.To), fmt.Sprintf("stages are %v", Stages()))
	}
	c := Change{Action: "promote", Name: o.Name, Version: o.Version, From: v.Stage, To: o.To, Reason: o.Reason}
	if err := p.allows(v, &o, now); err != nil {
		return c, err
	}
	v.enter(o.To, o.Reason, now)
	if v.Guard = o.Guard; v.Guard != nil {
		v.Guard.MinDecisions = max(1, v.Guard.MinDecisions)
	}
	switch o.To {
	case Canary:
		if v.Percent = o.Percent; v.Percent == 0 {
			v.Percent = DefaultPercent
		}
		c.Percent = v.Percent
	case Active:
		c.Retired = p.supersede(v, now)
	case Retired:
		p.unpin(v)
	}
	return c, nil
}

// named are a plugin and its version.
func (l *Lock) named(name, version string) (*Plugin, *Version, error) {
	p := l.Find(name)
	if p == nil {
		return nil, nil, no(name, "", "it is not in the lock", "`agentmesh plugin stage` brings it there; `agentmesh plugin history` lists what is")
	}
	v := p.Find(version)
	if v == nil {
		return p, nil, no(name, version, "there is no such version in the lock", "`agentmesh plugin history "+name+"` lists those that are")
	}
	return p, v, nil
}

// after is the stage that comes next.
func after(s Stage) Stage {
	switch s {
	case Staged:
		return Shadow
	case Shadow:
		return Canary
	default:
		return Active
	}
}

// allows says why a version may not take a step, or nothing.
func (p *Plugin) allows(v *Version, o *Promotion, now time.Time) error {
	refuse := func(why, mend string) error { return no(p.Name, v.Version, why, mend) }
	stopsOrStays := o.To == Staged || o.To == Retired
	newest := p.newest(Active)
	switch {
	case o.To == v.Stage && o.To != Canary && o.Guard == nil:
		return refuse("it is "+string(v.Stage)+" already", "")
	case o.To == Active && v.Stage == Active:
		return refuse("it is active, and an active version has no guard", "")
	case o.To != Canary && o.Percent != 0:
		return refuse("a share is a canary's alone", "leave --percent out, or promote to canary")
	case o.Guard != nil && o.To != Canary && o.To != Shadow:
		return refuse("a guard is for a shadow or canary", "leave it out")
	case v.Stage == Active && o.To != Retired, v.Stage == Retired:
		return refuse("it is "+string(v.Stage)+", from where nothing leads to "+string(o.To), "`agentmesh plugin rollback` brings an earlier version back")
	case v.Stage != Active && o.To == Retired:
		return refuse("it never was active", "a version that is not wanted stays staged, or is yanked")
	case stopsOrStays:
		return nil
	case v.Yanked != nil:
		return refuse("it was yanked: "+v.Yanked.Reason, "promote another version")
	case o.To == Shadow:
		return nil
	case p.Pinned != "" && p.Pinned != v.Version:
		return refuse("the plugin is pinned to "+p.Pinned, "`agentmesh plugin pin "+p.Name+" --none` takes the pin away")
	case newest != nil && compare(v.Version, newest.Version) < 0:
		return refuse("it is older than "+newest.Version+", which is active", "`agentmesh plugin rollback "+p.Name+" --to "+v.Version+"` goes back")
	case v.lapsed(now):
		return refuse("it was in effect until "+stamp(v.Until), "promote a version that is in effect")
	case o.To == Canary && len(p.in(Canary)) > 0 && v.Stage != Canary:
		return refuse("version "+p.newest(Canary).Version+" is the canary", "promote that one, or send it back to staged, first")
	}
	return nil
}

// supersede retires active versions that can never decide again beside v, and those are.
func (p *Plugin) supersede(v *Version, now time.Time) (retired []string) {
	if !v.endless(now) {
		return nil
	}
	for _, old := range p.in(Active) {
		if compare(old.Version, v.Version) < 0 {
			old.enter(Retired, "superseded by "+v.Version, now)
			retired = append(retired, old.Version)
		}
	}
	return retired
}

func (p *Plugin) unpin(v *Version) {
	if p.Pinned == v.Version {
		p.Pinned = ""
	}
}
