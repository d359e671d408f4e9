package oci

import (
	"bytes"
	"context"
	"errors"
	"io"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
)

// referrerPages is how many pages of referrers are asked for at most.
const referrerPages = 16

// remotePlace is a repository at a registry.
type remotePlace struct {
	ref  Reference
	repo *remote.Repository
}

var _ place = (*remotePlace)(nil)

func (w *web) at(ref Reference) *remotePlace {
	return &remotePlace{ref: ref, repo: &remote.Repository{
		Client:               w.auth,
		Reference:            registry.Reference{Registry: ref.Registry, Repository: ref.Repository},
		PlainHTTP:            w.plain(ref.Registry),
		ManifestMediaTypes:   []string{ManifestType, IndexType},
		ReferrerListMaxPages: referrerPages,
		SkipReferrersGC:      true, // many registries forbid deleting, and the old list does no harm
	}}
}

// resolve asks by HEAD; where the answer lacks a digest, by GET, and computes it.
func (r *remotePlace) resolve(ctx context.Context) (Descriptor, error) {
	d, err := r.repo.Resolve(ctx, r.ref.name())
	if err == nil || ctx.Err() != nil || CodeOf(told("", err)) != CodeRegistryAnswer {
		return d, err
	}
	d, body, err := r.repo.FetchReference(ctx, r.ref.name())
	if err != nil {
		return d, err
	}
	return d, body.Close()
}

func (r *remotePlace) fetch(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	return r.repo.Fetch(context.WithValue(ctx, judged{}, true), d)
}

// push sends a blob unless the registry has it.
func (r *remotePlace) push(ctx context.Context, d Descriptor, data []byte) error {
	if there, err := r.repo.Blobs().Exists(ctx, d); err != nil || there {
		return err
	}
	return r.repo.Blobs().Push(ctx, d, bytes.NewReader(data))
}

// pushManifest sends a manifest; where the registry does not list referrers by itself, the library keeps the list under
// the tag sha256-HEX (distribution-spec 1.1, referrers tag schema).
func (r *remotePlace) pushManifest(ctx context.Context, p *Pulled, tag string) error {
	if tag == "" {
		tag = p.Descriptor.Digest.String()
	}
	return r.repo.PushReference(ctx, p.Descriptor, bytes.NewReader(p.Manifest), tag)
}

func (r *remotePlace) referrers(ctx context.Context, d Descriptor, artifactType string, most int) ([]Descriptor, error) {
	var out []Descriptor
	err := r.repo.Referrers(ctx, d, artifactType, func(page []Descriptor) error {
		if out = append(out, page...); len(out) > most {
			return errdef.ErrTooManyPages
		}
		return nil
	})
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, nil
	}
	return out, err
}
