package oci

import (
	"cmp"
	"encoding/json"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Descriptor names content by media type, digest and size, as the OCI image specification has it.
type Descriptor = ocispec.Descriptor

// Media types of what is moved.
const (
	ManifestType    = ocispec.MediaTypeImageManifest
	IndexType       = ocispec.MediaTypeImageIndex
	EmptyType       = ocispec.MediaTypeEmptyJSON
	WasmType        = "application/wasm"
	WasmConfigType  = "application/vnd.wasm.config.v0+json"
	AttestationType = "application/vnd.in-toto+json"           // artifact type of an attestation that refers to a module
	EnvelopeType    = "application/vnd.dsse.envelope.v1+json"  // its one layer: a DSSE envelope, or a JSON list of them
	RuleIndexType   = "application/vnd.agentmesh.index.v1"     // artifact type of a published index with its root chain
	RuleListType    = "application/vnd.agentmesh.list.v1+json" // its first layer: the envelope of the index
	RuleRootType    = "application/vnd.agentmesh.root.v1+json" // its other layers: the envelopes of the root chain, oldest first
)

// Layer is one piece of content. Title is for showing only; it names no file.
type Layer struct {
	MediaType string
	Data      []byte
	Title     string
}

// Artifact is what Push sends. Type may be empty where ConfigType says what it is; a Config that is nil is the empty
// one. Subject is the manifest that this one refers to.
type Artifact struct {
	Type        string
	Config      []byte
	ConfigType  string
	Layers      []Layer
	Annotations map[string]string
	Subject     *Descriptor
}

// Pulled is an artifact as it was found: every part has the size and digest that the manifest names, and the manifest
// those of Descriptor.
type Pulled struct {
	Reference   Reference // as asked for, its Digest set
	Descriptor  Descriptor
	Manifest    []byte
	Type        string // artifactType, or the config's media type where there is none
	Config      Layer
	Layers      []Layer
	Annotations map[string]string
	Subject     *Descriptor
}

// Pack gives an artifact the manifest that it is pushed with: its digest is that of the artifact wherever it goes.
func Pack(a Artifact) (*Pulled, error) {
	config, configType := a.Config, cmp.Or(a.ConfigType, EmptyType)
	if config == nil {
		config = ocispec.DescriptorEmptyJSON.Data
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ManifestType, ArtifactType: a.Type,
		Config: describe(configType, config), Layers: []Descriptor{}, Subject: a.Subject, Annotations: a.Annotations,
	}
	for _, l := range a.Layers {
		m.Layers = append(m.Layers, describeLayer(l))
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return &Pulled{
		Descriptor: describe(ManifestType, data), Manifest: data, Type: cmp.Or(a.Type, configType),
		Config: Layer{MediaType: configType, Data: config}, Layers: a.Layers, Annotations: a.Annotations, Subject: a.Subject,
	}, nil
}

func describe(mediaType string, data []byte) Descriptor {
	return Descriptor{MediaType: mediaType, Digest: digestOf(data), Size: int64(len(data))}
}

func describeLayer(l Layer) Descriptor {
	d := describe(l.MediaType, l.Data)
	if l.Title != "" {
		d.Annotations = map[string]string{ocispec.AnnotationTitle: l.Title}
	}
	return d
}
