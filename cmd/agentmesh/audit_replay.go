package main

import (
	"errors"

	"github.com/spf13/cobra"

	"agentmesh/host/replay"
)

func replayAuditCommand(e *env) *cobra.Command {
	r := &replaying{audit: audit{env: e}}
	c := &cobra.Command{
		Use:   "replay",
		Short: "Decide the recorded past again by the very rules that decided, and compare",
		Long: `Makes every recorded decision again, by the rules that made it, and holds the verdict against the recorded one byte for byte. The rules are
made again from the archive in the state folder, by digest; what is not what decided is not believed. What cannot be made again (a rule
reads what was kept out of the ledger, a module is gone) is counted apart and said.

Exits 0 when every verdict that can be made again comes out as recorded, 3 when one does not or the archive was altered. That the
ledger itself was not altered is for ` + "`agentmesh audit verify`" + ` to prove.`,
		Example: `  agentmesh audit replay
  agentmesh audit replay --since 30d -o html --out audit.html`,
		Args: takes(0, 0, "no arguments"),
	}
	r.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		o, done, err := e.sandboxOptions()
		if err != nil {
			return errors.Join(err, done())
		}
		defer func() { err = after(err, done()) }()
		past, err := r.past(replay.PastOptions{CacheDir: o.CacheDir, Admission: o.Admission})
		if err != nil {
			return err
		}
		defer func() { err = after(err, past.Close()) }()
		return r.run(c.Context(), replay.Options{Judges: past.Set})
	}
	return c
}

// after is the error of a command whose tidying up may fail as well.
func after(err, tidying error) error {
	if tidying == nil {
		return err
	}
	return errors.Join(err, tidying)
}
