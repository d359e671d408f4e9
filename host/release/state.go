package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"agentmesh/host/identity"
	"agentmesh/pdk/abi"
)

// state is what is remembered of trust, the file state.json. It is replaced whole, so that each step of an update is
// remembered or not, and names every other file by its digest.
type state struct {
	roots    []rootState
	marks    []mark
	accepted []string // wasm digests of what ran here, the oldest first
	lock     int64    // the highest revision of plugins.lock that was in force; 0: none
	// seen is the latest time that a signed document bore: the clock is not believed to be earlier.
	seen time.Time
}

// rootState is what is remembered of one trust root.
type rootState struct {
	name   string
	first  int64 // the oldest version that is kept, the one that was added
	root   versionDigest
	index  *indexState
	only   []string // what the operator lets the root speak for; empty: all its scopes
	gone   []goneVersion
	permit []string // digests
}

type versionDigest struct {
	version int64
	digest  string
}

type indexState struct {
	versionDigest
	// until is set when the root took the index's signers away: the index counts as expired since then, and its version
	// binds the next index no more.
	until time.Time
}

// goneVersion is a version that an earlier index listed and the present one does not: it cannot come back as other bytes.
type goneVersion struct {
	id, wasm, manifest string
}

// mark is the highest version of a plugin that ran here.
type mark struct {
	plugin, version, wasm string
	// permitted are digests of older versions that were taken up under a permit since.
	permitted []string
}

// What is remembered at most.
const (
	maxState    = 64 << 20
	maxRoots    = 256
	maxAccepted = 4096
)

func (s *state) root(name string) *rootState {
	for i := range s.roots {
		if s.roots[i].name == name {
			return &s.roots[i]
		}
	}
	return nil
}

func (s *state) mark(plugin string) *mark {
	for i := range s.marks {
		if s.marks[i].plugin == plugin {
			return &s.marks[i]
		}
	}
	return nil
}

func (s *state) clone() *state {
	c := *s
	c.roots, c.marks, c.accepted = slices.Clone(s.roots), slices.Clone(s.marks), slices.Clone(s.accepted)
	return &c
}

func appendState(s *state) []byte {
	slices.SortFunc(s.roots, func(a, b rootState) int { return strings.Compare(a.name, b.name) })
	slices.SortFunc(s.marks, func(a, b mark) int { return strings.Compare(a.plugin, b.plugin) })
	roots := make([]abi.Value, len(s.roots))
	for i := range s.roots {
		roots[i] = s.roots[i].value()
	}
	marks := make([]abi.Value, len(s.marks))
	for i, m := range s.marks {
		marks[i] = abi.ObjectValue(text("plugin", m.plugin), text("version", m.version), text("wasm", m.wasm), texts("permitted", m.permitted))
	}
	members := []abi.Member{number("version", 1), member("roots", abi.ListValue(roots...)), member("marks", abi.ListValue(marks...)), texts("accepted", s.accepted)}
	if s.lock > 0 {
		members = append(members, number("lock", s.lock))
	}
	if !s.seen.IsZero() {
		members = append(members, moment("seen", s.seen))
	}
	return append(abi.AppendJSON(nil, abi.ObjectValue(members...)), '\n')
}

func (r *rootState) value() abi.Value {
	gone := make([]abi.Value, len(r.gone))
	for i, g := range r.gone {
		gone[i] = abi.ObjectValue(text("id", g.id), text("wasm", g.wasm), text("manifest", g.manifest))
	}
	var index abi.Value
	if r.index != nil {
		members := []abi.Member{number("version", r.index.version), text("digest", r.index.digest)}
		if !r.index.until.IsZero() {
			members = append(members, moment("until", r.index.until))
		}
		index = abi.ObjectValue(members...)
	}
	return abi.ObjectValue(
		text("name", r.name), number("first", r.first),
		member("root", abi.ObjectValue(number("version", r.root.version), text("digest", r.root.digest))),
		member("index", index), texts("only", r.only), member("gone", abi.ListValue(gone...)), texts("permits", r.permit),
	)
}

func readState(src []byte) (*state, error) {
	f := readFields(src, "state")
	if v := f.count("version"); f.err == nil && v != 1 {
		f.fail("version %d was written by a newer program", v)
	}
	s := &state{accepted: f.texts("accepted", maxAccepted)}
	roots, marks := f.list("roots", maxRoots), f.list("marks", 1<<20)
	if f.value.Get("lock").Exists() {
		s.lock = f.count("lock")
	}
	if at := f.maybe("seen"); at != "" {
		s.seen = f.parseTime("seen", at)
	}
	if err := f.end(); err != nil {
		return nil, err
	}
	for _, item := range roots {
		r, err := readRootState(item.Value)
		if err != nil {
			return nil, err
		}
		if !validRootName(r.name) || s.root(r.name) != nil {
			return nil, fmt.Errorf("state: root %q is there twice, or is no root's name", r.name)
		}
		s.roots = append(s.roots, r)
	}
	for _, item := range marks {
		f := fieldsOf(item.Value, "state: mark")
		m := mark{plugin: f.text("plugin"), version: f.text("version"), wasm: f.digest("wasm"), permitted: f.texts("permitted", maxAccepted)}
		if err := f.end(); err != nil {
			return nil, err
		}
		s.marks = append(s.marks, m)
	}
	return s, nil
}

func readRootState(v abi.Value) (rootState, error) {
	f := fieldsOf(v, "state: root")
	r := rootState{name: f.text("name"), first: f.count("first"), only: f.texts("only", maxScopes), permit: f.texts("permits", maxPermits)}
	root, index, gone := f.take("root"), f.take("index"), f.list("gone", maxGone)
	if err := f.end(); err != nil {
		return r, err
	}
	g := fieldsOf(root, "state: root "+r.name)
	r.root = versionDigest{g.count("version"), g.digest("digest")}
	if err := g.end(); err != nil {
		return r, err
	}
	if index.Exists() {
		g := fieldsOf(index, "state: index "+r.name)
		r.index = &indexState{versionDigest: versionDigest{g.count("version"), g.digest("digest")}}
		if at := g.maybe("until"); at != "" {
			r.index.until = g.parseTime("until", at)
		}
		if err := g.end(); err != nil {
			return r, err
		}
	}
	for _, item := range gone {
		g := fieldsOf(item.Value, "state: gone")
		r.gone = append(r.gone, goneVersion{g.text("id"), g.digest("wasm"), g.digest("manifest")})
		if err := g.end(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// maxPermits of one root are kept.
const maxPermits = 256

// sameKeys reports whether two roles have the same keys, and the same of them are revoked.
func sameKeys(a, b *Root, role func(*Root) *Role) bool {
	x, y := role(a), role(b)
	if (x == nil) != (y == nil) {
		return false
	}
	if x == nil {
		return true
	}
	return slices.Equal(standing(a, x), standing(b, y))
}

func standing(r *Root, role *Role) []string {
	var ids []string
	for _, id := range role.Keys {
		if !r.revoked(id) {
			ids = append(ids, string(identity.KeyID(id)))
		}
	}
	slices.Sort(ids)
	return ids
}
