package rollout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"agentmesh/pdk/abi"
)

// The bounds of a lock file.
const (
	maxLock    = 4 << 20 // bytes
	maxReason  = 1024    // bytes
	maxCount   = 1 << 53
	lockFormat = 1
)

// fields takes the members of one object strictly. The first error stays.
type fields struct {
	value abi.Value
	what  string
	known []string
	err   *error
}

func (f *fields) fail(format string, args ...any) {
	if *f.err == nil {
		*f.err = fmt.Errorf("%s: %s", f.what, fmt.Sprintf(format, args...))
	}
}

func (f *fields) take(name string) abi.Value {
	f.known = append(f.known, name)
	return f.value.Get(name)
}

// within takes the members of an object in this one.
func (f *fields) within(v abi.Value, what string) *fields {
	in := &fields{value: v, what: f.what + what, err: f.err}
	if v.Kind() != abi.Object {
		in.fail("want an object")
	}
	return in
}

// text takes a string; a required one is not empty.
func (f *fields) text(name string, required bool) string {
	v := f.take(name)
	if !v.Exists() && !required {
		return ""
	}
	s, ok := v.Str()
	if !ok || s == "" {
		f.fail("%s must be a text that is not empty", name)
	}
	return s
}

func (f *fields) reason(name string) string {
	s := f.text(name, false)
	if len(s) > maxReason {
		f.fail("%s has more than %d bytes", name, maxReason)
	}
	return s
}

// number takes an integer between two bounds; an absent one is absent.
func (f *fields) number(name string, least, most int64) (n int64, given bool) {
	v := f.take(name)
	if !v.Exists() {
		return 0, false
	}
	n, ok := v.Int()
	if !ok || n < least || n > most {
		f.fail("%s must be an integer from %d to %d", name, least, most)
	}
	return n, true
}

func (f *fields) time(name string) time.Time {
	s := f.text(name, false)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	if t = t.UTC(); err != nil || t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		f.fail("%s must be a time like 2026-02-01T00:00:00Z", name)
	}
	return t
}

func (f *fields) digest(name string, required bool) string {
	s := f.text(name, required)
	digits, ok := strings.CutPrefix(s, "sha256:")
	if s != "" && (!ok || len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "") {
		f.fail("%s must be sha256: and 64 hexadecimal digits", name)
	}
	return s
}

func (f *fields) list(name string) []abi.Member {
	v := f.take(name)
	if v.Kind() != abi.List {
		f.fail("%s must be a list", name)
	}
	return v.Items()
}

// end refuses members that nobody took.
func (f *fields) end() {
	for _, m := range f.value.Items() {
		if f.value.Kind() == abi.Object && !slices.Contains(f.known, m.Name) {
			f.fail("unknown member %q; it takes %s", m.Name, strings.Join(f.known, ", "))
		}
	}
}

// ReadLock reads a lock file's text.
func ReadLock(src []byte) (*Lock, error) {
	if len(src) > maxLock {
		return nil, fmt.Errorf("it has more than %d bytes", maxLock)
	}
	v, err := abi.ReadValue(string(src))
	if err != nil {
		return nil, err
	}
	f := &fields{value: v, what: "the lock", err: &err}
	l := lockOf(f)
	if err != nil {
		return nil, err
	}
	return l, l.check()
}

func lockOf(f *fields) *Lock {
	if f.value.Kind() != abi.Object {
		f.fail("want an object")
	}
	if n, _ := f.number("version", 0, maxCount); n != lockFormat {
		f.fail("version %d is not known here, %d is; a later agentmesh may have written it", n, lockFormat)
	}
	l := &Lock{}
	revision, given := f.number("revision", 1, maxCount)
	if !given {
		f.fail("revision is missing")
	}
	l.Revision = revision
	for _, m := range f.list("plugins") {
		l.Plugins = append(l.Plugins, pluginOf(f.within(m.Value, ": a plugin")))
	}
	f.end()
	slices.SortStableFunc(l.Plugins, func(a, b *Plugin) int { return strings.Compare(a.Name, b.Name) })
	return l
}

func pluginOf(f *fields) *Plugin {
	p := &Plugin{Name: f.text("name", true)}
	f.what = "plugin " + p.Name
	p.Kind, p.Source, p.Root = f.text("kind", true), f.text("source", false), f.text("root", false)
	p.Pinned = f.text("pinned", false)
	for _, m := range f.list("versions") {
		p.Versions = append(p.Versions, versionOf(f.within(m.Value, "")))
	}
	f.end()
	slices.SortStableFunc(p.Versions, func(a, b *Version) int { return compare(a.Version, b.Version) })
	return p
}

func versionOf(f *fields) *Version {
	v := &Version{Version: f.text("version", true)}
	f.what += " " + v.Version
	v.Wasm, v.Manifest, v.OCI = f.digest("wasm", true), f.digest("manifest", true), f.digest("oci", false)
	v.Size, _ = f.number("size", 0, maxCount)
	v.Stage = Stage(f.text("stage", true))
	percent, _ := f.number("percent", 1, 100)
	v.Percent = int(percent)
	if g := f.take("guard"); g.Exists() {
		v.Guard = guardOf(f.within(g, ": guard"))
	}
	v.Since, v.Reason = f.time("since"), f.reason("reason")
	v.From, v.Until = f.time("effective_from"), f.time("effective_until")
	if y := f.take("yanked"); y.Exists() {
		v.Yanked = yankOf(f.within(y, ": yanked"))
	}
	f.end()
	return v
}

func guardOf(f *fields) *Guard {
	g := &Guard{}
	for _, b := range []struct {
		name string
		into **int
	}{{"max_errors", &g.MaxErrors}, {"max_differences", &g.MaxDifferences}} {
		if n, given := f.number(b.name, 0, 100); given {
			percent := int(n)
			*b.into = &percent
		}
	}
	n, _ := f.number("min_decisions", 1, 1<<30)
	g.MinDecisions = max(1, int(n))
	f.end()
	return g
}

func yankOf(f *fields) *Yank {
	y := &Yank{Reason: f.reason("reason"), Since: f.time("since")}
	if v := f.take("stopped"); v.Exists() {
		stopped, ok := v.Bool()
		if !ok {
			f.fail("stopped must be true or false")
		}
		y.Stopped = stopped
	}
	f.end()
	return y
}

// check holds what a lock must be whoever wrote it.
func (l *Lock) check() error {
	for i, p := range l.Plugins {
		if i > 0 && l.Plugins[i-1].Name == p.Name {
			return fmt.Errorf("plugin %s stands there twice", p.Name)
		}
		if err := p.check(); err != nil {
			return fmt.Errorf("plugin %s: %w", p.Name, err)
		}
	}
	return nil
}

func (p *Plugin) check() error {
	if err := nameable(p.Name, p.Kind); err != nil {
		return err
	}
	canaries := 0
	for i, v := range p.Versions {
		if i > 0 && p.Versions[i-1].Version == v.Version {
			return fmt.Errorf("version %s stands there twice", v.Version)
		}
		if err := v.check(); err != nil {
			return fmt.Errorf("version %s: %w", v.Version, err)
		}
		if v.Stage == Canary {
			canaries++
		}
	}
	if canaries > 1 {
		return errors.New("more than one version is a canary")
	}
	if p.Pinned != "" && p.Find(p.Pinned) == nil {
		return fmt.Errorf("it is pinned to %s, which is not among its versions", p.Pinned)
	}
	return nil
}

// nameable reports whether versions of a plugin can have an order: it has a manifest's name, and is no local configuration.
func nameable(name, kind string) error {
	m := abi.Manifest{Name: name, Version: "1.0.0", Kind: kind}
	if _, err := abi.ReadManifest(string(abi.AppendManifest(nil, &m))); err != nil {
		return err
	}
	if strings.HasPrefix(name, "local/") {
		return errors.New("what is named local/ is configuration of this machine, and has no versions; give it a plugin.yaml with a name of its own")
	}
	return nil
}

func (v *Version) check() error {
	switch {
	case !semver.IsValid("v"+v.Version) || semver.Canonical("v"+v.Version)+semver.Build("v"+v.Version) != "v"+v.Version:
		return errors.New("it is no semantic version")
	case !slices.Contains(Stages(), v.Stage):
		return fmt.Errorf("stage %q is none of %v", v.Stage, Stages())
	case (v.Stage == Canary) != (v.Percent > 0):
		return errors.New("percent goes with stage canary, and with it alone")
	case v.Percent > 100:
		return errors.New("percent is 1 to 100")
	case v.Guard != nil && v.Stage != Canary && v.Stage != Shadow:
		return errors.New("a guard goes with stages shadow and canary alone")
	case !v.From.IsZero() && !v.Until.IsZero() && !v.From.Before(v.Until):
		return errors.New("effective_until is not after effective_from")
	}
	return nil
}
