package release_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/identity"
	"agentmesh/host/release"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// t0 is when the stories of these tests begin.
func t0() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) }

const day = 24 * time.Hour

// keyOf gives the same key for the same name, made once: making them is what takes time.
var keyOf = sync.OnceValue(func() func(string) *identity.PrivateKey {
	var mu sync.Mutex
	made := map[string]*identity.PrivateKey{}
	return func(name string) *identity.PrivateKey {
		mu.Lock()
		defer mu.Unlock()
		if made[name] == nil {
			seed := []byte(strings.Repeat(name+"/", identity.SeedSize))[:identity.SeedSize]
			seed[0] ^= 0x55
			k, err := identity.FromSeed(seed)
			if err != nil {
				panic(err)
			}
			made[name] = k
		}
		return made[name]
	}
})

func key(name string) *identity.PrivateKey { return keyOf()(name) }
func id(name string) identity.KeyID        { return key(name).Public().ID() }

func role(threshold int, names ...string) release.Role {
	r := release.Role{Threshold: threshold}
	for _, n := range names {
		r.Keys = append(r.Keys, id(n))
	}
	return r
}

// acme is a root of three owners, two of whom must sign; ann, bob and cid sign for acme/*, dan for acme/solo, ida indexes.
func acme() *release.Root {
	r := &release.Root{
		Name: "acme", Version: 1, Issued: t0(), Expires: t0().Add(365 * day),
		Root: role(2, "ann", "bob", "cid"), Scopes: []release.Scope{
			{Prefix: "acme/*", Role: role(2, "ann", "bob", "cid")},
			{Prefix: "acme/solo", Role: role(1, "dan")},
		},
	}
	index := role(1, "ida")
	r.Index = &index
	for _, name := range []string{"ann", "bob", "cid", "dan", "ida"} {
		r.Keys = append(r.Keys, release.RootKey{Key: key(name).Public(), Owner: name})
	}
	return r
}

func signed(t testing.TB, e release.Envelope, names ...string) release.Envelope {
	t.Helper()
	for _, n := range names {
		if err := e.Sign(key(n)); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func text(e release.Envelope) []byte { return release.AppendEnvelope(nil, &e) }

// module is a small module with a manifest; what differs in more differs in its bytes.
func module(name, version string, more ...string) []byte {
	manifest := fmt.Sprintf(`{"name":%q,"version":%q,"kind":"policy","abi":1,"effects":["deny"]%s}`, name, version, strings.Join(more, ""))
	return wasm.AppendCustom([]byte("\x00asm\x01\x00\x00\x00"), abi.SectionManifest, []byte(manifest))
}

func statement(t testing.TB, module []byte) release.Statement {
	t.Helper()
	s, err := release.StatementOf(module)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func attest(t testing.TB, module []byte, names ...string) release.Envelope {
	t.Helper()
	s := statement(t, module)
	return signed(t, s.Envelope(), names...)
}

func entry(t testing.TB, module []byte) release.Entry {
	t.Helper()
	e, err := release.EntryOf(module, "")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func index(version int64, entries ...release.Entry) *release.Index {
	return &release.Index{Root: "acme", Version: version, Issued: t0(), Expires: t0().Add(7 * day), Entries: entries}
}

// site is a machine that trusts acme.
type site struct {
	*release.Trust
	t   testing.TB
	dir string
	now time.Time
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: t0().Add(time.Hour)}
	s.reopen()
	e := signed(t, envelopeOf(acme()), "ann", "bob")
	if _, err := s.AddRoot(text(e), e.Digest()); err != nil {
		t.Fatal(err)
	}
	return s
}

func envelopeOf(r *release.Root) release.Envelope { return r.Envelope() }

func (s *site) reopen() {
	s.t.Helper()
	trust, err := release.Open(s.dir, release.Options{Now: func() time.Time { return s.now }})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Trust = trust
}

// takes updates the index with what is signed by ida.
func (s *site) takes(x *release.Index) {
	s.t.Helper()
	if err := s.offer(x, "ida"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) offer(x *release.Index, signers ...string) error {
	s.t.Helper()
	return s.Update(context.Background(), nil, text(signed(s.t, x.Envelope(), signers...)))
}

func (s *site) check(module []byte, es ...release.Envelope) (release.Decision, error) {
	return s.Check(release.Candidate{Module: module, Envelopes: es, New: true})
}

// wants holds the code of an error; empty: no error.
func wants(t testing.TB, err error, code abi.Code) {
	t.Helper()
	if got := release.CodeOf(err); got != code || (code == "") != (err == nil) {
		t.Errorf("got %v, want code %q", err, code)
	}
}

func versioned(module []byte, t testing.TB) release.Versioned {
	s := statement(t, module)
	return release.Versioned{Name: s.Name, Version: s.Version, Wasm: s.Wasm}
}

func TestTwoOfThreeSignersVouch(t *testing.T) {
	s := newSite(t)
	m := module("acme/rules", "1.0.0")
	s.takes(index(1, entry(t, m)))
	d, err := s.check(m, attest(t, m, "ann", "cid"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Root != "acme" || d.Threshold != 2 || d.IndexVersion != 1 || !slices.Equal(slices.Sorted(slices.Values(d.Owners)), []string{"ann", "cid"}) {
		t.Errorf("got %+v", d)
	}
	apart := []release.Envelope{attest(t, m, "ann"), attest(t, m, "bob")}
	if _, err := s.check(m, apart...); err != nil {
		t.Errorf("signatures made apart do not add up: %v", err)
	}
}
