package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/oci"
	"agentmesh/host/release"
	"agentmesh/host/replay"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
)

// TrustDir holds the trust roots, and what is remembered of them.
func (s State) TrustDir() string { return s.path("trust") }

// PluginDir holds pulled modules, and plugins.lock, which says what of them runs.
func (s State) PluginDir() string { return s.path("plugins") }

// ArchiveDir holds what past sets of rules were made of.
func (s State) ArchiveDir() string { return filepath.Join(s.PluginDir(), "archive") }

// maxModule is the size of a module at most, as the sandbox has it for files.
const maxModule = 16 << 20

// modules is what is known of the modules on this machine: who vouches for them, which of them run, and what ran before.
type modules struct {
	trust    *release.Trust
	depot    *release.Depot
	lock     *rollout.Store
	observer *rollout.Observer
	archive  *replay.Archive
	wrapper  rollout.Wrapper
	revision int64             // of the lock that is being loaded; loads come one after the other
	pins     map[string]string // its pins, by plugin
	admitted atomic.Value      // []string: whom the modules of the set that was admitted last are trusted by
	unsigned []string          // absolute: folders whose modules run whoever made them
	mu       sync.Mutex
	refused  map[string]string // what was written down of a module that was refused last, by its path
}

func (h *Host) openModules(ctx context.Context, _ Options) (err error) {
	m := &h.modules
	m.refused = map[string]string{}
	for _, dir := range h.config.Trust.AllowUnsigned {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return fmt.Errorf("trust.allow_unsigned: %w", err)
		}
		m.unsigned = append(m.unsigned, abs)
	}
	if m.trust, err = release.Open(h.state.TrustDir(), release.Options{MaxStale: h.config.Trust.MaxStale}); err != nil {
		return withMend(err)
	}
	if m.depot, err = release.OpenDepot(h.state.PluginDir()); err != nil {
		return err
	}
	blob := func(_ context.Context, digest string, _ int64) ([]byte, error) {
		module, err := m.depot.Blobs().Read(digest, maxModule)
		return module, fetchAgain(err)
	}
	if m.lock, err = rollout.Open(h.state.PluginDir(), rollout.Options{Blob: blob}); err != nil {
		return err
	}
	m.observer = m.lock.Observe(h.sentBack)
	h.onClose(func() error {
		m.observer.Close()
		return nil
	})
	m.archive, err = replay.OpenArchive(h.state.ArchiveDir(), m.depot.Blobs())
	return err
}

// locked are the modules that the lock runs. A lock that is older than one that was in force here is refused: what it does not
// know of would be gone, and what only denies is missed by nobody.
func (m *modules) locked(ctx context.Context) ([]sandbox.Module, error) {
	seen, err := m.trust.LockSeen()
	if err != nil {
		return nil, withMend(err)
	}
	l, err := m.lock.Read()
	if err != nil {
		return nil, err
	}
	if l.Revision < seen {
		return nil, withMend(&release.Refusal{
			Code: release.CodeStateInvalid, Place: m.lock.File(), Detail: lostLock(l.Revision, seen),
			Mend: fmt.Sprintf("put the newest one back; to go on with this one, give it \"revision\": %d, and with none, write {\"version\": 1, \"revision\": %[1]d, \"plugins\": []}", seen+1),
		})
	}
	m.revision, m.pins = l.Revision, map[string]string{}
	for _, p := range l.Plugins {
		if p.Pinned != "" {
			m.pins[p.Name] = p.Pinned
		}
	}
	return m.lock.Modules(ctx)
}

func lostLock(revision, seen int64) string {
	if revision == 0 {
		return fmt.Sprintf("it is gone, and revision %d was in force here", seen)
	}
	return fmt.Sprintf("it is of revision %d, and revision %d was in force here", revision, seen)
}

// mended is an error with what can be done about it, as the rules' errors have it.
type mended struct {
	error
	mend string
}

func (e *mended) Error() string { return e.error.Error() + "\n  hint: " + e.mend }
func (e *mended) Unwrap() error { return e.error }

// fetchAgain says how what the lock names and the depot has lost comes back.
func fetchAgain(err error) error {
	if err == nil {
		return nil
	}
	return &mended{err, "`agentmesh plugin pull --locked` fetches what plugins.lock names and is not here"}
}

// withMend adds to a refusal what can be done about it.
func withMend(err error) error {
	if r, ok := errors.AsType[*release.Refusal](err); ok && r.Mend != "" {
		return &mended{err, r.Mend}
	}
	return err
}

// sentBack records that a guard took a candidate back, or could not. The lock's change has the rules loaded again.
func (h *Host) sentBack(c rollout.Change, err error) {
	if err != nil {
		h.log.Error("a guard could not take a candidate back", "plugin", c.Name, "version", c.Version, "error", err)
		return
	}
	h.log.Warn("a guard took a candidate back", "plugin", c.Name, "version", c.Version, "reason", c.Reason)
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	if err := h.gate.Note(ctx, ledger.KindTrust, gate.Subject{}, c.Value()); err != nil {
		h.log.Error("what a guard did was not recorded", "plugin", c.Name, "error", err)
	}
}

// noteTime is how long an entry may take that nobody waits for.
const noteTime = 10 * time.Second

// digestOf is how a module is called wherever digests stand.
func digestOf(module []byte) string {
	sum := sha256.Sum256(module)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// running are the versions of a set that a foreign root vouches for: what ran here is remembered of them. The local root and
// --allow-unsigned are the operator's own word, and that may change its mind.
func running(s *sandbox.Set) []release.Versioned {
	var out []release.Versioned
	for _, o := range s.Provenances() {
		if o.Absent == "" && o.Trust != sandbox.TrustUnsigned && o.Trust != release.LocalName {
			out = append(out, versioned(&o))
		}
	}
	return out
}

// stopped are the versions of a set whose place a judge takes that denies. They run no more, and nothing older decides for them.
func stopped(s *sandbox.Set) []release.Versioned {
	var out []release.Versioned
	for _, o := range s.Provenances() {
		if o.Absent != "" {
			out = append(out, versioned(&o))
		}
	}
	return out
}

func versioned(o *sandbox.Origin) release.Versioned {
	trial := strings.HasPrefix(o.Tag, string(rollout.Shadow)) || strings.HasPrefix(o.Tag, string(rollout.Canary))
	return release.Versioned{Name: o.Name, Version: o.Version, Wasm: o.Wasm, Trial: trial}
}

// admit lets a set come into force: nothing in it is older than what ran here, it can be made again whenever its decisions are
// asked about, and the ledger knows it.
func (h *Host) admit(ctx context.Context, s *sandbox.Set) error {
	versions := append(stopped(s), running(s)...)
	if err := h.modules.trust.CheckSet(versions); err != nil {
		return withMend(err)
	}
	if err := h.modules.archive.Put(ctx, s, h.digest); err != nil {
		return err
	}
	wrapped := h.modules.wrapper.Wrap(s)
	info := gate.Describe(gate.As[sandbox.Judge](wrapped), h.digest, s.Warnings())
	info.Plan, info.Provenances = wrapped.Plan(), rollout.Provenances(s)
	if err := h.gate.Adopt(ctx, info); err != nil {
		return err
	}
	if err := h.modules.trust.AdoptLock(versions, h.modules.revision); err != nil {
		return err
	}
	h.modules.admitted.Store(trustedBy(s))
	return nil
}

// trustedBy names whom the modules of the set in force are trusted by.
func trustedBy(s *sandbox.Set) []string {
	var out []string
	for _, o := range s.Provenances() {
		if o.Trust != "" && !slices.Contains(out, o.Trust) {
			out = append(out, o.Trust)
		}
	}
	slices.Sort(out)
	return out
}

// look describes everything outside the folders of rules that bears on what is loaded.
func (h *Host) look() string {
	return h.modules.lock.Look() + "\n" + h.modules.depot.Look() + "\n" + h.modules.trust.Epoch()
}

// ociOptions are how OCI registries are asked.
func (h *Host) ociOptions() oci.Options {
	return oci.Options{PlainHTTP: h.config.Trust.PlainHTTP, CAFile: h.config.Trust.CA}
}
