package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// Planned is how one version of a judge takes part.
type Planned struct {
	Name, Version string
	Wasm          string // "sha256:…" of its module as it was found
	Stage         Stage  // shadow, canary or active
	Percent       int
	From, Until   time.Time // zero: no bound
	// OnLapse is deny or abstain, once it lapsed with no other version in effect.
	OnLapse string
}

// Plan says which version of each judge takes part, and how. Judges that it does not name decide always. Versions of one name
// stand together, the newest first.
type Plan []Planned

// The values of on_lapse.
const (
	lapseDeny    = "deny"
	lapseAbstain = "abstain"
)

// tag is what a module of the lock is loaded with.
func (r *Running) tag() string {
	if r.Stage == Canary {
		return string(Canary) + " " + strconv.Itoa(r.Percent)
	}
	return string(r.Stage)
}

// stageOf reads a tag. A module without one came from a folder, and is active. What nobody here wrote takes no part, and
// that may be a rule that denies, so it is an error.
func stageOf(tag string) (s Stage, percent int, err error) {
	if tag == "" {
		return Active, 0, nil
	}
	word, rest, shared := strings.Cut(tag, " ")
	s = Stage(word)
	if shared {
		percent, err = strconv.Atoi(rest)
	}
	known := s == Shadow || s == Canary || s == Active
	if err != nil || !known || shared != (s == Canary) || shared && (percent < 1 || percent > 100) {
		return "", 0, fmt.Errorf("tag %q is no stage", tag)
	}
	return s, percent, nil
}

// PlanOf is the plan that a set was loaded by: the tags of its modules, the dates in its manifests, and what the operator says of
// lapsing. A tag that is no stage counts as active.
func PlanOf(s *sandbox.Set) Plan {
	judges := map[[2]string]sandbox.Judge{}
	for i := range s.Len() {
		j := s.Judge(i)
		info := j.Info()
		judges[[2]string{info.Name, info.Version}] = j
	}
	var p Plan
	for _, o := range s.Provenances() {
		j := judges[[2]string{o.Name, o.Version}]
		if j == nil { // it judges nothing
			continue
		}
		stage, percent, err := stageOf(o.Tag)
		if err != nil {
			stage = Active
		}
		from, until, _ := sandbox.Window(j.Manifest()) // the loader has refused what is wrong
		one := Planned{Name: o.Name, Version: o.Version, Wasm: o.Wasm, Stage: stage, Percent: percent, From: from, Until: until}
		if one.OnLapse = s.Options(o.Name).OnLapse; one.OnLapse == "" {
			one.OnLapse = lapseDeny
		}
		p = append(p, one)
	}
	p.sort()
	return p
}

func (p Plan) sort() {
	slices.SortStableFunc(p, func(a, b Planned) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		return compare(b.Version, a.Version)
	})
}

// Value is the plan as the set's entry in the ledger has it: [{name,version,wasm,stage,percent,effective_from,effective_until,
// on_lapse}]; what is empty is left out, on_lapse where nothing can lapse. Missing when there is nothing in it.
func (p Plan) Value() abi.Value {
	if len(p) == 0 {
		return abi.Value{}
	}
	out := make([]abi.Value, len(p))
	for i := range p {
		out[i] = p[i].value()
	}
	return abi.ListValue(out...)
}

func (p *Planned) value() abi.Value {
	m := []abi.Member{
		{Name: "name", Value: abi.StringValue(p.Name)},
		{Name: "version", Value: abi.StringValue(p.Version)},
		{Name: "wasm", Value: abi.StringValue(p.Wasm)},
		{Name: "stage", Value: abi.StringValue(string(p.Stage))},
	}
	if p.Percent > 0 {
		m = append(m, abi.Member{Name: "percent", Value: abi.IntValue(int64(p.Percent))})
	}
	if !p.From.IsZero() {
		m = append(m, abi.Member{Name: "effective_from", Value: abi.StringValue(stamp(p.From))})
	}
	if !p.Until.IsZero() {
		m = append(m, abi.Member{Name: "effective_until", Value: abi.StringValue(stamp(p.Until))})
		m = append(m, abi.Member{Name: "on_lapse", Value: abi.StringValue(p.OnLapse)})
	}
	return abi.ObjectValue(m...)
}

// ReadPlan reads a plan as Value has it, strictly. A missing one is empty: every judge decides.
func ReadPlan(v abi.Value) (Plan, error) {
	if !v.Exists() {
		return nil, nil
	}
	var err error
	f := &fields{value: v, what: "the plan", err: &err}
	if v.Kind() != abi.List {
		f.fail("want a list")
	}
	var p Plan
	for _, m := range v.Items() {
		p = append(p, plannedOf(f.within(m.Value, "")))
	}
	if err != nil {
		return nil, err
	}
	p.sort()
	return p, nil
}

func plannedOf(f *fields) Planned {
	p := Planned{Name: f.text("name", true), Version: f.text("version", true)}
	f.what += ": " + p.Name + " " + p.Version
	p.Wasm = f.digest("wasm", true)
	p.Stage = Stage(f.text("stage", true))
	percent, _ := f.number("percent", 1, 100)
	p.Percent = int(percent)
	if p.Stage != Shadow && p.Stage != Canary && p.Stage != Active || (p.Stage == Canary) != (p.Percent > 0) {
		f.fail("stage %q with percent %d takes no part", p.Stage, p.Percent)
	}
	p.From, p.Until = f.time("effective_from"), f.time("effective_until")
	if p.OnLapse = f.text("on_lapse", false); p.OnLapse == "" {
		p.OnLapse = lapseDeny
	}
	if p.OnLapse != lapseDeny && p.OnLapse != lapseAbstain {
		f.fail("on_lapse is deny or abstain")
	}
	f.end()
	return p
}

// Tag is what a module is loaded with to take part so again: see sandbox.Module.
func (p *Planned) Tag() string {
	r := Running{Version: &Version{Stage: p.Stage, Percent: p.Percent}}
	return r.tag()
}

// Provenances are who vouches for the modules of a set, as the set's entry in the ledger has them:
// [{name,version,wasm,trust,signers,absent}]. Missing when there are no modules.
func Provenances(s *sandbox.Set) abi.Value {
	var out []abi.Value
	for _, o := range s.Provenances() {
		m := []abi.Member{
			{Name: "name", Value: abi.StringValue(o.Name)},
			{Name: "version", Value: abi.StringValue(o.Version)},
			{Name: "wasm", Value: abi.StringValue(o.Wasm)},
		}
		if o.Trust != "" {
			m = append(m, abi.Member{Name: "trust", Value: abi.StringValue(o.Trust)})
		}
		if len(o.Signers) > 0 {
			m = append(m, abi.Member{Name: "signers", Value: abi.StringsValue(o.Signers)})
		}
		if o.Absent != "" {
			m = append(m, abi.Member{Name: "absent", Value: abi.StringValue(o.Absent)})
		}
		out = append(out, abi.ObjectValue(m...))
	}
	if out == nil {
		return abi.Value{}
	}
	return abi.ListValue(out...)
}
