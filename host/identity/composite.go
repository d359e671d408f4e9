package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
)

// Sizes in bytes.
const (
	PublicKeySize = mldsa65.PublicKeySize + ed25519.PublicKeySize // 1984
	SignatureSize = mldsa65.SignatureSize + ed25519.SignatureSize // 3373
	SeedSize      = mldsa65.SeedSize + ed25519.SeedSize           // 64
)

// What the draft calls Prefix and Label (sections 2.2 and 7).
const (
	prefix = "CompositeAlgorithmSignatures2025"
	label  = "COMPSIG-MLDSA65-Ed25519-SHA512"
)

// maxContext is the longest context, as FIPS 204 has it.
const maxContext = 255

// Purpose is what a signature is for, the context of the draft. It has 1 to 255 bytes.
type Purpose string

// The purposes of signatures in the mesh.
const (
	PurposePlugin Purpose = "agentmesh/plugin/v1" // what a plugin is: name, version, digests
	PurposeRoot   Purpose = "agentmesh/root/v1"   // whose keys count
	PurposeIndex  Purpose = "agentmesh/index/v1"  // which versions are current
	PurposePermit Purpose = "agentmesh/permit/v1" // going back to an older version
)

// What is wrong with a signature.
var (
	// ErrIncomplete: one of the two halves is missing or does not verify; the error that wraps this says which.
	ErrIncomplete = errors.New("half a signature is none")
	// ErrSignature: the signature does not verify at all.
	ErrSignature = errors.New("signature does not verify")
)

func (p Purpose) check() error {
	if p == "" || len(p) > maxContext {
		return fmt.Errorf("a purpose has 1 to %d bytes, not %d", maxContext, len(p))
	}
	return nil
}

// representative is M' of the draft: what both halves sign. The context has at most 255 bytes.
func representative(context string, message []byte) []byte {
	digest := sha512.Sum512(message)
	b := make([]byte, 0, len(prefix)+len(label)+1+len(context)+len(digest))
	b = append(b, prefix...)
	b = append(b, label...)
	b = append(b, byte(len(context)))
	b = append(b, context...)
	return append(b, digest[:]...)
}

// sign is Sign of the draft (section 3.2), hedged.
func (k *PrivateKey) sign(context string, message []byte) ([]byte, error) {
	signed := representative(context, message)
	sig := make([]byte, mldsa65.SignatureSize, SignatureSize)
	if err := mldsa65.SignTo(k.lattice, signed, []byte(label), true, sig); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	sig = append(sig, ed25519.Sign(k.curve, signed)...)
	if err := k.public.verify(context, message, sig); err != nil {
		return nil, fmt.Errorf("sign: the new signature is wrong, the machine may be faulty: %w", err)
	}
	return sig, nil
}

// verify is Verify of the draft (section 3.3). Both halves are always looked at, so that the error can say which is bad.
func (k *PublicKey) verify(context string, message, sig []byte) error {
	switch len(sig) {
	case SignatureSize:
	case mldsa65.SignatureSize:
		return fmt.Errorf("%w: the Ed25519 half is missing", ErrIncomplete)
	case ed25519.SignatureSize:
		return fmt.Errorf("%w: the ML-DSA-65 half is missing", ErrIncomplete)
	default:
		return fmt.Errorf("%w: it has %d bytes, not %d", ErrSignature, len(sig), SignatureSize)
	}
	signed := representative(context, message)
	latticeHalf, curveHalf := sig[:mldsa65.SignatureSize], sig[mldsa65.SignatureSize:]
	lattice := mldsa65.Verify(k.lattice, signed, []byte(label), latticeHalf)
	curve := checkPoint(curveHalf[:32]) == nil && ed25519.Verify(k.curve, signed, curveHalf)
	switch {
	case lattice && curve:
		return nil
	case lattice:
		return fmt.Errorf("%w: the Ed25519 half does not verify", ErrIncomplete)
	case curve:
		return fmt.Errorf("%w: the ML-DSA-65 half does not verify", ErrIncomplete)
	default:
		return ErrSignature
	}
}

// checkPoint refuses what no honest signer makes, and what implementations of Ed25519 differ about: an encoding that is not
// the canonical one, and a point of small order, under which one signature may fit many messages.
func checkPoint(encoded []byte) error {
	p, err := new(edwards25519.Point).SetBytes(encoded)
	switch {
	case err != nil:
		return errors.New("no point of the curve")
	case !bytes.Equal(p.Bytes(), encoded):
		return errors.New("not the canonical encoding of its point")
	case new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 1:
		return errors.New("a point of small order")
	}
	return nil
}
