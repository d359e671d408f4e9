package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// KeyID names a public key: "sha256:" and the SHA-256 of its raw bytes in lower-case hexadecimal.
type KeyID string

// PublicKey verifies signatures. It is kept unpacked, so whoever verifies often should keep it: reading one costs more than
// verifying a signature does. It may be used by several goroutines at once.
type PublicKey struct {
	raw     []byte
	id      KeyID
	lattice *mldsa65.PublicKey
	curve   ed25519.PublicKey
}

// latticeSeed is how many bytes a public key of ML-DSA-65 begins with that say nothing of the secret.
const latticeSeed = 32

// ParsePublicKey reads the raw bytes of a public key, PublicKeySize of them.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("public key: %d bytes, not %d", len(b), PublicKeySize)
	}
	raw := slices.Clone(b)
	k := &PublicKey{raw: raw, lattice: new(mldsa65.PublicKey), curve: raw[mldsa65.PublicKeySize:]}
	if err := checkPoint(k.curve); err != nil {
		return nil, fmt.Errorf("public key: its Ed25519 half is %w", err)
	}
	if !slices.ContainsFunc(raw[latticeSeed:mldsa65.PublicKeySize], func(b byte) bool { return b != 0 }) {
		return nil, errors.New("public key: its ML-DSA-65 half is zero, and signatures under it are for everybody to make")
	}
	if err := k.lattice.UnmarshalBinary(raw[:mldsa65.PublicKeySize]); err != nil {
		return nil, fmt.Errorf("public key: its ML-DSA-65 half: %w", err)
	}
	sum := sha256.Sum256(raw)
	k.id = KeyID("sha256:" + hex.EncodeToString(sum[:]))
	return k, nil
}

// Bytes returns the raw public key, PublicKeySize bytes.
func (k *PublicKey) Bytes() []byte { return slices.Clone(k.raw) }

// ID names the key.
func (k *PublicKey) ID() KeyID { return k.id }

// Equal reports whether both are the same key.
func (k *PublicKey) Equal(other *PublicKey) bool { return k.id == other.id }

// Verify checks a signature of the message for a purpose. A nil error means that both halves verify. The error is, by
// errors.Is, ErrIncomplete where exactly one does or one is missing, else ErrSignature.
func (k *PublicKey) Verify(p Purpose, message, sig []byte) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return k.verify(string(p), message, sig)
}

// PrivateKey signs. It may be used by several goroutines at once. Printing one prints the id of its public key.
type PrivateKey struct {
	seed    [SeedSize]byte
	lattice *mldsa65.PrivateKey
	curve   ed25519.PrivateKey
	public  *PublicKey
}

// Generate makes a new key.
func Generate() (*PrivateKey, error) {
	var seed [SeedSize]byte
	rand.Read(seed[:]) // never fails
	return FromSeed(seed[:])
}

// FromSeed makes the key of a seed, SeedSize bytes: that of its ML-DSA-65 half, then that of its Ed25519 half. The halves
// must not be keys of anything else, nor be the same.
func FromSeed(seed []byte) (*PrivateKey, error) {
	if len(seed) != SeedSize {
		return nil, fmt.Errorf("seed: %d bytes, not %d", len(seed), SeedSize)
	}
	first, second := seed[:mldsa65.SeedSize], seed[mldsa65.SeedSize:]
	if subtle.ConstantTimeCompare(first, second) == 1 {
		return nil, fmt.Errorf("seed: both halves are the same, so it is no random one")
	}
	k := &PrivateKey{seed: [SeedSize]byte(seed), curve: ed25519.NewKeyFromSeed(second)}
	latticePublic, latticePrivate := mldsa65.NewKeyFromSeed((*[mldsa65.SeedSize]byte)(first))
	k.lattice = latticePrivate
	var err error
	k.public, err = ParsePublicKey(append(latticePublic.Bytes(), k.curve.Public().(ed25519.PublicKey)...))
	return k, err
}

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.public }

// Sign signs the message for a purpose: SignatureSize bytes, different each time, verified before they are returned.
func (k *PrivateKey) Sign(p Purpose, message []byte) ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return k.sign(string(p), message)
}

// Format keeps the secret out of whatever prints the key, under every verb.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "private key of "+string(k.public.id))
}
