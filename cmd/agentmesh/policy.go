package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/disk"
	"agentmesh/host/policy"
)

func policyCommand(e *env) *cobra.Command {
	return noun("policy", "Check, show, build, evaluate, test and explain policies",
		`Policies are YAML (or JSON) files. A POLICY argument is a file, a folder, a compiled .wasm, or a preset by its name
(strict, moderate, permissive; also preset:strict).`,
		checkCommand(e), showPolicyCommand(e), buildCommand(e), evalCommand(e), testCommand(e), explainCommand(e))
}

func checkCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "check POLICY...",
		Short: "Say everything that is wrong with policies",
		Long: `Loads and compiles policies, and reads the cases beside them. Everything that is wrong is said at once, with file, line,
column and a hint. Exits 0 when nothing is, 1 otherwise.`,
		Example: "  agentmesh policy check policies/example\n  agentmesh policy check data-analyst.yaml -o json",
		Args:    takes(1, -1, "at least one policy"),
	}
	output := format(c, "table", "json")
	c.RunE = func(_ *cobra.Command, args []string) error {
		loaded, err := loadRules(args, true)
		var faults policy.Errors
		if err != nil && !errors.As(err, &faults) {
			return err
		}
		if *output == "json" {
			if err := e.json(checkReport(loaded, faults)); err != nil {
				return err
			}
			return told(codeIf(len(faults) > 0))
		}
		if len(faults) > 0 {
			return e.faults(faults)
		}
		e.table([]string{"POLICY", "FILE", "RULES", "AGENTS", "DEFAULT", "CASES", "COMPILED"}, checkRows(loaded))
		return nil
	}
	return c
}

func codeIf(failed bool) int {
	if failed {
		return exitFailed
	}
	return exitDone
}

// faults prints everything that is wrong, then how much that is.
func (e *env) faults(faults policy.Errors) error {
	for _, f := range faults {
		lines(e.stderr, f.Error()+"\n")
	}
	things := "1 error"
	if len(faults) != 1 {
		things = fmt.Sprintf("%d errors", len(faults))
	}
	fmt.Fprintf(e.stderr, "agentmesh: %s, nothing was loaded\n", things)
	return told(exitFailed)
}

// loadOrTell loads rules and prints what is wrong with them.
func (e *env) loadOrTell(args []string, withCases bool) (rules, error) {
	loaded, err := loadRules(args, withCases)
	var faults policy.Errors
	if errors.As(err, &faults) {
		return nil, e.faults(faults)
	}
	return loaded, err
}

func checkRows(loaded rules) [][]string {
	var rows [][]string
	for _, f := range loaded {
		rows = append(rows, []string{
			f.policy.Name, f.name, fmt.Sprint(len(f.policy.Rules)), agentsOf(f.policy), defaultOf(f.policy), fmt.Sprint(len(f.cases)),
			fmt.Sprintf("%.1f KiB", float64(len(f.module.Wasm))/1024) + map[bool]string{true: ", differs from the file"}[f.stale()],
		})
	}
	return rows
}

func agentsOf(p *policy.Policy) string {
	if len(p.Agents) == 0 {
		return "every agent"
	}
	return strings.Join(p.Agents, ", ")
}

func defaultOf(p *policy.Policy) string {
	if p.Default == nil {
		return "none"
	}
	return p.Default.String()
}

type policyJSON struct {
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Rules   int      `json:"rules"`
	Agents  []string `json:"agents"`
	Default string   `json:"default"`
	Monitor bool     `json:"monitor"`
	Cases   int      `json:"cases"`
	Digest  string   `json:"digest"`
	Bytes   int      `json:"bytes"`
	Stale   bool     `json:"stale"`
}

type faultJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Excerpt string `json:"excerpt,omitempty"`
}

func checkReport(loaded rules, faults policy.Errors) any {
	report := struct {
		Policies []policyJSON `json:"policies"`
		Errors   []faultJSON  `json:"errors"`
	}{[]policyJSON{}, []faultJSON{}}
	for _, f := range loaded {
		report.Policies = append(report.Policies, policyJSON{
			Name: f.policy.Name, File: f.name, Rules: len(f.policy.Rules), Agents: append([]string{}, f.policy.Agents...),
			Default: defaultOf(f.policy), Monitor: f.policy.Monitor, Cases: len(f.cases), Digest: f.module.Digest(),
			Bytes: len(f.module.Wasm), Stale: f.stale(),
		})
	}
	for _, f := range faults {
		report.Errors = append(report.Errors, faultJSON{f.File, f.Line, f.Column, f.Message, f.Hint, f.Excerpt})
	}
	return report
}

func buildCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "build POLICY...",
		Short: "Compile policies to .wasm, their source inside",
		Long: `Writes NAME.wasm for each policy, with its sources, manifest and cases inside. The same input gives the same bytes. Whoever
loads the module compiles its source again and runs that.`,
		Example: "  agentmesh policy build data-analyst.yaml\n  agentmesh policy build policies/example --out bin/plugins",
		Args:    takes(1, -1, "at least one policy"),
	}
	out := c.Flags().String("out", ".", "folder to write to, or for one policy a file ending in .wasm")
	c.RunE = func(_ *cobra.Command, args []string) error {
		loaded, err := e.loadOrTell(args, true)
		if err != nil {
			return err
		}
		single := filepath.Ext(*out) == ".wasm"
		if single && len(loaded) != 1 {
			return usage("name a folder", "--out names one file, and there are %d policies", len(loaded))
		}
		for _, f := range loaded {
			target := *out
			if !single {
				target = filepath.Join(*out, path.Base(f.policy.Name)+".wasm")
			}
			if err := writeWhole(target, f.module.Wasm); err != nil {
				return err
			}
			e.printf("%s  %d bytes  %s\n", plain(target), len(f.module.Wasm), f.module.Digest())
		}
		return nil
	}
	return c
}

// writeWhole puts a file in its place in one step: whoever watches the folder never sees half of it.
func writeWhole(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return disk.Replace(name, data, 0o644)
}
