package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/rollout"
)

func yankPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "yank NAME@VERSION --reason TEXT",
		Short: "Say that a version is not to be used any more here",
		Long: `A yanked version is not promoted any more, and a candidate goes back to staged. An active one goes on deciding until another one is
promoted or one goes back; with --now it stops, and what it decided about is denied until then.

This is about this deployment alone. A publisher yanks for everybody, in the index.`,
		Example: "  agentmesh plugin yank eu.ai-act/transparency@2.0.0 --reason \"denies every export\"\n  agentmesh plugin yank acme/rules@1.1.0 --now --reason \"leaks names\"",
		Args:    takes(1, 1, "one version"),
	}
	now := c.Flags().Bool("now", false, "stop an active version too: what it decided about is denied")
	reason := reasonFlag(c)
	return e.rolloutVerb(c, func(ctx context.Context, d *deployment, args []string) (rollout.Change, error) {
		name, version, err := needsVersion(c, args[0])
		if err != nil {
			return rollout.Change{}, err
		}
		return d.change(ctx, "plugin yank", func(l *rollout.Lock, at time.Time) (rollout.Change, error) {
			return l.Yank(name, version, *reason, *now, at)
		})
	})
}
