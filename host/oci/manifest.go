package oci

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"agentmesh/pdk/abi"
)

// Limits are the caps that hold before anything is fetched, and what is expected. Zero fields have the defaults named.
type Limits struct {
	Manifest  int64    // bytes of a manifest or index; 4 MiB
	Config    int64    // bytes of a config; 1 MiB
	Layer     int64    // bytes of a layer; 64 MiB
	Total     int64    // bytes of all layers; 256 MiB
	Layers    int      // how many layers there may be; 16
	Least     int      // how many there must be at least; 0
	Referrers int      // how many may refer to one manifest; 256
	Types     []string // media types that layers may have; empty: any
	Configs   []string // media types that the config may have; empty: any
}

// MaxModule is how many bytes a module may have, as many as a host reads.
const MaxModule = 16 << 20

// WasmLimits are those of a module: one layer application/wasm of at most MaxModule, the config of a module.
func WasmLimits() Limits {
	return Limits{Layer: MaxModule, Layers: 1, Least: 1, Types: []string{WasmType}, Configs: []string{WasmConfigType}}
}

func (l Limits) filled() Limits {
	l.Manifest = cmp.Or(l.Manifest, 4<<20)
	l.Config = cmp.Or(l.Config, 1<<20)
	l.Layer = cmp.Or(l.Layer, 64<<20)
	l.Total = cmp.Or(l.Total, 256<<20)
	l.Layers = cmp.Or(l.Layers, 16)
	l.Referrers = cmp.Or(l.Referrers, 256)
	return l
}

// manifest is what is taken from a manifest's bytes.
type manifest struct {
	artifactType string
	config       Descriptor
	layers       []Descriptor
	annotations  map[string]string
	subject      *Descriptor
}

// readManifest reads a manifest strictly: as duplicate names are read differently by different parsers, there are none.
func readManifest(data []byte) (*manifest, error) {
	v, err := readObject(data)
	if err != nil {
		return nil, err
	}
	if t := v.Get("mediaType").Text(); t != "" && t != ManifestType {
		return nil, fault(CodeMediaTypeUnknown, "the manifest says that it is %s", shown(t))
	}
	m := &manifest{}
	m.artifactType, _ = v.Get("artifactType").Str()
	if m.config, err = descriptorOf(v.Get("config"), "config"); err != nil {
		return nil, err
	}
	if m.config.MediaType == EmptyType && m.artifactType == "" {
		// image-spec 1.1.1, guidelines for artifact usage: an empty config says nothing, so artifactType must
		return nil, fault(CodeMediaTypeUnknown, "the config is empty and artifactType does not say what this is")
	}
	if m.layers, err = descriptorsOf(v.Get("layers"), "layer"); err != nil {
		return nil, err
	}
	if s := v.Get("subject"); s.Exists() && s.Kind() != abi.Null {
		subject, err := descriptorOf(s, "subject")
		if err != nil {
			return nil, err
		}
		m.subject = &subject
	}
	m.annotations = annotationsOf(v.Get("annotations"))
	return m, nil
}

// readIndex reads the manifests that an index lists.
func readIndex(data []byte) ([]Descriptor, error) {
	v, err := readObject(data)
	if err != nil {
		return nil, err
	}
	if t := v.Get("mediaType").Text(); t != "" && t != IndexType {
		return nil, fault(CodeMediaTypeUnknown, "the index says that it is %s", shown(t))
	}
	return descriptorsOf(v.Get("manifests"), "manifest")
}

func readObject(data []byte) (abi.Value, error) {
	v, err := abi.ReadValue(string(data))
	if err != nil {
		return abi.Value{}, fault(CodeManifestInvalid, "the manifest is no JSON that can be taken: %v", err)
	}
	if v.Kind() != abi.Object {
		return abi.Value{}, fault(CodeManifestInvalid, "the manifest is no JSON object")
	}
	if err := exact(v, "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations", "schemaVersion"); err != nil {
		return abi.Value{}, err
	}
	if n, ok := v.Get("schemaVersion").Int(); !ok || n != 2 {
		return abi.Value{}, fault(CodeManifestInvalid, "the manifest has no schemaVersion 2")
	}
	return v, nil
}

// exact refuses a name that is one of those in another case: there are parsers that take it for the same.
func exact(v abi.Value, names ...string) error {
	for _, m := range v.Items() {
		for _, name := range names {
			if m.Name != name && strings.EqualFold(m.Name, name) {
				return fault(CodeManifestInvalid, "the manifest says %s, which is %s only to some", shown(m.Name), name)
			}
		}
	}
	return nil
}

func descriptorsOf(v abi.Value, what string) ([]Descriptor, error) {
	if v.Kind() != abi.List {
		return nil, fault(CodeManifestInvalid, "the manifest has no list of %ss", what)
	}
	out := make([]Descriptor, 0, v.Len())
	for i := range v.Len() {
		d, err := descriptorOf(v.At(i), what)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func descriptorOf(v abi.Value, what string) (Descriptor, error) {
	mediaType, _ := v.Get("mediaType").Str()
	named, _ := v.Get("digest").Str()
	size, sized := v.Get("size").Int()
	artifactType, _ := v.Get("artifactType").Str()
	switch {
	case v.Kind() != abi.Object:
		return Descriptor{}, fault(CodeManifestInvalid, "a %s is no descriptor", what)
	case !sha256Digest.MatchString(named):
		return Descriptor{}, fault(CodeManifestInvalid, "a %s has the digest %s; only sha256 is taken", what, shown(named))
	case !sized:
		return Descriptor{}, fault(CodeManifestInvalid, "a %s has no size", what)
	case size < 0:
		return Descriptor{}, fault(CodeManifestInvalid, "a %s has the size %d", what, size)
	case mediaType == "":
		return Descriptor{}, fault(CodeManifestInvalid, "a %s has no media type", what)
	}
	if err := exact(v, "mediaType", "artifactType", "digest", "size", "annotations"); err != nil {
		return Descriptor{}, err
	}
	return Descriptor{
		MediaType: mediaType, Digest: digest.Digest(named), Size: size, ArtifactType: artifactType,
		Annotations: annotationsOf(v.Get("annotations")),
	}, nil
}

func annotationsOf(v abi.Value) map[string]string {
	if v.Kind() != abi.Object || v.Len() == 0 {
		return nil
	}
	out := make(map[string]string, v.Len())
	for _, m := range v.Items() {
		if s, ok := m.Value.Str(); ok {
			out[m.Name] = s
		}
	}
	return out
}

// within holds what a manifest declares against the caps, before anything of it is fetched.
func (m *manifest) within(l Limits) error {
	if len(l.Configs) > 0 && !slices.Contains(l.Configs, m.config.MediaType) {
		return fault(CodeMediaTypeUnknown, "its config is %s, not %s", shown(m.config.MediaType), l.Configs[0])
	}
	if n := len(m.layers); n > l.Layers || n < l.Least {
		return fault(CodeLayersUnexpected, "it has %d layers, where %d to %d are taken", n, l.Least, l.Layers)
	}
	if m.config.Size > l.Config {
		return fault(CodeTooLarge, "its config has %d bytes, the cap is %d", m.config.Size, l.Config)
	}
	var total int64
	for _, d := range m.layers {
		if len(l.Types) > 0 && !slices.Contains(l.Types, d.MediaType) {
			return fault(CodeMediaTypeUnknown, "a layer is %s, not %s", shown(d.MediaType), l.Types[0])
		}
		if d.Size > l.Layer || total+d.Size > l.Total {
			return fault(CodeTooLarge, "a layer has %d bytes, the cap is %d, and %d for all layers", d.Size, l.Layer, l.Total)
		}
		total += d.Size
	}
	return nil
}

// size is how many bytes config and layers have together.
func (m *manifest) size() int64 {
	total := m.config.Size
	for _, d := range m.layers {
		total += d.Size
	}
	return total
}

func titleOf(d Descriptor) string { return d.Annotations[ocispec.AnnotationTitle] }

// fault is an error that does not know its place yet; at gives it one.
func fault(code abi.Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// at names the place of an error that has none.
func at(place string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error)
	if !ok || e.Place != "" {
		return told(place, err)
	}
	placed := *e
	placed.Place = place
	return &placed
}
