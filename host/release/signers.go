package release

import (
	"fmt"
	"slices"
	"strings"

	"agentmesh/host/identity"
)

// signers counts the distinct keys of the role that have signed the payload that all envelopes carry. Enough of them, and
// their ids come back, sorted; else the refusal says what is nearest to the truth about why not. What names the role for
// people.
func (r *Root) signers(es []*Envelope, role *Role, what string) ([]identity.KeyID, *Refusal) {
	t := tallyOf(es, r.keys(role))
	var counted, revoked []identity.KeyID
	for _, id := range t.good {
		if r.revoked(id) {
			revoked = append(revoked, id)
		} else {
			counted = append(counted, id)
		}
	}
	if len(counted) >= role.Threshold {
		slices.Sort(counted)
		return counted, nil
	}
	return nil, r.shortage(shortage{es, role, what, t, counted, revoked})
}

// shortage is what is known when too few keys of a role have signed.
type shortage struct {
	es               []*Envelope
	role             *Role
	what             string
	tally            tally
	counted, revoked []identity.KeyID
}

func (r *Root) shortage(s shortage) *Refusal {
	named := slices.Clone(s.revoked)
	signatures := 0
	for _, e := range s.es {
		signatures += len(e.Signatures)
		for _, sig := range e.Signatures {
			if r.revoked(sig.KeyID) && !slices.Contains(named, sig.KeyID) {
				named = append(named, sig.KeyID) // its key may be gone from the root: the hint can only make things worse for it
			}
		}
	}
	need := fmt.Sprintf("%s of root %s needs %s", s.what, r.Name, keysOf(s.role.Threshold))
	switch {
	case signatures == 0:
		return &Refusal{Code: CodeUnsigned, Detail: "there is no signature; " + need}
	case len(named) > 0 && len(s.counted)+len(named) >= s.role.Threshold:
		return &Refusal{
			Code: CodeKeyRevoked, Stop: true, Mend: "have it signed again by keys that are not revoked",
			Detail: fmt.Sprintf("%s, and %s", r.revocation(named[0]), need),
		}
	case s.tally.incomplete != nil:
		return &Refusal{Code: CodeHybridIncomplete, Detail: fmt.Sprintf("%v; %s", s.tally.incomplete, need)}
	case len(s.tally.bad) > 0:
		return &Refusal{Code: CodeSignatureInvalid, Detail: fmt.Sprintf("the signature of %s does not verify; %s", r.Owner(s.tally.bad[0]), need)}
	case len(s.counted) > 0:
		return &Refusal{
			Code: CodeThresholdNotMet, Stop: true, Mend: "have more of its keys sign",
			Detail: fmt.Sprintf("%d of %s signed (%s); %s", len(s.counted), keysOf(s.role.Threshold), r.owners(s.counted), need),
		}
	case len(named) > 0:
		return &Refusal{Code: CodeKeyRevoked, Stop: true, Detail: fmt.Sprintf("%s; %s", r.revocation(named[0]), need)}
	}
	return r.stranger(s, need)
}

// stranger says who signed when nobody of the role did.
func (r *Root) stranger(s shortage, need string) *Refusal {
	others := Role{}
	for i := range r.Keys {
		others.Keys = append(others.Keys, r.Keys[i].Key.ID())
	}
	if t := tallyOf(s.es, r.keys(&others)); len(t.good) > 0 {
		return &Refusal{
			Code: CodeWrongSigner, Stop: true, Mend: "have the owners of that role sign, " + r.owners(s.role.Keys),
			Detail: fmt.Sprintf("signed by %s, who may not; %s", r.owners(t.good), need),
		}
	}
	return &Refusal{
		Code: CodeUntrustedRoot, Stop: true, Detail: fmt.Sprintf("none of its signatures is of a key that root %s knows; %s", r.Name, need),
		Mend: "agentmesh trust-root add takes another root, by its file and fingerprint",
	}
}

func (r *Root) revocation(id identity.KeyID) string {
	for _, v := range r.Revoked {
		if v.Key == id && v.Reason != "" {
			return fmt.Sprintf("the key of %s is revoked (%s)", r.Owner(id), v.Reason)
		}
	}
	return fmt.Sprintf("the key of %s is revoked", r.Owner(id))
}

func (r *Root) owners(ids []identity.KeyID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = r.Owner(id)
	}
	return strings.Join(names, ", ")
}

func keysOf(n int) string {
	if n == 1 {
		return "1 key"
	}
	return fmt.Sprintf("%d distinct keys", n)
}

// VerifyFirst verifies a root by itself: enough of its own root keys have signed it. It is what a fingerprint is held
// against; trust in it comes from there alone.
func VerifyFirst(e *Envelope) (*Root, error) {
	if e.PayloadType != TypeRoot {
		return nil, &Refusal{Code: CodeRootInvalid, Detail: fmt.Sprintf("payload type %q is no trust root's", e.PayloadType)}
	}
	r, err := ReadRoot(e.Payload)
	if err != nil {
		return nil, err
	}
	if _, refusal := r.signers([]*Envelope{e}, &r.Root, "the root role"); refusal != nil {
		refusal.Stop = false
		return nil, refusal
	}
	return r, nil
}

// VerifyNext verifies the root that follows r: its version is exactly one more, enough root keys of r and of its own have
// signed it, and nothing that r revoked is trusted again. Dates are not looked at.
func (r *Root) VerifyNext(e *Envelope) (*Root, error) {
	next, err := VerifyFirst(e)
	if err != nil {
		return nil, err
	}
	if next.Name != r.Name {
		return nil, &Refusal{Code: CodeRootInvalid, Detail: fmt.Sprintf("it is root %s, not %s", next.Name, r.Name)}
	}
	if next.Version != r.Version+1 {
		return nil, &Refusal{
			Code: CodeRootVersion, Detail: fmt.Sprintf("version %d does not follow version %d", next.Version, r.Version),
			Mend: "roots are followed one version at a time: give every one between",
		}
	}
	if _, refusal := r.signers([]*Envelope{e}, &r.Root, fmt.Sprintf("the root role of version %d", r.Version)); refusal != nil {
		refusal.Stop = false
		return nil, refusal
	}
	for _, v := range r.Revoked {
		if !next.revoked(v.Key) {
			return nil, &Refusal{Code: CodeRootInvalid, Detail: fmt.Sprintf("version %d takes back the revocation of %s", next.Version, v.Key)}
		}
	}
	return next, nil
}

// SignedBy are the distinct keys of a role, not revoked, whose signatures on the envelope verify, sorted. It is for those who
// gather signatures and want to know who is missing.
func (r *Root) SignedBy(e *Envelope, role Role) []identity.KeyID {
	var out []identity.KeyID
	for _, id := range tallyOf([]*Envelope{e}, r.keys(&role)).good {
		if !r.revoked(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// Holds reports whether a signature of the key is on the envelope and verifies.
func (e *Envelope) Holds(key *identity.PublicKey) bool {
	return len(tallyOf([]*Envelope{e}, map[identity.KeyID]*identity.PublicKey{key.ID(): key}).good) > 0
}
