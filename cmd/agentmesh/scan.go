package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"agentmesh/host/scan"
)

func scanCommand(e *env) *cobra.Command {
	return noun("scan", "How well personal data, secrets and instructions are found", "", measureCommand(e))
}

func measureCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "measure",
		Short: "Measure recall and false alarms of the detectors, now",
		Long: `Makes texts that hold personal data, secrets and instructions aimed at a model, in several disguises, and texts that hold none, and
counts what is found. The texts come from a seed, so that anybody gets the same figures; they are an estimate, and no promise.`,
		Example: "  agentmesh scan measure\n  agentmesh scan measure --seed 7 -o json",
		Args:    takes(0, 0, "no arguments"),
	}
	seed := c.Flags().Uint64("seed", 1, "seed of the texts")
	output := format(c, "table", "json")
	c.RunE = func(*cobra.Command, []string) error {
		report := scan.Measure(*seed)
		return e.report(*output, measureReport(&report), func() { e.measured(&report) })
	}
	return c
}

func (e *env) measured(r *scan.Report) {
	var rows [][]string
	for _, l := range r.Recall {
		rows = append(rows, []string{l.Class, l.What, fmt.Sprint(l.Texts), percent(l.Found, l.Texts)})
	}
	for _, class := range []string{"pii", "secret", "instruction"} {
		texts, found := r.Totals(class)
		rows = append(rows, []string{class, "all", fmt.Sprint(texts), percent(found, texts)})
	}
	e.table([]string{"CLASS", "KIND", "TEXTS", "FOUND"}, rows)
	e.printf("\nfalse alarms on texts that hold nothing (seed %d):\n", r.Seed)
	rows = nil
	for _, c := range r.Clean {
		rows = append(rows, []string{
			c.Corpus, fmt.Sprint(c.Texts), fmt.Sprintf("%d KiB", c.Bytes/1024), fmt.Sprint(c.PII), fmt.Sprint(c.Secrets), fmt.Sprint(c.Instructions),
			short(c.Example, 60),
		})
	}
	texts, pii, secrets, instructions := r.FalseAlarms()
	rows = append(rows, []string{"all", fmt.Sprint(texts), "", percent(pii, texts), percent(secrets, texts), percent(instructions, texts), ""})
	e.table([]string{"TEXTS", "NUMBER", "SIZE", "PII", "SECRETS", "INSTRUCTIONS", "FOR EXAMPLE"}, rows)
}

func measureReport(r *scan.Report) any {
	recall, clean := []map[string]any{}, []map[string]any{}
	for _, l := range r.Recall {
		recall = append(recall, map[string]any{"class": l.Class, "kind": l.What, "texts": l.Texts, "found": l.Found})
	}
	for _, c := range r.Clean {
		clean = append(clean, map[string]any{
			"corpus": c.Corpus, "texts": c.Texts, "bytes": c.Bytes, "pii": c.PII, "secrets": c.Secrets, "instructions": c.Instructions,
		})
	}
	return map[string]any{"seed": r.Seed, "recall": recall, "clean": clean}
}

func percent(part, whole int) string {
	if whole == 0 {
		return "none"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}
