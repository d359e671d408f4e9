package release_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentmesh/host/identity"
	"agentmesh/host/release"
	"agentmesh/pdk/abi"
)

const latticeSize = identity.SignatureSize - 64

// halves gives an envelope of one signature with its halves changed.
func halves(e release.Envelope, change func(lattice, curve []byte) []byte) release.Envelope {
	old := e.Signatures[0]
	sig := append([]byte(nil), old.Sig...)
	e.Signatures = []release.Signature{{KeyID: old.KeyID, Sig: change(sig[:latticeSize:latticeSize], sig[latticeSize:])}}
	return e
}

func spoilt(half []byte) []byte {
	out := append([]byte(nil), half...)
	out[len(out)/2] ^= 1
	return out
}

func join(lattice, curve []byte) []byte { return append(append([]byte(nil), lattice...), curve...) }

// refusal is one bad input: what is done at a site that trusts acme and has its index 5, and the code that it must end with.
type refusal struct {
	id, name string
	do       func(t *testing.T, s *site) error
	code     abi.Code
}

// solo is a module that one key, dan's, may sign; pair one that two must.
func solo() []byte { return module("acme/solo", "1.0.0") }
func pair() []byte { return module("acme/rules", "1.0.0") }

func checked(m []byte, es ...release.Envelope) func(*testing.T, *site) error {
	return func(_ *testing.T, s *site) error {
		_, err := s.check(m, es...)
		return err
	}
}

// soloWith is the check of solo under dan's signature, changed.
func soloWith(change func(t *testing.T, e release.Envelope) release.Envelope) func(*testing.T, *site) error {
	return func(t *testing.T, s *site) error {
		_, err := s.check(solo(), change(t, attest(t, solo(), "dan")))
		return err
	}
}

// refusals are the bad inputs of signatures, keys and updates, by their ids in the catalogue of bad inputs.
func refusals() []refusal {
	var all []refusal
	for _, some := range [][]refusal{halfSignatures(), wrongSigners(), wrongStatements(), oldAndForged(), wrongRoots(), wrongPermits(), wrongFiles()} {
		all = append(all, some...)
	}
	return all
}

func halfSignatures() []refusal {
	half := func(change func(lattice, curve []byte) []byte) func(*testing.T, *site) error {
		return soloWith(func(_ *testing.T, e release.Envelope) release.Envelope { return halves(e, change) })
	}
	return []refusal{
		{"S01", "only the Ed25519 half", half(func(_, curve []byte) []byte { return curve }), release.CodeHybridIncomplete},
		{"S01", "only the ML-DSA half", half(func(lattice, _ []byte) []byte { return lattice }), release.CodeHybridIncomplete},
		{"S01", "the ML-DSA half is wrong", half(func(l, c []byte) []byte { return join(spoilt(l), c) }), release.CodeHybridIncomplete},
		{"S01", "the Ed25519 half is wrong", half(func(l, c []byte) []byte { return join(l, spoilt(c)) }), release.CodeHybridIncomplete},
		{"S01", "both halves are wrong", half(func(l, c []byte) []byte { return join(spoilt(l), spoilt(c)) }), release.CodeSignatureInvalid},
		{"S02", "halves of two statements", soloWith(func(t *testing.T, e release.Envelope) release.Envelope {
			other := attest(t, module("acme/solo", "2.0.0"), "dan")
			return halves(e, func(l, _ []byte) []byte { return join(l, other.Signatures[0].Sig[latticeSize:]) })
		}), release.CodeHybridIncomplete},
		{"S02", "halves of two signers", soloWith(func(t *testing.T, e release.Envelope) release.Envelope {
			other := attest(t, solo(), "ann")
			return halves(e, func(l, _ []byte) []byte { return join(l, other.Signatures[0].Sig[latticeSize:]) })
		}), release.CodeHybridIncomplete},
		{"S03", "a signature for another purpose", soloWith(func(t *testing.T, e release.Envelope) release.Envelope {
			return foreignPurpose(t, e, identity.PurposeIndex)
		}), release.CodeSignatureInvalid},
		{"S04", "a signature of 3308 bytes", half(func(l, c []byte) []byte { return join(l, c)[1:] }), release.CodeSignatureInvalid},
		{"S04", "a signature of 3310 bytes and 64", half(func(l, c []byte) []byte { return append(join(l, c), 0) }), release.CodeSignatureInvalid},
		{"S04", "no signature at all", half(func(_, _ []byte) []byte { return []byte{0} }), release.CodeSignatureInvalid},
	}
}

// foreignPurpose signs the same bytes with dan's key for another purpose.
func foreignPurpose(t *testing.T, e release.Envelope, p identity.Purpose) release.Envelope {
	t.Helper()
	sig, err := key("dan").Sign(p, release.PAE(&e))
	if err != nil {
		t.Fatal(err)
	}
	e.Signatures = []release.Signature{{KeyID: id("dan"), Sig: sig}}
	return e
}

func wrongSigners() []refusal {
	return []refusal{
		{"S05", "a trusted key of another scope", soloWith(func(t *testing.T, _ release.Envelope) release.Envelope { return attest(t, solo(), "ann") }), release.CodeWrongSigner},
		{"S05", "the signer of indexes", soloWith(func(t *testing.T, _ release.Envelope) release.Envelope { return attest(t, solo(), "ida") }), release.CodeWrongSigner},
		{"S05", "a name out of every scope", func(t *testing.T, s *site) error {
			m := module("other/rules", "1.0.0")
			_, err := s.check(m, attest(t, m, "ann", "bob"))
			return err
		}, release.CodeWrongSigner},
		{"S05", "a name that only begins like the scope", func(t *testing.T, s *site) error {
			m := module("acme.evil/rules", "1.0.0")
			_, err := s.check(m, attest(t, m, "ann", "bob"))
			return err
		}, release.CodeWrongSigner},
		{"", "nobody", checked(solo()), release.CodeUnsigned},
		{"", "an envelope without signatures", soloWith(func(t *testing.T, e release.Envelope) release.Envelope { e.Signatures = nil; return e }), release.CodeUnsigned},
		{"", "a stranger", soloWith(func(t *testing.T, _ release.Envelope) release.Envelope { return attest(t, solo(), "eve") }), release.CodeUntrustedRoot},
		{"", "a stranger who names a trusted key", soloWith(func(t *testing.T, _ release.Envelope) release.Envelope {
			e := attest(t, solo(), "eve")
			e.Signatures[0].KeyID = id("dan")
			return e
		}), release.CodeSignatureInvalid},
		{"", "a name that nobody speaks for, by a stranger", func(t *testing.T, s *site) error {
			m := module("other/rules", "1.0.0")
			_, err := s.check(m, attest(t, m, "eve"))
			return err
		}, release.CodeUntrustedRoot},
		{"S12", "one of two signers", func(t *testing.T, s *site) error {
			_, err := s.check(pair(), attest(t, pair(), "ann"))
			return err
		}, release.CodeThresholdNotMet},
		{"S12", "one signer counted twice in one envelope", func(t *testing.T, s *site) error {
			e := attest(t, pair(), "ann")
			e.Signatures = append(e.Signatures, e.Signatures[0])
			_, err := s.check(pair(), e)
			return err
		}, release.CodeThresholdNotMet},
		{"S12", "one signer counted twice in two envelopes", func(t *testing.T, s *site) error {
			_, err := s.check(pair(), attest(t, pair(), "ann"), attest(t, pair(), "ann"))
			return err
		}, release.CodeThresholdNotMet},
		{"S12", "one signer counted twice without hints", func(t *testing.T, s *site) error {
			e, f := attest(t, pair(), "ann"), attest(t, pair(), "ann")
			e.Signatures[0].KeyID, f.Signatures[0].KeyID = "", ""
			_, err := s.check(pair(), e, f)
			return err
		}, release.CodeThresholdNotMet},
		{"", "swapped signatures", func(t *testing.T, s *site) error {
			e := attest(t, pair(), "ann", "bob")
			e.Signatures[0].KeyID, e.Signatures[1].KeyID = e.Signatures[1].KeyID, e.Signatures[0].KeyID
			_, err := s.check(pair(), e)
			return err
		}, release.CodeSignatureInvalid},
	}
}

func wrongStatements() []refusal {
	says := func(change func(*release.Statement)) func(*testing.T, *site) error {
		return func(t *testing.T, s *site) error {
			st := statement(t, solo())
			change(&st)
			_, err := s.check(solo(), signed(t, st.Envelope(), "dan"))
			return err
		}
	}
	other := statementDigest("other")
	return []refusal{
		{"S06", "a statement of another module", says(func(st *release.Statement) { st.Wasm = other }), release.CodeDigestMismatch},
		{"S06", "a statement of another manifest", says(func(st *release.Statement) { st.Manifest = other }), release.CodeDigestMismatch},
		{"S06", "the statement of another version, stapled", soloWith(func(t *testing.T, _ release.Envelope) release.Envelope {
			return attest(t, module("acme/solo", "1.0.1"), "dan")
		}), release.CodeStatementMismatch},
		{"S06", "another name", says(func(st *release.Statement) { st.Name = "acme/other" }), release.CodeStatementMismatch},
		{"S06", "another kind", says(func(st *release.Statement) { st.Kind = "reward" }), release.CodeStatementMismatch},
		{"S06", "more effects", says(func(st *release.Statement) { st.Effects = []string{"allow", "deny"} }), release.CodeStatementMismatch},
		{"S06", "another date", says(func(st *release.Statement) { st.From = "2026-01-01T00:00:00Z" }), release.CodeStatementMismatch},
		{"S06", "another publisher", says(func(st *release.Statement) { st.Publisher = "acme" }), release.CodeStatementMismatch},
		{"S06", "another abi", says(func(st *release.Statement) { st.ABI = 2 }), release.CodeStatementMismatch},
		{"", "an index in place of a statement", soloWith(func(t *testing.T, _ release.Envelope) release.Envelope {
			return signed(t, index(1).Envelope(), "dan")
		}), release.CodeStatementMismatch},
		{"", "a payload that is no JSON", soloWith(func(t *testing.T, e release.Envelope) release.Envelope {
			return signed(t, release.Envelope{PayloadType: e.PayloadType, Payload: []byte("{")}, "dan")
		}), release.CodeStatementMismatch},
		{"", "a payload with an unknown member", soloWith(func(t *testing.T, e release.Envelope) release.Envelope {
			payload := strings.Replace(string(e.Payload), `"predicateType"`, `"also":1,"predicateType"`, 1)
			return signed(t, release.Envelope{PayloadType: e.PayloadType, Payload: []byte(payload)}, "dan")
		}), release.CodeStatementMismatch},
		{"", "too many envelopes", func(t *testing.T, s *site) error {
			es := make([]release.Envelope, release.MaxEnvelopes+1)
			_, err := s.check(solo(), es...)
			return err
		}, release.CodeEnvelopeInvalid},
		{"", "a module without a manifest", checked([]byte("\x00asm\x01\x00\x00\x00")), abi.CodeManifestInvalid},
		{"", "a module that is none", checked([]byte("PK")), abi.CodePluginMalformed},
		{"", "effective dates in the wrong order", checked(module("acme/solo", "1.0.0", `,"effective_from":"2026-02-01T00:00:00Z","effective_until":"2026-01-01T00:00:00Z"`)), abi.CodeManifestInvalid},
	}
}

func statementDigest(s string) string {
	e := release.Envelope{Payload: []byte(s)}
	return e.Digest()
}

// listing is the index of the site, its version and entries changed.
func listing(t *testing.T, version int64, change func(*release.Index)) *release.Index {
	x := index(version, entry(t, solo()), entry(t, pair()))
	if change != nil {
		change(x)
	}
	return x
}

func offered(version int64, change func(*release.Index), signers ...string) func(*testing.T, *site) error {
	if signers == nil {
		signers = []string{"ida"}
	}
	return func(t *testing.T, s *site) error { return s.offer(listing(t, version, change), signers...) }
}

func oldAndForged() []refusal {
	return []refusal{
		{"S07", "two indexes of one version", offered(5, func(x *release.Index) { x.Entries = x.Entries[:1] }), release.CodeIndexFork},
		{"S08", "an older index", offered(4, nil), release.CodeIndexRollback},
		{"S08", "an older version of a plugin", func(t *testing.T, s *site) error {
			newer := versioned(module("acme/solo", "2.0.0"), t)
			if err := s.Adopt([]release.Versioned{newer}); err != nil {
				t.Fatal(err)
			}
			return s.CheckSet([]release.Versioned{versioned(solo(), t)})
		}, release.CodeVersionRollback},
		{"S09", "the highest version there is", offered(1<<63-1, nil), release.CodeFastForward},
		{"S09", "a version a million and one on", offered(5+1_000_001, nil), release.CodeFastForward},
		{"S10", "a listing of other bytes for a version", offered(6, func(x *release.Index) { x.Entries[0].Wasm = statementDigest("x") }), release.CodeVersionReused},
		{"S10", "a listing of another artifact for a version", offered(6, func(x *release.Index) { x.Entries[0].OCI = statementDigest("x") }), release.CodeVersionReused},
		{"S10", "a version that left and comes back as other bytes", func(t *testing.T, s *site) error {
			s.takes(listing(t, 6, func(x *release.Index) { x.Entries = x.Entries[:1] }))
			return s.offer(listing(t, 7, func(x *release.Index) { x.Entries[1].Wasm = statementDigest("x") }), "ida")
		}, release.CodeVersionReused},
		{"S10", "a module of another snapshot than the index", func(t *testing.T, s *site) error {
			m := module("acme/solo", "1.0.0", `,"description":"other bytes"`)
			_, err := s.check(m, attest(t, m, "dan"))
			return err
		}, release.CodeDigestMismatch},
		{"S10", "an artifact that the index does not list", func(t *testing.T, s *site) error {
			_, err := s.Check(release.Candidate{Module: solo(), Envelopes: []release.Envelope{attest(t, solo(), "dan")}, OCI: statementDigest("x"), New: true})
			return err
		}, release.CodeDigestMismatch},
		{"", "a version that the index does not list", func(t *testing.T, s *site) error {
			m := module("acme/solo", "1.1.0")
			_, err := s.check(m, attest(t, m, "dan"))
			return err
		}, release.CodeNotListed},
		{"", "a yanked version", func(t *testing.T, s *site) error {
			s.takes(listing(t, 6, func(x *release.Index) { x.Entries[0].Yanked = "blocks payroll" }))
			_, err := s.check(solo(), attest(t, solo(), "dan"))
			return err
		}, release.CodeYanked},
		{"S08", "freeze: the index expires", func(t *testing.T, s *site) error {
			s.now = t0().Add(7 * day)
			_, err := s.check(solo(), attest(t, solo(), "dan"))
			return err
		}, release.CodeIndexExpired},
		{"S08", "freeze: an expired index is offered", func(t *testing.T, s *site) error {
			s.now = t0().Add(8 * day)
			return s.offer(listing(t, 6, nil), "ida")
		}, release.CodeIndexExpired},
		{"S08", "freeze: the clock is set back", func(t *testing.T, s *site) error {
			s.now = t0().Add(10 * day)
			s.takes(listing(t, 6, func(x *release.Index) { x.Issued, x.Expires = t0().Add(9*day), t0().Add(11*day) }))
			s.now = t0()
			return s.offer(listing(t, 7, func(x *release.Index) { x.Expires = t0().Add(8 * day) }), "ida")
		}, release.CodeIndexExpired},
		{"", "an index from the future", offered(6, func(x *release.Index) { x.Issued, x.Expires = t0().Add(3*day), t0().Add(9*day) }), release.CodeIndexInvalid},
		{"", "an index of another signer", offered(6, nil, "ann"), release.CodeWrongSigner},
		{"", "an index of nobody", offered(6, nil, []string{}...), release.CodeUnsigned},
		{"", "an index of another root", offered(6, func(x *release.Index) { x.Root = "umbrella" }), release.CodeUntrustedRoot},
		{"", "an index that lists what its root does not speak for", offered(6, func(x *release.Index) { x.Entries[0].Name = "other/solo" }), release.CodeIndexInvalid},
		{"", "a version that is not semantic", offered(6, func(x *release.Index) { x.Entries[0].Version = "1.2" }), release.CodeIndexInvalid},
		{"", "an index that lists a version twice", offered(6, func(x *release.Index) { x.Entries = append(x.Entries, x.Entries[0]) }), release.CodeIndexInvalid},
		{"", "an index in a root's clothes", func(t *testing.T, s *site) error {
			e := listing(t, 6, nil).Envelope()
			e.PayloadType = release.TypeRoot
			return s.Update(context.Background(), nil, text(signed(t, e, "ida")))
		}, release.CodeIndexInvalid},
	}
}

// next is version 2 of acme, changed.
func next(change func(*release.Root)) *release.Root {
	r := acme()
	r.Version = 2
	r.Issued = t0().Add(time.Minute)
	if change != nil {
		change(r)
	}
	return r
}

func rotated(change func(*release.Root), signers ...string) func(*testing.T, *site) error {
	return func(t *testing.T, s *site) error {
		return s.Update(context.Background(), [][]byte{text(signed(t, next(change).Envelope(), signers...))}, nil)
	}
}

// revoke takes dan's key back.
func revoke(names ...string) func(*release.Root) {
	return func(r *release.Root) {
		for _, n := range names {
			r.Revoked = append(r.Revoked, release.Revocation{Key: id(n), Reason: "laptop stolen"})
		}
	}
}

func wrongRoots() []refusal {
	fresh := func(r *release.Root) { // three new owners
		r.Keys = append(r.Keys, release.RootKey{Key: key("eve").Public()}, release.RootKey{Key: key("fay").Public()})
		r.Root = role(2, "eve", "fay")
	}
	return []refusal{
		{"S11", "a key that was revoked after it signed", func(t *testing.T, s *site) error {
			e := attest(t, solo(), "dan")
			if err := rotated(revoke("dan"), "ann", "bob")(t, s); err != nil {
				t.Fatal(err)
			}
			_, err := s.check(solo(), e)
			return err
		}, release.CodeKeyRevoked},
		{"S11", "a revocation that is taken back", func(t *testing.T, s *site) error {
			if err := rotated(revoke("dan"), "ann", "bob")(t, s); err != nil {
				t.Fatal(err)
			}
			return s.Update(context.Background(), [][]byte{text(signed(t, next(func(r *release.Root) { r.Version = 3 }).Envelope(), "ann", "bob"))}, nil)
		}, release.CodeRootInvalid},
		{"S11", "an index by a revoked key", func(t *testing.T, s *site) error {
			change := func(r *release.Root) { revoke("ida")(r); x := role(1, "ann"); r.Index = &x }
			if err := rotated(change, "ann", "bob")(t, s); err != nil {
				t.Fatal(err)
			}
			return s.offer(listing(t, 6, nil), "ida")
		}, release.CodeKeyRevoked},
		{"S12", "a version skipped", rotated(func(r *release.Root) { r.Version = 3 }, "ann", "bob"), release.CodeRootVersion},
		{"S12", "signed by the new owners alone", rotated(fresh, "eve", "fay"), release.CodeUntrustedRoot},
		{"S12", "signed by the old owners alone", rotated(fresh, "ann", "bob"), release.CodeWrongSigner},
		{"S12", "one old owner", rotated(fresh, "ann", "eve", "fay"), release.CodeThresholdNotMet},
		{"S12", "one key in a role twice", rotated(func(r *release.Root) { r.Root.Keys = append(r.Root.Keys, id("ann")) }, "ann", "bob"), release.CodeRootInvalid},
		{"S12", "two keys that share a half", rotated(func(r *release.Root) {
			mixed := append(key("ann").Public().Bytes()[:identity.PublicKeySize-32], key("bob").Public().Bytes()[identity.PublicKeySize-32:]...)
			k, err := identity.ParsePublicKey(mixed)
			if err != nil {
				panic(err)
			}
			r.Keys = append(r.Keys, release.RootKey{Key: k})
		}, "ann", "bob"), release.CodeRootInvalid},
		{"S12", "a threshold that nobody meets", rotated(func(r *release.Root) { r.Root.Threshold = 4 }, "ann", "bob", "cid"), release.CodeRootInvalid},
		{"S12", "no threshold", func(t *testing.T, s *site) error {
			e := next(nil).Envelope()
			e.Payload = []byte(strings.Replace(string(e.Payload), `"threshold":2`, `"threshold":0`, 1))
			return s.Update(context.Background(), [][]byte{text(signed(t, e, "ann", "bob"))}, nil)
		}, release.CodeRootInvalid},
		{"S12", "Ed25519 alone", func(t *testing.T, s *site) error {
			e := next(nil).Envelope()
			e.Payload = []byte(strings.Replace(string(e.Payload), release.Algorithm, "Ed25519", 1))
			return s.Update(context.Background(), [][]byte{text(signed(t, e, "ann", "bob"))}, nil)
		}, release.CodeRootInvalid},
		{"S12", "another root in the chain", rotated(func(r *release.Root) { r.Name = "umbrella" }, "ann", "bob"), release.CodeUntrustedRoot},
		{"S12", "two roots of one version", func(t *testing.T, s *site) error {
			return s.Update(context.Background(), [][]byte{text(signed(t, next(func(r *release.Root) { r.Version = 1 }).Envelope(), "ann", "bob"))}, nil)
		}, release.CodeRootsDisagree},
		{"", "an expired root", rotated(func(r *release.Root) { r.Expires = t0().Add(30 * time.Minute) }, "ann", "bob"), release.CodeRootExpired},
		{"", "a root from the future", rotated(func(r *release.Root) { r.Issued = t0().Add(2 * day) }, "ann", "bob"), release.CodeRootInvalid},
		{"", "the root in force expires", func(t *testing.T, s *site) error {
			s.now = t0().Add(365 * day)
			_, err := s.check(solo(), attest(t, solo(), "dan"))
			return err
		}, release.CodeRootExpired},
		{"", "a scope that is no scope", rotated(func(r *release.Root) { r.Scopes[0].Prefix = "acme/ru*" }, "ann", "bob"), release.CodeRootInvalid},
		{"", "a scope twice", rotated(func(r *release.Root) { r.Scopes[1].Prefix = "acme/*" }, "ann", "bob"), release.CodeRootInvalid},
		{"", "a key that is not among the keys", rotated(func(r *release.Root) { r.Scopes[0].Role = role(1, "eve") }, "ann", "bob"), release.CodeRootInvalid},
		{"", "another root than the fingerprint names", func(t *testing.T, s *site) error {
			_, err := s.AddRoot(text(signed(t, umbrella().Envelope(), "eve")), statementDigest("x"))
			return err
		}, release.CodeFingerprintMismatch},
		{"", "a root that its own keys did not sign", func(t *testing.T, s *site) error {
			e := umbrella().Envelope()
			_, err := s.AddRoot(text(e), e.Digest())
			return err
		}, release.CodeUnsigned},
		{"", "a foreign root called local", func(t *testing.T, s *site) error {
			r := umbrella()
			r.Name = release.LocalName
			e := signed(t, r.Envelope(), "eve")
			_, err := s.AddRoot(text(e), e.Digest())
			return err
		}, release.CodeRootInvalid},
		{"S13", "another root of a known name", func(t *testing.T, s *site) error {
			r := umbrella()
			r.Name = "acme"
			e := signed(t, r.Envelope(), "eve")
			_, err := s.AddRoot(text(e), e.Digest())
			return err
		}, release.CodeRootsDisagree},
		{"S13", "one root took back what another vouches for", func(t *testing.T, s *site) error {
			r := umbrella() // as close to the name as acme
			r.Scopes[0].Prefix = "acme/solo"
			e := signed(t, r.Envelope(), "eve")
			if _, err := s.AddRoot(text(e), e.Digest()); err != nil {
				t.Fatal(err)
			}
			s.takes(listing(t, 6, func(x *release.Index) { x.Entries[0].Yanked = "blocks payroll" }))
			_, err := s.check(solo(), attest(t, solo(), "dan", "eve"))
			return err
		}, release.CodeYanked},
	}
}

// umbrella is another root, of one key.
func umbrella() *release.Root {
	return &release.Root{
		Name: "umbrella", Version: 1, Issued: t0(), Expires: t0().Add(365 * day),
		Keys: []release.RootKey{{Key: key("eve").Public(), Owner: "eve"}}, Root: role(1, "eve"),
		Scopes: []release.Scope{{Prefix: "umbrella/*", Role: role(1, "eve")}},
	}
}

// permit lets acme/solo go back to 1.0.0.
func permit(t testing.TB) *release.Permit {
	return &release.Permit{
		Root: "acme", Plugin: "acme/solo", Version: "1.0.0", Wasm: statement(t, solo()).Wasm, Reason: "2.0.0 blocks payroll",
		Issued: t0(), Expires: t0().Add(day),
	}
}

func wrongPermits() []refusal {
	given := func(change func(*release.Permit), signers ...string) func(*testing.T, *site) error {
		return func(t *testing.T, s *site) error {
			p := permit(t)
			if change != nil {
				change(p)
			}
			_, err := s.AddPermit(text(signed(t, p.Envelope(), signers...)))
			return err
		}
	}
	back := func(change func(*release.Permit)) func(*testing.T, *site) error {
		return func(t *testing.T, s *site) error {
			if err := s.Adopt([]release.Versioned{versioned(module("acme/solo", "2.0.0"), t)}); err != nil {
				t.Fatal(err)
			}
			if err := given(change, "ann", "bob")(t, s); err != nil {
				t.Fatal(err)
			}
			return s.CheckSet([]release.Versioned{versioned(solo(), t)})
		}
	}
	return []refusal{
		{"S08", "a permit for another digest", back(func(p *release.Permit) { p.Wasm = statementDigest("x") }), release.CodeVersionRollback},
		{"S08", "a permit for another version", back(func(p *release.Permit) { p.Version = "1.0.1" }), release.CodeVersionRollback},
		{"S08", "a permit for another plugin", back(func(p *release.Permit) { p.Plugin = "acme/rules" }), release.CodeVersionRollback},
		{"", "a permit by one owner", given(nil, "ann"), release.CodeThresholdNotMet},
		{"", "a permit by who signs the plugin", given(nil, "dan"), release.CodeWrongSigner},
		{"", "an expired permit", given(func(p *release.Permit) { p.Expires = t0().Add(time.Minute) }, "ann", "bob"), release.CodePermitInvalid},
		{"", "a permit out of scope", given(func(p *release.Permit) { p.Plugin = "other/solo" }, "ann", "bob"), release.CodePermitInvalid},
		{"", "a permit of a root that is not known", given(func(p *release.Permit) { p.Root = "umbrella" }, "ann", "bob"), release.CodeUntrustedRoot},
	}
}

// wrongFiles are S13: what is remembered, spoilt.
func wrongFiles() []refusal {
	spoil := func(do func(t *testing.T, dir string)) func(*testing.T, *site) error {
		return func(t *testing.T, s *site) error {
			do(t, s.dir)
			_, checkErr := s.check(solo(), attest(t, solo(), "dan"))
			_, err := release.Open(s.dir, release.Options{})
			if release.CodeOf(checkErr) != release.CodeOf(err) {
				t.Errorf("a running process says %v, a new one %v", checkErr, err)
			}
			return err
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func(dir string) string { return filepath.Join(dir, "state.json") }
	root := func(dir string) string { return filepath.Join(dir, "acme", "root-1.json") }
	return []refusal{
		{"S13", "an empty state", spoil(func(t *testing.T, dir string) { must(t, os.WriteFile(state(dir), nil, 0o600)) }), release.CodeStateInvalid},
		{"S13", "no state beside a root", spoil(func(t *testing.T, dir string) { must(t, os.Remove(state(dir))) }), release.CodeStateInvalid},
		{"S13", "a state that others may write", spoil(func(t *testing.T, dir string) { must(t, os.Chmod(state(dir), 0o666)) }), release.CodeStateInvalid},
		{"S13", "a folder that others may write", spoil(func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o777)) }), release.CodeStateInvalid},
		{"S13", "a state that is a symbolic link", spoil(func(t *testing.T, dir string) {
			must(t, os.Rename(state(dir), dir+".json"))
			must(t, os.Symlink(dir+".json", state(dir)))
		}), release.CodeStateInvalid},
		{"S13", "a folder that is a symbolic link", spoil(func(t *testing.T, dir string) {
			must(t, os.Rename(dir, dir+".moved"))
			must(t, os.Symlink(dir+".moved", dir))
		}), release.CodeStateInvalid},
		{"S13", "a root that is a symbolic link", spoil(func(t *testing.T, dir string) {
			must(t, os.Rename(root(dir), dir+".json"))
			must(t, os.Symlink(dir+".json", root(dir)))
			touch(t, state(dir))
		}), release.CodeStateInvalid},
		{"S13", "an empty root", spoil(func(t *testing.T, dir string) {
			must(t, os.WriteFile(root(dir), nil, 0o600))
			touch(t, state(dir))
		}), release.CodeStateInvalid},
		{"S13", "another root in its place", spoil(func(t *testing.T, dir string) {
			must(t, os.WriteFile(root(dir), text(signed(t, umbrella().Envelope(), "eve")), 0o600))
			touch(t, state(dir))
		}), release.CodeStateInvalid},
		{"S13", "a state of a newer program", spoil(func(t *testing.T, dir string) {
			must(t, os.WriteFile(state(dir), []byte(`{"version":2,"roots":[],"marks":[]}`), 0o600))
		}), release.CodeStateInvalid},
		{"S13", "a state that is a folder", spoil(func(t *testing.T, dir string) {
			must(t, os.Remove(state(dir)))
			must(t, os.Mkdir(state(dir), 0o700))
		}), release.CodeStateInvalid},
	}
}

// touch makes a running process look again.
func touch(t *testing.T, path string) {
	t.Helper()
	later := time.Now().Add(time.Second)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
}

// TestRefusals holds every bad input against its code, and that what was in force before decides on as it did.
func TestRefusals(t *testing.T) {
	seen := map[string]bool{}
	base := newSite(t)
	base.takes(listing(t, 5, nil))
	for _, r := range refusals() {
		seen[r.id] = true
		t.Run(strings.TrimSpace(r.id+" "+r.name), func(t *testing.T) {
			t.Parallel()
			s := base.copied(t)
			wants(t, r.do(t, s), r.code)
		})
	}
	for _, id := range []string{"S01", "S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09", "S10", "S11", "S12", "S13"} {
		if !seen[id] {
			t.Errorf("no case has %s", id)
		}
	}
}

// TestARefusedUpdateChangesNothing holds that after each refused update the epoch, the roots and the answer for the module
// in force are what they were.
func TestARefusedUpdateChangesNothing(t *testing.T) {
	base := newSite(t)
	base.takes(listing(t, 5, nil))
	for _, r := range append(oldAndForged()[:7], wrongRoots()[3:12]...) {
		if r.id == "S08" && strings.Contains(r.name, "plugin") {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			s := base.copied(t)
			before := s.Epoch()
			if err := r.do(t, s); err == nil {
				t.Fatal("not refused")
			}
			s.reopen()
			if after := s.Epoch(); after != before {
				t.Errorf("the epoch went from %s to %s", before, after)
			}
			if _, err := s.check(solo(), attest(t, solo(), "dan")); err != nil {
				t.Errorf("what was in force is refused now: %v", err)
			}
		})
	}
}
