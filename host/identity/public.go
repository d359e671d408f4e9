package identity

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// pemType begins a public key in text.
const pemType = "PUBLIC KEY"

// maxPublicText is more than any public key in text has.
const maxPublicText = 16 << 10

// algorithm is id-MLDSA65-Ed25519-SHA512.
func algorithm() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 6, 48}
}

// subjectPublicKeyInfo is that of RFC 5280. The draft has no parameters in the algorithm and the raw key in the bit string.
type subjectPublicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// Text is the key in PEM, a SubjectPublicKeyInfo. ParsePublic reads it.
func (k *PublicKey) Text() []byte {
	der, err := asn1.Marshal(subjectPublicKeyInfo{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: algorithm()},
		PublicKey: asn1.BitString{Bytes: k.raw, BitLength: 8 * len(k.raw)},
	})
	if err != nil {
		panic("identity: " + err.Error()) // a fixed structure
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
}

// ParsePublic reads a public key in PEM: one block, a SubjectPublicKeyInfo with the OID 1.3.6.1.5.5.7.6.48, nothing beside
// it.
func ParsePublic(text []byte) (*PublicKey, error) {
	if len(text) > maxPublicText {
		return nil, fmt.Errorf("public key: %d bytes are more than a key has", len(text))
	}
	block, rest := pem.Decode(text)
	switch {
	case block == nil || block.Type != pemType || len(block.Headers) > 0:
		return nil, errors.New("public key: not PEM that begins with -----BEGIN PUBLIC KEY-----")
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("public key: there is something behind it")
	case !bytes.HasPrefix(bytes.TrimSpace(text), []byte("-----BEGIN")):
		return nil, errors.New("public key: there is something before it")
	}
	var info subjectPublicKeyInfo
	if rest, err := asn1.Unmarshal(block.Bytes, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("public key: not a SubjectPublicKeyInfo")
	}
	if !info.Algorithm.Algorithm.Equal(algorithm()) {
		return nil, fmt.Errorf("public key: its algorithm is %s, not MLDSA65-Ed25519-SHA512 (%s)", info.Algorithm.Algorithm, algorithm())
	}
	k, err := ParsePublicKey(info.PublicKey.Bytes)
	if err != nil {
		return nil, err
	}
	if again, _ := pem.Decode(k.Text()); !bytes.Equal(again.Bytes, block.Bytes) {
		return nil, errors.New("public key: not in the one form that its algorithm has")
	}
	return k, nil
}
