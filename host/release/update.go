package release

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// What an update may be at most.
const (
	// maxSteps is how many versions a root is followed at once.
	maxSteps = 1024
	// maxJump is how far the version of an index may rise at once. A signer with a stolen key could else use up all versions;
	// a new root with other index signers starts the count again.
	maxJump = 1_000_000
	// maxGone is how many versions indexes of one root may have left out.
	maxGone = 100_000
)

// Update follows one known trust root: along the chain to its newest version, one version at a time, then to the index. Each
// step is verified and remembered before the next; what comes after a bad step is not taken, and what was in force stays. The
// chain may hold versions that are known, in any order; the index may be nil. The error is a *Refusal, or ctx's.
func (t *Trust) Update(ctx context.Context, chain [][]byte, index []byte) error {
	steps, name, err := readChain(chain)
	if err != nil {
		return err
	}
	var x *Envelope
	if index != nil {
		e, err := ReadEnvelope(index)
		if err != nil {
			return at("index", err)
		}
		if x = &e; name == "" {
			name = claimedRoot(&e)
		}
	}
	if name == "" {
		return &Refusal{Code: CodeIndexInvalid, Place: "update", Detail: "it names no root"}
	}
	return t.change(func(e *edit) error {
		if err := e.follow(ctx, name, steps); err != nil {
			return err
		}
		if x == nil {
			return ctx.Err()
		}
		return e.index(name, x)
	})
}

// claimedRoot is the root that an index says it is of; whether it is, is checked later.
func claimedRoot(e *Envelope) string {
	if x, err := ReadIndex(e.Payload); err == nil {
		return x.Root
	}
	return ""
}

// step is one version of a root in a chain.
type step struct {
	version  int64
	envelope Envelope
}

func readChain(chain [][]byte) ([]step, string, error) {
	if len(chain) > 8*maxSteps {
		return nil, "", &Refusal{Code: CodeRootInvalid, Place: "chain", Detail: fmt.Sprintf("%d roots; at most %d are read", len(chain), 8*maxSteps)}
	}
	var steps []step
	name := ""
	for _, src := range chain {
		e, err := ReadEnvelope(src)
		if err != nil {
			return nil, "", at("chain", err)
		}
		if e.PayloadType != TypeRoot {
			return nil, "", &Refusal{Code: CodeRootInvalid, Place: "chain", Detail: fmt.Sprintf("payload type %q is no trust root's", e.PayloadType)}
		}
		r, err := ReadRoot(e.Payload)
		if err != nil {
			return nil, "", at("chain", err)
		}
		if name == "" {
			name = r.Name
		}
		if r.Name != name {
			return nil, "", &Refusal{Code: CodeRootsDisagree, Place: "chain", Detail: fmt.Sprintf("it mixes root %s and root %s", name, r.Name)}
		}
		steps = append(steps, step{r.Version, e})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(min(max(a.version-b.version, -1), 1)) })
	return steps, name, nil
}

// follow takes the steps beyond the known version.
func (e *edit) follow(ctx context.Context, name string, steps []step) error {
	place := "root " + name
	k := e.mem.root(name)
	if k == nil {
		return &Refusal{
			Code: CodeUntrustedRoot, Place: place, Detail: "it is not known here",
			Mend: "agentmesh trust-root add takes it, by its file and fingerprint",
		}
	}
	taken := 0
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &steps[i]
		k = e.mem.root(name)
		switch {
		case s.version < k.Version:
			continue
		case s.version == k.Version:
			if got := s.envelope.Digest(); got != k.fingerprint {
				return &Refusal{Code: CodeRootsDisagree, Place: place, Detail: fmt.Sprintf("there is another version %d of it, %s, than the one that is known, %s", k.Version, got, k.fingerprint)}
			}
			continue
		case taken == maxSteps:
			return &Refusal{Code: CodeRootVersion, Place: place, Detail: fmt.Sprintf("more than %d versions at once", maxSteps), Mend: "update again to go on"}
		}
		if err := e.rotate(k, &s.envelope); err != nil {
			return at(place, err)
		}
		taken++
	}
	if k = e.mem.root(name); !e.trust.now(e.mem).Before(k.Expires) {
		return &Refusal{Code: CodeRootExpired, Place: place, Detail: fmt.Sprintf("its version %d expired on %s", k.Version, k.Expires.Format(timeLayout)), Mend: "its owners must sign a new version"}
	}
	return nil
}

// rotate takes the next version of a root.
func (e *edit) rotate(k *known, envelope *Envelope) error {
	next, err := k.VerifyNext(envelope)
	if err != nil {
		return err
	}
	if err := e.dated("root "+k.Name, CodeRootInvalid, next.Issued); err != nil {
		return err
	}
	if refusal := e.mem.grab(k, next); refusal != nil {
		return refusal
	}
	if err := e.put(k.Name, rootFile(next.Version), AppendEnvelope(nil, envelope)); err != nil {
		return err
	}
	s := e.state.root(k.Name)
	s.root = versionDigest{next.Version, envelope.Digest()}
	e.retire(s, k, next)
	e.saw(next.Issued)
	return e.commit()
}

// retire ends the known index where its signers count no more: what it lists may go on as under an expired index, and the
// next index starts the count of versions again.
func (e *edit) retire(s *rootState, k *known, next *Root) {
	if s.index == nil {
		return
	}
	if next.Index == nil {
		s.index, s.gone = nil, nil
		return
	}
	same := sameKeys(k.Root, next, func(r *Root) *Role { return r.Index })
	if same && s.index.until.IsZero() {
		x, err := ReadEnvelope(k.indexText)
		if err == nil {
			_, err = next.VerifyIndex(&x)
		}
		same = err == nil
	}
	if !same && s.index.until.IsZero() {
		ended := *s.index
		ended.until = e.trust.now(e.mem).UTC().Truncate(timeStep)
		s.index, s.gone = &ended, nil
	}
}

// index takes an index of a known root.
func (e *edit) index(name string, envelope *Envelope) error {
	k := e.mem.root(name)
	place := "index of root " + name
	x, err := k.VerifyIndex(envelope)
	if err != nil {
		return err
	}
	now := versionDigest{x.Version, envelope.Digest()}
	if last := k.binding(); last != nil {
		if now == *last {
			return e.inDate(place, x)
		}
		if err := e.newer(k, now, *last, envelope); err != nil {
			return at(place, err)
		}
	}
	if err := k.plausible(x); err != nil {
		return at(place, err)
	}
	if err := e.dated(place, CodeIndexInvalid, x.Issued); err != nil {
		return err
	}
	if err := e.inDate(place, x); err != nil {
		return err
	}
	gone := k.goneBy(x)
	if len(gone) > maxGone {
		return &Refusal{Code: CodeIndexInvalid, Place: place, Detail: fmt.Sprintf("it and those before it leave out more than %d versions", maxGone), Mend: "yank versions, and leave them listed"}
	}
	if err := e.put(name, indexFile(now), AppendEnvelope(nil, envelope)); err != nil {
		return err
	}
	s := e.state.root(name)
	s.gone, s.index = gone, &indexState{versionDigest: now}
	e.saw(x.Issued)
	if err := e.commit(); err != nil {
		return err
	}
	e.sweep(name)
	return nil
}

func (e *edit) inDate(place string, x *Index) error {
	if e.trust.now(e.mem).Before(x.Expires) {
		return nil
	}
	return &Refusal{Code: CodeIndexExpired, Place: place, Detail: fmt.Sprintf("version %d expired on %s", x.Version, x.Expires.Format(timeLayout)), Mend: "its publisher must sign a new one"}
}

// binding is the index that a next one must be newer than, nil when there is none.
func (k *known) binding() *versionDigest {
	if i := k.remembered.index; i != nil && i.until.IsZero() {
		return &i.versionDigest
	}
	return nil
}

func (e *edit) newer(k *known, now, last versionDigest, envelope *Envelope) error {
	switch {
	case now.version < last.version:
		return &Refusal{
			Code: CodeIndexRollback, Detail: fmt.Sprintf("version %d is older than version %d, which was seen", now.version, last.version),
			Mend: "whoever serves the old index holds back newer rules: ask its publisher",
		}
	case now.version == last.version:
		if err := e.evidence(k, now, last, envelope); err != nil {
			return err
		}
		return &Refusal{
			Code: CodeIndexFork, Detail: fmt.Sprintf("there are two indexes of version %d, %s and %s", now.version, last.digest, now.digest),
			Mend: fmt.Sprintf("its signers have signed both: show them %s and %s in the folder of the root", forkFile(last), forkFile(now)),
		}
	}
	return nil
}

// maxEvidence is how many contradicting indexes of a root are kept: the first few prove as much as all.
const maxEvidence = 16

// evidence keeps both of two indexes that contradict each other.
func (e *edit) evidence(k *known, now, last versionDigest, envelope *Envelope) error {
	kept, err := filepath.Glob(filepath.Join(e.trust.dir, k.Name, "fork-*.json"))
	if err != nil || len(kept) >= maxEvidence {
		return err
	}
	if err := e.put(k.Name, forkFile(now), AppendEnvelope(nil, envelope)); err != nil {
		return err
	}
	return e.put(k.Name, forkFile(last), k.indexText)
}

// plausible holds an index against the one before it.
func (k *known) plausible(x *Index) error {
	last := int64(0)
	if b := k.binding(); b != nil {
		last = b.version
	}
	if x.Version-last > maxJump {
		return &Refusal{
			Code: CodeFastForward, Detail: fmt.Sprintf("version %d is more than %d beyond %d", x.Version, maxJump, last),
			Mend: "a key of its signers may be stolen: a new version of the root with other index signers starts the count again",
		}
	}
	if k.binding() == nil {
		return nil
	}
	for i := range x.Entries {
		now := &x.Entries[i]
		if old := k.entries[now.id()]; old != nil && !old.same(now) {
			return &Refusal{
				Code: CodeVersionReused, Detail: fmt.Sprintf("%s was published as %s and is now %s", now.id(), old.Wasm, now.Wasm),
				Mend: "a change needs a new version",
			}
		}
		if g := k.gone(now.id()); g != nil && (g.wasm != now.Wasm || g.manifest != now.Manifest) {
			return &Refusal{Code: CodeVersionReused, Detail: fmt.Sprintf("%s was published as %s, left out, and is back as %s", now.id(), g.wasm, now.Wasm), Mend: "a change needs a new version"}
		}
	}
	return nil
}

func (k *known) gone(id string) *goneVersion {
	all := k.remembered.gone // sorted
	i, found := slices.BinarySearchFunc(all, id, func(g goneVersion, id string) int { return strings.Compare(g.id, id) })
	if !found {
		return nil
	}
	return &all[i]
}

// goneBy are the versions that were listed once and are not in x.
func (k *known) goneBy(x *Index) []goneVersion {
	if k.binding() == nil {
		return nil
	}
	listed := map[string]bool{}
	for i := range x.Entries {
		listed[x.Entries[i].id()] = true
	}
	var out []goneVersion
	for _, g := range k.remembered.gone {
		if !listed[g.id] {
			out = append(out, g)
		}
	}
	for id, e := range k.entries {
		if !listed[id] && k.gone(id) == nil {
			out = append(out, goneVersion{id, e.Wasm, e.Manifest})
		}
	}
	slices.SortFunc(out, func(a, b goneVersion) int { return strings.Compare(a.id, b.id) })
	return out
}
