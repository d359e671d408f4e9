package sandbox_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/gate"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// refusedTrust is a refusal; one that stops is of what runs already.
type refusedTrust struct{ stops bool }

func (r refusedTrust) Error() string { return "key_revoked: the key was revoked" }
func (r refusedTrust) Stops() bool   { return r.stops }

// named is a compiled policy as a plugin of a name and version.
func named(t testing.TB, name, version, text string, more func(*abi.Manifest)) []byte {
	t.Helper()
	p, err := policy.Load(policy.Sources{{Name: "p.yaml", Text: text}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := &abi.Manifest{Name: name, Version: version, Kind: abi.KindPolicy}
	if more != nil {
		more(m)
	}
	compiled, err := policy.CompileAs(p, policy.Packaging{Manifest: m})
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Wasm
}

func TestWhatNobodyVouchesForIsNotLoaded(t *testing.T) {
	trust := func(_ context.Context, f sandbox.Found) (sandbox.Provenance, error) {
		return sandbox.Provenance{}, refusedTrust{}
	}
	e := newEngine(t, sandbox.Options{
		Trust:     trust,
		Admission: func(context.Context, *sandbox.PluginFile, sandbox.PluginOptions) error { panic("it was tried") },
	})
	for name, module := range map[string][]byte{
		"a compiled policy": named(t, "acme/rules", "1.0.0", denying, nil),
		"a plugin":          edition(1),
	} {
		dir := folder(t, map[string]string{"m.wasm": string(module), "p.yaml": reading})
		if _, err := e.Load(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "key_revoked") || !strings.Contains(err.Error(), "m.wasm") {
			t.Errorf("%s in a folder: %v", name, err)
		}
		if _, err := e.LoadModules(t.Context(), []sandbox.Module{{Path: "lock", Wasm: module}}); err == nil || !strings.Contains(err.Error(), "key_revoked") {
			t.Errorf("%s in memory: %v", name, err)
		}
	}
	s, err := e.Load(t.Context(), folder(t, map[string]string{"p.yaml": reading}))
	if err != nil {
		t.Fatalf("policy files are the operator's own: %v", err)
	}
	s.Release()
}

func TestModulesInMemoryThatAreNone(t *testing.T) {
	e := newEngine(t, sandbox.Options{})
	for _, c := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"nothing", nil, "plugin_malformed"},
		{"no module", []byte("hello"), "plugin_malformed"},
		{"half of one", edition(1)[:40], "plugin_malformed"},
		{"no manifest", answering(`{}`), "manifest_invalid"},
		{"a manifest that is none", wasm.AppendCustom(answering(`{}`), abi.SectionManifest, []byte("{")), "manifest_invalid"},
		{"a date that is none", withManifest(answering(`{}`), `,"effective_from":"soon"`), "effective_from is"},
		{"a date of the year 10000", withManifest(answering(`{}`), `,"effective_until":"9999-12-31T23:59:59-01:00"`), "effective_until is"},
		{"dates the wrong way round", withManifest(answering(`{}`), `,"effective_from":"2027-01-01T00:00:00Z","effective_until":"2026-01-01T00:00:00Z"`), "not after"},
		{"a direct entry without source", withManifest(answering(`{}`), `,"entry":"direct"`), "source"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.LoadModules(t.Context(), []sandbox.Module{{Path: "plugins.lock: x", Wasm: c.module}})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "plugins.lock: x") {
				t.Errorf("got %v, want it to say %q and where", err, c.want)
			}
		})
	}
}

func TestOneVersionTwiceIsRefused(t *testing.T) {
	v1, v2 := named(t, "acme/rules", "1.0.0", denying, nil), named(t, "acme/rules", "2.0.0", denying, nil)
	other := named(t, "acme/rules", "1.0.0", reading, nil)
	local := compiled(t, denying)
	e := newEngine(t, sandbox.Options{})
	for name, modules := range map[string][][]byte{
		"the same module":      {v1, v1},
		"another module of it": {v1, other},
		"an absent one":        {v1, v1},
	} {
		var in []sandbox.Module
		for i, m := range modules {
			in = append(in, sandbox.Module{Path: name, Wasm: m})
			if i == 1 && name == "an absent one" {
				in[i].Absent = "stopped"
			}
		}
		if _, err := e.LoadModules(t.Context(), in); err == nil || !strings.Contains(err.Error(), "acme/rules 1.0.0") {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := folder(t, map[string]string{"denying.yaml": denying})
	if _, err := e.LoadModules(t.Context(), []sandbox.Module{{Path: "m", Wasm: []byte(local)}}, dir); err == nil || !strings.Contains(err.Error(), "local/denying") {
		t.Errorf("two of one local name: %v", err)
	}
	s, err := e.LoadModules(t.Context(), []sandbox.Module{{Path: "b", Wasm: v2}, {Path: "a", Wasm: v1}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if s.Len() != 2 || s.Judge(0).Info().Version != "1.0.0" || s.Judge(1).Info().Version != "2.0.0" {
		t.Errorf("two versions: %d judges", s.Len())
	}
}

func TestWhatMustStopIsAbsent(t *testing.T) {
	stops := func(context.Context, sandbox.Found) (sandbox.Provenance, error) {
		return sandbox.Provenance{}, errors.Join(errors.New("x"), refusedTrust{stops: true})
	}
	post := func(m *abi.Manifest) { m.Stages = []string{abi.StagePreTool, abi.StagePostTool} }
	e := newEngine(t, sandbox.Options{Trust: stops, Plugins: map[string]sandbox.PluginOptions{"acme/monitored": {Mode: sandbox.ModeMonitor}}})
	s, err := e.LoadModules(t.Context(), []sandbox.Module{
		{Path: "a", Wasm: named(t, "acme/rules", "1.0.0", "version: \"1.0\"\nagent: somebody\nrules: [{name: r, action: allow}]\n", post)},
		{Path: "b", Wasm: edition(1)},
		{Path: "c", Wasm: named(t, "acme/monitored", "1.0.0", reading, nil)},
	}, folder(t, map[string]string{"p.yaml": reading}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	v := gate.Eval(t.Context(), gate.As(s), requestOf(t, `{"agent":{"name":"anybody"},"action":{"type":"read"}}`))
	if v.Decision != abi.Deny || v.Code != abi.CodeAbsent || !strings.Contains(v.Reason, "key_revoked") {
		t.Errorf("got %s %s: %s", v.Decision, v.Code, v.Reason)
	}
	if v.Policy != "acme/rules" || len(v.Judges) != 4 {
		t.Errorf("got %+v", v.Judges)
	}
	for i := range s.Len() {
		j := s.Judge(i)
		if _, absent := j.(*sandbox.AbsentJudge); absent != (j.Module() == nil) || absent == strings.HasPrefix(j.Info().Name, "local/") {
			t.Errorf("%s: absent %v, module of %d bytes", j.Info().Name, absent, len(j.Module()))
		}
		if j.Info().Monitored != (j.Info().Name == "acme/monitored") {
			t.Errorf("%s: monitored %v", j.Info().Name, j.Info().Monitored)
		}
	}
	set, err := s.Judge(0).Possible(t.Context(), requestOf(t, `{}`))
	if err != nil || set != abi.SetOf(abi.Deny) {
		t.Errorf("possible: %v %v", set, err)
	}
	if !slices.ContainsFunc(s.Warnings(), func(w string) bool { return strings.Contains(w, "acme/rules 1.0.0 is stopped") }) {
		t.Errorf("warnings %q", s.Warnings())
	}
}

func TestWhoVouchesIsTold(t *testing.T) {
	var seen []sandbox.Found
	var beside []string
	trust := func(_ context.Context, f sandbox.Found) (sandbox.Provenance, error) {
		seen = append(seen, f)
		text, err := f.Beside(".sig.json")
		if errors.Is(err, fs.ErrNotExist) {
			text = []byte("none")
		}
		beside = append(beside, string(text))
		return sandbox.Provenance{Trust: "eu", Signers: []string{"k1", "k2"}, Warnings: []string{"the index is old"}}, nil
	}
	module := named(t, "acme/rules", "1.0.0", denying, nil)
	dir := folder(t, map[string]string{"m.wasm": string(module), "m.wasm.sig.json": "signed"})
	s, err := newEngine(t, sandbox.Options{Trust: trust}).LoadModules(t.Context(), []sandbox.Module{{Path: "lock", Wasm: edition(1), Tag: "active"}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if diff := cmp.Diff([]string{"signed", "none"}, beside); diff != "" {
		t.Error(diff)
	}
	if f := seen[0]; f.Path != filepath.Join(dir, "m.wasm") || string(f.Wasm) != string(module) || f.Manifest.Name != "acme/rules" || f.Tag != "" {
		t.Errorf("the first is %s %s, tag %q", f.Path, f.Manifest.Name, f.Tag)
	}
	body, _, _ := wasm.Custom(module, abi.SectionManifest)
	if string(seen[0].ManifestBytes) != string(body) || seen[1].Tag != "active" {
		t.Errorf("manifest %q, tag %q", seen[0].ManifestBytes, seen[1].Tag)
	}
	for _, o := range s.Provenances() {
		if o.Trust != "eu" || len(o.Signers) != 2 || !strings.HasPrefix(o.Wasm, "sha256:") || (o.Tag == "active") != (o.Name == "test/guest") {
			t.Errorf("%+v", o)
		}
	}
	if len(s.Provenances()) != 2 || !slices.Contains(s.Files(), filepath.Join(dir, "m.wasm.sig.json")) {
		t.Errorf("%d origins, files %q", len(s.Provenances()), s.Files())
	}
	if !slices.Contains(s.Warnings(), "lock: the index is old") {
		t.Errorf("warnings %q", s.Warnings())
	}
}

// TestAJudgesModuleMakesItAgain loads what judges say they are made of, and comes to the same judges.
func TestAJudgesModuleMakesItAgain(t *testing.T) {
	dir := folder(t, map[string]string{"p.yaml": denying, "m.wasm": string(named(t, "acme/rules", "1.0.0", reading, nil)), "g.wasm": string(edition(2))})
	e := newEngine(t, sandbox.Options{})
	s, err := e.Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var modules []sandbox.Module
	for i := range s.Len() {
		modules = append(modules, sandbox.Module{Path: s.Judge(i).Info().Name, Wasm: s.Judge(i).Module()})
	}
	again, err := e.LoadModules(t.Context(), modules)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Release()
	if again.Digest() != s.Digest() {
		t.Errorf("the digest is %s, then %s", s.Digest(), again.Digest())
	}
	for i := range s.Len() {
		a, b := s.Judge(i), again.Judge(i)
		if a.Info() != b.Info() || a.Settings() != b.Settings() || a.Manifest().Name != a.Info().Name || b.Manifest().Version != a.Info().Version {
			t.Errorf("%+v, then %+v", a.Info(), b.Info())
		}
	}
}

func TestTheDigestCoversTagsAndLapsing(t *testing.T) {
	module := named(t, "acme/rules", "1.0.0", denying, nil)
	seen := map[string]string{}
	for name, c := range map[string]struct {
		tag, absent string
		options     sandbox.PluginOptions
	}{
		"plain": {}, "tagged": {tag: "canary 10"}, "tagged otherwise": {tag: "canary 11"}, "absent": {absent: "stopped"},
		"abstaining": {options: sandbox.PluginOptions{OnLapse: "abstain"}}, "monitored": {options: sandbox.PluginOptions{Mode: sandbox.ModeMonitor}},
	} {
		e := newEngine(t, sandbox.Options{Plugins: map[string]sandbox.PluginOptions{"acme/rules": c.options}})
		s, err := e.LoadModules(t.Context(), []sandbox.Module{{Path: "m", Wasm: module, Tag: c.tag, Absent: c.absent}})
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[s.Digest()]; taken {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[s.Digest()] = name
		s.Release()
	}
}

func TestACompiledPolicyTakesNoSettings(t *testing.T) {
	settings, err := sandbox.SettingsOf(map[string]any{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]sandbox.PluginOptions{
		"settings": {Settings: settings}, "fuel": {Fuel: 5}, "memory": {MemoryPages: 5}, "a mode": {Mode: "maybe"}, "on_lapse": {OnLapse: "maybe"},
	} {
		e := newEngine(t, sandbox.Options{Plugins: map[string]sandbox.PluginOptions{"acme/rules": o}})
		_, err := e.LoadModules(t.Context(), []sandbox.Module{{Path: "m", Wasm: named(t, "acme/rules", "1.0.0", denying, nil)}})
		if err == nil || !strings.Contains(err.Error(), "settings_invalid") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheWatcherFollowsModules loads again when what describes the modules changes, and keeps the last good set when they cannot be
// had.
func TestTheWatcherFollowsModules(t *testing.T) {
	var state atomic.Int64 // 0 and 1: a module; 2: none can be had
	w := watch(t, sandbox.WatchOptions{
		Modules: func(context.Context) ([]sandbox.Module, error) {
			n := state.Load()
			if n == 2 {
				return nil, errors.New("the lock is broken")
			}
			return []sandbox.Module{{Path: "m", Wasm: edition(int(n))}}, nil
		},
		Look:   func() string { return time.Duration(state.Load()).String() },
		Rescan: 5 * time.Millisecond,
	}, folder(t, map[string]string{"p.yaml": reading}))
	first := w.Status()
	state.Store(1)
	second := w.until(t, "another set", func(s sandbox.Status) bool { return well(s) && s.Set != first.Set })
	state.Store(2)
	last := w.until(t, "an error", failed)
	if last.Set != second.Set || !strings.Contains(last.Err.Error(), "the lock is broken") {
		t.Errorf("got %+v", last)
	}
	if got := w.eval(t, `{"action":{"type":"read"}}`); !strings.HasPrefix(got, "allow") {
		t.Errorf("the last good set: %s", got)
	}
	state.Store(0)
	w.until(t, "the first set again", func(s sandbox.Status) bool { return well(s) && s.Set == first.Set })
}

// TestWhatMustStopStopsThoughNothingElseLoads: files that do not load keep the last good set, and not what nobody vouches for any
// more.
func TestWhatMustStopStopsThoughNothingElseLoads(t *testing.T) {
	var revoked atomic.Bool
	e := newEngine(t, sandbox.Options{Trust: func(_ context.Context, f sandbox.Found) (sandbox.Provenance, error) {
		if revoked.Load() && f.Manifest.Version != "1.0.2" {
			return sandbox.Provenance{}, refusedTrust{stops: true}
		}
		return sandbox.Provenance{Trust: "eu"}, nil
	}})
	allowing := named(t, "acme/rules", "1.0.0", reading, nil)
	dir := folder(t, map[string]string{"p.yaml": reading, "m.wasm": string(allowing), "g.wasm": string(edition(2))})
	var admitted atomic.Int64
	w, err := e.Watch(t.Context(), sandbox.WatchOptions{Rescan: time.Hour, Quiet: time.Hour, Admit: func(context.Context, *sandbox.Set) error {
		if admitted.Add(1) > 1 {
			return errors.New("the ledger is full")
		}
		return nil
	}}, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	old := w.Acquire()
	write(t, filepath.Join(dir, "p.yaml"), broken)
	if err := w.Reload(t.Context()); err == nil || w.Status().Set != old.Digest() {
		t.Fatalf("a broken file: %v", err)
	}
	revoked.Store(true)
	if err := w.Reload(t.Context()); err == nil {
		t.Fatal("a broken file loads")
	}
	now := w.Acquire()
	v := gate.Eval(t.Context(), gate.As(now), requestOf(t, `{"action":{"type":"read"}}`))
	if v.Decision != abi.Deny || v.Code != abi.CodeAbsent || v.Policy != "acme/rules" || now.Len() != 3 {
		t.Errorf("got %s %s by %s of %d judges", v.Decision, v.Code, v.Policy, now.Len())
	}
	s := w.Status()
	if s.Set != now.Digest() || s.Set == old.Digest() || s.Err == nil || admitted.Load() != 2 {
		t.Errorf("status %+v, admitted %d times", s, admitted.Load())
	}
	said := strings.Join(s.Warnings, "\n")
	for _, want := range []string{"acme/rules 1.0.0 is stopped", "the ledger is full"} {
		if !strings.Contains(said, want) {
			t.Errorf("the warnings lack %q: %s", want, said)
		}
	}
	if err := w.Reload(t.Context()); err == nil || admitted.Load() != 2 {
		t.Errorf("once more: %v, admitted %d times", err, admitted.Load())
	}
	if got := eval(t, old, `{"action":{"type":"read"}}`); !strings.HasPrefix(got, "allow") {
		t.Errorf("who holds the old set keeps it whole: %s", got)
	}
	old.Release()
	now.Release()
	if v := w.Acquire(); v == nil || v.Len() != 3 {
		t.Error("no set is in force")
	} else {
		v.Release()
	}
}
