package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

func runPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "run [PLUGIN] -i INPUT",
		Short: "Ask a plugin one thing and print its answer",
		Long: `Takes a request as ` + "`agentmesh policy eval`" + ` does (for a reward plugin an object with agent, verdict and outcome), puts it to
the plugin alone, in the sandbox, and prints its answer and what that cost in fuel. No facts are gathered and nothing is recorded.

Exits 0, 3 when a policy denies or asks for approval, 1 when the plugin fails (the host would deny) or does not load.`,
		Example: "  agentmesh plugin run pii-guard.wasm -i request.json\n  echo '{\"data\":{\"contains_pii\":true}}' | agentmesh plugin run -i - -o json",
		Args:    takes(0, 1, "one plugin"),
	}
	k := e.toolkit(c)
	input := c.Flags().StringP("input", "i", "", "file with the request, - for standard input")
	settings := c.Flags().String("settings", "", "file with settings, YAML or JSON")
	export := c.Flags().String("export", "", "function of a compliance plugin: catalog, check (unless said) or classify")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := k.open(c.Context(), args)
		if err != nil {
			return e.tellFaults(err)
		}
		g, err := e.question(s, *input, *settings, *export)
		if err != nil {
			return e.tellFaults(err)
		}
		answer, fuel, err := e.once(c.Context(), s, g)
		if err != nil {
			return e.tellFaults(err)
		}
		said := map[string]any{"plugin": s.manifest().Name, "answer": rawJSON(answer), "fuel": fuel}
		err = e.report(*output, said, func() { e.answered(s, answer, fuel) })
		if err == nil && denies(s.manifest().Kind, answer) {
			err = told(exitDenied)
		}
		return err
	}
	return c
}

// question is the input as the plugin's kind takes it.
func (e *env) question(s *subject, input, settings, export string) (*golden, error) {
	kind := s.manifest().Kind
	g := &golden{name: input, export: exportOf(kind)}
	if export != "" {
		if kind != abi.KindCompliance || !slices.Contains(abi.Exports(kind), export) {
			return nil, usage("plugins of kind "+kind+" are asked by "+exportOf(kind), "--export %q is no function of this plugin", export)
		}
		g.export = export
	}
	if settings != "" {
		text, err := os.ReadFile(settings)
		if err != nil {
			return nil, err
		}
		if g.settings, err = policy.ReadValue(settings, string(text)); err != nil {
			return nil, err
		}
	}
	if kind == abi.KindPolicy {
		q, err := e.request(input)
		g.input = abi.AppendRequest(nil, &q)
		return g, err
	}
	text, err := e.input(input)
	if err != nil {
		return nil, err
	}
	v, err := abi.ReadValue(text)
	if err == nil && kind == abi.KindReward {
		if !v.Get("abi").Exists() && v.Kind() == abi.Object {
			v = abi.ObjectValue(append([]abi.Member{{Name: "abi", Value: abi.IntValue(abi.Version)}}, v.Items()...)...)
		}
		var q abi.ScoreRequest
		q, err = abi.ScoreRequestOf(v)
		g.input = abi.AppendScoreRequest(nil, &q)
		return g, inputError(input, err)
	}
	g.input = abi.AppendJSON(nil, v)
	return g, inputError(input, err)
}

func inputError(input string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", input, err)
}

// once asks one thing of a plugin that is started for it. What the plugin says besides goes to standard error.
func (e *env) once(ctx context.Context, s *subject, g *golden) (answer string, fuel int64, err error) {
	asked, err := s.start(ctx)
	if err != nil {
		return "", 0, err
	}
	answer, fuel, err = asked.ask(ctx, g)
	lines(e.stderr, saidIn(asked))
	return answer, fuel, errors.Join(err, asked.close(ctx))
}

func denies(kind, answer string) bool {
	if kind != abi.KindPolicy {
		return false
	}
	found, err := abi.ReadFindings(answer)
	i := abi.Strongest(found)
	return err != nil || i >= 0 && (found[i].Decision == abi.Deny || found[i].Decision == abi.RequireApproval)
}

func (e *env) answered(s *subject, answer string, fuel int64) {
	if s.manifest().Kind != abi.KindPolicy {
		e.table(nil, [][]string{{"answer", answer}, {"fuel", fmt.Sprint(fuel)}})
		return
	}
	found, _ := abi.ReadFindings(answer) // the sandbox has read it before
	rows := [][]string{}
	for i := range found {
		f := &found[i]
		row := []string{f.Decision.String(), f.Rule, f.Reason}
		for j := range f.Obligations {
			row[2] += fmt.Sprintf(" (%s %s)", f.Obligations[j].Kind, obligation(&f.Obligations[j]))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		rows = append(rows, []string{"abstain", "", "it says nothing, and leaves the decision to other judges"})
	}
	e.table([]string{"DECISION", "RULE", "REASON"}, rows)
	e.printf("\nfuel %d\n", fuel)
}
