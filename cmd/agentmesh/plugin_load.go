package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func loadPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "load FOLDER",
		Short: "Take up plugins from a folder that agentmesh plugin save wrote",
		Long: `Takes the trust roots and indexes of a bundle as far as they follow those that are known here, verifies each plugin in it, and keeps it. No network
is used. A root that is not known yet is taken only by the fingerprint that you got from its owners another way.`,
		Example: "  agentmesh plugin load /media/usb/rules\n  agentmesh plugin load /media/usb/rules --fingerprint sha256:9f86d081…",
		Args:    takes(1, 1, "one folder"),
	}
	fingerprint := c.Flags().String("fingerprint", "", "take the unknown root that has it")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		var kept []*keptJSON
		err := e.trusting(c.Context(), "plugin load", func(t *release.Trust) (events []release.Event, err error) {
			kept, err = e.load(c.Context(), t, args[0], *fingerprint)
			for _, k := range kept {
				events = append(events, k.event())
			}
			return events, err
		})
		if err != nil {
			return refusal(err)
		}
		if *output == "json" {
			return e.json(map[string]any{"loaded": kept})
		}
		for _, k := range kept {
			e.kept("loaded", k)
		}
		return nil
	}
	return c
}

func (e *env) load(ctx context.Context, t *release.Trust, folder, fingerprint string) ([]*keptJSON, error) {
	ref, err := oci.ParseReference(oci.SchemeLayout + "://" + folder)
	if err != nil || ref.Tag != "" || ref.Digest != "" {
		return nil, usage("name a folder", "%s cannot be the folder of a bundle", folder)
	}
	client, err := oci.New(oci.Options{UserAgent: "agentmesh/" + version})
	if err != nil {
		return nil, err
	}
	list, err := client.List(ctx, ref)
	if err != nil {
		return nil, err
	}
	l := &intake{client: client, trust: t}
	if l.depot, err = e.depot(); err != nil {
		return nil, err
	}
	var modules []oci.Reference
	for _, d := range list {
		at := ref.At(d.Digest.String())
		kind, err := l.kind(ctx, d, at)
		if err == nil && kind == oci.RuleIndexType {
			err = l.follow(ctx, at, fingerprint)
		}
		if err != nil {
			return nil, err
		}
		if kind == oci.WasmConfigType {
			modules = append(modules, at)
		}
	}
	if len(modules) == 0 {
		return nil, withHint(fmt.Errorf("there is no plugin in %s", folder), "`agentmesh plugin save` writes such a folder")
	}
	return l.takeAll(ctx, modules)
}

// kind is the type of what a layout lists; not every tool that writes layouts says it in the list.
func (i *intake) kind(ctx context.Context, d oci.Descriptor, ref oci.Reference) (string, error) {
	if d.ArtifactType != "" || d.MediaType != oci.ManifestType {
		return d.ArtifactType, nil
	}
	p, err := i.client.Pull(ctx, ref, oci.Limits{Layers: 1 << 11})
	if err != nil {
		return "", err
	}
	return p.Type, nil
}

// takeAll takes every module; the roots are up to date by now.
func (i *intake) takeAll(ctx context.Context, modules []oci.Reference) ([]*keptJSON, error) {
	var out []*keptJSON
	for _, ref := range modules {
		k, err := i.take(ctx, ref)
		if err != nil {
			return out, err
		}
		out = append(out, k)
	}
	return out, nil
}

// follow takes a trust root and its index from a bundle: as the next versions of one that is known, or by its fingerprint.
func (i *intake) follow(ctx context.Context, ref oci.Reference, fingerprint string) error {
	x, _, err := i.client.PullIndex(ctx, ref, "")
	if err != nil {
		return err
	}
	if fingerprint != "" {
		for _, root := range x.Chain {
			e, err := release.ReadEnvelope(root)
			if err != nil {
				return err
			}
			if e.Digest() != fingerprint && "sha256:"+fingerprint != e.Digest() {
				continue
			}
			if _, err := i.trust.AddRoot(root, fingerprint); err != nil {
				return err
			}
		}
	}
	return i.trust.Update(ctx, x.Chain, x.Index)
}
