package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

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
// the tag sha256-HEX (distribution-spec 1.1, referrers tag schema). Nobody locks that list: who pushes at the same moment
// may have written it without ours, so it is looked at, and what is missing is sent once more.
func (r *remotePlace) pushManifest(ctx context.Context, p *Pulled, tag string) error {
	if tag == "" {
		tag = p.Descriptor.Digest.String()
	}
	for range listTries {
		err := r.repo.PushReference(ctx, p.Descriptor, bytes.NewReader(p.Manifest), tag)
		if err != nil || p.Subject == nil {
			return err
		}
		list, err := r.listed(ctx, *p.Subject, "", mostListed)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(d Descriptor) bool { return d.Digest == p.Descriptor.Digest }) {
			return nil
		}
	}
	return fault(CodeRegistryAnswer, "the registry does not list %s among what refers to %s", p.Descriptor.Digest, p.Subject.Digest)
}

// listTries is how often a referrer is sent that the list then lacks.
const listTries = 3

// referrers asks for one type, and where none is listed for all: there are registries that list the config's media type
// in place of the artifact's, which says nothing when the config is empty; those are looked into.
func (r *remotePlace) referrers(ctx context.Context, d Descriptor, artifactType string, most int) ([]Descriptor, error) {
	out, err := r.listed(ctx, d, artifactType, most)
	if err != nil || len(out) > 0 || artifactType == "" {
		return out, err
	}
	all, err := r.listed(ctx, d, "", most)
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.MediaType != ManifestType || (o.ArtifactType != "" && o.ArtifactType != EmptyType) {
			continue
		}
		if o.ArtifactType, err = r.typeOf(ctx, o); err != nil {
			return nil, err
		}
		if o.ArtifactType == artifactType {
			out = append(out, o)
		}
	}
	return out, nil
}

func (r *remotePlace) listed(ctx context.Context, d Descriptor, artifactType string, most int) ([]Descriptor, error) {
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

// typeOf reads a manifest for its artifact type.
func (r *remotePlace) typeOf(ctx context.Context, d Descriptor) (string, error) {
	if most := (Limits{}).filled().Manifest; d.Size > most || d.Size < 0 {
		return "", fault(CodeManifestTooLarge, "a referrer's manifest has %d bytes, the cap is %d", d.Size, most)
	}
	body, err := r.fetch(ctx, d)
	if err != nil {
		return "", err
	}
	defer body.Close()
	data, err := readExactly(body, d)
	if err != nil {
		return "", err
	}
	m, err := readManifest(data)
	if err != nil {
		return "", err
	}
	return m.artifactType, nil
}
