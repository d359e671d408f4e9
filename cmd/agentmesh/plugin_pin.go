package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/rollout"
)

func pinPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "pin NAME@VERSION | NAME --none",
		Short: "Let one active version alone decide",
		Long: `Pins a plugin to an active version: no other one decides, whatever its effective date, and none is promoted to canary or active, until
--none takes the pin away. Others may be staged and shadow it.`,
		Example: "  agentmesh plugin pin eu.ai-act/transparency@1.2.0 --reason \"audit week\"\n  agentmesh plugin pin eu.ai-act/transparency --none",
		Args:    takes(1, 1, "one version"),
	}
	none := c.Flags().Bool("none", false, "take the pin away")
	reason := reasonFlag(c)
	return e.rolloutVerb(c, func(ctx context.Context, d *deployment, args []string) (rollout.Change, error) {
		name, version := nameVersion(args[0])
		if (version == "") != *none {
			return rollout.Change{}, usage("usage: "+c.UseLine(), "name a version, or --none")
		}
		return d.change(ctx, "plugin pin", func(l *rollout.Lock, _ time.Time) (rollout.Change, error) {
			return l.Pin(name, version, *reason)
		})
	})
}
