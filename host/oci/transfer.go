package oci

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/opencontainers/go-digest"
)

func (c *Client) open(ref Reference) (place, error) {
	switch ref.Scheme {
	case SchemeOCI:
		return c.web.at(ref), nil
	case SchemeLayout:
		return &layout{ref: ref}, nil
	case SchemeFile:
		return &filePlace{ref: ref}, nil
	}
	return nil, badReference(ref.String(), "its scheme is unknown")
}

// Resolve says which manifest a reference means now: at a registry this is one HEAD request. The descriptor is what the
// registry claims; Pull verifies it. Codes: not_found, unauthorized, registry_unavailable and the like.
func (c *Client) Resolve(ctx context.Context, ref Reference) (Descriptor, error) {
	where, err := c.open(ref)
	if err != nil {
		return Descriptor{}, err
	}
	var d Descriptor
	err = c.again(ctx, ref.String(), func() error {
		d, err = where.resolve(ctx)
		return err
	})
	if err != nil {
		return Descriptor{}, err
	}
	return d, checkResolved(ref, d)
}

func checkResolved(ref Reference, d Descriptor) error {
	if !sha256Digest.MatchString(d.Digest.String()) {
		return &Error{Code: CodeRegistryAnswer, Place: ref.String(), Detail: "the registry names the digest " + shown(d.Digest.String())}
	}
	if ref.Digest != "" && d.Digest.String() != ref.Digest {
		return &Error{Code: CodeDigestMismatch, Place: ref.String(), Detail: "the registry answers with " + d.Digest.String()}
	}
	return nil
}

// Pull resolves the reference once and reads what it names by digest, within the limits. An index in between is taken
// when it names exactly one manifest. The codes are all those of this package.
func (c *Client) Pull(ctx context.Context, ref Reference, l Limits) (*Pulled, error) {
	d, err := c.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	where, err := c.open(ref)
	if err != nil {
		return nil, err
	}
	t := &transfer{Client: c, fetch: where.fetch, ref: ref, limits: l.filled()}
	return t.pull(ctx, d)
}

// Referrers lists the manifests that name the one that ref means as their subject, of one artifact type or, where that is
// empty, of any; sorted by digest. Descriptors are what the registry claims: pull them by [Reference.At].
func (c *Client) Referrers(ctx context.Context, ref Reference, artifactType string) ([]Descriptor, error) {
	d, err := c.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	where, err := c.open(ref)
	if err != nil {
		return nil, err
	}
	var out []Descriptor
	err = c.again(ctx, ref.String(), func() error {
		out, err = where.referrers(ctx, d, artifactType, Limits{}.filled().Referrers)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Descriptor) int { return bytes.Compare([]byte(a.Digest), []byte(b.Digest)) })
	return slices.CompactFunc(out, func(a, b Descriptor) bool { return a.Digest == b.Digest }), nil
}

// Push stores an artifact under the reference's tag, "latest" where there is none, and returns its manifest's descriptor.
// Without a tag, what refers to a subject gets none: it is found by Referrers. Its parts go first: nobody finds a manifest whose parts are missing.
func (c *Client) Push(ctx context.Context, ref Reference, a Artifact) (Descriptor, error) {
	p, err := Pack(a)
	if err != nil {
		return Descriptor{}, fmt.Errorf("packing %s: %w", ref, err)
	}
	return p.Descriptor, c.PushPulled(ctx, ref, p)
}

// PushPulled stores an artifact that was pulled or packed, manifest and all, byte for byte. A digest in the reference
// must be that of the artifact.
func (c *Client) PushPulled(ctx context.Context, ref Reference, p *Pulled) error {
	if got := p.Descriptor.Digest.String(); ref.Digest != "" && ref.Digest != got {
		return &Error{Code: CodeDigestMismatch, Place: ref.String(), Detail: "what is pushed has the digest " + got}
	}
	where, err := c.open(ref)
	if err != nil {
		return err
	}
	parts := append([]Layer{p.Config}, p.Layers...)
	meter := c.meter(parts)
	for _, part := range parts {
		d := describe(part.MediaType, part.Data)
		if err := c.again(ctx, ref.String(), func() error { return where.push(ctx, d, part.Data) }); err != nil {
			return err
		}
		meter.add(d.Size)
	}
	tag := ref.Tag
	if tag == "" && ref.Digest == "" && p.Subject == nil {
		tag = latest
	}
	return c.again(ctx, ref.String(), func() error { return where.pushManifest(ctx, p, tag) })
}

// transfer is one pull.
type transfer struct {
	*Client
	fetch  func(context.Context, Descriptor) (io.ReadCloser, error)
	ref    Reference
	limits Limits
	meter  *meter
}

func (t *transfer) pull(ctx context.Context, d Descriptor) (*Pulled, error) {
	data, err := t.manifest(ctx, &d)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(data)
	if err == nil {
		err = m.within(t.limits)
	}
	if err != nil {
		return nil, at(t.ref.String(), err)
	}
	p := &Pulled{
		Reference: t.ref, Descriptor: d, Manifest: data, Type: m.artifactType, Annotations: m.annotations, Subject: m.subject,
	}
	p.Reference.Digest = d.Digest.String()
	if p.Type == "" {
		p.Type = m.config.MediaType
	}
	t.meter = &meter{report: t.o.Progress, total: m.size()}
	t.meter.add(0)
	if p.Config.Data, err = t.bytes(ctx, m.config); err != nil {
		return nil, err
	}
	p.Config.MediaType = m.config.MediaType
	for _, layer := range m.layers {
		content, err := t.bytes(ctx, layer)
		if err != nil {
			return nil, err
		}
		p.Layers = append(p.Layers, Layer{MediaType: layer.MediaType, Data: content, Title: titleOf(layer)})
	}
	return p, nil
}

// manifest reads the manifest that d names, through one index at most; d is then that of the manifest.
func (t *transfer) manifest(ctx context.Context, d *Descriptor) ([]byte, error) {
	if d.MediaType != ManifestType && d.MediaType != IndexType {
		return nil, at(t.ref.String(), fault(CodeMediaTypeUnknown, "it is %s, no image manifest", shown(d.MediaType)))
	}
	data, err := t.document(ctx, *d)
	if err != nil || d.MediaType == ManifestType {
		return data, err
	}
	list, err := readIndex(data)
	if err != nil {
		return nil, at(t.ref.String(), err)
	}
	if len(list) != 1 {
		return nil, at(t.ref.String(), fault(CodeIndexUnexpected, "it is an index of %d manifests; name one by its digest", len(list)))
	}
	if list[0].MediaType != ManifestType {
		return nil, at(t.ref.String(), fault(CodeIndexUnexpected, "it is an index that names %s", shown(list[0].MediaType)))
	}
	*d = list[0]
	return t.document(ctx, *d)
}

func (t *transfer) document(ctx context.Context, d Descriptor) ([]byte, error) {
	if d.Size > t.limits.Manifest {
		return nil, at(t.ref.String(), fault(CodeManifestTooLarge, "the manifest has %d bytes, the cap is %d", d.Size, t.limits.Manifest))
	}
	return t.bytes(ctx, d)
}

// bytes reads content that was held against the caps, and once more when the connection fails.
func (t *transfer) bytes(ctx context.Context, d Descriptor) ([]byte, error) {
	var out []byte
	err := t.again(ctx, t.ref.String(), func() error {
		body, err := t.fetch(ctx, d)
		if err != nil {
			return err
		}
		defer body.Close()
		r := &counted{Reader: body, meter: t.meter}
		if out, err = readExactly(r, d); err != nil {
			t.meter.add(-r.n)
		}
		return err
	})
	return out, err
}

// firstBuffer is how much is allocated because somebody declared a size; more must have come first.
const firstBuffer = 1 << 20

// readExactly reads what the descriptor describes, and one byte more to see that there is none.
func readExactly(r io.Reader, d Descriptor) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, min(d.Size+bytes.MinRead, firstBuffer)))
	n, err := buf.ReadFrom(io.LimitReader(r, d.Size+1))
	if err != nil {
		return nil, err
	}
	data := buf.Bytes()
	sum := digest.FromBytes(data)
	switch {
	case n > d.Size:
		return nil, fault(CodeSizeMismatch, "%s has more than the %d bytes declared", d.Digest, d.Size)
	case n < d.Size:
		return nil, fault(CodeSizeMismatch, "%s has %d bytes, where %d were declared", d.Digest, n, d.Size)
	case sum != d.Digest:
		return nil, fault(CodeDigestMismatch, "the bytes sent for %s have the digest %s", d.Digest, sum)
	}
	return data, nil
}
