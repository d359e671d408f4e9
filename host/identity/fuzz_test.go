package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	second "filippo.io/mldsa"

	"agentmesh/host/identity"
)

// fuzzed is one known key, so that a run can be repeated.
func fuzzed(f *testing.F) *identity.PrivateKey {
	f.Helper()
	k, err := identity.FromSeed(append(bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)...))
	if err != nil {
		f.Fatal(err)
	}
	return k
}

// unhedged signs with that key what every process signs the same way.
func unhedged(f *testing.F, message []byte) []byte {
	f.Helper()
	signed := signedByBoth(string(identity.PurposePlugin), message)
	sk, err := second.NewPrivateKey(second.MLDSA65(), bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	sig, err := sk.SignDeterministic(signed, &second.Options{Context: labelOfDraft})
	if err != nil {
		f.Fatal(err)
	}
	return append(sig, ed25519.Sign(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)), signed)...)
}

// FuzzParsePublic: what is read is written again byte for byte, but for line ends and space around it.
func FuzzParsePublic(f *testing.F) {
	good := fuzzed(f).Public().Text()
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := identity.ParsePublic(text)
		if err != nil {
			return
		}
		again, err := identity.ParsePublic(k.Text())
		if err != nil || !again.Equal(k) || !bytes.Equal(again.Bytes(), k.Bytes()) {
			t.Errorf("written again it is %v, %v", again, err)
		}
	})
}

// FuzzParsePublicKey: a key that is read gives the bytes back and verifies without a panic.
func FuzzParsePublicKey(f *testing.F) {
	f.Add(fuzzed(f).Public().Bytes())
	f.Add(make([]byte, identity.PublicKeySize))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := identity.ParsePublicKey(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(k.Bytes(), raw) {
			t.Error("other bytes came back")
		}
		if k.Verify(identity.PurposePlugin, raw, make([]byte, identity.SignatureSize)) == nil {
			t.Error("zeros verify")
		}
	})
}

// FuzzParseKey: what is read of a key file is what would be written.
func FuzzParseKey(f *testing.F) {
	k := fuzzed(f)
	f.Add(k.Clear())
	f.Add([]byte("AGENTMESH-SECRET-KEY-1"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, err := identity.ParseKey(text); err == nil && !bytes.Equal(got.Clear(), text) {
			t.Errorf("%q was read, and is written %q", text, got.Clear())
		}
	})
}

// FuzzVerify: no other bytes than the signature's verify, and the message and purpose are part of it. The two engines of
// ML-DSA-65 agree on every half.
func FuzzVerify(f *testing.F) {
	k := fuzzed(f)
	message := []byte("the rule of today")
	good := unhedged(f, message)
	f.Add(good, message, string(identity.PurposePlugin))
	f.Add(good, []byte("another"), string(identity.PurposePlugin))
	f.Add(good[:lattice], message, string(identity.PurposeRoot))
	for _, at := range []int{0, 47, 48, 3247, 3248, 3303, 3308, 3309, 3340, 3341, 3372} { // the edges of c, z, hint, R, S
		bad := bytes.Clone(good)
		bad[at] ^= 1
		f.Add(bad, message, string(identity.PurposePlugin))
	}
	f.Fuzz(func(t *testing.T, sig, text []byte, purpose string) {
		same := bytes.Equal(sig, good) && bytes.Equal(text, message) && purpose == string(identity.PurposePlugin)
		if err := k.Public().Verify(identity.Purpose(purpose), text, sig); (err == nil) != same {
			t.Errorf("got %v", err)
		}
		if len(sig) == identity.SignatureSize && len(purpose) < 256 {
			raw, signed := k.Public().Bytes()[:1952], signedByBoth(purpose, text)
			one := engineVerify(raw, signed, []byte(labelOfDraft), sig[:lattice])
			if two := secondVerify(raw, signed, []byte(labelOfDraft), sig[:lattice]); one != two {
				t.Errorf("one engine says %v, the other %v", one, two)
			}
		}
	})
}
