package rollout

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Stage is where a version stands.
type Stage string

// The stages, in their order.
const (
	Staged  Stage = "staged"
	Shadow  Stage = "shadow"
	Canary  Stage = "canary"
	Active  Stage = "active"
	Retired Stage = "retired"
)

// Stages are all stages, in their order.
func Stages() []Stage { return []Stage{Staged, Shadow, Canary, Active, Retired} }

// Lock is the content of plugins.lock. The zero Lock is an empty one.
type Lock struct {
	Revision int64     // of the file; 0: there is none yet
	Plugins  []*Plugin // by name
}

// Plugin is what is known of one plugin.
type Plugin struct {
	Name, Kind string
	// Source is where its versions come from, and Root the trust root that vouches for it; either may be empty.
	Source, Root string
	Pinned       string     // the one version that may decide; empty: all that are promoted
	Versions     []*Version // oldest first
}

// Version is one version of a plugin.
type Version struct {
	Version string
	// Wasm, Manifest and OCI are digests, "sha256:…": of the module, of the plugin's manifest, and of the OCI manifest, empty
	// where it did not come from a registry. Size is the module's, in bytes.
	Wasm, Manifest, OCI string
	Size                int64
	Stage               Stage
	Percent             int    // of the agents, 1 to 100; of a canary alone
	Guard               *Guard // of a shadow or canary alone
	Since               time.Time
	Reason              string
	From, Until         time.Time // its dates; zero: no bound
	Yanked              *Yank
}

// Guard is when a candidate goes back to staged by itself.
type Guard struct {
	// MaxErrors and MaxDifferences are how many percent of the decisions may fail, and differ; nil: any number.
	MaxErrors, MaxDifferences *int
	// MinDecisions is how many must be seen first; at least 1.
	MinDecisions int
}

// Yank says that a version is not to be used any more.
type Yank struct {
	Reason string
	Since  time.Time
	// Stopped: it does not go on running either.
	Stopped bool
}

// compare orders versions by semver.org, and what is equal there, which differs in build metadata, as text.
func compare(a, b string) int {
	return cmp.Or(semver.Compare("v"+a, "v"+b), cmp.Compare(a, b))
}

// Find is the plugin of that name, or nil.
func (l *Lock) Find(name string) *Plugin {
	i, found := slices.BinarySearchFunc(l.Plugins, name, func(p *Plugin, name string) int { return strings.Compare(p.Name, name) })
	if !found {
		return nil
	}
	return l.Plugins[i]
}

// add makes room for a plugin.
func (l *Lock) add(p *Plugin) {
	l.Plugins = append(l.Plugins, p)
	slices.SortFunc(l.Plugins, func(a, b *Plugin) int { return strings.Compare(a.Name, b.Name) })
}

// Find is that version, or nil.
func (p *Plugin) Find(version string) *Version {
	for _, v := range p.Versions {
		if v.Version == version {
			return v
		}
	}
	return nil
}

func (p *Plugin) add(v *Version) {
	p.Versions = append(p.Versions, v)
	slices.SortFunc(p.Versions, func(a, b *Version) int { return compare(a.Version, b.Version) })
}

// in are the versions of a stage, oldest first.
func (p *Plugin) in(s Stage) []*Version {
	var out []*Version
	for _, v := range p.Versions {
		if v.Stage == s {
			out = append(out, v)
		}
	}
	return out
}

// newest is the newest version of a stage, or nil.
func (p *Plugin) newest(s Stage) *Version {
	all := p.in(s)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// stopped reports whether a version must not run.
func (v *Version) stopped() bool { return v.Yanked != nil && v.Yanked.Stopped }

// endless reports whether a version is in effect at t and stays so.
func (v *Version) endless(t time.Time) bool { return !v.From.After(t) && v.Until.IsZero() }

// lapsed reports whether a version is past its dates.
func (v *Version) lapsed(t time.Time) bool { return !v.Until.IsZero() && !v.Until.After(t) }

// Running is one version that a deployment runs, and how.
type Running struct {
	Name string
	*Version
	// Absent says why a judge that denies stands in for it; empty: it runs.
	Absent string
}

// Running are the versions that are loaded: shadows, canaries and active ones, but of a pinned plugin no other than that
// version beside shadows. One that was stopped is absent where it would decide, so that no older version decides in its place
// unless somebody goes back to it.
func (l *Lock) Running() []Running {
	var out []Running
	for _, p := range l.Plugins {
		out = append(out, p.running()...)
	}
	return out
}

func (p *Plugin) running() []Running {
	var out []Running
	for _, v := range p.Versions {
		eligible := v.Stage == Active && (p.Pinned == "" || p.Pinned == v.Version)
		if !eligible && v.Stage != Shadow && (v.Stage != Canary || p.Pinned != "") {
			continue
		}
		r := Running{Name: p.Name, Version: v}
		if v.stopped() {
			r.Absent = "it was yanked: " + v.Yanked.Reason
		}
		out = append(out, r)
	}
	return out
}

// Highest are the highest active versions of all plugins: what the marks of a trust root are about.
func (l *Lock) Highest() []Running {
	var out []Running
	for _, p := range l.Plugins {
		if v := p.newest(Active); v != nil {
			out = append(out, Running{Name: p.Name, Version: v})
		}
	}
	return out
}
