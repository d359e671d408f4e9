package release

import (
	"bytes"
	"fmt"
	"time"

	"agentmesh/host/identity"
	"agentmesh/pdk/abi"
)

// Candidate is a module that somebody wants to run, with what came along to vouch for it.
type Candidate struct {
	// Module is the whole file as a host loads it. What it says of itself is read from its manifest.
	Module []byte
	// Envelopes are the signed statements: of an attestation in a registry, of the file beside a module, of a bundle.
	Envelopes []Envelope
	// OCI is the digest of the artifact's manifest that the module was pulled as; empty: it came as a file.
	OCI string
	// New: it is to be taken up now. Else it is one that may have run here before, and then an expired index or a yanked
	// version is a warning; what never ran here is new whatever New says.
	New bool
	// Root, where it is not empty, is the only root that may vouch.
	Root string
}

// Decision is why a module is trusted.
type Decision struct {
	Statement Statement
	// Root is the name of the trust root, RootVersion and Fingerprint which one of that name.
	Root        string
	RootVersion int64
	Fingerprint string
	// Scope is the prefix that the name fell under, Threshold how many keys must sign there, Signers the distinct keys that did.
	Scope     string
	Threshold int
	Signers   []identity.KeyID
	// Owners are the signers for people, in the same order.
	Owners []string
	// IndexVersion is 0 where the root has no index.
	IndexVersion int64
	// Warnings say what is not as it should be: an index past its date, a version that was taken back.
	Warnings []string
}

// Check decides whether a module is trusted. The trust roots that speak for its name most closely decide, by signatures of
// enough distinct keys over exactly this module, and where the root has an index, by a listing of exactly this module. The
// error is a *Refusal. Whether it is older than what ran here is CheckSet's.
func (t *Trust) Check(c Candidate) (Decision, error) {
	m, err := t.memory()
	if err != nil {
		return Decision{}, err
	}
	s, err := StatementOf(c.Module)
	if err != nil {
		return Decision{}, err
	}
	k := check{trust: t, mem: m, c: &c, module: &s, now: t.now(m)}
	k.ran = !c.New && contains(m.state.accepted, s.Wasm)
	d, refusal := k.decide()
	if refusal != nil {
		refusal.Stop = refusal.Stop && k.ran
		if refusal.Place == "" {
			refusal.Place = s.Name + " " + s.Version
		}
		return Decision{}, refusal
	}
	return d, nil
}

type check struct {
	trust    *Trust
	mem      *memory
	c        *Candidate
	module   *Statement
	now      time.Time
	ran      bool
	matching []*Envelope // whose statement is of this module
}

func (k *check) decide() (Decision, *Refusal) {
	if refusal := k.match(); refusal != nil {
		return Decision{}, refusal
	}
	var claims []claim
	for _, r := range k.mem.roots {
		if k.c.Root != "" && r.Name != k.c.Root {
			continue
		}
		if s, n := r.claim(k.module.Name); s != nil {
			claims = append(claims, claim{r, s, n})
		}
	}
	closest := 0
	for _, c := range claims {
		closest = max(closest, c.closeness)
	}
	if closest == 0 {
		return Decision{}, k.unclaimed()
	}
	var accepted *Decision
	var first *Refusal
	for _, c := range claims {
		if c.closeness < closest {
			continue
		}
		d, refusal := k.under(c)
		switch {
		case refusal == nil && accepted == nil:
			accepted = &d
		case refusal != nil && contradicts(refusal.Code):
			return Decision{}, refusal // of two roots that speak as closely, the one that knows the module and says no
		case refusal != nil && (first == nil || graver(refusal, first)):
			first = refusal
		}
	}
	if accepted == nil {
		return Decision{}, first
	}
	return *accepted, nil
}

// claim is a root's word on a name.
type claim struct {
	root      *known
	scope     *Scope
	closeness int
}

// claim is the root's scope for a name, within what the operator lets it speak for.
func (k *known) claim(name string) (*Scope, int) {
	allowed := len(k.remembered.only) == 0
	for _, prefix := range k.remembered.only {
		allowed = allowed || specificity(prefix, name) > 0
	}
	if !allowed {
		return nil, 0
	}
	return k.scope(name)
}

// Owner names the foreign root that speaks for a plugin's name most closely; empty: none does, and the name is this machine's own.
func (t *Trust) Owner(name string) (root string, err error) {
	m, err := t.memory()
	if err != nil {
		return "", err
	}
	closest := 0
	for _, k := range m.roots {
		if _, n := k.claim(name); n > closest && k.Name != LocalName {
			root, closest = k.Name, n
		}
	}
	return root, nil
}

// contradicts reports whether a refusal is about this very version, and not only that somebody else must vouch.
func contradicts(code abi.Code) bool {
	return code == CodeYanked || code == CodeKeyRevoked || code == CodeDigestMismatch
}

// graver orders refusals of roots that speak equally closely: one that does not know a signer says least.
func graver(a, b *Refusal) bool {
	return b.Code == CodeUntrustedRoot && a.Code != CodeUntrustedRoot
}

// match finds the envelopes whose statement is of this module. Foreign ones stapled to it are passed over.
func (k *check) match() *Refusal {
	if len(k.c.Envelopes) == 0 {
		return &Refusal{Code: CodeUnsigned, Detail: "there is no signature", Mend: "agentmesh plugin sign signs it; agentmesh plugin pull brings what a registry has"}
	}
	if len(k.c.Envelopes) > MaxEnvelopes {
		return &Refusal{Code: CodeEnvelopeInvalid, Detail: fmt.Sprintf("%d envelopes; at most %d are looked at", len(k.c.Envelopes), MaxEnvelopes)}
	}
	var first *Refusal
	for i := range k.c.Envelopes {
		e := &k.c.Envelopes[i]
		if len(k.matching) > 0 && e.PayloadType == TypeStatement && bytes.Equal(e.Payload, k.matching[0].Payload) {
			k.matching = append(k.matching, e)
			continue
		}
		refusal := k.fits(e)
		if refusal == nil && len(k.matching) == 0 {
			k.matching = append(k.matching, e)
		} else if first == nil {
			first = refusal
		}
	}
	if len(k.matching) == 0 {
		return first
	}
	return nil
}

func (k *check) fits(e *Envelope) *Refusal {
	if e.PayloadType != TypeStatement {
		return &Refusal{Code: CodeStatementMismatch, Detail: fmt.Sprintf("what was signed is of type %q, and no statement of a plugin", e.PayloadType)}
	}
	s, err := ReadStatement(e.Payload)
	if err != nil {
		return &Refusal{Code: CodeStatementMismatch, Detail: err.Error()}
	}
	return s.compare(k.module)
}

// unclaimed is the refusal of a name that no root speaks for.
func (k *check) unclaimed() *Refusal {
	for _, r := range k.mem.roots {
		all := Role{Threshold: 1}
		for i := range r.Keys {
			all.Keys = append(all.Keys, r.Keys[i].Key.ID())
		}
		if t := tallyOf(k.matching, r.keys(&all)); len(t.good) > 0 {
			return &Refusal{
				Code: CodeWrongSigner, Stop: true,
				Detail: fmt.Sprintf("signed by %s of root %s, who speak for %s and not for %s", r.owners(t.good), r.Name, r.scopes(), k.module.Name),
			}
		}
	}
	return &Refusal{
		Code: CodeUntrustedRoot, Stop: true, Detail: "no trust root that is known here speaks for " + k.module.Name,
		Mend: "agentmesh trust-root add takes one, by its file and fingerprint",
	}
}

func (k *known) scopes() string {
	text := ""
	for i, s := range k.Scopes {
		if i > 0 {
			text += ", "
		}
		text += s.Prefix
	}
	return text
}

// under decides under one root.
func (k *check) under(c claim) (Decision, *Refusal) {
	signers, refusal := c.root.signers(k.matching, &c.scope.Role, "scope "+c.scope.Prefix)
	if refusal != nil {
		return Decision{}, refusal
	}
	d := Decision{
		Statement: *k.module, Root: c.root.Name, RootVersion: c.root.Version, Fingerprint: c.root.fingerprint,
		Scope: c.scope.Prefix, Threshold: c.scope.Threshold, Signers: signers,
	}
	for _, id := range signers {
		d.Owners = append(d.Owners, c.root.Owner(id))
	}
	if refusal := k.rootDate(c.root, &d); refusal != nil {
		return Decision{}, refusal
	}
	if c.root.Index != nil {
		if refusal := k.listed(c.root, &d); refusal != nil {
			return Decision{}, refusal
		}
	}
	return d, nil
}

func (k *check) rootDate(r *known, d *Decision) *Refusal {
	since := k.now.Sub(r.Expires)
	if since < 0 {
		return nil
	}
	detail := fmt.Sprintf("root %s expired on %s", r.Name, r.Expires.Format(timeLayout))
	if k.ran && since < k.trust.options.MaxStale {
		d.Warnings = append(d.Warnings, detail)
		return nil
	}
	return &Refusal{Code: CodeRootExpired, Stop: true, Detail: detail, Mend: "its owners must sign a new version; agentmesh trust-root add takes it"}
}

// listed holds the module against the index of the root.
func (k *check) listed(r *known, d *Decision) *Refusal {
	end, why := r.indexEnd()
	since := k.now.Sub(end)
	switch {
	case r.index == nil && k.ran:
		d.Warnings = append(d.Warnings, "no index of root "+r.Name+" is known")
		return nil
	case r.index == nil:
		return &Refusal{Code: CodeNotListed, Detail: "root " + r.Name + " wants its plugins listed, and no index of it has been seen", Mend: "agentmesh plugin pull brings the index of its source"}
	case since >= k.trust.options.MaxStale:
		return &Refusal{Code: CodeIndexStale, Stop: true, Detail: fmt.Sprintf("%s on %s, longer ago than %s", why, end.UTC().Format(timeLayout), k.trust.options.MaxStale), Mend: "a newer index must come: see that its source can be reached"}
	case since >= 0 && !k.ran:
		return &Refusal{Code: CodeIndexExpired, Detail: fmt.Sprintf("%s on %s, and nothing new is taken up under it", why, end.UTC().Format(timeLayout)), Mend: "a newer index must come: see that its source can be reached"}
	case since >= 0:
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s on %s", why, end.UTC().Format(timeLayout)))
	}
	d.IndexVersion = r.index.Version
	return k.entry(r, d)
}

// indexEnd is when the index ends or ended, and how that is said.
func (k *known) indexEnd() (end time.Time, why string) {
	if k.index == nil {
		return time.Time{}, ""
	}
	if until := k.remembered.index.until; !until.IsZero() && until.Before(k.index.Expires) {
		return until, "root " + k.Name + " took the signers of its index away"
	}
	return k.index.Expires, fmt.Sprintf("the index of root %s, version %d, expired", k.Name, k.index.Version)
}

func (k *check) entry(r *known, d *Decision) *Refusal {
	s := k.module
	e := r.entries[s.Name+"@"+s.Version]
	if e == nil {
		detail := fmt.Sprintf("the index of root %s, version %d, does not list it", r.Name, r.index.Version)
		if k.ran {
			d.Warnings = append(d.Warnings, detail)
			return nil
		}
		return &Refusal{Code: CodeNotListed, Detail: detail, Mend: "its publisher lists it by agentmesh index publish"}
	}
	if refusal := k.sameAs(e); refusal != nil {
		return refusal
	}
	if e.Yanked == "" {
		return nil
	}
	if k.ran {
		d.Warnings = append(d.Warnings, "its publisher took the version back: "+e.Yanked)
		return nil
	}
	return &Refusal{Code: CodeYanked, Detail: "its publisher took the version back: " + e.Yanked, Mend: "take another version"}
}

// sameAs holds every fact of the entry against the module.
func (k *check) sameAs(e *Entry) *Refusal {
	s := k.module
	for _, c := range [][3]string{
		{"wasm", e.Wasm, s.Wasm},
		{"manifest", e.Manifest, s.Manifest},
		{"size", fmt.Sprint(e.Size), fmt.Sprint(len(k.c.Module))},
		{"kind", e.Kind, s.Kind},
		{"effective_from", e.From, s.From},
		{"effective_until", e.Until, s.Until},
	} {
		if c[1] != c[2] {
			return &Refusal{Code: CodeDigestMismatch, Stop: true, Detail: fmt.Sprintf("the index lists %s with %s %q, and this one has %q", e.id(), c[0], c[1], c[2])}
		}
	}
	if k.c.OCI != "" && k.c.OCI != e.OCI {
		return &Refusal{Code: CodeDigestMismatch, Stop: true, Detail: fmt.Sprintf("the index lists %s as artifact %q, and it was pulled as %q", e.id(), e.OCI, k.c.OCI)}
	}
	return nil
}
