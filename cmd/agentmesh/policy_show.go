package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
)

func showPolicyCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "show POLICY",
		Short: "Print a policy as it was written, a preset's or a compiled one's too",
		Long: `Prints the text of one policy: of a file, of a preset, or the source that a compiled .wasm carries. What it extends is named on
standard error and shown by a show of its own. A preset printed into a file is the place to begin a policy of your own.`,
		Example: "  agentmesh policy show moderate > mine.yaml\n  agentmesh policy show bin/plugins/presets/strict.wasm",
		Args:    takes(1, 1, "one policy"),
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		loaded, err := e.loadOrTell(args, false)
		if err != nil {
			return err
		}
		if len(loaded) != 1 {
			return usage("name one of its files", "%s holds %d policies", args[0], len(loaded))
		}
		sources, _, err := policy.ReadSource(loaded[0].module.Wasm)
		if err != nil {
			return err
		}
		for _, parent := range sources[1:] {
			fmt.Fprintf(e.stderr, "agentmesh: it extends %s\n", parent.Name)
		}
		e.printf("%s", strings.TrimSuffix(sources[0].Text, "\n")+"\n")
		return nil
	}
	return c
}
