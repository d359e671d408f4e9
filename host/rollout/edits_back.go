package rollout

import (
	"errors"
	"fmt"
	"time"
)

// Rollback goes back: to the version that is named, or, when none is, a canary to staged, and without a canary the newest active
// version to the one before it. What is above it leaves: active versions are retired, a canary is staged again.
func (l *Lock) Rollback(name, to, reason string, now time.Time) (Change, error) {
	p := l.Find(name)
	if p == nil {
		_, _, err := l.named(name, "")
		return Change{}, err
	}
	c := Change{Action: "rollback", Name: name, Version: to, Reason: reason}
	if canary := p.newest(Canary); to == "" && canary != nil {
		c.Version, c.From, c.To = canary.Version, Canary, Staged
		canary.enter(Staged, reason, now)
		return c, nil
	}
	v, err := p.target(to)
	if err != nil {
		return c, err
	}
	if p.Pinned != "" && p.Pinned != v.Version {
		return c, no(name, v.Version, "the plugin is pinned to "+p.Pinned, "`agentmesh plugin pin "+name+" --none` takes the pin away")
	}
	c.Version, c.From, c.To = v.Version, v.Stage, Active
	for _, other := range p.Versions {
		switch above := compare(other.Version, v.Version) > 0; {
		case above && other.Stage == Active:
			other.enter(Retired, "rolled back to "+v.Version, now)
			c.Retired = append(c.Retired, other.Version)
		case above && other.Stage == Canary:
			other.enter(Staged, "rolled back to "+v.Version, now)
		}
	}
	v.enter(Active, reason, now)
	return c, nil
}

// target is the version that a rollback without a canary goes to.
func (p *Plugin) target(to string) (*Version, error) {
	newest := p.newest(Active)
	if newest == nil {
		return nil, no(p.Name, to, "no version is active", "`agentmesh plugin promote` makes one active")
	}
	if to != "" {
		v := p.Find(to)
		switch {
		case v == nil:
			return nil, no(p.Name, to, "there is no such version in the lock", "`agentmesh plugin history "+p.Name+"` lists those that are")
		case compare(to, newest.Version) >= 0:
			return nil, no(p.Name, to, "it is not older than "+newest.Version+", which is active", "`agentmesh plugin promote` goes forward")
		case v.Yanked != nil:
			return nil, no(p.Name, to, "it was yanked: "+v.Yanked.Reason, "go back to another version")
		}
		return v, nil
	}
	for i := len(p.Versions) - 1; i >= 0; i-- {
		v := p.Versions[i]
		if compare(v.Version, newest.Version) < 0 && v.Yanked == nil && (v.Stage == Active || v.Stage == Retired) {
			return v, nil
		}
	}
	return nil, no(p.Name, newest.Version, "there is no earlier version to go back to", "`agentmesh plugin yank --now` stops it, which denies")
}

// Pin lets one version alone decide; an empty one takes the pin away.
func (l *Lock) Pin(name, version, reason string) (Change, error) {
	c := Change{Action: "pin", Name: name, Version: version, Reason: reason}
	if version == "" {
		p := l.Find(name)
		if p == nil {
			_, _, err := l.named(name, "")
			return c, err
		}
		if p.Pinned == "" {
			return c, no(name, "", "it is not pinned", "")
		}
		p.Pinned = ""
		return c, nil
	}
	p, v, err := l.named(name, version)
	switch {
	case err != nil:
		return c, err
	case v.Stage != Active:
		return c, no(name, version, "it is "+string(v.Stage)+", and only an active version can be pinned", "`agentmesh plugin promote` it first")
	case v.stopped():
		return c, no(name, version, "it was stopped: "+v.Yanked.Reason, "pin another version")
	}
	p.Pinned = version
	return c, nil
}

// Yank says that a version is not to be used any more. It is not promoted from then on; candidates of it go back to staged. An
// active one goes on deciding, unless stop is given: then a judge that denies stands in its place.
func (l *Lock) Yank(name, version, reason string, stop bool, now time.Time) (Change, error) {
	_, v, err := l.named(name, version)
	if err != nil {
		return Change{}, err
	}
	c := Change{Action: "yank", Name: name, Version: version, Reason: reason}
	switch {
	case reason == "":
		return c, no(name, version, "a reason is needed", "it stands in the ledger, and in what agents are told: --reason TEXT")
	case len(reason) > maxReason:
		return c, no(name, version, fmt.Sprintf("the reason has more than %d bytes", maxReason), "")
	case v.Yanked != nil && (v.Yanked.Stopped || !stop):
		return c, no(name, version, "it was yanked already: "+v.Yanked.Reason, "")
	}
	v.Yanked = &Yank{Reason: reason, Since: now.UTC().Truncate(time.Millisecond), Stopped: stop}
	if v.Stage == Shadow || v.Stage == Canary {
		c.From, c.To = v.Stage, Staged
		v.enter(Staged, "yanked: "+reason, now)
	}
	return c, nil
}

// errMoved says that a candidate was promoted, or sent back, meanwhile.
var errMoved = errors.New("the candidate is not where it was")

// demote sends a candidate back to staged, if it still is where it was at since.
func (l *Lock) demote(name, version string, since time.Time, reason string, now time.Time) (Change, error) {
	_, v, err := l.named(name, version)
	if err != nil || v.Stage != Canary && v.Stage != Shadow || !v.Since.Equal(since) {
		return Change{}, errors.Join(errMoved, err)
	}
	c := Change{Action: "guard", Name: name, Version: version, From: v.Stage, To: Staged, Reason: reason}
	v.enter(Staged, reason, now)
	return c, nil
}
