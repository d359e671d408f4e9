package release

import (
	"fmt"
	"time"

	"agentmesh/pdk/abi"
)

// Permit lets a deployment go back to one older version of a plugin, named by its digest. It is signed as its root is.
type Permit struct {
	Root, Plugin, Version, Wasm, Reason string
	// Expires is until when the older version may be taken up; one that was taken up in time may stay.
	Issued, Expires time.Time
}

// Payload is the permit as JSON, the bytes that are signed.
func (p *Permit) Payload() []byte {
	return abi.AppendJSON(nil, abi.ObjectValue(
		text("type", "permit"), text("root", p.Root), text("plugin", p.Plugin), text("version", p.Version), text("wasm", p.Wasm),
		text("reason", p.Reason), moment("issued", p.Issued), moment("expires", p.Expires),
	))
}

// Envelope is the permit ready to be signed.
func (p *Permit) Envelope() Envelope { return Envelope{PayloadType: TypePermit, Payload: p.Payload()} }

// ReadPermit reads the payload of a permit, strictly. Signatures are not looked at. The error is a *Refusal.
func ReadPermit(payload []byte) (*Permit, error) {
	p, err := readPermit(payload)
	if err != nil {
		return nil, &Refusal{Code: CodePermitInvalid, Detail: err.Error()}
	}
	return p, nil
}

func readPermit(payload []byte) (*Permit, error) {
	if len(payload) > maxSmallPayload {
		return nil, fmt.Errorf("permit: %d bytes; at most %d are read", len(payload), maxSmallPayload)
	}
	f := readFields(payload, "permit")
	f.is("type", "permit")
	p := &Permit{
		Root: f.text("root"), Plugin: f.text("plugin"), Version: f.text("version"), Wasm: f.digest("wasm"), Reason: f.text("reason"),
		Issued: f.time("issued"), Expires: f.time("expires"),
	}
	if err := f.end(); err != nil {
		return nil, err
	}
	if !p.Issued.Before(p.Expires) {
		return nil, fmt.Errorf("permit: it expires before it was issued")
	}
	return p, nil
}

// VerifyPermit verifies a permit under the root: enough root keys have signed it, and it is for a plugin that the root
// speaks for.
func (r *Root) VerifyPermit(e *Envelope) (*Permit, error) {
	place := "permit of root " + r.Name
	if e.PayloadType != TypePermit {
		return nil, &Refusal{Code: CodePermitInvalid, Place: place, Detail: fmt.Sprintf("payload type %q is no permit's", e.PayloadType)}
	}
	if _, refusal := r.signers([]*Envelope{e}, &r.Root, "the root role"); refusal != nil {
		refusal.Stop, refusal.Place = false, place
		return nil, refusal
	}
	p, err := ReadPermit(e.Payload)
	if err != nil {
		return nil, at(place, err)
	}
	if p.Root != r.Name {
		return nil, &Refusal{Code: CodePermitInvalid, Place: place, Detail: fmt.Sprintf("it is of root %s", p.Root)}
	}
	if s, _ := r.scope(p.Plugin); s == nil {
		return nil, &Refusal{Code: CodePermitInvalid, Place: place, Detail: fmt.Sprintf("%s is in no scope of the root", p.Plugin)}
	}
	return p, nil
}
