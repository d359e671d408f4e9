package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/gate"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// court is loaded rules ready to judge, in the sandbox that decides for real.
type court struct {
	engine *sandbox.Engine
	set    *sandbox.Set
}

func convene(ctx context.Context, loaded ...ruleFile) (*court, error) {
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	if err != nil {
		return nil, err
	}
	all := make([]*policy.Policy, len(loaded))
	for i, f := range loaded {
		all[i] = f.policy
	}
	set, err := engine.Policies(ctx, all...)
	if err != nil {
		return nil, errors.Join(err, engine.Close(ctx))
	}
	return &court{engine, set}, nil
}

// hear reads a request and convenes the policies that are to judge it.
func (e *env) hear(ctx context.Context, policies []string, input string) (abi.Request, *court, error) {
	q, err := e.request(input)
	if err != nil {
		return q, nil, err
	}
	loaded, err := e.loadOrTell(policies, false)
	if err != nil {
		return q, nil, err
	}
	judges, err := convene(ctx, loaded...)
	return q, judges, err
}

func (c *court) close(ctx context.Context) error {
	c.set.Release()
	return c.engine.Close(ctx)
}

// verdict judges a request as given: limits count as unused, nothing is recorded.
func (c *court) verdict(ctx context.Context, q *abi.Request) abi.Verdict {
	set := gate.From(func() *sandbox.Set { return c.set })()
	return gate.Eval(ctx, set, q)
}

func evalCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "eval POLICY... -i REQUEST",
		Short: "Print the verdict of policies on one request",
		Long: `Takes an object with the members agent, action, tool, data, resource, context and result, each of which may be absent, and judges it as
given: no facts are gathered, an absent stage is pre_tool, limits count as unused and appear as obligations, nothing is recorded.

Exits 0 when the action is allowed, 3 when it is not (denied, or waiting for approval), 1 when a policy or the request does not load.`,
		Example: `  agentmesh policy eval policies/example -i request.json -o json
  echo '{"action":{"type":"write"}}' | agentmesh policy eval strict -i -`,
		Args: takes(1, -1, "at least one policy"),
	}
	input := c.Flags().StringP("input", "i", "", "file with the request, - for standard input")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		q, judges, err := e.hear(c.Context(), args, *input)
		if err != nil {
			return err
		}
		verdict := judges.verdict(c.Context(), &q)
		if *output == "json" {
			err = e.indented(abi.AppendVerdict(nil, &verdict))
		} else {
			e.verdict(&verdict)
		}
		if err := errors.Join(err, judges.close(c.Context())); err != nil {
			return err
		}
		if verdict.Decision != abi.Allow {
			return told(exitDenied)
		}
		return nil
	}
	return c
}

// verdict prints a verdict for people.
func (e *env) verdict(v *abi.Verdict) {
	rows := [][]string{{"decision", v.Decision.String()}, {"code", string(v.Code)}}
	for _, row := range [][]string{{"rule", v.Rule}, {"policy", v.Policy}, {"reason", v.Reason}} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	for _, w := range v.Warnings {
		rows = append(rows, []string{"warning", w})
	}
	for _, o := range v.Obligations {
		rows = append(rows, []string{string(o.Kind), obligation(&o)})
	}
	e.table(nil, rows)
	rows = nil
	for _, j := range v.Judges {
		said := j.Decision.String()
		if j.Monitored {
			said += " (monitored)"
		}
		rows = append(rows, []string{j.Name, said, j.Rule})
	}
	if len(rows) > 0 {
		e.printf("\n")
		e.table([]string{"JUDGE", "SAYS", "BY"}, rows)
	}
}

func obligation(o *abi.Obligation) string {
	switch o.Kind {
	case abi.ObligationLimit:
		return o.Limit + " by " + o.Rule
	case abi.ObligationApproval:
		if len(o.Approvers) == 0 {
			return "by anyone who may, for " + o.Rule
		}
		return "by " + strings.Join(o.Approvers, " or ") + ", for " + o.Rule
	default:
		return strings.Join(o.Paths, ", ") + " by " + o.Rule
	}
}
