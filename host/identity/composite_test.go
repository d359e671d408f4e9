package identity_test

import (
	"errors"
	"strings"
	"testing"

	"agentmesh/host/identity"
)

func key(t testing.TB) *identity.PrivateKey {
	t.Helper()
	k, err := identity.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, k *identity.PrivateKey, p identity.Purpose, message string) []byte {
	t.Helper()
	sig, err := k.Sign(p, []byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

const lattice = identity.SignatureSize - 64 // bytes of the ML-DSA-65 half

// glue makes a signature of the ML-DSA-65 half of one and the Ed25519 half of the other.
func glue(latticeHalf, curveHalf []byte) []byte {
	return append(append([]byte{}, latticeHalf[:lattice]...), curveHalf[lattice:]...)
}

func TestSignaturesThatAreRefused(t *testing.T) {
	const message = "the rule of today"
	a, b := key(t), key(t)
	good := sign(t, a, identity.PurposePlugin, message)
	foreign := sign(t, b, identity.PurposePlugin, message)
	other := sign(t, a, identity.PurposePlugin, "the rule of yesterday")
	root := sign(t, a, identity.PurposeRoot, message)
	for _, c := range []struct {
		name string
		sig  []byte
		want error
		says string
	}{
		{"S01 only the Ed25519 half", good[lattice:], identity.ErrIncomplete, "the ML-DSA-65 half is missing"},
		{"S01 only the ML-DSA-65 half", good[:lattice], identity.ErrIncomplete, "the Ed25519 half is missing"},
		{"S01 the ML-DSA-65 half is wrong", glue(foreign, good), identity.ErrIncomplete, "the ML-DSA-65 half does not verify"},
		{"S01 the Ed25519 half is wrong", glue(good, foreign), identity.ErrIncomplete, "the Ed25519 half does not verify"},
		{"S01 both halves are wrong", foreign, identity.ErrSignature, ""},
		{"S01 the ML-DSA-65 half is zero", glue(make([]byte, lattice), good), identity.ErrIncomplete, "ML-DSA-65"},
		{"S01 the Ed25519 half is zero", append(good[:lattice:lattice], make([]byte, 64)...), identity.ErrIncomplete, "Ed25519"},
		{"S02 halves of two statements", glue(good, other), identity.ErrIncomplete, "Ed25519"},
		{"S02 halves of two statements, the other way", glue(other, good), identity.ErrIncomplete, "ML-DSA-65"},
		{"halves of two purposes", glue(good, root), identity.ErrIncomplete, "Ed25519"},
		{"another statement", other, identity.ErrSignature, ""},
		{"another purpose", root, identity.ErrSignature, ""},
		{"halves in the wrong order", append(append([]byte{}, good[lattice:]...), good[:lattice]...), identity.ErrSignature, ""},
		{"a byte short", good[:len(good)-1], identity.ErrSignature, "3372 bytes"},
		{"a byte long", append(append([]byte{}, good...), 0), identity.ErrSignature, "3374 bytes"},
		{"none", nil, identity.ErrSignature, "0 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := a.Public().Verify(identity.PurposePlugin, []byte(message), c.sig)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v saying %q", err, c.want, c.says)
			}
		})
	}
	if err := a.Public().Verify(identity.PurposePlugin, []byte(message), good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}
