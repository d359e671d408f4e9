package release

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"agentmesh/pdk/abi"
)

// AddRoot takes a trust root by its file and the fingerprint that the operator got another way. Adding the one that is there
// is no error. Where only is given, the root speaks for names in these scopes alone, whatever it claims now or later.
func (t *Trust) AddRoot(envelope []byte, fingerprint string, only ...string) (*Root, error) {
	if !strings.HasPrefix(fingerprint, digestPrefix) {
		fingerprint = digestPrefix + fingerprint
	}
	e, err := ReadEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	if got := e.Digest(); got != fingerprint {
		return nil, &Refusal{
			Code: CodeFingerprintMismatch, Detail: fmt.Sprintf("its fingerprint is %s, not %s", got, fingerprint),
			Mend: "compare the fingerprint with the root's owners by another way than the file came",
		}
	}
	r, err := VerifyFirst(&e)
	if err != nil {
		return nil, err
	}
	if r.Name == LocalName {
		return nil, &Refusal{Code: CodeRootInvalid, Detail: "the name local is this machine's own root's", Mend: "the root needs another name"}
	}
	for _, prefix := range only {
		if err := checkPrefix(prefix); err != nil {
			return nil, &Refusal{Code: CodeRootInvalid, Detail: err.Error()}
		}
	}
	return r, t.change(func(edit *edit) error { return edit.add(r, &e, only) })
}

func (e *edit) add(r *Root, envelope *Envelope, only []string) error {
	if k := e.mem.root(r.Name); k != nil {
		if k.fingerprint == envelope.Digest() {
			return nil
		}
		return &Refusal{
			Code: CodeRootsDisagree, Place: "root " + r.Name, Detail: fmt.Sprintf("a root of that name is known, version %d, fingerprint %s", k.Version, k.fingerprint),
			Mend: "to follow it to a newer version give its chain without a fingerprint; to take another root instead, remove the known one first",
		}
	}
	if err := e.dated("root "+r.Name, CodeRootInvalid, r.Issued); err != nil {
		return err
	}
	if now := e.trust.now(e.mem); !now.Before(r.Expires) {
		return &Refusal{Code: CodeRootExpired, Place: "root " + r.Name, Detail: "it expired on " + r.Expires.Format(timeLayout)}
	}
	if err := e.put(r.Name, rootFile(r.Version), AppendEnvelope(nil, envelope)); err != nil {
		return err
	}
	e.state.roots = append(e.state.roots, rootState{
		name: r.Name, first: r.Version, root: versionDigest{r.Version, envelope.Digest()}, only: slices.Clone(only),
	})
	e.saw(r.Issued)
	return e.commit()
}

// dated refuses a document from the future: a clock that is wrong here or there.
func (e *edit) dated(place string, code abi.Code, issued time.Time) error {
	if clock := e.trust.options.Now(); issued.After(clock.Add(maxSkew)) {
		return &Refusal{
			Code: code, Place: place, Detail: fmt.Sprintf("it was issued on %s, and the clock says %s", issued.Format(timeLayout), clock.UTC().Format(timeLayout)),
			Mend: "set the clock",
		}
	}
	return nil
}

func (e *edit) saw(issued time.Time) {
	if issued.After(e.state.seen) {
		e.state.seen = issued
	}
}

// RemoveRoot forgets a trust root: nothing that only it vouches for is trusted any more. The highest versions that ran stay
// remembered.
func (t *Trust) RemoveRoot(name string) error {
	return t.change(func(e *edit) error {
		if e.mem.root(name) == nil {
			return &Refusal{Code: CodeUntrustedRoot, Place: "root " + name, Detail: "no such root is known"}
		}
		e.state.roots = slices.DeleteFunc(e.state.roots, func(s rootState) bool { return s.name == name })
		if err := e.commit(); err != nil {
			return err
		}
		e.sweep(name)
		return nil
	})
}

// AddPermit takes a permit of a known root.
func (t *Trust) AddPermit(envelope []byte) (*Permit, error) {
	e, err := ReadEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	claimed, err := ReadPermit(e.Payload)
	if err != nil {
		return nil, err
	}
	return claimed, t.change(func(edit *edit) error { return edit.permit(claimed.Root, &e) })
}

func (e *edit) permit(root string, envelope *Envelope) error {
	k := e.mem.root(root)
	if k == nil {
		return &Refusal{Code: CodeUntrustedRoot, Place: "permit", Detail: "root " + root + " is not known here"}
	}
	place := "permit of root " + root
	p, err := k.VerifyPermit(envelope)
	if err != nil {
		return err
	}
	if err := e.dated(place, CodePermitInvalid, p.Issued); err != nil {
		return err
	}
	if now := e.trust.now(e.mem); !now.Before(p.Expires) {
		return &Refusal{Code: CodePermitInvalid, Place: place, Detail: "it expired on " + p.Expires.Format(timeLayout), Mend: "have the root's owners sign a new one"}
	}
	s := e.state.root(root)
	digest := envelope.Digest()
	if slices.Contains(s.permit, digest) {
		return nil
	}
	if len(s.permit) >= maxPermits {
		s.permit = slices.Clone(s.permit[1:])
	}
	if err := e.put(root, permitFile(digest), AppendEnvelope(nil, envelope)); err != nil {
		return err
	}
	s.permit = append(slices.Clone(s.permit), digest)
	e.saw(p.Issued)
	if err := e.commit(); err != nil {
		return err
	}
	e.sweep(root)
	return nil
}

// Known is a trust root as it is known here.
type Known struct {
	Root        *Root
	Fingerprint string
	// Signed is the root with its signatures.
	Signed Envelope
	// Only are the scopes that the operator lets it speak for; empty: all that it claims.
	Only []string
	// Index is the index in force, nil when none was seen; Until is since when its signers count no more, else zero.
	Index *Index
	Until time.Time
	// Permits are those that the root has signed, the expired ones too.
	Permits []*Permit
}

// Roots are the known trust roots, sorted by name.
func (t *Trust) Roots() ([]Known, error) {
	m, err := t.memory()
	if err != nil {
		return nil, err
	}
	out := make([]Known, len(m.roots))
	for i, k := range m.roots {
		out[i] = Known{Root: k.Root, Fingerprint: k.fingerprint, Signed: k.signed, Only: k.remembered.only, Index: k.index, Permits: k.permits}
		if k.remembered.index != nil {
			out[i].Until = k.remembered.index.until
		}
	}
	return out, nil
}

// Documents are the signed files of a root as they are kept: every version of the root from the one that was added, and
// the index, nil when there is none. It is what an OCI registry or an air-gap bundle hands on.
func (t *Trust) Documents(root string) (chain [][]byte, index []byte, err error) {
	m, err := t.memory()
	if err != nil {
		return nil, nil, err
	}
	k := m.root(root)
	if k == nil {
		return nil, nil, &Refusal{Code: CodeUntrustedRoot, Place: "root " + root, Detail: "no such root is known"}
	}
	for v := k.remembered.first; v < k.Version; v++ {
		src, err := readGuarded(filepath.Join(t.dir, root, rootFile(v)), MaxEnvelope)
		if err != nil {
			return nil, nil, &Refusal{Code: CodeStateInvalid, Place: "root " + root, Detail: err.Error()}
		}
		chain = append(chain, src)
	}
	return append(chain, k.document), k.indexText, nil
}
