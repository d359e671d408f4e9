package main

import (
	"runtime"

	"github.com/spf13/cobra"

	"agentmesh/pdk/abi"
)

func versionCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  agentmesh version -o json",
		Args:    takes(0, 0, "no arguments"),
	}
	output := format(c, "text", "json")
	c.RunE = func(*cobra.Command, []string) error {
		if *output == "json" {
			return e.json(map[string]any{"version": version, "abi": abi.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
		}
		e.printf("agentmesh %s (contract %d, %s, %s/%s)\n", version, abi.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}
	return c
}
