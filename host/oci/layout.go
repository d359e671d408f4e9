package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"agentmesh/host/disk"
)

// mostListed is how many manifests the index of a layout may list.
const mostListed = 4096

// layout is an OCI image layout: a folder with the files oci-layout and index.json, and the blobs in blobs/sha256
// (image-spec 1.1, image layout). Its index lists every manifest in it, those that refer to others too.
type layout struct{ ref Reference }

var _ place = (*layout)(nil)

func (l *layout) blobs() (*Blobs, error) { return OpenBlobs(filepath.Join(l.ref.Path, "blobs")) }

// stored is the blobs of a layout that must be there already: reading makes no folders.
func (l *layout) stored() *Blobs { return &Blobs{dir: filepath.Join(l.ref.Path, "blobs", "sha256")} }

func (l *layout) resolve(context.Context) (Descriptor, error) {
	list, err := l.list()
	if err != nil {
		return Descriptor{}, err
	}
	var found []Descriptor
	for _, d := range list {
		if (l.ref.Digest != "" && d.Digest.String() == l.ref.Digest) ||
			(l.ref.Digest == "" && d.Annotations[ocispec.AnnotationRefName] == l.ref.name()) {
			found = append(found, d)
		}
	}
	found = slices.CompactFunc(found, func(a, b Descriptor) bool { return a.Digest == b.Digest })
	switch {
	case len(found) == 0:
		return Descriptor{}, fault(CodeNotFound, "the layout does not list %s", l.ref.name())
	case len(found) > 1:
		return Descriptor{}, fault(CodeIndexUnexpected, "the layout lists %s %d times", l.ref.name(), len(found))
	}
	return bare(found[0]), nil
}

// bare is a descriptor without what its list says beside it.
func bare(d Descriptor) Descriptor {
	return Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}
}

// list reads index.json.
func (l *layout) list() ([]Descriptor, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	data, err := readSmall(filepath.Join(l.ref.Path, ocispec.ImageIndexFile), Limits{}.filled().Manifest)
	if err != nil {
		return nil, err
	}
	list, err := readIndex(data)
	if err == nil && len(list) > mostListed {
		err = fault(CodeIndexUnexpected, "the layout lists %d manifests, the cap is %d", len(list), mostListed)
	}
	return list, err
}

func (l *layout) check() error {
	data, err := readSmall(filepath.Join(l.ref.Path, ocispec.ImageLayoutFile), 4096)
	if err != nil {
		return err
	}
	var version ocispec.ImageLayout
	if json.Unmarshal(data, &version) != nil || version.Version != ocispec.ImageLayoutVersion {
		return fault(CodeManifestInvalid, "it is no OCI layout of version %s", ocispec.ImageLayoutVersion)
	}
	return nil
}

// readSmall reads a whole file of at most max bytes.
func readSmall(path string, max int64) ([]byte, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > max {
		return nil, &Error{Code: CodeManifestTooLarge, Place: path, Detail: "it is larger than may be read"}
	}
	return io.ReadAll(io.LimitReader(f, max))
}

func (l *layout) fetch(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	return l.stored().fetch(ctx, d)
}

func (l *layout) push(ctx context.Context, d Descriptor, data []byte) error {
	blobs, err := l.blobs()
	if err != nil {
		return err
	}
	return blobs.Put(ctx, bytes.NewReader(data), d.Digest.String(), d.Size)
}

func (l *layout) pushManifest(ctx context.Context, p *Pulled, tag string) error {
	if err := l.push(ctx, p.Descriptor, p.Manifest); err != nil {
		return err
	}
	d := p.Descriptor
	d.ArtifactType = p.Type
	return l.edit(func(list []Descriptor) []Descriptor { return listed(list, d, tag) })
}

// listed puts d into the list, under the tag if there is one, which then names nothing else.
func listed(list []Descriptor, d Descriptor, tag string) []Descriptor {
	if tag != "" {
		list = slices.DeleteFunc(list, func(o Descriptor) bool {
			return o.Digest == d.Digest && o.Annotations[ocispec.AnnotationRefName] == ""
		})
		for i, o := range list {
			if o.Annotations[ocispec.AnnotationRefName] == tag {
				list[i].Annotations = nil // stays findable by its digest
			}
		}
		d.Annotations = map[string]string{ocispec.AnnotationRefName: tag}
	} else if slices.ContainsFunc(list, func(o Descriptor) bool { return o.Digest == d.Digest }) {
		return list
	}
	return append(list, d)
}

// edit changes the index under a lock, so that several processes may push at once.
func (l *layout) edit(change func([]Descriptor) []Descriptor) error {
	dir := l.ref.Path
	held, err := disk.LockFile(filepath.Join(dir, "index.json.lock"), true)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) { // then one process at a time may push
		return err
	}
	defer held.Close()
	version, _ := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if _, err := os.Stat(filepath.Join(dir, ocispec.ImageLayoutFile)); errors.Is(err, fs.ErrNotExist) {
		if err := disk.Replace(filepath.Join(dir, ocispec.ImageLayoutFile), version, 0o600); err != nil {
			return err
		}
	}
	list, err := l.list()
	if err != nil && CodeOf(err) != CodeNotFound {
		return err
	}
	data, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: IndexType, Manifests: change(list),
	})
	if err != nil {
		return err
	}
	return disk.Replace(filepath.Join(dir, ocispec.ImageIndexFile), data, 0o600)
}

func (l *layout) referrers(ctx context.Context, subject Descriptor, artifactType string, most int) ([]Descriptor, error) {
	list, err := l.list()
	if err != nil {
		return nil, err
	}
	var out []Descriptor
	for _, d := range list {
		if d.MediaType != ManifestType || d.Digest == subject.Digest {
			continue
		}
		m, err := l.manifestOf(ctx, d)
		if err != nil || m.subject == nil || m.subject.Digest != subject.Digest {
			continue // what cannot be read refers to nothing
		}
		if d.ArtifactType = m.artifactType; d.ArtifactType == "" {
			d.ArtifactType = m.config.MediaType
		}
		if artifactType == "" || artifactType == d.ArtifactType {
			out = append(out, d)
		}
		if len(out) > most {
			return nil, fault(CodeManifestTooLarge, "there are more than %d referrers", most)
		}
	}
	return out, nil
}

func (l *layout) manifestOf(ctx context.Context, d Descriptor) (*manifest, error) {
	if d.Size > (Limits{}.filled().Manifest) {
		return nil, fault(CodeManifestTooLarge, "the manifest has %d bytes", d.Size)
	}
	f, err := l.fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := readExactly(f, d)
	if err != nil {
		return nil, err
	}
	return readManifest(data)
}

// List gives what an OCI layout lists, in its order: manifests with artifact type and, as annotation
// org.opencontainers.image.ref.name, tag. The reference names the layout; its tag and digest do not matter.
func (c *Client) List(ctx context.Context, ref Reference) ([]Descriptor, error) {
	if ref.Scheme != SchemeLayout {
		return nil, badReference(ref.String(), "it is no OCI layout")
	}
	list, err := (&layout{ref: ref}).list()
	return list, at(ref.String(), err)
}
