package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

func testCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "test POLICY...",
		Short: "Run the cases of policies, and show which rules no case reaches",
		Long: `Runs the cases beside each policy (NAME.cases.yaml, or cases.yaml in its folder; those inside a .wasm) against that policy alone. With
--cases, runs that file's cases against all policies together. Exits 1 when a case fails, or when there are no cases at all.`,
		Example: "  agentmesh policy test policies/example\n  agentmesh policy test strict moderate -o json\n  agentmesh policy test a.yaml b.yaml --cases together.cases.yaml",
		Args:    takes(1, -1, "at least one policy"),
	}
	file := c.Flags().String("cases", "", "file of cases for all policies together")
	verbose := c.Flags().BoolP("verbose", "v", false, "show cases that pass, too")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		loaded, err := e.loadOrTell(args, *file == "")
		if err != nil {
			return err
		}
		groups, err := e.groups(loaded, *file)
		if err != nil {
			return err
		}
		var report testReport
		for _, g := range groups {
			if err := report.run(c.Context(), g); err != nil {
				return err
			}
		}
		if report.Passed+report.Failed == 0 {
			return withHint(errors.New("there are no cases"), "write NAME.cases.yaml beside NAME.yaml, or name a file by --cases")
		}
		err = e.report(*output, &report, func() { e.tested(&report, *verbose) })
		if err == nil {
			err = told(codeIf(report.Failed > 0))
		}
		return err
	}
	return c
}

// group is policies that judge the same cases together.
type group struct {
	rules rules
	file  string
	cases []abi.Case
}

func (e *env) groups(loaded rules, file string) ([]group, error) {
	if file != "" {
		text, err := policy.OS{}.ReadFile(file)
		if err != nil {
			return nil, err
		}
		cases, err := policy.ReadCases(file, string(text))
		if err != nil {
			return nil, e.faults(faultsOf(err))
		}
		return []group{{loaded, file, cases}}, nil
	}
	var out []group
	for _, f := range loaded {
		out = append(out, group{rules{f}, f.casesFile, f.cases})
	}
	return out, nil
}

// testReport is what became of all cases.
type testReport struct {
	Passed   int            `json:"passed"`
	Failed   int            `json:"failed"`
	Cases    []caseJSON     `json:"cases"`
	Coverage []coverageJSON `json:"coverage"`
}

type caseJSON struct {
	File     string   `json:"file"`
	Name     string   `json:"name"`
	Pass     bool     `json:"pass"`
	Problems []string `json:"problems,omitempty"`
}

type coverageJSON struct {
	Policy    string   `json:"policy"`
	Rules     int      `json:"rules"`
	Reached   int      `json:"reached"`
	Unreached []string `json:"unreached"`
}

func (t *testReport) run(ctx context.Context, g group) error {
	judges, err := convene(ctx, g.rules...)
	if err != nil {
		return err
	}
	for i := range g.cases {
		c := &g.cases[i]
		v := judges.verdict(ctx, &c.Request)
		problems := compare(&c.Want, &v)
		t.Cases = append(t.Cases, caseJSON{g.file, c.Name, len(problems) == 0, problems})
		if len(problems) == 0 {
			t.Passed++
		} else {
			t.Failed++
		}
	}
	covered, err := judges.coverage(ctx, g)
	t.Coverage = append(t.Coverage, covered...)
	return errors.Join(err, judges.close(ctx))
}

// compare says where a verdict is not what a case wants. A case that wants warn, log or abstain is met by a policy that
// asked alone allows nothing, and says so.
func compare(want *abi.Want, got *abi.Verdict) []string {
	var out []string
	differ := func(what, want, got string) {
		if want != "" && want != got {
			out = append(out, fmt.Sprintf("%s: want %s, got %s", what, want, got))
		}
	}
	if want.Decision.Deciding() {
		differ("decision", want.Decision.String(), got.Decision.String())
	} else if !saidBy(got, want.Decision) {
		differ("decision", want.Decision.String(), got.Decision.String())
	}
	differ("code", string(want.Code), string(got.Code))
	differ("rule", want.Rule, got.Rule)
	differ("policy", localName(want.Policy), localName(got.Policy))
	for _, name := range want.Warnings {
		if !slices.ContainsFunc(got.Warnings, func(w string) bool { return slices.Contains(strings.FieldsFunc(w, notName), name) }) {
			out = append(out, fmt.Sprintf("warnings: want one by %s, got %q", name, got.Warnings))
		}
	}
	return out
}

func saidBy(v *abi.Verdict, d abi.Decision) bool {
	return slices.ContainsFunc(v.Judges, func(j abi.Judged) bool { return j.Decision == d })
}

// localName lets a case name a policy as its file does: local/data-analyst is data-analyst.
func localName(name string) string { return strings.TrimPrefix(name, "local/") }

func notName(r rune) bool { return r == ' ' || r == ':' }

// coverage tells for each policy which rules fire in some case.
func (c *court) coverage(ctx context.Context, g group) ([]coverageJSON, error) {
	fired := map[*policy.Rule]bool{}
	for i := range g.cases {
		found, err := c.engine.Explain(ctx, c.set, &g.cases[i].Request)
		if err != nil {
			return nil, err
		}
		for _, x := range found {
			for _, r := range x.Rules {
				fired[r.Rule] = fired[r.Rule] || r.Fired
			}
		}
	}
	var out []coverageJSON
	for _, f := range g.rules {
		covered := coverageJSON{Policy: f.policy.Name, Unreached: []string{}}
		for i := range f.policy.Rules {
			r := &f.policy.Rules[i]
			switch {
			case !r.Enabled:
				continue
			case fired[r]:
				covered.Reached++
			default:
				covered.Unreached = append(covered.Unreached, r.Name)
			}
			covered.Rules++
		}
		out = append(out, covered)
	}
	return out, nil
}

func (e *env) tested(t *testReport, verbose bool) {
	for _, c := range t.Cases {
		switch {
		case !c.Pass:
			e.printf("%s  %s: %s\n", e.paint("FAIL"), plain(c.File), plain(c.Name))
			for _, p := range c.Problems {
				e.printf("      %s\n", plain(p))
			}
		case verbose:
			e.printf("%s  %s: %s\n", e.paint("pass"), plain(c.File), plain(c.Name))
		}
	}
	e.printf("%d cases passed, %d failed\n\n", t.Passed, t.Failed)
	var rows [][]string
	for _, c := range t.Coverage {
		rows = append(rows, []string{c.Policy, fmt.Sprintf("%d of %d", c.Reached, c.Rules), strings.Join(c.Unreached, ", ")})
	}
	e.table([]string{"POLICY", "RULES REACHED", "NOT REACHED"}, rows)
}
