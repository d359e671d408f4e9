package replay_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/host/gate"
	"agentmesh/host/policy"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/usual"
)

// guard is a plugin of kind policy that gives one answer to everything.
func guard(name, version, answer string) []byte {
	return usual.Guard(fmt.Sprintf(`{"name":%q,"version":%q,"kind":"policy","abi":1,"effects":["allow","deny","warn"],`+
		`"settings":{"type":"object","properties":{"level":{"type":"integer"}},"additionalProperties":false}}`, name, version), answer)
}

func finding(decision, rule string) string {
	return fmt.Sprintf(`{"abi":1,"findings":[{"decision":%q,"rule":%q,"reason":"by plugin"}]}`, decision, rule)
}

const house = `version: "1.0"
name: house
default_action: deny
rules:
  - name: reads
    condition: "action.type == 'read'"
    action: allow
  - name: writes
    condition: "action.type == 'write'"
    limit: 3/minute
`

func request(kind, agent string) string {
	return fmt.Sprintf(`{"agent":{"name":%q},"action":{"type":%q,"tool":"t","server":"s"},"data":{"n":1}}`, agent, kind)
}

// site is a rig whose sets are archived, as a host does it.
type site struct {
	*rig
	archive *replay.Archive
	config  string
}

func newSite(t testing.TB, o sandbox.Options) *site {
	t.Helper()
	r := newRig(t, gate.Options{})
	r.engine = newEngine(t, o)
	a, err := replay.OpenArchive(filepath.Join(r.dir, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	return &site{rig: r, archive: a, config: o.ConfigDigest}
}

// load brings modules and policies into force.
func (s *site) load(modules []sandbox.Module, policies ...string) *sandbox.Set {
	s.t.Helper()
	set := load(s.t, s.engine, modules, policies...)
	s.adopt(set)
	if err := s.archive.Put(s.t.Context(), set, s.config); err != nil {
		s.t.Fatal(err)
	}
	return set
}

func load(t testing.TB, e *sandbox.Engine, modules []sandbox.Module, policies ...string) *sandbox.Set {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, text := range policies {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("p%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := e.LoadModules(t.Context(), modules, dir)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (s *site) past(o replay.PastOptions) replay.Judges {
	p := replay.NewPast(s.archive, o)
	s.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return p.Set
}

// files are those of a folder of the archive.
func (s *site) files(folder string) []string {
	s.t.Helper()
	list, err := filepath.Glob(filepath.Join(s.dir, "archive", folder, "*"))
	if err != nil || len(list) == 0 {
		s.t.Fatalf("nothing in %s: %v", folder, err)
	}
	return list
}

func edit(t testing.TB, name, from, to string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), from, to, 1)
	if changed == string(text) {
		t.Fatalf("%s does not have %q", name, from)
	}
	if err := os.WriteFile(name, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnArchiveThatDoesNotTellIsNotBelieved(t *testing.T) {
	levels := map[string]sandbox.PluginOptions{"acme.co/guard": {Settings: settings(t, `{"level":3}`), Fuel: 1_000_000}}
	for _, c := range []struct {
		name   string
		spoil  func(s *site)
		reason string
		detail string
	}{
		{"no archive", func(s *site) { os.RemoveAll(filepath.Join(s.dir, "archive", "sets")) }, replay.ReasonSetUnknown, "sha256:"},
		{"a module is missing", func(s *site) { os.Remove(s.files("sha256")[0]) }, replay.ReasonMissing, "no such file"},
		{"a module was altered", func(s *site) { edit(s.t, s.guardFile(), "1.0.0", "1.0.1") }, replay.ReasonAltered, "the file was altered"},
		{"a module is a link", func(s *site) {
			name := s.guardFile()
			os.Rename(name, name+".moved")
			os.Symlink(name+".moved", name)
		}, replay.ReasonMissing, ""},
		{"other settings", func(s *site) { edit(s.t, s.files("sets")[0], `"level":3`, `"level":4`) }, replay.ReasonAltered, "comes out as"},
		{"settings that it does not take", func(s *site) { edit(s.t, s.files("sets")[0], `"level":3`, `"level":""`) }, replay.ReasonBroken, "settings"},
		{"other fuel", func(s *site) { edit(s.t, s.files("sets")[0], `1000000`, `1000001`) }, replay.ReasonAltered, "comes out as"},
		{"another configuration", func(s *site) { edit(s.t, s.files("sets")[0], `sha256:c`, `sha256:d`) }, replay.ReasonAltered, "comes out as"},
		{"a judge left out", func(s *site) { leaveOut(s.t, s.files("sets")[0]) }, replay.ReasonAltered, "comes out as"},
		{"another set's file", func(s *site) { edit(s.t, s.files("sets")[0], `"set":"sha256:`, `"set":"sha256:0`) }, replay.ReasonAltered, "another set"},
		{"no JSON", func(s *site) { edit(s.t, s.files("sets")[0], `{`, `{{`) }, replay.ReasonAltered, "invalid character"},
		{"a member nobody knows", func(s *site) { edit(s.t, s.files("sets")[0], `{`, `{"x":1,`) }, replay.ReasonAltered, "unknown field"},
		{"of a later version", func(s *site) { edit(s.t, s.files("sets")[0], `"version":1`, `"version":2`) }, replay.ReasonBroken, "version 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, sandbox.Options{ConfigDigest: "sha256:config", Plugins: levels})
			s.load([]sandbox.Module{{Path: "guard.wasm", Wasm: guard("acme.co/guard", "1.0.0", finding("deny", "never"))}}, house)
			s.decide(request("read", "alice"))
			c.spoil(s)
			report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{})})
			n := report.NotReplayed
			if len(n) != 1 || n[0].Reason != c.reason || !strings.Contains(n[0].Detail, c.detail) || report.Unreplayed != 1 {
				t.Errorf("got %s, want %s: …%s…", asJSON(t, report), c.reason, c.detail)
			}
			if report.Differs() != (c.reason == replay.ReasonAltered) {
				t.Errorf("an audit says %v", report.Differs())
			}
		})
	}
}

// guardFile is the plugin's file in the archive.
func (s *site) guardFile() string {
	for _, name := range s.files("sha256") {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "acme.co/guard") {
			return name
		}
	}
	s.t.Fatal("the plugin is not archived")
	return ""
}

// leaveOut takes the last module out of a set's file.
func leaveOut(t testing.TB, name string) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	from := strings.LastIndex(string(text), `},{`) + 1
	to := strings.Index(string(text), `}],`) + 1
	if err := os.WriteFile(name, append(text[:from:from], text[to:]...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func settings(t testing.TB, text string) abi.Value {
	t.Helper()
	v, err := abi.ReadValue(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWhatCannotBeTriedIsRefused(t *testing.T) {
	engine := newEngine(t, sandbox.Options{Plugins: map[string]sandbox.PluginOptions{"acme.co/quiet": {Mode: sandbox.ModeMonitor}}})
	quiet := guard("acme.co/quiet", "1.0.0", finding("deny", "never"))
	quietly := sandbox.Module{Path: "quiet.wasm", Wasm: quiet}
	for _, c := range []struct {
		name string
		set  *sandbox.Set
		want string
	}{
		{"monitored", load(t, engine, []sandbox.Module{quietly}), "mode monitor"},
		{"two versions", load(t, newEngine(t, sandbox.Options{}), []sandbox.Module{
			{Path: "a.wasm", Wasm: guard("acme.co/a", "1.0.0", finding("deny", "a"))},
			{Path: "b.wasm", Wasm: guard("acme.co/a", "2.0.0", finding("deny", "b"))},
		}), "versions 1.0.0 and 2.0.0"},
		{"stopped", load(t, newEngine(t, sandbox.Options{}), []sandbox.Module{
			{Path: "a.wasm", Wasm: guard("acme.co/a", "1.0.0", finding("deny", "a")), Absent: "its key is revoked"},
		}), "must not run"},
		{"nothing at all", load(t, newEngine(t, sandbox.Options{}), nil), "no rules"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(c.set.Release)
			if _, _, err := replay.Try(c.set, "x"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
		})
	}
}

// TestTheArchiveMakesEverySetAgain adopts sets of all kinds of judges and makes every decision again from the archive alone.
func TestTheArchiveMakesEverySetAgain(t *testing.T) {
	options := map[string]sandbox.PluginOptions{
		"acme.co/guard": {Settings: settings(t, `{"level":3}`), Fuel: 1_000_000, OnLapse: "abstain"},
		"acme.co/quiet": {Mode: sandbox.ModeMonitor},
	}
	s := newSite(t, sandbox.Options{ConfigDigest: "sha256:config", Plugins: options})
	strict := guard("acme.co/guard", "1.0.0", finding("warn", "noted"))
	quiet := sandbox.Module{Path: "quiet.wasm", Wasm: guard("acme.co/quiet", "1.0.0", finding("deny", "never"))}
	for _, modules := range [][]sandbox.Module{
		{{Path: "guard.wasm", Wasm: strict}, quiet},
		{{Path: "guard.wasm", Wasm: strict, Tag: "active"}, quiet},
		{{Path: "guard.wasm", Wasm: strict, Absent: "its key is revoked"}, quiet},
		{{Path: "guard.wasm", Wasm: strict}, {Path: "g2.wasm", Wasm: guard("acme.co/guard", "2.0.0", finding("warn", "other"))}, quiet},
		{{Path: "guard.wasm", Wasm: guard("acme.co/guard", "1.0.0", `not json`)}, quiet},
	} {
		s.load(modules, house, "version: \"1.0\"\nname: other\nmode: monitor\nrules:\n  - name: a\n    limit: 2/hour\n")
		for i := range 6 {
			s.decide(request([]string{"read", "write", "delete"}[i%3], "alice"))
		}
	}
	report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{})})
	if report.Replayed != 30 || report.Identical != 30 || report.Sets != 5 || report.Differs() {
		t.Errorf("got %s", asJSON(t, report))
	}
}

func TestACandidateTakesThePlaceOfItsName(t *testing.T) {
	s := newSite(t, sandbox.Options{})
	s.load([]sandbox.Module{{Path: "guard.wasm", Wasm: guard("acme.co/guard", "1.0.0", finding("warn", "noted"))}}, house)
	for i := range 10 {
		s.decide(request([]string{"read", "delete"}[i%2], []string{"alice", "bob"}[i/5]))
	}
	engine := newEngine(t, sandbox.Options{})
	set := load(t, engine, []sandbox.Module{{Path: "v2.wasm", Wasm: guard("acme.co/guard", "2.0.0", finding("deny", "never"))}})
	defer set.Release()
	candidates, instead, err := replay.Try(set, "v2.wasm")
	if err != nil {
		t.Fatal(err)
	}
	report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{Instead: instead}), Candidates: candidates})
	if report.Changes != (replay.Changes{NewlyDenied: 5, OtherRule: 5}) || report.Replayed != 10 || report.Mode != "candidate" {
		t.Errorf("got %s", asJSON(t, report))
	}
	if len(report.Rules) != 2 || report.Rules[0].Was.Decision != "allow" || report.Rules[1].Now.Policy != "acme.co/guard" {
		t.Errorf("by rule: %s", asJSON(t, report.Rules))
	}
	if a := report.Agents; len(a) != 2 || a[0].Name != "alice" || a[0].Changes.NewlyDenied != 3 || a[1].Changes.NewlyDenied != 2 {
		t.Errorf("by agent: %s", asJSON(t, report.Agents))
	}
	if first := report.Samples[0]; first.Change != replay.NewlyDenied || first.Place != "0/10" || first.Was.Rule != "reads" || first.Now.Rule != "never" {
		t.Errorf("first sample: %s", asJSON(t, first))
	}
}

func TestADigestThatIsNoneIsNoSet(t *testing.T) {
	s := newSite(t, sandbox.Options{})
	s.load(nil, house)
	past := s.past(replay.PastOptions{})
	for _, digest := range []string{"", "sha256:../../x", "md5:00", "sha256:" + strings.Repeat("A", 64), "sha256:" + strings.Repeat("0", 64)} {
		var u *replay.Unavailable
		if _, err := past(t.Context(), digest); !errors.As(err, &u) || u.Reason != replay.ReasonSetUnknown {
			t.Errorf("%q: %v", digest, err)
		}
	}
}

// TestPoliciesThatAnotherVersionCompiledDecideAgain has a set whose policy does not compile here to the module that decided.
func TestPoliciesThatAnotherVersionCompiledDecideAgain(t *testing.T) {
	s := newSite(t, sandbox.Options{})
	m, err := policy.Compile(parse(t, house)[0])
	if err != nil {
		t.Fatal(err)
	}
	older := wasm.AppendCustom(m.Wasm, "compiler", []byte("an older one"))
	sum := sha256.Sum256(older)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	if err := os.WriteFile(filepath.Join(s.dir, "archive", "sha256", hex.EncodeToString(sum[:])), older, 0o600); err != nil {
		t.Fatal(err)
	}
	s.load([]sandbox.Module{{Path: "house.wasm", Wasm: older, As: digest}})
	if v := s.decide(request("read", "alice")); v.Judges[0].Digest != digest {
		t.Fatalf("its judge is %+v", v.Judges[0])
	}
	report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{})})
	if report.Identical != 1 || report.Recompiled != 1 || report.Differs() {
		t.Errorf("got %s", asJSON(t, report))
	}
}

// TestACandidateHasTheSettingsOfWhatItReplaces looks at the judge that a candidate becomes.
func TestACandidateHasTheSettingsOfWhatItReplaces(t *testing.T) {
	was := settings(t, `{"level":3}`)
	s := newSite(t, sandbox.Options{Plugins: map[string]sandbox.PluginOptions{"acme.co/guard": {Settings: was, Mode: sandbox.ModeMonitor}}})
	old := s.load([]sandbox.Module{{Path: "v1.wasm", Wasm: guard("acme.co/guard", "1.0.0", finding("warn", "noted"))}}, house)
	next := sandbox.Module{Path: "v2.wasm", Wasm: guard("acme.co/guard", "2.0.0", finding("deny", "never"))}
	judged := func(o replay.PastOptions) abi.Judged {
		o.Instead = []replay.Instead{{Name: "acme.co/guard", Module: next}}
		set, err := s.past(o)(t.Context(), old.Digest())
		if err != nil {
			t.Fatal(err)
		}
		defer set.Release()
		if set.Len() != 2 {
			t.Errorf("the set has %d judges, want the candidate and the policy", set.Len())
		}
		return set.Judge(0).Info()
	}
	before := old.Judge(0).Info()
	same := judged(replay.PastOptions{})
	if same.Version != "2.0.0" || same.Monitored || same.SettingsDigest != before.SettingsDigest {
		t.Errorf("it is %+v in the place of %+v", same, before)
	}
	other := judged(replay.PastOptions{Settings: map[string]abi.Value{"acme.co/guard": settings(t, `{"level":4}`)}})
	if other.SettingsDigest == before.SettingsDigest {
		t.Errorf("its settings are %s still", other.SettingsDigest)
	}
	p := replay.NewPast(s.archive, replay.PastOptions{
		Instead: []replay.Instead{{Name: "acme.co/guard", Module: next}}, Settings: map[string]abi.Value{"acme.co/guard": settings(t, `{"level":"x"}`)},
	})
	defer p.Close()
	var u *replay.Unavailable
	if _, err := p.Set(t.Context(), old.Digest()); !errors.As(err, &u) || u.Reason != replay.ReasonBroken {
		t.Errorf("settings that it does not take: %v", err)
	}
}
