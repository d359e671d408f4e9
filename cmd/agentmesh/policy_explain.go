package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

func explainCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "explain POLICY... -i REQUEST",
		Short: "Show every rule considered, and why it fired or not",
		Long: `Judges a request as eval does, and shows for each rule whether its condition was true, false or indeterminate, with the values it
read. An indeterminate rule fires unless it allows. Exits as eval does.`,
		Example: "  agentmesh policy explain policies/example -i request.json\n  agentmesh policy explain strict -i request.json -o json",
		Args:    takes(1, -1, "at least one policy"),
	}
	input := c.Flags().StringP("input", "i", "", "file with the request, - for standard input")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		q, err := e.request(*input)
		if err != nil {
			return err
		}
		loaded, err := e.loadOrTell(args, false)
		if err != nil {
			return err
		}
		report, verdict, err := explain(c.Context(), loaded, &q)
		if err != nil {
			return err
		}
		if *output == "json" {
			err = e.json(map[string]any{"policies": report, "verdict": rawJSON(abi.AppendVerdict(nil, &verdict))})
		} else {
			e.explained(report, &verdict)
		}
		if err == nil && verdict.Decision != abi.Allow {
			err = told(exitDenied)
		}
		return err
	}
	return c
}

// explanation is what one policy made of a request.
type explanation struct {
	Policy   string     `json:"policy"`
	File     string     `json:"file"`
	Selected bool       `json:"selected"` // the policy is for this agent
	Default  string     `json:"default"`
	Rules    []ruleJSON `json:"rules"`
}

type ruleJSON struct {
	Name      string     `json:"name"`
	Action    string     `json:"action"`
	Limit     string     `json:"limit,omitempty"`
	Stage     string     `json:"stage"`
	Result    string     `json:"result"`
	Fires     bool       `json:"fires"`
	Condition string     `json:"condition,omitempty"`
	Read      []evidence `json:"read"`
	why       string
}

func explain(ctx context.Context, loaded rules, q *abi.Request) ([]explanation, abi.Verdict, error) {
	judges, err := convene(ctx, loaded...)
	if err != nil {
		return nil, abi.Verdict{}, err
	}
	verdict := judges.verdict(ctx, q)
	err = judges.close(ctx)
	var out []explanation
	for i := range loaded {
		x, one := explainOne(ctx, &loaded[i], q)
		out, err = append(out, x), errors.Join(err, one)
	}
	return out, verdict, err
}

func explainOne(ctx context.Context, f *ruleFile, q *abi.Request) (explanation, error) {
	p := f.policy
	x := explanation{Policy: p.Name, File: f.name, Default: defaultOf(p), Rules: []ruleJSON{}}
	x.Selected = p.Applies(q.Agent.Get("name").Text(), q.Agent.Get("did").Text())
	if !x.Selected {
		return x, nil
	}
	g, err := magnify(ctx, f.module)
	if err != nil {
		return x, err
	}
	rulings, err := g.rulings(ctx, q)
	for _, r := range rulings {
		x.Rules = append(x.Rules, ruleReport(r, q))
	}
	return x, errors.Join(err, g.close(ctx))
}

func ruleReport(r ruling, q *abi.Request) ruleJSON {
	out := ruleJSON{
		Name: r.rule.Name, Action: r.rule.Action.String(), Stage: abi.StagePreTool, Result: r.result, Fires: r.fires(),
		Read: append([]evidence{}, evidenceFor(r.rule, q)...), why: why(r, q),
	}
	if r.rule.Stage == policy.PostTool {
		out.Stage = abi.StagePostTool
	}
	if r.rule.Limit != nil {
		out.Limit = r.rule.Limit.Text
	}
	if r.rule.Condition != nil {
		out.Condition = policy.Format(r.rule.Condition)
	}
	return out
}

func (e *env) explained(report []explanation, v *abi.Verdict) {
	for _, x := range report {
		if !x.Selected {
			e.printf("%s (%s) is not for this agent\n\n", plain(x.Policy), plain(x.File))
			continue
		}
		e.printf("%s (%s), default %s\n", plain(x.Policy), plain(x.File), x.Default)
		var rows [][]string
		for _, r := range x.Rules {
			action := r.Action
			if r.Limit != "" {
				action += " " + r.Limit
			}
			mark := " "
			if r.Fires {
				mark = "*"
			}
			rows = append(rows, []string{mark, r.Name, action, r.Result, r.why})
		}
		e.table([]string{" ", "RULE", "ACTION", "CONDITION", "BECAUSE"}, rows)
		e.printf("\n")
	}
	e.verdict(v)
}
