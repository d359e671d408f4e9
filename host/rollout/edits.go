package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// Change says what an edit did, for people and for the ledger.
type Change struct {
	// Action is stage, promote, rollback, pin, yank, or guard.
	Action   string
	Name     string
	Version  string
	From, To Stage // of the version; From is empty where it was not known, both where its stage did not change
	Percent  int   // of a canary
	Reason   string
	Retired  []string // versions that left with it
	Revision int64    // of the lock since
	By       string   // who did it; callers fill it in
}

// Value is the change as the ledger has it: {"rollout":{action,name,version,from,to,percent,reason,retired,revision,by}}; what is
// empty is left out.
func (c *Change) Value() abi.Value {
	var m []abi.Member
	text := func(name, s string) {
		if s != "" {
			m = append(m, abi.Member{Name: name, Value: abi.StringValue(s)})
		}
	}
	text("action", c.Action)
	text("name", c.Name)
	text("version", c.Version)
	text("from", string(c.From))
	text("to", string(c.To))
	if c.Percent > 0 {
		m = append(m, abi.Member{Name: "percent", Value: abi.IntValue(int64(c.Percent))})
	}
	text("reason", c.Reason)
	if len(c.Retired) > 0 {
		m = append(m, abi.Member{Name: "retired", Value: abi.StringsValue(c.Retired)})
	}
	m = append(m, abi.Member{Name: "revision", Value: abi.IntValue(c.Revision)})
	text("by", c.By)
	return abi.ObjectValue(abi.Member{Name: "rollout", Value: abi.ObjectValue(m...)})
}

// StepError says that an edit is not allowed, and what to do instead.
type StepError struct {
	Name, Version string
	Why, Mend     string
}

// Error names plugin, version and reason; the mend is apart.
func (e *StepError) Error() string {
	if e.Version == "" {
		return e.Name + ": " + e.Why
	}
	return e.Name + " " + e.Version + ": " + e.Why
}

func no(name, version, why, mend string) error { return &StepError{name, version, why, mend} }

// NewVersion is a module as it is staged: what it says of itself, and its digests.
func NewVersion(module []byte) (name, kind string, v Version, err error) {
	f, err := sandbox.Inspect(module)
	if err != nil {
		return "", "", v, err
	}
	from, until, err := sandbox.Window(&f.Manifest)
	v = Version{
		Version: f.Manifest.Version, Wasm: digestOf(module), Manifest: digestOf(f.ManifestBytes), Size: int64(len(module)), From: from, Until: until,
	}
	return f.Manifest.Name, f.Manifest.Kind, v, err
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// is reports whether a module is the one that the lock means.
func (v *Version) is(module []byte) error {
	if got := digestOf(module); got != v.Wasm || int64(len(module)) != v.Size {
		return fmt.Errorf("the module has %d bytes and digest %s, the lock wants %d bytes and %s", len(module), got, v.Size, v.Wasm)
	}
	return nil
}

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
