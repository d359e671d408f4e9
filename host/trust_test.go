package host_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"agentmesh/host"
	"agentmesh/host/api"
	"agentmesh/host/identity"
	"agentmesh/host/ledger"
	"agentmesh/host/oci"
	"agentmesh/host/release"
	"agentmesh/host/rollout"
	"agentmesh/pdk/abi"
)

const readCall = `{"agent":{"name":"a"},"action":{"type":"read","tool":"read_file"}}`

// signedSite is a site with a plugin in a folder that needs signatures; it returns the plugin's file.
func signedSite(t *testing.T) (s *site, module string) {
	t.Helper()
	s = pluginSite(t)
	s.config.Dirs.Plugins, s.config.Trust.AllowUnsigned = s.config.Trust.AllowUnsigned, nil
	return s, filepath.Join(s.config.Dirs.Plugins[0], "guard.wasm")
}

// sign writes the signatures of keys beside a module.
func sign(t *testing.T, module string, keys ...*identity.PrivateKey) {
	t.Helper()
	e := attested(t, module, keys...)
	if err := release.WriteBeside(module, e); err != nil {
		t.Fatal(err)
	}
}

func attested(t *testing.T, module string, keys ...*identity.PrivateKey) release.Envelope {
	t.Helper()
	text, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	what, err := release.StatementOf(text)
	if err != nil {
		t.Fatal(err)
	}
	e := what.Envelope()
	signAll(t, &e, keys...)
	return e
}

func signAll(t *testing.T, e *release.Envelope, keys ...*identity.PrivateKey) []byte {
	t.Helper()
	for _, k := range keys {
		if err := e.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	return release.AppendEnvelope(nil, e)
}

func newKey(t *testing.T) *identity.PrivateKey {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// localKey is the key of the site's own trust root.
func localKey(t *testing.T, s *site) *identity.PrivateKey {
	t.Helper()
	keys, err := identity.OpenKeys(s.state.KeyDir())
	if err != nil {
		t.Fatal(err)
	}
	k, _, err := trustOf(t, s).Local(keys)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func trustOf(t *testing.T, s *site) *release.Trust {
	t.Helper()
	trust, err := release.Open(s.state.TrustDir(), release.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// entries are the bodies of a site's ledger entries of one kind.
func entries(t *testing.T, s *site, kind string) (bodies []string) {
	t.Helper()
	for r, err := range ledger.NewReader(s.state.LedgerDir(), nil).Records(t.Context(), ledger.Filter{Kind: kind, OldestFirst: true}) {
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(r.Body))
	}
	return bodies
}

func TestUntrustedModulesDoNotStart(t *testing.T) {
	for _, c := range []struct {
		name, code, mend string
		prepare          func(t *testing.T, s *site, module string)
	}{
		{"nobody signed", "unsigned", "agentmesh plugin sign", func(*testing.T, *site, string) {}},
		{"a stranger signed", "untrusted_root", "trust-root add", func(t *testing.T, _ *site, module string) { sign(t, module, newKey(t)) }},
		{"changed after it was signed", "digest_mismatch", "", func(t *testing.T, s *site, module string) {
			sign(t, module, localKey(t, s))
			appendTo(t, module, "\x00\x05\x04late") // another custom section
		}},
		{"what should be signatures is none", "envelope_invalid", "", func(t *testing.T, _ *site, module string) {
			if err := os.WriteFile(module+release.BesideEnd, []byte("signed, honestly"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, module := signedSite(t)
			c.prepare(t, s, module)
			h, err := host.Open(t.Context(), s.state, s.config, host.Options{})
			if err == nil {
				t.Fatal("opened", h.Close())
			}
			for _, want := range []string{"guard.wasm", c.code, c.mend} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
			if got := entries(t, s, ledger.KindTrust); len(got) != 1 || !strings.Contains(got[0], `"code":"`+c.code+`"`) {
				t.Errorf("trust entries %q, want the refusal", got)
			}
		})
	}
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(old, text...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatThisMachineSignedRuns(t *testing.T) {
	s, module := signedSite(t)
	sign(t, module, localKey(t, s))
	h := s.open(t)
	if v := h.Decide(t.Context(), request(t, readCall)); v.Decision != abi.Deny || v.Rule != "never" {
		t.Errorf("verdict %+v", v)
	}
	if got := h.Status(); !slices.Equal(got.Trust, []string{"local"}) || len(got.Reasons) != 0 {
		t.Errorf("status %+v, want trust by local and nothing to complain of", got)
	}
	if got := entries(t, s, ledger.KindSet); len(got) != 1 || !strings.Contains(got[0], `"trust":"local"`) {
		t.Errorf("set entries %q, want who vouches", got)
	}
}

// TestASignatureThatComesLater: a module that nobody had signed joins the running host when somebody does.
func TestASignatureThatComesLater(t *testing.T) {
	s, module := signedSite(t)
	aside := module + ".aside" // no module by its name
	if err := os.Rename(module, aside); err != nil {
		t.Fatal(err)
	}
	h := s.open(t)
	if err := os.Rename(aside, module); err != nil {
		t.Fatal(err)
	}
	broken := func() bool {
		return slices.ContainsFunc(h.Status().Reasons, func(r api.Reason) bool { return r.Code == "policy_broken" && strings.Contains(r.Message, "unsigned") })
	}
	eventually(t, "an unsigned module is complained of", broken)
	if v := h.Decide(t.Context(), request(t, readCall)); v.Decision != abi.Allow {
		t.Errorf("verdict by the last good rules: %+v", v)
	}
	sign(t, module, localKey(t, s))
	eventually(t, "the signed module decides", func() bool { return h.Decide(t.Context(), request(t, readCall)).Rule == "never" })
}

func TestAllowUnsignedSaysSo(t *testing.T) {
	s := pluginSite(t)
	h := s.open(t)
	got := h.Status()
	if !slices.Equal(got.Trust, []string{"unsigned"}) || len(got.Reasons) != 1 || got.Reasons[0].Code != "unsigned_wasm" {
		t.Errorf("status %+v", got)
	}
	if sets := entries(t, s, ledger.KindSet); len(sets) != 1 || !strings.Contains(sets[0], "--allow-unsigned") || !strings.Contains(sets[0], `"trust":"unsigned"`) {
		t.Errorf("set entries %q", sets)
	}
}

// TestAllowUnsignedIsNotForNamesOfOthers: what a folder for development holds does not decide in place of what the owners of a
// name have signed, whoever signed it.
func TestAllowUnsignedIsNotForNamesOfOthers(t *testing.T) {
	for name, prepare := range map[string]func(s *site, p *publisher, module string){
		"nobody signed":       func(*site, *publisher, string) {},
		"a stranger signed":   func(_ *site, _ *publisher, module string) { sign(t, module, newKey(t)) },
		"this machine signed": func(s *site, _ *publisher, module string) { sign(t, module, localKey(t, s)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := pluginSite(t)
			module := filepath.Join(s.config.Trust.AllowUnsigned[0], "guard.wasm")
			p, _ := newPublisher(t, module)
			prepare(s, p, module)
			adopted(t, s, p)
			h, err := host.Open(t.Context(), s.state, s.config, host.Options{})
			if err == nil {
				t.Fatal("opened", h.Close())
			}
			for _, want := range []string{"guard.wasm", "--allow-unsigned is not for names that root acme speaks for", "a name of its own"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
		})
	}
}

// publisher is a foreign trust root of one key, whose index stands in a registry.
type publisher struct {
	key    *identity.PrivateKey
	second *identity.PrivateKey
	root   *release.Root
	index  *release.Index
	chain  [][]byte
	ref    oci.Reference
	client *oci.Client
}

func newPublisher(t *testing.T, module string) (*publisher, *atomic.Bool) {
	t.Helper()
	down := &atomic.Bool{}
	shelf := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		shelf.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p := &publisher{key: newKey(t), second: newKey(t)}
	var err error
	if p.ref, err = oci.ParseReference("oci://" + strings.TrimPrefix(server.URL, "http://") + "/acme/index:latest"); err != nil {
		t.Fatal(err)
	}
	if p.client, err = oci.New(oci.Options{Retries: -1}); err != nil {
		t.Fatal(err)
	}
	role := release.Role{Threshold: 1, Keys: []identity.KeyID{p.key.Public().ID()}}
	both := release.Role{Threshold: 1, Keys: []identity.KeyID{p.key.Public().ID(), p.second.Public().ID()}}
	now := time.Now().UTC().Truncate(time.Second)
	p.root = &release.Root{
		Name: "acme", Version: 1, Issued: now, Expires: now.Add(time.Hour), Source: p.ref.String(),
		Keys: []release.RootKey{{Key: p.key.Public(), Owner: "ann"}, {Key: p.second.Public(), Owner: "bob"}},
		Root: role, Index: &role, Scopes: []release.Scope{{Prefix: "acme.co/*", Role: both}},
	}
	e := p.root.Envelope()
	p.chain = [][]byte{signAll(t, &e, p.key)}
	text, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := release.EntryOf(text, "")
	if err != nil {
		t.Fatal(err)
	}
	p.index = &release.Index{Root: "acme", Version: 1, Issued: now, Expires: now.Add(time.Hour), Entries: []release.Entry{entry}}
	return p, down
}

// publish puts index and chain where operators follow them.
func (p *publisher) publish(t *testing.T) {
	t.Helper()
	e := p.index.Envelope()
	if _, err := p.client.PushIndex(t.Context(), p.ref, oci.RuleIndex{Index: signAll(t, &e, p.key), Chain: p.chain}); err != nil {
		t.Fatal(err)
	}
}

// rotate publishes a root that changes something.
func (p *publisher) rotate(t *testing.T, change func(*release.Root)) {
	t.Helper()
	p.root.Version++
	change(p.root)
	e := p.root.Envelope()
	p.chain = append(p.chain, signAll(t, &e, p.key))
	p.index.Version++
	p.publish(t)
}

// adopted makes the site trust the publisher as it is now.
func adopted(t *testing.T, s *site, p *publisher) {
	t.Helper()
	trust := trustOf(t, s)
	first, err := release.ReadEnvelope(p.chain[0])
	if err == nil {
		_, err = trust.AddRoot(p.chain[0], first.Digest())
	}
	e := p.index.Envelope()
	if err == nil {
		err = trust.Update(t.Context(), p.chain, signAll(t, &e, p.key))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for something that another goroutine does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// TestTheIndexIsFollowed: a key that its root revokes stops what it signed while the host runs, and the absence denies; a yanked
// version goes on and is complained of; a registry that is down, or an index that is refused, changes nothing.
func TestTheIndexIsFollowed(t *testing.T) {
	s, module := signedSite(t)
	p, down := newPublisher(t, module)
	sign(t, module, p.second)
	p.publish(t)
	adopted(t, s, p)
	s.config.Trust.Poll = 20 * time.Millisecond
	h := s.open(t)
	if err := h.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func() abi.Verdict { return h.Decide(t.Context(), request(t, readCall)) }
	complains := func(code string) func() bool {
		return func() bool {
			return slices.ContainsFunc(h.Status().Reasons, func(r api.Reason) bool { return r.Code == code })
		}
	}
	if v := ask(); v.Rule != "never" {
		t.Fatalf("verdict %+v", v)
	}
	down.Store(true)
	eventually(t, "a registry that is down is complained of", complains("registry_unavailable"))
	if v := ask(); v.Rule != "never" {
		t.Errorf("verdict while the registry is down: %+v", v)
	}
	down.Store(false)
	p.index.Version, p.index.Entries[0].Yanked = 2, "it denies everything"
	p.publish(t)
	eventually(t, "a yanked version is complained of", complains("yanked"))
	if v := ask(); v.Rule != "never" {
		t.Errorf("verdict of a yanked version: %+v", v)
	}
	p.index.Version = 1
	p.publish(t)
	eventually(t, "an older index is refused", complains("index_rollback"))
	p.index.Version, p.index.Entries[0].Yanked = 3, ""
	p.rotate(t, func(r *release.Root) {
		r.Revoked = []release.Revocation{{Key: p.second.Public().ID(), Reason: "stolen"}}
		r.Keys, r.Scopes[0].Keys = r.Keys[:1], r.Scopes[0].Keys[:1]
	})
	eventually(t, "what a revoked key signed stops", func() bool { return ask().Code == abi.CodeAbsent })
	if !complains("module_stopped")() {
		t.Errorf("status %+v", h.Status())
	}
	var said []string
	for _, body := range entries(t, s, ledger.KindTrust) {
		for _, what := range []string{"index_rollback", "root_taken", "index_taken", "key_revoked"} {
			if strings.Contains(body, `"`+what+`"`) {
				said = append(said, what)
			}
		}
	}
	if diff := cmp.Diff([]string{"index_taken", "index_rollback", "root_taken", "index_taken", "key_revoked"}, said); diff != "" {
		t.Errorf("trust entries (-want +got):\n%s", diff)
	}
}

// TestARootThatIsAddedAgainIsFollowed: what was fetched before counts for nothing when it is not what is known any more, by a root
// that was removed and added or a folder that was restored.
func TestARootThatIsAddedAgainIsFollowed(t *testing.T) {
	s, module := signedSite(t)
	p, _ := newPublisher(t, module)
	sign(t, module, p.second)
	p.publish(t)
	adopted(t, s, p)
	s.config.Trust.Poll = 20 * time.Millisecond
	h := s.open(t)
	if err := h.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	trust := trustOf(t, s)
	listed := func(version int64) func() bool {
		return func() bool {
			roots, err := trust.Roots()
			return err == nil && len(roots) == 1 && roots[0].Index != nil && roots[0].Index.Version == version
		}
	}
	p.index.Version = 2
	p.publish(t)
	eventually(t, "the index is taken", listed(2))
	if err := trust.RemoveRoot("acme"); err != nil {
		t.Fatal(err)
	}
	first, err := release.ReadEnvelope(p.chain[0])
	if err == nil {
		_, err = trust.AddRoot(p.chain[0], first.Digest())
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the index of the root that was added again is taken", listed(2))
}

// TestARevokedCanaryStops: what takes part without being in force stops as well when its key is revoked; its agents are denied and
// the rest goes on.
func TestARevokedCanaryStops(t *testing.T) {
	s, module := signedSite(t)
	p, _ := newPublisher(t, module)
	p.publish(t)
	adopted(t, s, p)
	inLock(t, s, module, rollout.Promotion{To: rollout.Canary, Percent: 100}, p.second)
	h := s.open(t)
	ask := func() abi.Verdict { return h.Decide(t.Context(), request(t, readCall)) }
	if v := ask(); v.Rule != "never" {
		t.Fatalf("verdict of the canary %+v", v)
	}
	p.index.Version = 2
	p.rotate(t, func(r *release.Root) {
		r.Revoked = []release.Revocation{{Key: p.second.Public().ID(), Reason: "stolen"}}
		r.Keys, r.Scopes[0].Keys = r.Keys[:1], r.Scopes[0].Keys[:1]
	})
	if err := trustOf(t, s).Update(t.Context(), p.chain, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the canary stops", func() bool { return ask().Code == abi.CodeAbsent })
}

// inLock takes a module out of its folder and lets the lock run it.
func inLock(t *testing.T, s *site, module string, to rollout.Promotion, signers ...*identity.PrivateKey) (lock *rollout.Store) {
	t.Helper()
	signed := attested(t, module, signers...)
	text, err := os.ReadFile(module)
	if err == nil {
		err = os.Remove(module)
	}
	if err != nil {
		t.Fatal(err)
	}
	depot, err := release.OpenDepot(s.state.PluginDir())
	if err == nil {
		_, err = depot.Put(t.Context(), release.Stored{Module: text, Envelopes: []release.Envelope{signed}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if lock, err = rollout.Open(s.state.PluginDir(), rollout.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err = lock.Edit(t.Context(), func(l *rollout.Lock) (rollout.Change, error) {
		name, kind, v, err := rollout.NewVersion(text)
		if err != nil {
			return rollout.Change{}, err
		}
		if _, err := l.Stage(rollout.Newcomer{Name: name, Kind: kind, Version: v}, time.Now()); err != nil {
			return rollout.Change{}, err
		}
		to.Name, to.Version = name, v.Version
		return l.Promote(to, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// TestALostLockIsNotTakenForAnEmptyOne: a rule that denies is missed by nobody, so a lock that is gone, or older than one that was in
// force, does not come into force; the last good set stays, and no host starts without it.
func TestALostLockIsNotTakenForAnEmptyOne(t *testing.T) {
	s, module := signedSite(t)
	p, _ := newPublisher(t, module)
	adopted(t, s, p)
	lock := inLock(t, s, module, rollout.Promotion{To: rollout.Active}, p.second)
	_, err := lock.Edit(t.Context(), func(l *rollout.Lock) (rollout.Change, error) {
		return l.Pin("acme.co/guard", l.Plugins[0].Versions[0].Version, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	h := s.open(t)
	ask := func(h *host.Host) string { return h.Decide(t.Context(), request(t, readCall)).Rule }
	if got := ask(h); got != "never" {
		t.Fatalf("decided by %q", got)
	}
	newest, err := os.ReadFile(lock.File())
	if err == nil {
		err = os.Remove(lock.File())
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a lost lock is complained of", func() bool {
		return slices.ContainsFunc(h.Status().Reasons, func(r api.Reason) bool { return strings.Contains(r.Message, "revision 2 was in force here") })
	})
	if got := ask(h); got != "never" {
		t.Errorf("without the lock, decided by %q", got)
	}
	older, err := rollout.AppendLock(nil, &rollout.Lock{Revision: 1})
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"a lost lock": "", "an older one": string(older)} {
		if text != "" {
			if err := os.WriteFile(lock.File(), older, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		second, err := host.Open(t.Context(), s.state, s.config, host.Options{})
		if err == nil {
			t.Fatal("opened with", what, second.Close())
		}
		for _, want := range []string{"plugins.lock", "state_invalid", `"revision": 3`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want it to say %q", what, err, want)
			}
		}
	}
	if err := os.WriteFile(lock.File(), newest, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lock that was put back is taken", func() bool { return len(h.Status().Reasons) == 0 })
	begun := []byte(`{"version": 1, "revision": 3, "plugins": []}`)
	if err := os.WriteFile(lock.File(), begun, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a lock that was begun anew is taken", func() bool { return ask(h) != "never" })
}

// TestASignatureThatIsPulledLaterLetsAStoppedModuleGoOn: whom a revocation stopped is signed anew, and the host that runs takes it up.
func TestASignatureThatIsPulledLaterLetsAStoppedModuleGoOn(t *testing.T) {
	s, module := signedSite(t)
	p, _ := newPublisher(t, module)
	adopted(t, s, p)
	text, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(t.TempDir(), "guard.wasm")
	if err := os.WriteFile(aside, text, 0o600); err != nil {
		t.Fatal(err)
	}
	inLock(t, s, module, rollout.Promotion{To: rollout.Active}, p.second)
	h := s.open(t)
	ask := func() abi.Verdict { return h.Decide(t.Context(), request(t, readCall)) }
	p.rotate(t, func(r *release.Root) {
		r.Revoked = []release.Revocation{{Key: p.second.Public().ID(), Reason: "stolen"}}
		r.Keys, r.Scopes[0].Keys = r.Keys[:1], r.Scopes[0].Keys[:1]
	})
	if err := trustOf(t, s).Update(t.Context(), p.chain, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the module stops", func() bool { return ask().Code == abi.CodeAbsent })
	depot, err := release.OpenDepot(s.state.PluginDir())
	if err == nil {
		_, err = depot.Put(t.Context(), release.Stored{Module: text, Envelopes: []release.Envelope{attested(t, aside, p.key)}})
	}
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the module goes on", func() bool { return ask().Rule == "never" })
}

// TestAPinHoldsForFoldersToo: no other version decides, wherever it lies.
func TestAPinHoldsForFoldersToo(t *testing.T) {
	s, module := signedSite(t)
	p, _ := newPublisher(t, module)
	text, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(s.config.Dirs.Plugins[0], "newer.wasm")
	if err := os.WriteFile(newer, []byte(strings.Replace(string(text), `"1.0.0"`, `"1.0.1"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := os.ReadFile(newer)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := release.EntryOf(changed, "")
	if err != nil {
		t.Fatal(err)
	}
	p.index.Entries = append(p.index.Entries, entry)
	adopted(t, s, p)
	sign(t, newer, p.second)
	lock := inLock(t, s, module, rollout.Promotion{To: rollout.Active}, p.second)
	pin := func(version string) {
		t.Helper()
		_, err := lock.Edit(t.Context(), func(l *rollout.Lock) (rollout.Change, error) { return l.Pin("acme.co/guard", version, "") })
		if err != nil {
			t.Fatal(err)
		}
	}
	pin("1.0.0")
	h, err := host.Open(t.Context(), s.state, s.config, host.Options{})
	if err == nil {
		t.Fatal("opened", h.Close())
	}
	for _, want := range []string{"newer.wasm", "pins the plugin to 1.0.0", "--none"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	pin("")
	if got := s.open(t).Decide(t.Context(), request(t, readCall)); got.Judges[0].Version != "1.0.1" {
		t.Errorf("without a pin, %+v decides", got.Judges[0])
	}
}
