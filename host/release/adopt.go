package release

import (
	"fmt"
	"slices"
	"strings"
)

// Versioned is one version of a plugin that is to be in force.
type Versioned struct {
	Name, Version string
	// Wasm is the digest of the module.
	Wasm string
	// Trial: it takes part without being in force for everybody, so it is remembered as known and says nothing of how new the
	// plugin is.
	Trial bool
}

// CheckSet holds the set that is to be in force against the highest versions that ran here: the newest version of a name must
// not be older, unless a permit of a root that speaks for the name names its digest, or did when it was taken up. The error
// is a *Refusal with CodeVersionRollback.
func (t *Trust) CheckSet(set []Versioned) error {
	m, err := t.memory()
	if err != nil {
		return err
	}
	for _, v := range newest(set) {
		if refusal := t.backwards(m, v); refusal != nil {
			return refusal
		}
	}
	return nil
}

// newest are the newest version of each name that is in force, sorted by name.
func newest(set []Versioned) []Versioned {
	best := map[string]Versioned{}
	for _, v := range set {
		if v.Trial {
			continue
		}
		if b, ok := best[v.Name]; !ok || CompareVersions(v.Version, b.Version) > 0 {
			best[v.Name] = v
		}
	}
	out := make([]Versioned, 0, len(best))
	for _, v := range best {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Versioned) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (t *Trust) backwards(m *memory, v Versioned) *Refusal {
	high := m.state.mark(v.Name)
	if high == nil || CompareVersions(v.Version, high.version) >= 0 || slices.Contains(high.permitted, v.Wasm) || t.permitted(m, v) {
		return nil
	}
	return &Refusal{
		Code: CodeVersionRollback, Place: v.Name + " " + v.Version,
		Detail: fmt.Sprintf("version %s ran here, and this is older", high.version),
		Mend:   fmt.Sprintf("agentmesh trust-root permit lets the owners of its root sign that you may go back to %s", v.Wasm),
	}
}

// permitted reports whether a permit in force names the version and its digest.
func (t *Trust) permitted(m *memory, v Versioned) bool {
	closest := 0
	ok := false
	for _, k := range m.roots {
		_, n := k.claim(v.Name)
		if n == 0 || n < closest {
			continue
		}
		if n > closest {
			closest, ok = n, false
		}
		for _, p := range k.permits {
			ok = ok || p.Plugin == v.Name && p.Version == v.Version && p.Wasm == v.Wasm && t.now(m).Before(p.Expires)
		}
	}
	return ok
}

// Adopt remembers that the set is in force: what runs is known by its digest from now on, and nothing older than the newest
// versions is taken up again without a permit. A set that CheckSet refuses is refused. It returns when that is durable, and
// writes nothing when all of it is remembered already.
func (t *Trust) Adopt(set []Versioned) error { return t.AdoptLock(set, 0) }

// LockSeen is the highest revision of plugins.lock that was in force here; 0: none was. Ask before the lock is read: the lock that
// is there then has no lower one, unless it was lost or an old one put back, and what it ran would be gone with nobody told.
func (t *Trust) LockSeen() (int64, error) {
	m, err := t.memory()
	if err != nil {
		return 0, err
	}
	return m.state.lock, nil
}

// AdoptLock is Adopt of a set that plugins.lock named in that revision.
func (t *Trust) AdoptLock(set []Versioned, revision int64) error {
	m, err := t.memory()
	if err != nil {
		return err
	}
	if err := t.CheckSet(set); err != nil {
		return err
	}
	if !t.news(m, m.state.clone(), set, revision) {
		return nil
	}
	return t.change(func(e *edit) error {
		if err := t.CheckSet(set); err != nil { // another process may have been quicker
			return err
		}
		if !t.news(e.mem, e.state, set, revision) {
			return nil
		}
		return e.commit()
	})
}

// news writes into s what the set adds to it, and reports whether that is anything.
func (t *Trust) news(m *memory, s *state, set []Versioned, revision int64) bool {
	changed := revision > s.lock
	s.lock = max(s.lock, revision)
	for _, v := range set {
		if !slices.Contains(s.accepted, v.Wasm) {
			s.accepted = append(s.accepted, v.Wasm)
			changed = true
		}
	}
	if over := len(s.accepted) - maxAccepted; over > 0 {
		s.accepted = s.accepted[over:]
	}
	for _, v := range newest(set) {
		changed = s.raise(m, v) || changed
	}
	return changed
}

// raise sets the mark of a version that is newer, and notes one that is older as permitted.
func (s *state) raise(m *memory, v Versioned) bool {
	high := s.mark(v.Name)
	switch {
	case high == nil:
		s.marks = append(s.marks, mark{plugin: v.Name, version: v.Version, wasm: v.Wasm})
	case CompareVersions(v.Version, high.version) > 0, CompareVersions(v.Version, high.version) == 0 && v.Wasm != high.wasm, m.withdrawn(high, v):
		*high = mark{plugin: v.Name, version: v.Version, wasm: v.Wasm}
	case CompareVersions(v.Version, high.version) < 0 && !slices.Contains(high.permitted, v.Wasm):
		high.permitted = append(slices.Clone(high.permitted), v.Wasm)
	default:
		return false
	}
	return true
}

// withdrawn reports whether the mark of a permitted older version may fall to that version: the index that lists the older
// one has yanked what set the mark. Else a version that should never have been would bind for good.
func (m *memory) withdrawn(high *mark, v Versioned) bool {
	if CompareVersions(v.Version, high.version) >= 0 {
		return false
	}
	for _, k := range m.roots {
		bad, good := k.entries[high.plugin+"@"+high.version], k.entries[v.Name+"@"+v.Version]
		if _, n := k.claim(v.Name); n > 0 && bad != nil && good != nil && bad.Yanked != "" && bad.Wasm == high.wasm && good.Wasm == v.Wasm && good.Yanked == "" {
			return true
		}
	}
	return false
}
