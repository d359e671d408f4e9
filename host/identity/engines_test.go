package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha3"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"testing"

	second "filippo.io/mldsa"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"agentmesh/host/identity"
)

// The second implementation of ML-DSA-65, and M' of the draft written out once more: what the package makes they take, and the reverse.

func secondVerify(pk, message, context, sig []byte) bool {
	k, err := second.NewPublicKey(second.MLDSA65(), pk)
	return err == nil && second.Verify(k, message, sig, &second.Options{Context: string(context)}) == nil
}

func engineVerify(pk, message, context, sig []byte) bool {
	var k mldsa65.PublicKey
	return k.UnmarshalBinary(pk) == nil && mldsa65.Verify(&k, message, context, sig)
}

const labelOfDraft = "COMPSIG-MLDSA65-Ed25519-SHA512"

func signedByBoth(purpose string, message []byte) []byte {
	digest := sha512.Sum512(message)
	return fmt.Appendf(nil, "CompositeAlgorithmSignatures2025%s%c%s%s", labelOfDraft, len(purpose), purpose, digest[:])
}

func TestSecondImplementationAgrees(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, identity.SeedSize)
	for i := range 20 {
		seed[0], seed[40] = byte(i), byte(2*i)
		message := fmt.Appendf(nil, "message %d", i)
		k, err := identity.FromSeed(seed)
		if err != nil {
			t.Fatal(err)
		}
		sk, err := second.NewPrivateKey(second.MLDSA65(), seed[:32])
		if err != nil {
			t.Fatal(err)
		}
		curve := ed25519.NewKeyFromSeed(seed[32:])
		public := append(sk.PublicKey().Bytes(), curve.Public().(ed25519.PublicKey)...)
		if !bytes.Equal(k.Public().Bytes(), public) {
			t.Fatal("the seed gives another public key")
		}
		signed := signedByBoth("agentmesh/index/v1", message)
		sig := sign(t, k, identity.PurposeIndex, string(message))
		if !secondVerify(public[:1952], signed, []byte(labelOfDraft), sig[:3309]) || !ed25519.Verify(public[1952:], signed, sig[3309:]) {
			t.Error("our signature is refused")
		}
		other, err := sk.SignDeterministic(signed, &second.Options{Context: labelOfDraft})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Public().Verify(identity.PurposeIndex, message, append(other, ed25519.Sign(curve, signed)...)); err != nil {
			t.Errorf("their signature: %v", err)
		}
	}
}

type wycheproof struct {
	TestGroups []struct {
		PublicKey   octets
		PrivateSeed octets
		Tests       []struct {
			TcID          int
			Comment       string
			Msg, Ctx, Sig octets
			Mu            *octets
			Result        string
			Flags         []string
		}
	}
}

// octets are bytes in hexadecimal.
type octets []byte

func (o *octets) UnmarshalText(text []byte) error {
	var err error
	*o, err = hex.DecodeString(string(text))
	return err
}

// TestWycheproofVerify: S04. What is invalid is refused by both implementations, without a panic.
func TestWycheproofVerify(t *testing.T) {
	var file wycheproof
	published(t, "wycheproof_mldsa65_verify_subset.json", &file)
	count := map[string]int{}
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			count[c.Result]++
			want := c.Result == "valid"
			if got := engineVerify(g.PublicKey, c.Msg, c.Ctx, c.Sig); got != want {
				t.Errorf("case %d (%s): got %v, want %v", c.TcID, c.Comment, got, want)
			}
			if got := secondVerify(g.PublicKey, c.Msg, c.Ctx, c.Sig); got != want {
				t.Errorf("case %d (%s): the second implementation says %v, want %v", c.TcID, c.Comment, got, want)
			}
		}
	}
	if count["valid"] < 10 || count["invalid"] < 10 {
		t.Errorf("only %v cases were found", count)
	}
}

// TestWycheproofSign: signatures from seeds, byte for byte, of the cases that need no inner door.
func TestWycheproofSign(t *testing.T) {
	var file wycheproof
	published(t, "wycheproof_mldsa65_sign_seed_subset.json", &file)
	signed := 0
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			if len(g.PrivateSeed) != mldsa65.SeedSize {
				if _, err := identity.FromSeed(append(g.PrivateSeed, make([]byte, 32)...)); err == nil {
					t.Errorf("case %d: a seed of %d bytes was taken", c.TcID, len(g.PrivateSeed))
				}
				continue
			}
			if len(c.Flags) > 0 && (c.Flags[0] == "Randomized" || c.Flags[len(c.Flags)-1] == "Internal") {
				continue
			}
			_, sk := mldsa65.NewKeyFromSeed((*[32]byte)(g.PrivateSeed))
			sig := make([]byte, mldsa65.SignatureSize)
			err := mldsa65.SignTo(sk, c.Msg, c.Ctx, false, sig)
			if (err == nil) != (c.Result == "valid") {
				t.Errorf("case %d (%s): %v", c.TcID, c.Comment, err)
			}
			if err == nil && !bytes.Equal(sig, c.Sig) {
				t.Errorf("case %d (%s): another signature", c.TcID, c.Comment)
			}
			signed++
		}
	}
	if signed < 10 {
		t.Errorf("only %d cases were found", signed)
	}
}

// TestSeedsOfNIST: the public keys of known seeds.
func TestSeedsOfNIST(t *testing.T) {
	var file struct {
		Tests []struct {
			TcID     int
			Seed, Pk octets
		}
	}
	published(t, "acvp_mldsa65_keygen_subset.json", &file)
	for _, c := range file.Tests {
		k, err := identity.FromSeed(append(c.Seed, bytes.Repeat([]byte{1}, 32)...))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(k.Public().Bytes()[:1952], c.Pk) {
			t.Errorf("case %d: another public key", c.TcID)
		}
	}
	if len(file.Tests) < 8 {
		t.Errorf("only %d cases were found", len(file.Tests))
	}
}

// TestAccumulated: a hundred keys and signatures in one hash.
func TestAccumulated(t *testing.T) {
	var file struct {
		Accumulated []struct {
			Iterations int
			Shake      octets `json:"shake128_32"`
		}
	}
	published(t, "cctv_mldsa65_accumulated.json", &file)
	want := file.Accumulated[0]
	seeds, all := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	for range want.Iterations {
		var seed [32]byte
		_, _ = seeds.Read(seed[:])
		pk, sk := mldsa65.NewKeyFromSeed(&seed)
		sig := make([]byte, mldsa65.SignatureSize)
		if err := mldsa65.SignTo(sk, nil, nil, false, sig); err != nil {
			t.Fatal(err)
		}
		_, _ = all.Write(append(pk.Bytes(), sig...))
	}
	got := make([]byte, 32)
	_, _ = all.Read(got)
	if want.Iterations != 100 || !bytes.Equal(got, want.Shake) {
		t.Errorf("after %d: got %x, want %x", want.Iterations, got, []byte(want.Shake))
	}
}
