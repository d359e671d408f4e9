package release_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agentmesh/host/identity"
	"agentmesh/host/release"
	"agentmesh/pdk/abi"
)

// ran is the check of a module that is in force already.
func (s *site) ran(module []byte, es ...release.Envelope) (release.Decision, error) {
	return s.Check(release.Candidate{Module: module, Envelopes: es})
}

// adopted is a site where solo runs, vouched for by dan.
func adopted(t *testing.T) (*site, release.Envelope) {
	t.Helper()
	s := newSite(t)
	s.takes(listing(t, 5, nil))
	if err := s.Adopt([]release.Versioned{versioned(solo(), t)}); err != nil {
		t.Fatal(err)
	}
	return s, attest(t, solo(), "dan")
}

// TestAnExpiredIndex: nothing new, what runs goes on with a warning, also over a restart; after MaxStale it must stop.
func TestAnExpiredIndex(t *testing.T) {
	s, e := adopted(t)
	epoch := s.Epoch()
	s.now = t0().Add(7 * day)
	if s.Epoch() == epoch {
		t.Error("the epoch is the same after the index has expired")
	}
	s.reopen()
	d, err := s.ran(solo(), e)
	if err != nil || len(d.Warnings) != 1 {
		t.Errorf("what runs: %+v, %v", d.Warnings, err)
	}
	_, err = s.ran(pair(), attest(t, pair(), "ann", "bob"))
	wants(t, err, release.CodeIndexExpired) // it never ran, whatever the caller says
	if p := s.Status(nil).Problems; len(p) != 1 || p[0].Code != release.CodeIndexExpired {
		t.Errorf("status: %+v", p)
	}
	epoch = s.Epoch()
	s.now = t0().Add((7 + 14) * day)
	if s.Epoch() == epoch {
		t.Error("the epoch is the same after the index has become stale")
	}
	_, err = s.ran(solo(), e)
	wants(t, err, release.CodeIndexStale)
	stops(t, err, true)
	if p := s.Status(nil).Problems; len(p) != 1 || p[0].Code != release.CodeIndexStale {
		t.Errorf("status: %+v", p)
	}
}

func stops(t *testing.T, err error, want bool) {
	t.Helper()
	var r interface{ Stops() bool }
	if !errors.As(err, &r) || r.Stops() != want {
		t.Errorf("%v: want Stops() = %v", err, want)
	}
}

func TestAnExpiredRoot(t *testing.T) {
	s, e := adopted(t)
	s.takes(listing(t, 6, func(x *release.Index) { x.Expires = t0().Add(1000 * day) }))
	s.now = t0().Add(366 * day)
	d, err := s.ran(solo(), e)
	if err != nil || len(d.Warnings) != 1 {
		t.Errorf("what runs: %+v, %v", d.Warnings, err)
	}
	s.now = t0().Add((365 + 14) * day)
	_, err = s.ran(solo(), e)
	wants(t, err, release.CodeRootExpired)
	stops(t, err, true)
}

// TestARevokedKey: its modules stop at once; those that others signed too go on.
func TestARevokedKey(t *testing.T) {
	s, e := adopted(t)
	both := attest(t, pair(), "ann", "bob", "cid")
	if err := s.Adopt([]release.Versioned{versioned(pair(), t)}); err != nil {
		t.Fatal(err)
	}
	epoch := s.Epoch()
	if err := rotated(revoke("dan", "cid"), "ann", "bob")(t, s); err != nil {
		t.Fatal(err)
	}
	if s.Epoch() == epoch {
		t.Error("the epoch is the same after a revocation")
	}
	_, err := s.ran(solo(), e)
	wants(t, err, release.CodeKeyRevoked)
	stops(t, err, true)
	_, err = s.check(solo(), e)
	stops(t, err, false) // a new one is not taken, and what was in force stays
	if d, err := s.ran(pair(), both); err != nil || slices.Contains(d.Signers, id("cid")) {
		t.Errorf("two of three: %+v, %v", d, err)
	}
	_, err = s.ran(pair(), attest(t, pair(), "ann", "cid"))
	wants(t, err, release.CodeKeyRevoked)
}

// TestAYankedVersion: nothing new, what runs goes on, and the status says so.
func TestAYankedVersion(t *testing.T) {
	s, e := adopted(t)
	s.takes(listing(t, 6, func(x *release.Index) { x.Entries[0].Yanked = "blocks payroll" }))
	d, err := s.ran(solo(), e)
	if err != nil || len(d.Warnings) != 1 || !strings.Contains(d.Warnings[0], "blocks payroll") {
		t.Errorf("what runs: %+v, %v", d.Warnings, err)
	}
	p := s.Status([]release.Versioned{versioned(solo(), t)}).Problems
	if len(p) != 1 || p[0].Code != release.CodeYanked {
		t.Errorf("status: %+v", p)
	}
	if p := s.Status(nil).Problems; len(p) != 0 {
		t.Errorf("status when it does not run: %+v", p)
	}
}

// TestAPermit lets a deployment go back, and no further; what was taken up in time may stay.
func TestAPermit(t *testing.T) {
	s, _ := adopted(t)
	newer, older := versioned(module("acme/solo", "2.0.0"), t), versioned(solo(), t)
	if err := s.Adopt([]release.Versioned{newer}); err != nil {
		t.Fatal(err)
	}
	wants(t, s.Adopt([]release.Versioned{older}), release.CodeVersionRollback)
	if _, err := s.AddPermit(text(signed(t, permit(t).Envelope(), "ann", "cid"))); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckSet([]release.Versioned{newer, older}); err != nil {
		t.Errorf("both together: %v", err)
	}
	if err := s.Adopt([]release.Versioned{older}); err != nil {
		t.Fatal(err)
	}
	s.now = t0().Add(5 * day)
	s.reopen()
	if err := s.CheckSet([]release.Versioned{older}); err != nil {
		t.Errorf("after the permit has expired: %v", err)
	}
	between := versioned(module("acme/solo", "1.5.0"), t)
	wants(t, s.CheckSet([]release.Versioned{between}), release.CodeVersionRollback)
	if err := s.Adopt([]release.Versioned{newer}); err != nil {
		t.Fatal(err)
	}
}

// TestAMarkOfAYankedVersionFalls: once the index has yanked what set the mark and a permit has let the older version in, the
// next version need only be newer than that one. A stolen key can therefore not use up a plugin's versions for good.
func TestAMarkOfAYankedVersionFalls(t *testing.T) {
	s, _ := adopted(t)
	high := module("acme/solo", "999999.0.0")
	if err := s.Adopt([]release.Versioned{versioned(high, t)}); err != nil {
		t.Fatal(err)
	}
	s.takes(listing(t, 6, func(x *release.Index) {
		e := entry(t, high)
		e.Yanked = "key stolen"
		x.Entries = append(x.Entries, e)
	}))
	older, following := versioned(solo(), t), versioned(module("acme/solo", "1.1.0"), t)
	wants(t, s.CheckSet([]release.Versioned{following}), release.CodeVersionRollback)
	if _, err := s.AddPermit(text(signed(t, permit(t).Envelope(), "ann", "bob"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Adopt([]release.Versioned{older}); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckSet([]release.Versioned{following}); err != nil {
		t.Error(err)
	}
	wants(t, s.CheckSet([]release.Versioned{versioned(module("acme/solo", "0.9.0"), t)}), release.CodeVersionRollback)
}

// TestNewIndexSignersStartTheCountAgain heals a fast-forward by a stolen key, and freezes nothing: until the new signers have
// published, what runs goes on as under an expired index.
func TestNewIndexSignersStartTheCountAgain(t *testing.T) {
	s, e := adopted(t)
	s.takes(listing(t, 1_000_005, nil))
	change := func(r *release.Root) { revoke("ida")(r); x := role(1, "ann"); r.Index = &x }
	if err := rotated(change, "ann", "bob")(t, s); err != nil {
		t.Fatal(err)
	}
	d, err := s.ran(solo(), e)
	if err != nil || len(d.Warnings) != 1 {
		t.Errorf("what runs: %+v, %v", d.Warnings, err)
	}
	_, err = s.check(solo(), e)
	wants(t, err, release.CodeIndexExpired)
	at := s.now
	s.now = at.Add(14 * day)
	_, err = s.ran(solo(), e)
	wants(t, err, release.CodeIndexStale)
	s.now = at
	if err := s.offer(listing(t, 1, nil), "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.check(solo(), e); err != nil {
		t.Error(err)
	}
}

// TestARootIsFollowedStepByStep over a thousand versions, and refused where one is missing.
func TestARootIsFollowedStepByStep(t *testing.T) {
	s := newSite(t)
	var chain [][]byte
	for v := int64(1); v <= 6; v++ {
		r := acme()
		r.Version = v
		chain = append(chain, text(signed(t, r.Envelope(), "ann", "bob")))
	}
	slices.Reverse(chain)
	wants(t, s.Update(context.Background(), slices.Delete(slices.Clone(chain), 2, 3), nil), release.CodeRootVersion)
	if v := rootOf(s).Root.Version; v != 3 {
		t.Errorf("the good steps before the gap lead to version %d, want 3", v)
	}
	if err := s.Update(context.Background(), chain, nil); err != nil {
		t.Fatal(err)
	}
	if v := rootOf(s).Root.Version; v != 6 {
		t.Errorf("got version %d", v)
	}
	documents, index, err := s.Documents("acme")
	if err != nil || len(documents) != 6 || index != nil {
		t.Errorf("got %d documents, %v", len(documents), err)
	}
}

func TestACancelledUpdate(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Update(ctx, [][]byte{text(signed(t, next(nil).Envelope(), "ann", "bob"))}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestTheClosestScopeDecides, across roots: who speaks for everything does not speak for what another root names.
func TestTheClosestScopeDecides(t *testing.T) {
	s := newSite(t)
	keys, err := identity.OpenKeys(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	local, made, err := s.Local(keys)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	by := func(m []byte) release.Envelope {
		st := statement(t, m)
		e := st.Envelope()
		if err := e.Sign(local); err != nil {
			t.Fatal(err)
		}
		return e
	}
	mine := module("local/mine", "1.0.0")
	if d, err := s.check(mine, by(mine)); err != nil || d.Root != release.LocalName {
		t.Errorf("got %+v, %v", d, err)
	}
	_, err = s.check(solo(), by(solo()))
	wants(t, err, release.CodeUntrustedRoot)
	again, made, err := s.Local(keys)
	if err != nil || made || again.Public().ID() != local.Public().ID() {
		t.Errorf("the second time: made %v, %v", made, err)
	}
}

// TestAnOperatorNarrowsARoot: a root speaks for what it was added for, whatever it claims later.
func TestAnOperatorNarrowsARoot(t *testing.T) {
	s := newSite(t)
	r := umbrella()
	r.Scopes[0].Prefix = "*"
	e := signed(t, r.Envelope(), "eve")
	if _, err := s.AddRoot(text(e), e.Digest(), "umbrella/*"); err != nil {
		t.Fatal(err)
	}
	inside, outside := module("umbrella/rules", "1.0.0"), module("other/rules", "1.0.0")
	if _, err := s.check(inside, attest(t, inside, "eve")); err != nil {
		t.Error(err)
	}
	_, err := s.check(outside, attest(t, outside, "eve"))
	wants(t, err, release.CodeWrongSigner)
}

// TestForeignAttestationsAreNoHarm: what strangers staple beside the good one is passed over.
func TestForeignAttestationsAreNoHarm(t *testing.T) {
	s := newSite(t)
	s.takes(listing(t, 5, nil))
	other := module("acme/solo", "2.0.0")
	es := []release.Envelope{
		attest(t, other, "dan"), attest(t, solo(), "eve"), signed(t, index(9).Envelope(), "ida"),
		{PayloadType: release.TypeStatement, Payload: []byte("{")},
		attest(t, solo(), "dan"),
	}
	if _, err := s.check(solo(), es...); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownHintIsTriedUnderEveryKey(t *testing.T) {
	s := newSite(t)
	s.takes(listing(t, 5, nil))
	e := attest(t, solo(), "dan")
	e.Signatures[0].KeyID = ""
	if _, err := s.check(solo(), e); err != nil {
		t.Error(err)
	}
}

func TestARemovedRootVouchesNoMore(t *testing.T) {
	s, e := adopted(t)
	if err := s.RemoveRoot("acme"); err != nil {
		t.Fatal(err)
	}
	_, err := s.check(solo(), e)
	wants(t, err, release.CodeUntrustedRoot)
	wants(t, s.RemoveRoot("acme"), release.CodeUntrustedRoot)
	if _, err := os.Stat(filepath.Join(s.dir, "acme")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
	wants(t, s.CheckSet([]release.Versioned{versioned(module("acme/solo", "0.1.0"), t)}), release.CodeVersionRollback)
}

// TestTryRemembersNothing: it says what Update says, and changes nothing.
func TestTryRemembersNothing(t *testing.T) {
	s := newSite(t)
	s.takes(listing(t, 5, nil))
	before := s.Epoch()
	if err := s.Try(context.Background(), nil, text(signed(t, listing(t, 6, nil).Envelope(), "ida"))); err != nil {
		t.Error(err)
	}
	wants(t, s.Try(context.Background(), nil, text(signed(t, listing(t, 4, nil).Envelope(), "ida"))), release.CodeIndexRollback)
	if s.Epoch() != before {
		t.Error("the epoch has changed")
	}
}

func TestAForkIsKeptAsEvidence(t *testing.T) {
	s := newSite(t)
	s.takes(listing(t, 5, nil))
	wants(t, s.offer(listing(t, 5, func(x *release.Index) { x.Entries = nil }), "ida"), release.CodeIndexFork)
	s.takes(listing(t, 6, nil)) // what sweeps the folder leaves them
	kept, err := filepath.Glob(filepath.Join(s.dir, "acme", "fork-5-*.json"))
	if err != nil || len(kept) != 2 {
		t.Errorf("kept %v, %v", kept, err)
	}
}

// TestCodesAreAllListed holds the table of codes against those that the bad inputs end with.
func TestCodesAreAllListed(t *testing.T) {
	listed := map[string]bool{}
	for _, c := range release.Codes() {
		if listed[string(c.Code)] || c.Meaning == "" {
			t.Errorf("%s is there twice, or means nothing", c.Code)
		}
		listed[string(c.Code)] = true
	}
	for _, r := range refusals() {
		if c := string(r.code); !listed[c] && c != "plugin_malformed" && c != "manifest_invalid" {
			t.Errorf("%s is not in the table", r.code)
		}
	}
}

// TestADepotKeepsWhatItWasGiven, and takes names and digests from the module, not from the receipt.
func TestADepotKeepsWhatItWasGiven(t *testing.T) {
	d, err := release.OpenDepot(filepath.Join(t.TempDir(), "plugins"))
	if err != nil {
		t.Fatal(err)
	}
	lies := release.Receipt{Name: "other/name", Version: "9.9.9", Wasm: statementDigest("x"), Source: "oci://registry.example.com/acme/solo:1", Root: "acme"}
	r, err := d.Put(context.Background(), release.Stored{Module: solo(), Envelopes: []release.Envelope{attest(t, solo(), "dan")}, Receipt: lies})
	if err != nil || r.Name != "acme/solo" || r.Version != "1.0.0" || r.Source != lies.Source {
		t.Fatalf("got %+v, %v", r, err)
	}
	if _, err := d.Put(context.Background(), release.Stored{Module: solo(), Envelopes: []release.Envelope{attest(t, solo(), "ann")}, Receipt: lies}); err != nil {
		t.Fatal(err)
	}
	found, err := d.Find("acme/solo", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Get(found.Wasm)
	if err != nil || len(s.Envelopes) != 1 || len(s.Envelopes[0].Signatures) != 2 || string(s.Module) != string(solo()) {
		t.Fatalf("got %+v, %v", s, err)
	}
	if _, err := d.Find("acme/solo", "2.0.0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := d.Remove(found.Wasm); err != nil {
		t.Fatal(err)
	}
	if all, err := d.List(); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v", all, err)
	}
}

// TestABundleHoldsAllThatIsNeeded to verify on a machine that has nothing but the root's fingerprint.
func TestABundleHoldsAllThatIsNeeded(t *testing.T) {
	s, e := adopted(t)
	if err := rotated(nil, "ann", "bob")(t, s); err != nil {
		t.Fatal(err)
	}
	d, err := release.OpenDepot(filepath.Join(t.TempDir(), "plugins"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Put(context.Background(), release.Stored{Module: solo(), Envelopes: []release.Envelope{e}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bundle(d, r.Wasm)
	if err != nil || len(b.Roots) != 1 || len(b.Modules) != 1 {
		t.Fatalf("got %+v, %v", b, err)
	}
	far := &site{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: s.now}
	far.reopen()
	first := acme().Envelope()
	if _, err := far.AddRoot(b.Roots[0].Chain[0], first.Digest()); err != nil {
		t.Fatal(err)
	}
	if err := far.Update(context.Background(), b.Roots[0].Chain, b.Roots[0].Index); err != nil {
		t.Fatal(err)
	}
	if d, err := far.check(b.Modules[0].Module, b.Modules[0].Envelopes...); err != nil || d.RootVersion != 2 {
		t.Errorf("got %+v, %v", d, err)
	}
}

// TestAnotherProcessIsSeen: what one Trust takes, another that was open all the time goes by.
func TestAnotherProcessIsSeen(t *testing.T) {
	s := newSite(t)
	other, err := release.Open(s.dir, release.Options{Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	before := other.Epoch()
	s.takes(listing(t, 5, nil))
	if other.Epoch() == before {
		t.Error("the epoch is the same")
	}
	if _, err := other.Check(release.Candidate{Module: solo(), Envelopes: []release.Envelope{attest(t, solo(), "dan")}, New: true}); err != nil {
		t.Error(err)
	}
}

// TestManyAtOnce has goroutines check, look and adopt while another one updates.
func TestManyAtOnce(t *testing.T) {
	s := newSite(t)
	s.takes(listing(t, 5, nil))
	e := attest(t, solo(), "dan")
	done := make(chan error)
	const goroutines = 6
	for i := range goroutines {
		go func() {
			var err error
			for n := 0; n < 5 && err == nil; n++ {
				_, err = s.Check(release.Candidate{Module: solo(), Envelopes: []release.Envelope{e}, New: i%2 == 0})
				err = errors.Join(err, s.Adopt([]release.Versioned{{Name: "acme/p" + string(rune('a'+i)), Version: "1.0." + string(rune('0'+n)), Wasm: statementDigest("x")}}))
				s.Epoch()
				s.Status(nil)
			}
			done <- err
		}()
	}
	for v := int64(6); v < 10; v++ {
		s.takes(listing(t, v, nil))
	}
	for range goroutines {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestTheLockThatWasInForceIsRemembered over restarts, with every set that it named, and never less of it.
func TestTheLockThatWasInForceIsRemembered(t *testing.T) {
	s := newSite(t)
	seen := func(want int64) {
		t.Helper()
		s.reopen()
		if got, err := s.LockSeen(); err != nil || got != want {
			t.Errorf("seen %d (%v), want %d", got, err, want)
		}
	}
	seen(0)
	for _, step := range []struct{ revision, want int64 }{{3, 3}, {2, 3}, {0, 3}, {4, 4}} {
		if err := s.AdoptLock([]release.Versioned{versioned(solo(), t)}, step.revision); err != nil {
			t.Fatal(err)
		}
		seen(step.want)
	}
}

// TestARootDoesNotGrowIntoNamesOfAnother by a new version, which nobody here was asked about; what is its own it may divide.
func TestARootDoesNotGrowIntoNamesOfAnother(t *testing.T) {
	for name, c := range map[string]struct {
		prefix string
		only   []string
		code   abi.Code
	}{
		"a name of it":          {"eu.ai-act/oversight", nil, release.CodeRootsDisagree},
		"all its names":         {"eu.ai-act/*", nil, release.CodeRootsDisagree},
		"everything":            {"*", nil, release.CodeRootsDisagree},
		"a name that is like":   {"eu.ai-act.x/oversight", nil, ""},
		"within its own names":  {"acme/other", nil, ""},
		"what it may not claim": {"eu.ai-act/oversight", []string{"acme/*"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			if c.only != nil {
				if err := s.RemoveRoot("acme"); err != nil {
					t.Fatal(err)
				}
				e := signed(t, envelopeOf(acme()), "ann", "bob")
				if _, err := s.AddRoot(text(e), e.Digest(), c.only...); err != nil {
					t.Fatal(err)
				}
			}
			eu := &release.Root{
				Name: "eu", Version: 1, Issued: t0(), Expires: t0().Add(365 * day), Keys: []release.RootKey{{Key: key("eve").Public(), Owner: "eve"}},
				Root: role(1, "eve"), Scopes: []release.Scope{{Prefix: "eu.ai-act/*", Role: role(1, "eve")}},
			}
			e := signed(t, envelopeOf(eu), "eve")
			if _, err := s.AddRoot(text(e), e.Digest()); err != nil {
				t.Fatal(err)
			}
			grown := func(r *release.Root) {
				r.Scopes = append(r.Scopes, release.Scope{Prefix: c.prefix, Role: role(1, "ann")})
			}
			wants(t, rotated(grown, "ann", "bob")(t, s), c.code)
			roots, err := s.Roots()
			if err != nil || (roots[0].Root.Version == 1) != (c.code != "") {
				t.Errorf("acme is at version %d (%v)", roots[0].Root.Version, err)
			}
		})
	}
}
