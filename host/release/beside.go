package release

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"agentmesh/host/disk"
	"agentmesh/host/oci"
)

// BesideEnd is what the file of signatures beside a module ends with: x.wasm has x.wasm.sig.json. It holds one envelope, or a
// list of them.
const BesideEnd = oci.AttestationEnd

// ReadBeside reads the signatures beside a module file; none are no error.
func ReadBeside(module string) ([]Envelope, error) {
	path := module + BesideEnd
	src, err := readGuarded(path, MaxEnvelope)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Refusal{Code: CodeEnvelopeInvalid, Place: path, Detail: err.Error()}
	}
	es, err := ReadEnvelopes(src)
	return es, at(path, err)
}

// WriteBeside replaces the file of signatures beside a module.
func WriteBeside(module string, es ...Envelope) error {
	if err := disk.Replace(module+BesideEnd, AppendEnvelopes(nil, es), 0o600); err != nil {
		return fmt.Errorf("signatures beside %s: %w", module, err)
	}
	return nil
}

// AppendEnvelopes appends one envelope as it is, several as a list.
func AppendEnvelopes(dst []byte, es []Envelope) []byte {
	if len(es) == 1 {
		return append(AppendEnvelope(dst, &es[0]), '\n')
	}
	dst = append(dst, '[')
	for i := range es {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendEnvelope(dst, &es[i])
	}
	return append(dst, "]\n"...)
}

// Gather makes one envelope of those with one payload, in the order of their first: signatures made apart add up.
func Gather(es []Envelope) []Envelope {
	var out []Envelope
next:
	for _, e := range es {
		for i := range out {
			if out[i].PayloadType == e.PayloadType && bytes.Equal(out[i].Payload, e.Payload) {
				_ = out[i].Merge(e) // the payloads are the same
				continue next
			}
		}
		e.Signatures = append([]Signature(nil), e.Signatures...)
		out = append(out, e)
	}
	return out
}
