package main

import (
	"context"
	"errors"
	"fmt"

	"agentmesh/host/oci"
	"agentmesh/host/release"
	"agentmesh/host/rollout"
)

// lockedJSON is a module that plugins.lock names and that is here now.
type lockedJSON struct {
	*keptJSON
	// Present: nothing had to be fetched.
	Present bool `json:"present,omitempty"`
}

// locked fetches every module that plugins.lock names and that is not here, and holds each against the lock's digests and the
// trust roots. What cannot be had does not keep the others from coming.
func (e *env) locked(ctx context.Context, t *release.Trust, o pullOptions) ([]lockedJSON, error) {
	bar := e.progress("bytes")
	defer bar.clear()
	client, err := o.client(ctx, t, bar.show)
	if err != nil {
		return nil, err
	}
	l, err := e.lock()
	if err != nil {
		return nil, err
	}
	i := &intake{client: client, trust: t, root: o.root}
	if i.depot, err = e.depot(); err != nil {
		return nil, err
	}
	var out []lockedJSON
	var errs []error
	for _, p := range l.Plugins {
		for _, v := range p.Versions {
			if v.Stage == rollout.Retired {
				continue
			}
			k, err := i.locked(ctx, p, v)
			if err != nil {
				errs = append(errs, within(p.Name+" "+v.Version, err))
				continue
			}
			out = append(out, k)
		}
	}
	return out, errors.Join(errs...)
}

// within says which plugin an error is about, unless it says so itself.
func within(plugin string, err error) error {
	if r, ok := errors.AsType[*release.Refusal](err); ok && r.Place == plugin {
		return err
	}
	return fmt.Errorf("%s: %w", plugin, err)
}

// lock is plugins.lock of the state folder, which must be there.
func (e *env) lock() (*rollout.Lock, error) {
	state, err := e.state()
	if err != nil {
		return nil, err
	}
	s, err := rollout.Open(state.PluginDir(), rollout.Options{})
	if err != nil {
		return nil, err
	}
	l, err := s.Read()
	if err == nil && l.Revision == 0 {
		err = withHint(fmt.Errorf("there is no %s", s.File()), "copy the lock of the deployment that this one is to be like, or `agentmesh plugin stage` begins one")
	}
	return l, err
}

// locked sees to one version of the lock.
func (i *intake) locked(ctx context.Context, p *rollout.Plugin, v *rollout.Version) (lockedJSON, error) {
	from := p.Source
	if s, err := i.depot.Get(v.Wasm); err == nil {
		c := release.Candidate{Module: s.Module, Envelopes: s.Envelopes, OCI: s.Receipt.OCI, Root: i.root}
		if d, err := i.trust.Check(c); err == nil {
			return lockedJSON{keptOf(s.Receipt, &d), true}, nil
		}
		from = s.Receipt.Source
	}
	refs, err := i.lockedAt(p, v, from)
	if err != nil {
		return lockedJSON{}, err
	}
	var errs []error
	for _, ref := range refs {
		k, err := i.takeLocked(ctx, ref, v)
		if err == nil {
			return lockedJSON{keptJSON: k}, nil
		}
		if bad, ok := errors.AsType[*oci.Error](err); !ok || bad.Refuses() {
			return lockedJSON{}, err
		}
		if len(errs) == 0 || oci.CodeOf(err) != oci.CodeNotFound { // where it was not found besides says little
			errs = append(errs, err)
		}
	}
	return lockedJSON{}, errors.Join(errs...)
}

// lockedAt is where a version of the lock may lie: where this machine or the lock has it from, else near the index that lists it.
func (i *intake) lockedAt(p *rollout.Plugin, v *rollout.Version, from string) ([]oci.Reference, error) {
	var refs []oci.Reference
	if from != "" {
		ref, err := oci.ParseReference(from)
		if err != nil {
			return nil, err
		}
		if v.OCI != "" && ref.Scheme != oci.SchemeFile {
			ref = ref.At(v.OCI)
		}
		refs = append(refs, ref)
	}
	near, err := referencesOf(i.trust, p.Name+"@"+v.Version)
	if refs = append(refs, near...); len(refs) > 0 {
		return refs, nil
	}
	return nil, fmt.Errorf("the lock does not say where it is from, and %w", err)
}

// takeLocked takes a module only if it is the one that the lock means.
func (i *intake) takeLocked(ctx context.Context, ref oci.Reference, v *rollout.Version) (*keptJSON, error) {
	c, err := release.Fetch(ctx, i.client, ref)
	if err != nil {
		return nil, err
	}
	s, err := release.StatementOf(c.Module)
	if err != nil {
		return nil, err
	}
	for _, d := range [][3]string{{"wasm", v.Wasm, s.Wasm}, {"manifest", v.Manifest, s.Manifest}, {"oci", v.OCI, c.OCI}} {
		if d[1] != d[2] {
			return nil, &release.Refusal{
				Code: release.CodeDigestMismatch, Place: ref.String(), Detail: fmt.Sprintf("plugins.lock has %s %q, and what is there has %q", d[0], d[1], d[2]),
				Mend: "ask its publisher, or who wrote the lock, which of them is right",
			}
		}
	}
	return i.keep(ctx, ref, c) // as one that may have run here: under an expired index what was lost comes back, nothing new
}
