package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

func explainCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "explain POLICY... -i REQUEST",
		Short: "Show every rule considered, and why it fired or not",
		Long: `Judges a request as eval does, and shows for each rule, and each condition in it, whether it was true, false or indeterminate, and the
values it read. An indeterminate rule fires (*) unless it allows. Exits as eval does.`,
		Example: "  agentmesh policy explain policies/example -i request.json\n  agentmesh policy explain strict -i request.json -o json",
		Args:    takes(1, -1, "at least one policy"),
	}
	input := c.Flags().StringP("input", "i", "", "file with the request, - for standard input")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		q, judges, err := e.hear(c.Context(), args, *input)
		if err != nil {
			return err
		}
		verdict := judges.verdict(c.Context(), &q)
		found, err := judges.engine.Explain(c.Context(), judges.set, &q)
		if err := errors.Join(err, judges.close(c.Context())); err != nil {
			return err
		}
		whole := map[string]any{"policies": explainReport(found), "verdict": rawJSON(abi.AppendVerdict(nil, &verdict))}
		err = e.report(*output, whole, func() { e.explained(found, &verdict) })
		if err == nil && verdict.Decision != abi.Allow {
			err = told(exitDenied)
		}
		return err
	}
	return c
}

type explanationJSON struct {
	Policy    string     `json:"policy"`
	Agents    []string   `json:"agents"`
	Monitored bool       `json:"monitored"`
	Rules     []ruleJSON `json:"rules"`
}

type ruleJSON struct {
	Name      string         `json:"name"`
	Place     string         `json:"place"`
	Action    string         `json:"action"`
	Limit     string         `json:"limit,omitempty"`
	Result    string         `json:"result"`
	Fires     bool           `json:"fires"`
	Condition *conditionJSON `json:"condition,omitempty"`
}

type conditionJSON struct {
	Text   string           `json:"text"`
	Result string           `json:"result"`
	Reads  []attributeJSON  `json:"reads,omitempty"`
	Parts  []*conditionJSON `json:"parts,omitempty"`
}

// attributeJSON is a path and what stands there; a missing value is left out.
type attributeJSON struct {
	Path  string  `json:"path"`
	Value rawJSON `json:"value,omitempty"`
}

func explainReport(found []sandbox.Explanation) []explanationJSON {
	out := []explanationJSON{}
	for _, x := range found {
		p := explanationJSON{Policy: x.Judge, Agents: append([]string{}, x.Agents...), Monitored: x.Monitored, Rules: []ruleJSON{}}
		for _, r := range x.Rules {
			p.Rules = append(p.Rules, ruleJSON{
				Name: r.Rule.Name, Place: r.Place, Action: r.Rule.Action.String(), Limit: limitOf(r.Rule),
				Result: string(r.Truth), Fires: r.Fired, Condition: conditionReport(r.Condition),
			})
		}
		out = append(out, p)
	}
	return out
}

func limitOf(r *policy.Rule) string {
	if r.Limit == nil {
		return ""
	}
	return r.Limit.Text
}

func conditionReport(c *sandbox.ConditionExplanation) *conditionJSON {
	if c == nil {
		return nil
	}
	out := &conditionJSON{Text: c.Text, Result: string(c.Truth)}
	for _, a := range c.Reads {
		read := attributeJSON{Path: a.Path}
		if a.Value.Exists() {
			read.Value = abi.AppendJSON(nil, a.Value)
		}
		out.Reads = append(out.Reads, read)
	}
	for _, part := range c.Parts {
		out.Parts = append(out.Parts, conditionReport(part))
	}
	return out
}

func (e *env) explained(found []sandbox.Explanation, v *abi.Verdict) {
	for _, x := range found {
		who := "every agent"
		if len(x.Agents) > 0 {
			who = strings.Join(x.Agents, ", ")
		}
		if x.Monitored {
			who += ", monitored"
		}
		e.printf("%s, for %s\n", plain(x.Judge), plain(who))
		var rows [][]string
		for _, r := range x.Rules {
			rows = append(rows, ruleRows(&r)...)
		}
		e.table([]string{" ", "RULE", "ACTION", "RESULT", "WHERE, OR WHAT IT READ"}, rows)
		e.printf("\n")
	}
	e.verdict(v)
}

// ruleRows are a rule and, below it, the conditions it is made of.
func ruleRows(r *sandbox.RuleExplanation) [][]string {
	mark := " "
	if r.Fired {
		mark = "*"
	}
	action := strings.TrimSpace(r.Rule.Action.String() + " " + limitOf(r.Rule))
	return append([][]string{{mark, r.Rule.Name, action, string(r.Truth), r.Place}}, conditionRows(r.Condition, "  ")...)
}

func conditionRows(c *sandbox.ConditionExplanation, indent string) [][]string {
	if c == nil {
		return nil
	}
	var reads []string
	for _, a := range c.Reads {
		value := "is missing"
		if a.Value.Exists() {
			value = "= " + short(string(abi.AppendJSON(nil, a.Value)), 60)
		}
		reads = append(reads, a.Path+" "+value)
	}
	rows := [][]string{{" ", indent + short(c.Text, 72), "", string(c.Truth), strings.Join(reads, ", ")}}
	for _, part := range c.Parts {
		rows = append(rows, conditionRows(part, indent+"  ")...)
	}
	return rows
}
