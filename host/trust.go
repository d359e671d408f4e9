package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/oci"
	"agentmesh/host/policy"
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
	admitted atomic.Value // []string: whom the modules of the set that was admitted last are trusted by
	unsigned []string     // absolute: folders whose modules run whoever made them
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
		return err
	}
	if m.depot, err = release.OpenDepot(h.state.PluginDir()); err != nil {
		return err
	}
	blob := func(_ context.Context, digest string, _ int64) ([]byte, error) {
		return m.depot.Blobs().Read(digest, maxModule)
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

// vouch says who vouches for a module, or why it may not run. A refusal is written down.
func (h *Host) vouch(ctx context.Context, f sandbox.Found) (sandbox.Provenance, error) {
	p, err := h.modules.vouch(f)
	if err == nil {
		h.modules.forgive(f.Path)
		return p, nil
	}
	return p, errors.Join(mending(&f, err), h.refuseModule(ctx, &f, err))
}

// mending is a refusal as the rules' other errors are: with the file, and what can be done.
func mending(f *sandbox.Found, err error) error {
	var r *release.Refusal
	if !errors.As(err, &r) || r.Stop {
		return err
	}
	return &policy.Error{
		File: f.Path, Message: fmt.Sprintf("%s %s is not trusted: %s: %s", f.Manifest.Name, f.Manifest.Version, r.Code, r.Detail), Hint: r.Mend,
	}
}

func (m *modules) vouch(f sandbox.Found) (sandbox.Provenance, error) {
	c := release.Candidate{Module: f.Wasm}
	var err error
	if f.Tag == "" {
		c.Envelopes, err = beside(&f)
	} else {
		c.Envelopes, c.OCI, err = m.pulled(f.Wasm)
	}
	var d release.Decision
	if err == nil {
		d, err = m.trust.Check(c)
	}
	if err != nil {
		return m.unvouched(&f, err)
	}
	p := sandbox.Provenance{Trust: d.Root, Warnings: d.Warnings}
	for _, id := range d.Signers {
		p.Signers = append(p.Signers, string(id))
	}
	return p, nil
}

// unvouched is what becomes of a module that nobody vouches for: a folder of --allow-unsigned lets it run, but not under a name
// that a foreign root speaks for, where it would decide in place of what that root's owners signed.
func (m *modules) unvouched(f *sandbox.Found, why error) (sandbox.Provenance, error) {
	if f.Tag != "" || !m.mayBeUnsigned(f.Path) {
		return sandbox.Provenance{}, why
	}
	owner, err := m.trust.Owner(f.Manifest.Name)
	if err != nil {
		return sandbox.Provenance{}, errors.Join(why, err)
	}
	var r *release.Refusal
	if owner != "" && errors.As(why, &r) {
		kept := *r
		kept.Detail += "; --allow-unsigned is not for names that root " + owner + " speaks for"
		kept.Mend = "give the draft a name of its own, or have the owners of root " + owner + " sign it"
		return sandbox.Provenance{}, &kept
	}
	if owner != "" {
		return sandbox.Provenance{}, why
	}
	said := fmt.Sprintf("nobody vouches for it (%v), and it runs because --allow-unsigned says so", why)
	return sandbox.Provenance{Trust: sandbox.TrustUnsigned, Warnings: []string{said}}, nil
}

// beside are the signatures in the file beside a module.
func beside(f *sandbox.Found) ([]release.Envelope, error) {
	text, err := f.Beside(release.BesideEnd)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return release.ReadEnvelopes(text)
}

// pulled are the signatures of a module that the lock runs.
func (m *modules) pulled(module []byte) ([]release.Envelope, string, error) {
	s, err := m.depot.Get(digestOf(module))
	if err != nil {
		return nil, "", err
	}
	return s.Envelopes, s.Receipt.OCI, nil
}

func (m *modules) mayBeUnsigned(path string) bool {
	abs, err := filepath.Abs(path)
	return err == nil && slices.Contains(m.unsigned, filepath.Dir(abs))
}

func (m *modules) forgive(path string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refused, path)
}

// refuseModule writes down that a module was refused, once for each reason: a module that stays where it is is looked at again
// and again.
func (h *Host) refuseModule(ctx context.Context, f *sandbox.Found, why error) error {
	wasm := digestOf(f.Wasm)
	said := wasm + " " + why.Error()
	m := &h.modules
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused[f.Path] == said {
		return nil
	}
	event := release.Event{
		Action: release.EventRefused, Digest: wasm, Plugin: f.Manifest.Name, Version: f.Manifest.Version, Source: f.Path,
		Code: release.CodeOf(why), Reason: why.Error(),
	}
	err := h.gate.Note(ctx, ledger.KindTrust, gate.Subject{}, event.Value())
	if err == nil {
		m.refused[f.Path] = said
	}
	return err
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
		return err
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
	if err := h.modules.trust.Adopt(versions); err != nil {
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
func (h *Host) look() string { return h.modules.lock.Look() + "\n" + h.modules.trust.Epoch() }

// ociOptions are how OCI registries are asked.
func (h *Host) ociOptions() oci.Options {
	return oci.Options{PlainHTTP: h.config.Trust.PlainHTTP, CAFile: h.config.Trust.CA}
}
