package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/rollout"
)

func rollbackPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Go back to an earlier version",
		Long: `Takes a canary back to staged; without one, retires the active version and lets the one before decide again, or the one that --to names.

What a foreign trust root published does not go back without it: an older version than ran here needs a permit that the root's owners
signed for that very module (` + "`agentmesh trust-root permit`" + `). Exits 3 without one.`,
		Example: "  agentmesh plugin rollback eu.ai-act/transparency --reason \"denies too much\"\n  agentmesh plugin rollback eu.ai-act/transparency --to 1.2.0",
		Args:    takes(1, 1, "one plugin"),
	}
	to := c.Flags().String("to", "", "version to go back to (default: the one before)")
	reason := reasonFlag(c)
	return e.rolloutVerb(c, func(ctx context.Context, d *deployment, args []string) (rollout.Change, error) {
		return d.change(ctx, "plugin rollback", func(l *rollout.Lock, now time.Time) (rollout.Change, error) {
			return l.Rollback(args[0], *to, *reason, now)
		})
	})
}
