package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"agentmesh/host/mcp"
)

func toolsMeasureCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "measure",
		Short: "Measure how many poisoned definitions are found, and how many clean ones raise an alarm",
		Long: `Makes tool definitions, poisons them in the ways that published attacks do, in several disguises and places, and counts what is flagged.
The definitions come from a seed, so that anybody gets the same figures; they are an estimate, and no promise.`,
		Example: "  agentmesh tools measure\n  agentmesh tools measure --seed 7 -o json",
		Args:    takes(0, 0, "no arguments"),
	}
	seed := c.Flags().Uint64("seed", 1, "seed of the definitions")
	output := format(c, "table", "json")
	c.RunE = func(*cobra.Command, []string) error {
		r := mcp.MeasureScreen(*seed)
		if *output == "json" {
			return e.json(r)
		}
		e.screened(&r)
		return nil
	}
	return c
}

func (e *env) screened(r *mcp.ScreenReport) {
	var rows [][]string
	add := func(kind string, lines []mcp.ScreenLine) {
		for _, l := range lines {
			rows = append(rows, []string{kind, l.What, fmt.Sprint(l.Tools), percent(l.Found, l.Tools)})
		}
	}
	add("aim, undisguised", r.Aims)
	add("disguise", r.Disguises)
	add("place", r.Places)
	e.table([]string{"POISON", "", "TOOLS", "FOUND"}, rows)
	e.printf("\nfalse alarms in %d clean definitions (seed %d): %s\n", r.Clean.Tools, r.Seed, percent(r.Clean.Found, r.Clean.Tools))
	for _, a := range r.Alarms {
		e.printf("  %s\n", plain(a))
	}
}
