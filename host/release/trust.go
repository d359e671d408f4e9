package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"agentmesh/host/disk"
)

// DefaultMaxStale is how long after its index has expired what runs may go on running.
const DefaultMaxStale = 14 * 24 * time.Hour

// maxSkew is how far in the future a signed document may have been issued: clocks differ.
const maxSkew = 10 * time.Minute

// Options of Trust; the zero value works.
type Options struct {
	// Now is the clock, time.Now when nil.
	Now func() time.Time
	// MaxStale is DefaultMaxStale when 0.
	MaxStale time.Duration
}

// Trust is what this machine trusts, and what it remembers so that nobody can take it back in time: a folder with the trust
// roots, their indexes, permits and the highest versions that ran. Several processes may use one folder at once, and one Trust
// may be used by several goroutines; each call sees what others have changed.
type Trust struct {
	dir     string
	options Options
	disk    drive

	mu   sync.Mutex
	held *memory
}

// Open opens a folder of trust. One that is not there trusts nobody, and is made with the first root. A folder or file that
// others could have written, a symbolic link, or a damaged state is an error, a *Refusal with CodeStateInvalid: what is not
// known must not be taken for nothing.
func Open(dir string, o Options) (*Trust, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxStale == 0 {
		o.MaxStale = DefaultMaxStale
	}
	t := &Trust{dir: dir, options: o, disk: hardDisk{}}
	if _, err := t.memory(); err != nil {
		return nil, err
	}
	return t, nil
}

// memory is the state with everything it names, read once and never changed.
type memory struct {
	stamp stamp
	state *state
	roots []*known // sorted by name
}

// known is a trust root as it is remembered.
type known struct {
	*Root
	fingerprint string
	signed      Envelope
	document    []byte
	remembered  *rootState
	index       *Index
	indexText   []byte
	entries     map[string]*Entry // by id
	permits     []*Permit
}

func (m *memory) root(name string) *known {
	for _, k := range m.roots {
		if k.Name == name {
			return k
		}
	}
	return nil
}

const stateFile = "state.json"

// memory is the present state, read again when another process has replaced it.
func (t *Trust) memory() (*memory, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held != nil && t.held.stamp != (stamp{}) && disk.TrustedDir(t.dir) == nil {
		if info, err := os.Lstat(filepath.Join(t.dir, stateFile)); err == nil && stampOf(info) == t.held.stamp {
			return t.held, nil
		}
	}
	return t.read()
}

// read reads the state. A file that it names may be gone when another process has just replaced both.
func (t *Trust) read() (*memory, error) {
	var err error
	if t.held == nil {
		t.held = &memory{}
	}
	for range 5 {
		var m *memory
		if m, err = load(t.dir, t.held); err == nil {
			t.held = m
			return m, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	t.held = nil
	var r *Refusal
	if errors.As(err, &r) && r.Code == CodeStateInvalid {
		return nil, r
	}
	return nil, &Refusal{Code: CodeStateInvalid, Place: t.dir, Detail: err.Error(), Mend: "restore the folder, or remove it and add the trust roots again by their fingerprints"}
}

// load reads the state and what it names. What before has of it already, by its digest, is not verified a second time.
func load(dir string, before *memory) (*memory, error) {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return &memory{state: &state{}}, nil
	}
	if err := disk.TrustedDir(dir); err != nil {
		return nil, err
	}
	src, info, err := disk.Read(filepath.Join(dir, stateFile), disk.Rule{Most: maxState, Check: disk.Trusted})
	if errors.Is(err, fs.ErrNotExist) {
		return &memory{state: &state{}}, nothingElse(dir)
	}
	if err != nil {
		return nil, err
	}
	s, err := readState(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	m := &memory{stamp: stampOf(info), state: s}
	for i := range s.roots {
		k, err := loadRoot(dir, &s.roots[i], before.root(s.roots[i].name))
		if err != nil {
			return nil, err
		}
		m.roots = append(m.roots, k)
	}
	return m, nil
}

// nothingElse holds that a folder without a state has no roots either: the state is written before the first of them.
func nothingElse(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(dir, stateFile)); err == nil {
			return fs.ErrNotExist // another process has just made it: read again
		}
		if e.IsDir() {
			return &Refusal{
				Code: CodeStateInvalid, Place: dir, Detail: "there is the trust root " + e.Name() + " and no " + stateFile + ": what was remembered is gone",
				Mend: "restore the file, or remove the folder and add the trust roots again by their fingerprints",
			}
		}
	}
	return nil
}

func loadRoot(dir string, s *rootState, before *known) (*known, error) {
	if err := disk.TrustedDir(filepath.Join(dir, s.name)); err != nil {
		return nil, err
	}
	e, src, err := s.document(dir, rootFile(s.root.version), s.root.digest)
	if err != nil {
		return nil, err
	}
	if before != nil && before.fingerprint != s.root.digest {
		before = nil
	}
	k := &known{fingerprint: s.root.digest, signed: e, document: src, remembered: s}
	if before != nil {
		k.Root = before.Root
	} else if k.Root, err = VerifyFirst(&e); err != nil {
		return nil, at(filepath.Join(dir, s.name), err)
	}
	if k.Name != s.name || k.Version != s.root.version {
		return nil, fmt.Errorf("%s holds version %d of root %s", filepath.Join(dir, s.name), k.Version, k.Name)
	}
	if err := k.loadIndex(dir, before); err != nil {
		return nil, err
	}
	for _, digest := range s.permit {
		e, _, err := s.document(dir, permitFile(digest), digest)
		if err != nil {
			return nil, err
		}
		if p, err := k.VerifyPermit(&e); err == nil { // else the root has changed since, and it counts no more
			k.permits = append(k.permits, p)
		}
	}
	return k, nil
}

func (k *known) loadIndex(dir string, before *known) error {
	s := k.remembered
	if s.index == nil {
		return nil
	}
	e, src, err := s.document(dir, indexFile(s.index.versionDigest), s.index.digest)
	if err != nil {
		return err
	}
	k.indexText = src
	if before != nil && before.index != nil && *before.remembered.index == *s.index {
		k.index, k.entries = before.index, before.entries
		return nil
	}
	if s.index.until.IsZero() {
		k.index, err = k.VerifyIndex(&e)
	} else {
		k.index, err = ReadIndex(e.Payload) // its signers count no more; what it says of what runs does
	}
	if err != nil {
		return at(filepath.Join(dir, s.name), err)
	}
	k.entries = map[string]*Entry{}
	for i := range k.index.Entries {
		k.entries[k.index.Entries[i].id()] = &k.index.Entries[i]
	}
	return nil
}

// document reads a signed file that the state names, and holds it against the digest there.
func (s *rootState) document(dir, name, digest string) (Envelope, []byte, error) {
	path := filepath.Join(dir, s.name, name)
	src, err := readGuarded(path, MaxEnvelope)
	if err != nil {
		return Envelope{}, nil, err
	}
	e, err := ReadEnvelope(src)
	if err != nil {
		return Envelope{}, nil, at(path, err)
	}
	if got := e.Digest(); got != digest {
		return Envelope{}, nil, fmt.Errorf("%s is %s, and %s is remembered", path, got, digest)
	}
	return e, src, nil
}

func rootFile(version int64) string { return fmt.Sprintf("root-%d.json", version) }

func indexFile(x versionDigest) string {
	return fmt.Sprintf("index-%d-%s.json", x.version, shortDigest(x.digest))
}

func permitFile(digest string) string { return "permit-" + shortDigest(digest) + ".json" }

// forkFile keeps an index that contradicts another of its version, as evidence. It is never removed.
func forkFile(x versionDigest) string {
	return fmt.Sprintf("fork-%d-%s.json", x.version, shortDigest(x.digest))
}

func shortDigest(digest string) string {
	return strings.TrimPrefix(digest, digestPrefix)[:16]
}

// now is the time that dates are held against: the clock, and no earlier than what signed documents have shown.
func (t *Trust) now(m *memory) time.Time {
	now := t.options.Now()
	if now.Before(m.state.seen) {
		return m.state.seen
	}
	return now
}

// edit is one change of the state, under the lock.
type edit struct {
	trust *Trust
	mem   *memory
	state *state
}

// change locks the folder, reads what is there, and lets do change it. What do has committed stays, also when it fails then.
func (t *Trust) change(do func(*edit) error) error {
	if err := t.prepare(); err != nil {
		return &Refusal{Code: CodeStateInvalid, Place: t.dir, Detail: err.Error()}
	}
	unlock, err := lock(t.dir)
	if err != nil {
		return &Refusal{Code: CodeStateInvalid, Place: t.dir, Detail: err.Error()}
	}
	defer unlock()
	e := &edit{trust: t}
	if err := e.begin(); err != nil {
		return err
	}
	if e.mem.stamp == (stamp{}) { // the first state comes before the first root, so that a lost one shows
		if err := e.commit(); err != nil {
			return err
		}
	}
	return do(e)
}

func (t *Trust) prepare() error {
	if err := makeDir(t.disk, t.dir); err != nil {
		return err
	}
	return disk.TrustedDir(t.dir)
}

func (e *edit) begin() error {
	e.trust.mu.Lock()
	defer e.trust.mu.Unlock()
	m, err := e.trust.read()
	if err != nil {
		return err
	}
	e.mem, e.state = m, m.state.clone()
	return nil
}

// put makes a signed document durable, before the state names it.
func (e *edit) put(root, name string, data []byte) error {
	dir := filepath.Join(e.trust.dir, root)
	err := makeDir(e.trust.disk, dir)
	if err == nil {
		err = replace(e.trust.disk, filepath.Join(dir, name), data)
	}
	return stateFailed(dir, err)
}

// commit makes the changed state durable, and reads it back.
func (e *edit) commit() error {
	if err := replace(e.trust.disk, filepath.Join(e.trust.dir, stateFile), appendState(e.state)); err != nil {
		return stateFailed(e.trust.dir, err)
	}
	return e.begin()
}

func stateFailed(place string, err error) error {
	if err == nil {
		return nil
	}
	return &Refusal{Code: CodeStateInvalid, Place: place, Detail: "it could not be remembered: " + err.Error(), Mend: "see to the disk, then try again"}
}

// sweep removes files of a root that the state names no more. Errors are left for the next time.
func (e *edit) sweep(root string) {
	dir := filepath.Join(e.trust.dir, root)
	s := e.state.root(root)
	var keep []string
	if s != nil {
		for v := s.first; v <= s.root.version; v++ {
			keep = append(keep, rootFile(v))
		}
		if s.index != nil {
			keep = append(keep, indexFile(s.index.versionDigest))
		}
		for _, p := range s.permit {
			keep = append(keep, permitFile(p))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, f := range entries {
		if !slices.Contains(keep, f.Name()) && !(s != nil && strings.HasPrefix(f.Name(), "fork-")) {
			_ = e.trust.disk.Remove(filepath.Join(dir, f.Name()))
		}
	}
	if s == nil {
		_ = e.trust.disk.Remove(dir)
	}
}
