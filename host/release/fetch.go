package release

import (
	"context"
	"errors"

	"agentmesh/host/oci"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// maxAttestations are those of one module that are fetched; anybody who may push to a repository can add some.
const maxAttestations = 32

// Fetch pulls a module with the attestations that refer to it. What comes back is bytes that have the digests asked for, and
// nothing more: Check decides. An attestation that cannot be read is passed over, unless none can.
func Fetch(ctx context.Context, client *oci.Client, ref oci.Reference) (Candidate, error) {
	p, err := client.Pull(ctx, ref, oci.WasmLimits())
	if err != nil {
		return Candidate{}, err
	}
	if err := oci.CheckWasm(p); err != nil {
		return Candidate{}, err
	}
	c := Candidate{Module: p.Layers[0].Data}
	if ref.Scheme != oci.SchemeFile {
		c.OCI = p.Descriptor.Digest.String()
	}
	c.Envelopes, err = attestationsOf(ctx, client, p.Reference)
	return c, err
}

func attestationsOf(ctx context.Context, client *oci.Client, subject oci.Reference) ([]Envelope, error) {
	found, err := client.Referrers(ctx, subject, oci.AttestationType)
	if err != nil {
		return nil, err
	}
	var out []Envelope
	var errs []error
	for _, d := range found[:min(len(found), maxAttestations)] {
		es, err := attestation(ctx, client, subject.At(d.Digest.String()), subject.Digest)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, es...)
	}
	if len(out) == 0 {
		return nil, errors.Join(errs...)
	}
	out = Gather(out)
	return out[:min(len(out), MaxEnvelopes)], nil
}

// attestation pulls the envelopes of one referrer, whose subject must be the module's manifest.
func attestation(ctx context.Context, client *oci.Client, ref oci.Reference, subject string) ([]Envelope, error) {
	p, err := client.Pull(ctx, ref, oci.Limits{Layer: maxSmallPayload * 16, Layers: 1, Least: 1, Types: []string{oci.EnvelopeType}})
	if err != nil {
		return nil, err
	}
	if p.Subject == nil || p.Subject.Digest.String() != subject {
		return nil, &Refusal{Code: CodeStatementMismatch, Place: ref.String(), Detail: "the attestation refers to another artifact"}
	}
	return ReadEnvelopes(p.Layers[0].Data)
}

// Artifact is a module as it is pushed: with annotations that registries and people look for, all of them from its manifest.
// The digest of its manifest, as oci.Pack gives it, therefore follows from the module alone.
func Artifact(module []byte) (oci.Artifact, error) {
	body, _, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil {
		return oci.Artifact{}, &Refusal{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	m, err := abi.ReadManifest(string(body))
	if err != nil {
		return oci.Artifact{}, &Refusal{Code: abi.CodeManifestInvalid, Detail: err.Error()}
	}
	annotations := map[string]string{}
	for key, text := range map[string]string{
		"org.opencontainers.image.title": m.Name, "org.opencontainers.image.version": m.Version,
		"org.opencontainers.image.description": m.Description, "org.opencontainers.image.vendor": m.Publisher,
		"ai.agentmesh.plugin.kind": m.Kind, "ai.agentmesh.plugin.effective-from": m.EffectiveFrom,
		"ai.agentmesh.plugin.effective-until": m.EffectiveUntil,
	} {
		if text != "" {
			annotations[key] = text
		}
	}
	return oci.WasmArtifact(module, annotations), nil
}

// ArtifactDigest is the digest of the manifest that a module is pushed with.
func ArtifactDigest(module []byte) (string, error) {
	a, err := Artifact(module)
	if err != nil {
		return "", err
	}
	p, err := oci.Pack(a)
	if err != nil {
		return "", err
	}
	return p.Descriptor.Digest.String(), nil
}
