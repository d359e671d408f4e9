package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func pushPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "push FILE.wasm REFERENCE",
		Short: "Push a plugin and its signatures to an OCI registry, layout or file",
		Long: `Pushes a built module as the Wasm artifact that other tools know too, and then the signatures beside it (FILE.wasm.sig.json), which refer to
it. A REFERENCE without a tag gets the plugin's version as its tag.

  oci://HOST/REPOSITORY[:TAG]    an OCI registry; logins are those of docker ($DOCKER_CONFIG), credential helpers included
  oci-layout://FOLDER[:TAG]      an OCI image layout
  file://PATH                    a file

The same module has the same digest wherever it is pushed, so an index can name it before. A version that is there with other bytes is
left alone unless --replace is given: hosts refuse bytes that change under a version.`,
		Example: "  agentmesh plugin push rules.wasm oci://registry.example.com/acme/rules",
		Args:    takes(2, 2, "one module and one reference"),
	}
	output := format(c, "table", "json")
	replace := c.Flags().Bool("replace", false, "push even where the tag names something else")
	r := registryFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		p, err := e.push(c.Context(), args[0], args[1], pushOptions{*replace, r})
		if err != nil {
			return refusal(err)
		}
		if *output == "json" {
			return e.json(p)
		}
		signed := orNone(p.Attestation)
		if p.Attestation == "" {
			signed = "none: `agentmesh plugin sign` signs it, and pushing again adds that"
		}
		e.printf("pushed %s %s\n", p.Plugin, p.Version)
		e.table(nil, [][]string{{"  reference", p.Reference}, {"  wasm", p.Wasm}, {"  signatures", signed}})
		return nil
	}
	return c
}

type pushOptions struct {
	replace  bool
	registry *registry
}

type pushedJSON struct {
	Plugin      string `json:"plugin"`
	Version     string `json:"version"`
	Reference   string `json:"reference"`
	Wasm        string `json:"wasm"`
	OCI         string `json:"oci"`
	Attestation string `json:"attestation,omitempty"`
}

func (e *env) push(ctx context.Context, file, to string, o pushOptions) (*pushedJSON, error) {
	ref, err := oci.ParseReference(to)
	if err != nil {
		return nil, err
	}
	s, err := openModule(file)
	if err != nil {
		return nil, err
	}
	what, err := release.StatementOf(s.file.Wasm)
	if err != nil {
		return nil, err
	}
	artifact, err := release.Artifact(s.file.Wasm)
	if err != nil {
		return nil, err
	}
	packed, err := oci.Pack(artifact)
	if err != nil {
		return nil, err
	}
	if ref.Tag == "" && ref.Digest == "" && ref.Scheme != oci.SchemeFile {
		ref.Tag = tagOf(what.Version)
	}
	envelopes, err := e.ownEnvelopes(file, what.Wasm)
	if err != nil {
		return nil, err
	}
	bar := e.progress("bytes")
	defer bar.clear()
	client, err := o.registry.client(bar.show)
	if err != nil {
		return nil, err
	}
	if !o.replace {
		if err := vacant(ctx, client, ref, packed); err != nil {
			return nil, err
		}
	}
	return sent(ctx, client, ref, outgoing{packed, &what, envelopes})
}

// outgoing is a module on its way to a registry.
type outgoing struct {
	packed    *oci.Pulled
	what      *release.Statement
	envelopes []release.Envelope
}

func sent(ctx context.Context, client *oci.Client, ref oci.Reference, out outgoing) (*pushedJSON, error) {
	if err := client.PushPulled(ctx, ref, out.packed); err != nil {
		return nil, err
	}
	pinned := ref
	pinned.Digest = out.packed.Descriptor.Digest.String()
	p := &pushedJSON{
		Plugin: out.what.Name, Version: out.what.Version, Reference: pinned.String(), Wasm: out.what.Wasm, OCI: pinned.Digest,
	}
	if len(out.envelopes) == 0 {
		return p, nil
	}
	attestation, err := client.Push(ctx, ref.At(""), oci.Attestation(out.packed.Descriptor, release.AppendEnvelopes(nil, out.envelopes)))
	p.Attestation = attestation.Digest.String()
	return p, err
}

// ownEnvelopes are the signatures beside a module that are of this very build.
func (e *env) ownEnvelopes(file, wasm string) ([]release.Envelope, error) {
	all, err := release.ReadBeside(file)
	if err != nil {
		return nil, err
	}
	var own []release.Envelope
	for _, env := range all {
		if s, err := release.ReadStatement(env.Payload); err == nil && s.Wasm == wasm {
			own = append(own, env)
		} else {
			fmt.Fprintf(e.stderr, "note: a signature in %s is of another build and is not pushed\n", plain(file+release.BesideEnd))
		}
	}
	return own, nil
}

// vacant refuses to put other bytes under a tag that is taken.
func vacant(ctx context.Context, client *oci.Client, ref oci.Reference, p *oci.Pulled) error {
	there, err := client.Resolve(ctx, ref)
	switch {
	case oci.CodeOf(err) == oci.CodeNotFound:
		return nil
	case err != nil:
		return err
	case there.Digest == p.Descriptor.Digest || ref.Digest != "":
		return nil
	}
	return withHint(fmt.Errorf("%s is taken: it names %s, and this is %s", ref, there.Digest, p.Descriptor.Digest),
		"give the plugin a new version: hosts refuse other bytes under an old one; --replace pushes all the same")
}

// tagOf is a version as a tag: a plus is none of a tag's characters.
func tagOf(version string) string {
	tag := []byte(version)
	for i, c := range tag {
		if c == '+' || c == '/' {
			tag[i] = '_'
		}
	}
	return string(tag)
}
