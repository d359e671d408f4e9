package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"agentmesh/host/identity"
	"agentmesh/pdk/abi"
)

// The payload types of envelopes.
const (
	TypeStatement = "application/vnd.in-toto+json"
	TypeRoot      = "application/vnd.agentmesh.root.v1+json"
	TypeIndex     = "application/vnd.agentmesh.index.v1+json"
	TypePermit    = "application/vnd.agentmesh.permit.v1+json"
)

// What is read at most.
const (
	// MaxEnvelope is the size of an envelope in bytes; an index is the largest of them.
	MaxEnvelope = 16 << 20
	// MaxSignatures are those of one envelope.
	MaxSignatures = 64
	// MaxEnvelopes are those that are looked at for one module; an attacker may staple more to it.
	MaxEnvelopes = 64
	// maxSmallPayload is the size of a statement or a permit.
	maxSmallPayload = 64 << 10
	// maxRootPayload is the size of a trust root: 3 KB a key.
	maxRootPayload = 1 << 20
)

// purposeOf is the context that envelopes of a payload type are signed for.
func purposeOf(payloadType string) (identity.Purpose, error) {
	switch payloadType {
	case TypeStatement:
		return identity.PurposePlugin, nil
	case TypeRoot:
		return identity.PurposeRoot, nil
	case TypeIndex:
		return identity.PurposeIndex, nil
	case TypePermit:
		return identity.PurposePermit, nil
	default:
		return "", fmt.Errorf("envelope: unknown payload type %q", payloadType)
	}
}

// Signature is one signature of an envelope. KeyID is a hint and proves nothing.
type Signature struct {
	KeyID identity.KeyID
	Sig   []byte
}

// Envelope is a DSSE 1.0.2 envelope: bytes of a type, and signatures over both.
type Envelope struct {
	PayloadType string
	Payload     []byte
	Signatures  []Signature
}

// pae is what is signed: DSSE's pre-authentication encoding.
func (e *Envelope) pae() []byte {
	b := make([]byte, 0, len(e.PayloadType)+len(e.Payload)+48)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(e.PayloadType)), 10)
	b = append(append(append(b, ' '), e.PayloadType...), ' ')
	b = strconv.AppendInt(b, int64(len(e.Payload)), 10)
	return append(append(b, ' '), e.Payload...)
}

// Digest is "sha256:…" over the payload, the same whoever signed it. That of a trust root is its fingerprint.
func (e *Envelope) Digest() string { return digestOf(e.Payload) }

const digestPrefix = "sha256:"

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// Sign adds the key's signature, in place of an earlier one of the same key. The purpose follows from the payload type.
func (e *Envelope) Sign(key *identity.PrivateKey) error {
	purpose, err := purposeOf(e.PayloadType)
	if err != nil {
		return err
	}
	sig, err := key.Sign(purpose, e.pae())
	if err != nil {
		return err
	}
	id := key.Public().ID()
	e.Signatures = slices.DeleteFunc(e.Signatures, func(s Signature) bool { return s.KeyID == id })
	if len(e.Signatures) >= MaxSignatures {
		return fmt.Errorf("envelope: it has %d signatures already, the most it may have", MaxSignatures)
	}
	e.Signatures = append(e.Signatures, Signature{KeyID: id, Sig: sig})
	return nil
}

// AppendEnvelope appends the envelope as JSON.
func AppendEnvelope(dst []byte, e *Envelope) []byte {
	sigs := make([]abi.Value, len(e.Signatures))
	for i, s := range e.Signatures {
		sigs[i] = abi.ObjectValue(text("keyid", string(s.KeyID)), text("sig", base64.StdEncoding.EncodeToString(s.Sig)))
	}
	return abi.AppendJSON(dst, abi.ObjectValue(
		text("payload", base64.StdEncoding.EncodeToString(e.Payload)),
		text("payloadType", e.PayloadType),
		member("signatures", abi.ListValue(sigs...)),
	))
}

// ReadEnvelope reads one envelope, strictly: no unknown or repeated members, either alphabet of base64, at most MaxEnvelope
// bytes. Nothing is verified.
func ReadEnvelope(src []byte) (Envelope, error) {
	es, err := ReadEnvelopes(src)
	if err == nil && len(es) != 1 {
		err = &Refusal{Code: CodeEnvelopeInvalid, Detail: fmt.Sprintf("want one envelope, not %d", len(es))}
	}
	if err != nil {
		return Envelope{}, err
	}
	return es[0], nil
}

// ReadEnvelopes reads an envelope or a list of them, as ReadEnvelope does.
func ReadEnvelopes(src []byte) ([]Envelope, error) {
	es, err := readEnvelopes(src)
	if err != nil {
		return nil, &Refusal{Code: CodeEnvelopeInvalid, Detail: err.Error()}
	}
	return es, nil
}

func readEnvelopes(src []byte) ([]Envelope, error) {
	if len(src) > MaxEnvelope {
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", len(src), MaxEnvelope)
	}
	v, err := abi.ReadValue(string(src))
	if err != nil {
		return nil, err
	}
	if v.Kind() != abi.List {
		e, err := envelopeOf(v)
		return []Envelope{e}, err
	}
	if v.Len() > MaxEnvelopes {
		return nil, fmt.Errorf("%d envelopes; at most %d are read", v.Len(), MaxEnvelopes)
	}
	es := make([]Envelope, v.Len())
	for i, item := range v.Items() {
		if es[i], err = envelopeOf(item.Value); err != nil {
			return nil, err
		}
	}
	return es, nil
}

func envelopeOf(v abi.Value) (Envelope, error) {
	f := fieldsOf(v, "envelope")
	e := Envelope{PayloadType: f.text("payloadType")}
	e.Payload = f.base64("payload")
	for _, item := range f.list("signatures", MaxSignatures) {
		s := fieldsOf(item.Value, "envelope: signature")
		e.Signatures = append(e.Signatures, Signature{KeyID: identity.KeyID(s.maybe("keyid")), Sig: s.base64("sig")})
		if err := s.end(); err != nil {
			return Envelope{}, err
		}
	}
	return e, f.end()
}

// base64 takes a text in either alphabet, as DSSE has it.
func (f *fields) base64(name string) []byte {
	s := f.text(name)
	alphabet := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		alphabet = base64.URLEncoding
	}
	data, err := alphabet.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		f.fail("%s is no base64", name)
	}
	return data
}

// tally is what the signatures of one payload come to.
type tally struct {
	good       []identity.KeyID // distinct, in the order found
	bad        []identity.KeyID // named keys whose signature does not verify
	incomplete error            // the first that is half a signature
	unknown    int              // signatures of keys that were not asked about
}

// maxTries bounds the verifications that signatures without a hint cost.
const maxTries = 256

// tallyOf verifies the signatures of the envelopes that carry the payload, against the keys. A signature counts when it
// verifies under a key, once a key; the hint only says which to try. One without a hint is tried under every key.
func tallyOf(es []*Envelope, keys map[identity.KeyID]*identity.PublicKey) tally {
	var t tally
	tries := 0
	for _, e := range es {
		purpose, err := purposeOf(e.PayloadType)
		if err != nil {
			continue
		}
		signed := e.pae()
		for _, s := range e.Signatures {
			var tried []*identity.PublicKey
			if key := keys[s.KeyID]; key != nil {
				if slices.Contains(t.good, key.ID()) {
					continue
				}
				tried = append(tried, key)
			} else if s.KeyID == "" {
				tried = sortedKeys(keys)
			}
			if tries += len(tried); tries > maxTries {
				return t
			}
			t.try(tried, s, func(k *identity.PublicKey) error { return k.Verify(purpose, signed, s.Sig) })
		}
	}
	return t
}

func (t *tally) try(keys []*identity.PublicKey, s Signature, verify func(*identity.PublicKey) error) {
	if len(keys) == 0 {
		t.unknown++
		return
	}
	for _, key := range keys {
		err := verify(key)
		switch {
		case err == nil:
			if !slices.Contains(t.good, key.ID()) {
				t.good = append(t.good, key.ID())
			}
			return
		case errors.Is(err, identity.ErrIncomplete) && t.incomplete == nil:
			t.incomplete = err
		}
	}
	if s.KeyID != "" {
		t.bad = append(t.bad, s.KeyID)
	}
}

func sortedKeys(keys map[identity.KeyID]*identity.PublicKey) []*identity.PublicKey {
	out := make([]*identity.PublicKey, 0, len(keys))
	for _, k := range keys {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b *identity.PublicKey) int { return strings.Compare(string(a.ID()), string(b.ID())) })
	return out
}

// Merge adds the signatures of other envelopes of the same payload, each once.
func (e *Envelope) Merge(others ...Envelope) error {
	for _, o := range others {
		if o.PayloadType != e.PayloadType || !bytes.Equal(o.Payload, e.Payload) {
			return errors.New("envelope: the payloads differ, so their signatures do not add up")
		}
		for _, s := range o.Signatures {
			same := func(x Signature) bool { return x.KeyID == s.KeyID && bytes.Equal(x.Sig, s.Sig) }
			if !slices.ContainsFunc(e.Signatures, same) {
				e.Signatures = append(e.Signatures, s)
			}
		}
	}
	return nil
}
