package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/release"
	"agentmesh/host/sandbox"
)

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
	if pin := m.pins[f.Manifest.Name]; f.Tag == "" && pin != "" && pin != f.Manifest.Version {
		return sandbox.Provenance{}, &policy.Error{
			File: f.Path, Message: fmt.Sprintf("it is %s %s, and plugins.lock pins the plugin to %s", f.Manifest.Name, f.Manifest.Version, pin),
			Hint: "take it out of its folder, or take the pin away: `agentmesh plugin pin " + f.Manifest.Name + " --none`",
		}
	}
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
		return nil, "", fetchAgain(err)
	}
	if len(s.Envelopes) == 0 {
		return nil, "", &release.Refusal{
			Code: release.CodeUnsigned, Detail: "its signatures are not here any more", Mend: "`agentmesh plugin pull --locked` fetches them again",
		}
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
