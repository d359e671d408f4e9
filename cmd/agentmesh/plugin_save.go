package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func savePluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "save NAME[@VERSION]... --out FOLDER",
		Short: "Write plugins with all that proves them into a folder that needs no network",
		Long: `Writes plugins that were pulled, their signatures, and the trust roots and indexes that vouch for them into one OCI image layout. Carry the folder
to the other machine as you like, and agentmesh plugin load takes it up there. Each plugin is verified first.`,
		Example: "  agentmesh plugin save acme/rules@1.4.0 --out /media/usb/rules",
		Args:    takes(1, -1, "plugins that were pulled"),
	}
	out := c.Flags().String("out", "", "the folder; one that is a layout already is added to")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *out == "" {
			return usage("name it by --out", "no folder is named")
		}
		saved, err := e.save(c.Context(), args, *out)
		if err != nil {
			return refusal(err)
		}
		if *output == "json" {
			return e.json(map[string]any{"folder": *out, "saved": saved})
		}
		for _, s := range saved {
			e.printf("saved %s %s, trusted by root %s\n", s.Plugin, s.Version, s.Root)
		}
		e.printf("in %s; on the other machine: agentmesh plugin load %s\n", plain(*out), plain(*out))
		return nil
	}
	return c
}

type savedJSON struct {
	Plugin  string `json:"plugin"`
	Version string `json:"version"`
	Wasm    string `json:"wasm"`
	OCI     string `json:"oci"`
	Root    string `json:"root"`
}

func (e *env) save(ctx context.Context, args []string, folder string) ([]savedJSON, error) {
	t, err := e.trust()
	if err != nil {
		return nil, err
	}
	depot, err := e.depot()
	if err != nil {
		return nil, err
	}
	found, err := storedModules(depot, args)
	if err != nil {
		return nil, err
	}
	var wasm []string
	for _, r := range found {
		wasm = append(wasm, r.Wasm)
	}
	bundle, err := t.Bundle(depot, wasm...)
	if err != nil {
		return nil, err
	}
	ref, err := oci.ParseReference(oci.SchemeLayout + "://" + folder)
	if err != nil || ref.Tag != "" || ref.Digest != "" {
		return nil, usage("name a folder", "%s cannot be the folder of a bundle", folder)
	}
	client, err := oci.New(oci.Options{UserAgent: "agentmesh/" + version})
	if err != nil {
		return nil, err
	}
	w := &bundler{client: client, depot: depot, ref: ref}
	return w.write(ctx, bundle)
}

// bundler writes a bundle into a layout.
type bundler struct {
	client *oci.Client
	depot  *release.Depot
	ref    oci.Reference
}

func (w *bundler) write(ctx context.Context, b *release.Bundle) ([]savedJSON, error) {
	for _, root := range b.Roots {
		if root.Name == release.LocalName {
			return nil, withHint(errors.New("root local is this machine's own: no other machine believes it"), "have the plugin signed under a root that both know")
		}
		ref := w.ref
		ref.Tag = indexTag + root.Name
		if _, err := w.client.PushIndex(ctx, ref, oci.RuleIndex{Index: root.Index, Chain: root.Chain}); err != nil {
			return nil, fmt.Errorf("root %s: %w", root.Name, err)
		}
	}
	var out []savedJSON
	for _, s := range b.Modules {
		p, err := w.artifact(ctx, &s)
		if err != nil {
			return nil, err
		}
		ref := w.ref
		ref.Tag = strings.ReplaceAll(s.Receipt.Name, "/", ".") + "-" + tagOf(s.Receipt.Version)
		if err := w.client.PushPulled(ctx, ref, p); err != nil {
			return nil, err
		}
		attestation := oci.Attestation(p.Descriptor, release.AppendEnvelopes(nil, s.Envelopes))
		if _, err := w.client.Push(ctx, ref.At(""), attestation); err != nil {
			return nil, err
		}
		out = append(out, savedJSON{
			Plugin: s.Receipt.Name, Version: s.Receipt.Version, Wasm: s.Receipt.Wasm, OCI: p.Descriptor.Digest.String(), Root: s.Receipt.Root,
		})
	}
	return out, nil
}

// indexTag begins the tags of trust roots in a bundle.
const indexTag = "root-"

// artifact is the module as the artifact that it was pulled as, which an index may name.
func (w *bundler) artifact(ctx context.Context, s *release.Stored) (*oci.Pulled, error) {
	a, err := release.Artifact(s.Module)
	if err != nil {
		return nil, err
	}
	p, err := oci.Pack(a)
	if err != nil || s.Receipt.OCI == "" || s.Receipt.OCI == p.Descriptor.Digest.String() {
		return p, err
	}
	return w.depot.Blobs().Artifact(ctx, s.Receipt.OCI, oci.WasmLimits())
}
