package identity_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"

	"agentmesh/host/identity"
)

// TestHalvesAreNothingElsewhere: S03. A half taken out verifies nowhere as a signature of its own, and a signature made
// by the same component keys elsewhere is no half.
func TestHalvesAreNothingElsewhere(t *testing.T) {
	message := []byte("pay the invoice")
	k := key(t)
	raw, sig := k.Public().Bytes(), sign(t, k, identity.PurposePlugin, string(message))
	for _, context := range []string{"", "agentmesh/plugin/v1", labelOfDraft} {
		if engineVerify(raw[:1952], message, []byte(context), sig[:lattice]) {
			t.Errorf("the ML-DSA-65 half passes for a signature of the message in context %q", context)
		}
	}
	if engineVerify(raw[:1952], signedByBoth("agentmesh/plugin/v1", message), nil, sig[:lattice]) {
		t.Error("the ML-DSA-65 half passes without its context")
	}
	if ed25519.Verify(raw[1952:], message, sig[lattice:]) {
		t.Error("the Ed25519 half passes for a signature of the message")
	}

	seed := bytes.Repeat([]byte{3}, identity.SeedSize)
	seed[0] = 4
	k, err := identity.FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	_, sk := mldsa65.NewKeyFromSeed((*[32]byte)(seed))
	alone := make([]byte, mldsa65.SignatureSize)
	if err := mldsa65.SignTo(sk, message, []byte("agentmesh/plugin/v1"), false, alone); err != nil {
		t.Fatal(err)
	}
	alone = append(alone, ed25519.Sign(ed25519.NewKeyFromSeed(seed[32:]), message)...)
	if err := k.Public().Verify(identity.PurposePlugin, message, alone); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("signatures of the components elsewhere: got %v", err)
	}
}

// TestKeysGluedOfTwo: S02. A key of one signer's half and another's is a third key, whose id nobody trusts.
func TestKeysGluedOfTwo(t *testing.T) {
	a, b := key(t), key(t)
	glued, err := identity.ParsePublicKey(append(a.Public().Bytes()[:1952], b.Public().Bytes()[1952:]...))
	if err != nil {
		t.Fatal(err)
	}
	if glued.ID() == a.Public().ID() || glued.ID() == b.Public().ID() || glued.Equal(a.Public()) {
		t.Error("it has the id of one of them")
	}
	sig := glue(sign(t, a, identity.PurposePlugin, "x"), sign(t, b, identity.PurposePlugin, "x"))
	for _, k := range []*identity.PrivateKey{a, b} {
		if err := k.Public().Verify(identity.PurposePlugin, []byte("x"), sig); !errors.Is(err, identity.ErrIncomplete) {
			t.Errorf("got %v, want it incomplete", err)
		}
	}
}

// order is that of Ed25519's base point.
func order() *big.Int {
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	return l
}

func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// TestMalleableEd25519: S04. A second signature of the same message cannot be made of a first.
func TestMalleableEd25519(t *testing.T) {
	k := key(t)
	good := sign(t, k, identity.PurposePlugin, "x")
	s := slices.Clone(good[lattice+32:])
	slices.Reverse(s)
	for n := int64(1); n < 8; n++ {
		more := new(big.Int).Add(new(big.Int).SetBytes(s), new(big.Int).Mul(order(), big.NewInt(n)))
		bad := append(slices.Clone(good[:lattice+32]), littleEndian(more)...)
		if err := k.Public().Verify(identity.PurposePlugin, []byte("x"), bad); !errors.Is(err, identity.ErrIncomplete) {
			t.Errorf("S + %d L: got %v", n, err)
		}
	}
}

// TestSmallOrderR: S04. The standard library takes this signature, whose R is the identity.
func TestSmallOrderR(t *testing.T) {
	seed := bytes.Repeat([]byte{9}, identity.SeedSize)
	seed[0] = 1
	k, err := identity.FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	r := edwards25519.NewIdentityPoint().Bytes()
	public := k.Public().Bytes()[1952:]
	signed := signedByBoth("agentmesh/plugin/v1", []byte("x"))
	expanded := sha512.Sum512(seed[32:])
	secret, err1 := new(edwards25519.Scalar).SetBytesWithClamping(expanded[:32])
	hash := sha512.Sum512(slices.Concat(r, public, signed))
	challenge, err2 := new(edwards25519.Scalar).SetUniformBytes(hash[:])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	half := append(r, new(edwards25519.Scalar).Multiply(challenge, secret).Bytes()...)
	if !ed25519.Verify(public, signed, half) {
		t.Fatal("the half is wrong in another way than meant")
	}
	sig := append(sign(t, k, identity.PurposePlugin, "x")[:lattice], half...)
	if err := k.Public().Verify(identity.PurposePlugin, []byte("x"), sig); !errors.Is(err, identity.ErrIncomplete) {
		t.Errorf("got %v, want it incomplete", err)
	}
}

// TestKeysThatAreRefused: S04, and what is no key at all.
func TestKeysThatAreRefused(t *testing.T) {
	good := key(t).Public().Bytes()
	curve := func(encoded string) []byte {
		b, err := hex.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return append(slices.Clone(good[:1952]), b...)
	}
	ff := strings.Repeat("ff", 30)
	zero := strings.Repeat("00", 30)
	for _, c := range []struct {
		name, says string
		key        []byte
	}{
		{"order 1", "small order", curve("01" + zero + "00")},
		{"order 2", "small order", curve("ec" + ff + "7f")},
		{"order 4", "small order", curve("00" + zero + "00")},
		{"order 4, the other", "small order", curve("00" + zero + "80")},
		{"order 8", "small order", curve("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")},
		{"order 8, another", "small order", curve("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")},
		{"y is p", "canonical", curve("ed" + ff + "7f")},
		{"y is p + 1", "canonical", curve("ee" + ff + "7f")},
		{"minus zero", "canonical", curve("01" + zero + "80")},
		{"no point", "no point", curve("02" + zero + "00")},
		{"t1 is zero", "ML-DSA-65 half is zero", slices.Concat(good[:32], make([]byte, 1920), good[1952:])},
		{"nothing", "0 bytes", nil},
		{"a byte short", "1983 bytes", good[:1983]},
		{"a byte long", "1985 bytes", append(slices.Clone(good), 0)},
		{"Ed25519 alone", "32 bytes", good[1952:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := identity.ParsePublicKey(c.key); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

func TestSeedsThatAreRefused(t *testing.T) {
	for _, seed := range [][]byte{nil, make([]byte, 63), make([]byte, 65), make([]byte, 64), bytes.Repeat([]byte{5}, 64)} {
		if k, err := identity.FromSeed(seed); err == nil || k != nil {
			t.Errorf("%d bytes of %v: got %v", len(seed), seed[:min(1, len(seed))], k)
		}
	}
}

func TestPurposesThatAreRefused(t *testing.T) {
	k := key(t)
	for _, p := range []identity.Purpose{"", identity.Purpose(strings.Repeat("x", 256))} {
		if _, err := k.Sign(p, nil); err == nil {
			t.Errorf("a purpose of %d bytes was signed for", len(p))
		}
		sig, err := k.SignIn("", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Public().Verify(p, nil, sig); !errors.Is(err, identity.ErrSignature) {
			t.Errorf("a purpose of %d bytes: got %v", len(p), err)
		}
	}
}

func TestPublicTextsThatAreRefused(t *testing.T) {
	good := string(key(t).Public().Text())
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "not PEM"},
		{"another type", strings.ReplaceAll(good, "PUBLIC KEY", "PUBLIC KEYS"), "not PEM"},
		{"a header", strings.Replace(good, "KEY-----\n", "KEY-----\nx: y\n\n", 1), "not PEM"},
		{"two keys", good + good, "behind"},
		{"a comment before", "key of the team\n" + good, "before"},
		{"another algorithm", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n", "1.3.101.112"},
		{"no structure", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "SubjectPublicKeyInfo"},
		{"huge", good + strings.Repeat("\n", 20000), "more than a key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := identity.ParsePublic([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
		})
	}
}

// TestSecretsStayIn: a key that is printed by mistake shows nothing.
func TestSecretsStayIn(t *testing.T) {
	seed := bytes.Repeat([]byte{'S'}, identity.SeedSize)
	seed[0] = 's'
	k, err := identity.FromSeed(seed)
	if err != nil {
		t.Fatal(err)
	}
	want := "private key of " + string(k.Public().ID())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s: got %q, want %q", verb, got, want)
		}
		if got := fmt.Sprintf(verb, struct{ K *identity.PrivateKey }{k}); strings.Contains(got, "SSS") || strings.Contains(got, "83 83") || strings.Contains(got, "535353") {
			t.Errorf("%s: the seed is in %q", verb, got)
		}
	}
}
