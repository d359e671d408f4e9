package oci

import (
	"context"
	"io"

	"github.com/opencontainers/go-digest"
)

// KeepArtifact stores manifest, config and layers of an artifact among the blobs, so that Artifact finds it again.
func (b *Blobs) KeepArtifact(ctx context.Context, p *Pulled) error {
	for _, data := range append([][]byte{p.Manifest, p.Config.Data}, contents(p.Layers)...) {
		if _, err := b.PutBytes(ctx, data); err != nil {
			return err
		}
	}
	return nil
}

func contents(layers []Layer) [][]byte {
	var out [][]byte
	for _, l := range layers {
		out = append(out, l.Data)
	}
	return out
}

// Artifact puts together again an artifact that KeepArtifact stored, by the digest of its manifest.
func (b *Blobs) Artifact(ctx context.Context, manifestDigest string, l Limits) (*Pulled, error) {
	f, size, err := b.open(manifestDigest)
	if err != nil {
		return nil, err
	}
	f.Close()
	t := &transfer{
		Client: &Client{}, fetch: b.fetch, limits: l.filled(),
		ref: Reference{Scheme: SchemeLayout, Path: b.dir, Digest: manifestDigest},
	}
	return t.pull(ctx, Descriptor{MediaType: ManifestType, Digest: digest.Digest(manifestDigest), Size: size})
}

func (b *Blobs) fetch(_ context.Context, d Descriptor) (io.ReadCloser, error) {
	f, _, err := b.open(d.Digest.String())
	return f, err
}
