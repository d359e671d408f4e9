package oci

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"agentmesh/host/disk"
)

// AttestationEnd is what the name of the file of attestations beside a module ends with.
const AttestationEnd = ".sig.json"

// mostAttested is how large that file may be.
const mostAttested = 4 << 20

// filePlace is a module as a file, and beside it the file of its attestations. Both are shown as the artifacts that
// they would be at a registry.
type filePlace struct{ ref Reference }

var _ place = (*filePlace)(nil)

// module makes an artifact of the file.
func (f *filePlace) module() (*Pulled, error) {
	data, err := readModule(f.ref.Path)
	if err != nil {
		return nil, err
	}
	return Pack(WasmArtifact(data, nil))
}

func readModule(path string) ([]byte, error) {
	file, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if size > MaxModule {
		return nil, &Error{Code: CodeTooLarge, Place: path, Detail: "the file is larger than a module may be"}
	}
	return io.ReadAll(io.LimitReader(file, MaxModule))
}

// attestation makes an artifact of the file beside the module; nil where there is none.
func (f *filePlace) attestation(subject Descriptor) (*Pulled, error) {
	data, err := readSmall(f.ref.Path+AttestationEnd, mostAttested)
	if CodeOf(err) == CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return Pack(Attestation(subject, data))
}

// Attestation is a DSSE envelope, or a JSON list of them, as the artifact that refers to its subject.
func Attestation(subject Descriptor, envelope []byte) Artifact {
	subject = bare(subject)
	return Artifact{
		Type: AttestationType, Subject: &subject,
		Layers: []Layer{{MediaType: EnvelopeType, Data: envelope, Title: "attestation.json"}},
	}
}

// all is the module and, if there is one, the attestation.
func (f *filePlace) all() ([]*Pulled, error) {
	module, err := f.module()
	if err != nil {
		return nil, err
	}
	attestation, err := f.attestation(module.Descriptor)
	if attestation == nil || err != nil {
		return []*Pulled{module}, err
	}
	return []*Pulled{module, attestation}, nil
}

func (f *filePlace) resolve(context.Context) (Descriptor, error) {
	all, err := f.all()
	if err != nil {
		return Descriptor{}, err
	}
	for _, p := range all {
		if f.ref.Digest == "" || f.ref.Digest == p.Descriptor.Digest.String() {
			return p.Descriptor, nil
		}
	}
	return Descriptor{}, fault(CodeDigestMismatch, "the file's artifact has the digest %s", all[0].Descriptor.Digest)
}

func (f *filePlace) fetch(_ context.Context, d Descriptor) (io.ReadCloser, error) {
	all, err := f.all()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		for _, data := range append([][]byte{p.Manifest, p.Config.Data}, p.Layers[0].Data) {
			if digestOf(data) == d.Digest {
				return io.NopCloser(bytes.NewReader(data)), nil
			}
		}
	}
	return nil, fault(CodeNotFound, "the file has no part %s", d.Digest)
}

// push does nothing: parts go where the manifest says what they are.
func (f *filePlace) push(context.Context, Descriptor, []byte) error { return nil }

func (f *filePlace) pushManifest(_ context.Context, p *Pulled, _ string) error {
	switch {
	case p.Type == WasmConfigType && len(p.Layers) == 1:
		return disk.Replace(f.ref.Path, p.Layers[0].Data, 0o600)
	case p.Type == AttestationType && len(p.Layers) == 1:
		return f.attest(p.Layers[0].Data)
	}
	return fault(CodeMediaTypeUnknown, "%s goes into no file", shown(p.Type))
}

// attest adds an envelope to those beside the module.
func (f *filePlace) attest(envelope []byte) error {
	path := f.ref.Path + AttestationEnd
	old, err := readSmall(path, mostAttested)
	if err != nil && CodeOf(err) != CodeNotFound {
		return err
	}
	all, err := envelopes(nil, old)
	if err == nil {
		all, err = envelopes(all, envelope)
	}
	if err != nil {
		return err
	}
	if len(all) == 1 {
		return disk.Replace(path, all[0], 0o600)
	}
	data, err := json.Marshal(all)
	return errors.Join(err, disk.Replace(path, data, 0o600))
}

// envelopes adds those that data holds, one or a list, to all, each once.
func envelopes(all []json.RawMessage, data []byte) ([]json.RawMessage, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return all, nil
	}
	list := []json.RawMessage{data}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		list = nil
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fault(CodeManifestInvalid, "the attestations are no JSON: %v", err)
		}
	}
	for _, e := range list {
		if !json.Valid(e) {
			return nil, fault(CodeManifestInvalid, "an attestation is no JSON")
		}
		if !containsBytes(all, e) {
			all = append(all, e)
		}
	}
	return all, nil
}

func containsBytes(all []json.RawMessage, e []byte) bool {
	for _, o := range all {
		if bytes.Equal(o, e) {
			return true
		}
	}
	return false
}

func (f *filePlace) referrers(_ context.Context, d Descriptor, artifactType string, _ int) ([]Descriptor, error) {
	if artifactType != "" && artifactType != AttestationType {
		return nil, nil
	}
	p, err := f.attestation(d)
	if p == nil || err != nil {
		return nil, err
	}
	out := p.Descriptor
	out.ArtifactType = AttestationType
	return []Descriptor{out}, nil
}
