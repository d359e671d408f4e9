package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/pdk/abi"
)

func testPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "test [PLUGIN]",
		Short: "Run a plugin's golden cases natively, in the sandbox, and under the stock Extism SDK",
		Long: `In a source folder: writes cases.json from cases.yaml, runs the native tests, builds the module, and puts every case to it in the
sandbox, which counts its fuel, and under the stock Extism SDK; all answers must be as wanted, and the same byte for byte. Then says what of the plugin no
case reaches. A .wasm is asked the cases inside it. YAML is asked in the sandbox alone, which is where it runs.

--update writes what the plugin answers as what cases.yaml wants: read the difference before you commit it.

Exits 0 when everything passes, 1 otherwise, and when there are no cases.`,
		Example: "  agentmesh plugin test\n  agentmesh plugin test plugins/pii-guard -o json\n  agentmesh plugin test --update",
		Args:    takes(0, 1, "one plugin"),
	}
	k := e.toolkit(c)
	update := c.Flags().Bool("update", false, "write the answers into cases.yaml as what is wanted")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		t := &pluginTest{kit: k, Cases: []pluginCaseJSON{}}
		if err := t.run(c.Context(), args, *update); err != nil {
			return e.tellFaults(err)
		}
		if err := e.report(*output, t, func() { e.testedPlugin(t) }); err != nil {
			return err
		}
		return told(codeIf(!t.OK))
	}
	return c
}

// What the stock SDK has to say of a plugin's cases. It is not asked where cases fail in the sandbox first.
const (
	stockSame     = "same"
	stockDiffers  = "differs"
	stockNotAsked = "not_asked"
	stockNone     = "none"
)

// pluginTest is what became of a plugin's tests.
type pluginTest struct {
	kit     *toolkit
	subject *subject

	OK     bool   `json:"ok"`
	Plugin string `json:"plugin"`
	Kind   string `json:"kind"`
	// Native is passed, failed, or none where there is no source.
	Native  string `json:"native"`
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Updated int    `json:"updated,omitempty"`
	// Stock is what the stock Extism SDK has to say, Difference how it answers otherwise.
	Stock      string `json:"stock"`
	Difference string `json:"difference,omitempty"`

	Cases    []pluginCaseJSON     `json:"cases"`
	Coverage []pluginCoverageJSON `json:"coverage"`

	answers map[string]string // native, by the cases' names
	refused error             // by admission, for what may be one case's fault
}

type pluginCaseJSON struct {
	Name     string   `json:"name"`
	Pass     bool     `json:"pass"`
	Answer   string   `json:"answer,omitempty"`
	Fuel     int64    `json:"fuel"`
	Problems []string `json:"problems,omitempty"`
}

// pluginCoverageJSON is how much of something the cases reach.
type pluginCoverageJSON struct {
	Of        string   `json:"of"`
	All       int      `json:"all"`
	Reached   int      `json:"reached"`
	Unreached []string `json:"unreached"`
}

func (t *pluginTest) run(ctx context.Context, args []string, update bool) error {
	src, err := t.source(args)
	if err != nil {
		return err
	}
	if update && src == nil {
		return usage("name the folder of its source", "--update writes cases.yaml, and a .wasm has none")
	}
	if t.subject, err = t.kit.open(ctx, args); err != nil {
		return err
	}
	if update {
		if err := t.update(ctx, src); err != nil {
			return err
		}
		if src, err = t.source(args); err != nil {
			return err
		}
		if t.subject, err = t.kit.open(ctx, args); err != nil {
			return err
		}
	}
	t.Plugin, t.Kind = t.subject.manifest().Name, t.subject.manifest().Kind
	if len(t.subject.golden) == 0 {
		return withHint(fmt.Errorf("%s: there are no cases", t.subject.name), "write some into cases.yaml; `agentmesh plugin new` shows how they look")
	}
	if err := t.native(ctx, src); err != nil {
		return err
	}
	if err := t.sandboxed(ctx); err != nil {
		return err
	}
	if t.refused != nil && t.Failed == 0 {
		return t.refused
	}
	t.OK = t.Failed == 0 && t.Native != nativeFailed && t.Stock != stockDiffers
	return nil
}

// source is the folder that the arguments name, nil for a module. cases.json is written there.
func (t *pluginTest) source(args []string) (*source, error) {
	dir := "."
	if len(args) > 0 {
		dir = args[0]
	}
	if strings.HasSuffix(dir, moduleEnd) {
		return nil, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, noPlugin(dir, err)
	}
	src, err := readSource(dir)
	if err != nil {
		return nil, err
	}
	return src, src.writeCases()
}

func (t *pluginTest) sandboxed(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, t.subject.forget()) }()
	if err := t.admit(ctx); err != nil {
		return err
	}
	return t.ask(ctx)
}

// admit asks the stock SDK too, in a process of its own. A case that does not pass here is left to ask, which tells all of
// them; whatever else keeps the plugin from running is an error.
func (t *pluginTest) admit(ctx context.Context) error {
	t.Stock = stockNone
	if t.subject.rules != nil {
		return nil
	}
	t.Stock = stockSame
	err := t.subject.admit(ctx)
	var fault *abi.Failure
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &fault):
		return err
	case fault.Code == abi.CodeEnginesDiffer:
		t.Stock, t.Difference = stockDiffers, fault.Detail
		return nil
	case ofCases(err):
		t.Stock, t.refused = stockNotAsked, err
		return nil
	default:
		return err
	}
}

// ask puts the cases to the sandbox.
func (t *pluginTest) ask(ctx context.Context) (err error) {
	ours, err := t.subject.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.close(ctx)) }()
	for i := range t.subject.golden {
		c := t.one(ctx, &t.subject.golden[i], ours)
		if c.Pass {
			t.Passed++
		} else {
			t.Failed++
		}
		t.Cases = append(t.Cases, c)
	}
	covered, err := t.reached(ctx)
	t.Coverage = append(covered, t.Coverage...)
	return err
}

func (t *pluginTest) one(ctx context.Context, g *golden, ours runner) pluginCaseJSON {
	c := pluginCaseJSON{Name: g.name}
	answer, fuel, err := ours.ask(ctx, g)
	c.Answer, c.Fuel = answer, fuel
	if err != nil {
		c.Problems = []string{err.Error()}
		for line := range strings.Lines(saidIn(ours)) {
			c.Problems = append(c.Problems, strings.TrimSpace(line))
		}
	} else {
		c.Problems = g.differences(answer)
	}
	if native, has := t.answers[g.name]; has && err == nil && native != answer {
		c.Problems = append(c.Problems, fmt.Sprintf("natively it answers otherwise: %s, in the sandbox %s", native, answer))
	}
	c.Pass = len(c.Problems) == 0
	return c
}

// reached is what the cases reach of a policy's rules, or of what a plugin says that it decides.
func (t *pluginTest) reached(ctx context.Context) ([]pluginCoverageJSON, error) {
	if t.subject.rules != nil {
		judges, err := convene(ctx, *t.subject.rules)
		if err != nil {
			return nil, err
		}
		covered, err := judges.coverage(ctx, group{rules: rules{*t.subject.rules}, cases: t.subject.rules.cases})
		var out []pluginCoverageJSON
		for _, c := range covered {
			out = append(out, pluginCoverageJSON{Of: "rules", All: c.Rules, Reached: c.Reached, Unreached: c.Unreached})
		}
		return out, errors.Join(err, judges.close(ctx))
	}
	if t.Kind != abi.KindPolicy {
		return nil, nil
	}
	said := abi.SetOf()
	for _, c := range t.Cases {
		found, _ := abi.ReadFindings(c.Answer) // an answer that is none is a problem of its case
		for i := range found {
			said |= abi.SetOf(found[i].Decision)
		}
	}
	may, c := t.subject.manifest().MayGive(), pluginCoverageJSON{Of: "decisions", Unreached: []string{}}
	for _, d := range []abi.Decision{abi.Allow, abi.Deny, abi.RequireApproval, abi.Warn, abi.Log} {
		switch {
		case !may.Has(d):
			continue
		case said.Has(d):
			c.Reached++
		default:
			c.Unreached = append(c.Unreached, d.String())
		}
		c.All++
	}
	return []pluginCoverageJSON{c}, nil
}

func (e *env) testedPlugin(t *pluginTest) {
	if t.Updated > 0 {
		e.printf("%s: %d written anew\n", casesFile, t.Updated)
	}
	for _, c := range t.Cases {
		if c.Pass {
			continue
		}
		e.printf("%s  %s\n", e.paint("FAIL"), plain(c.Name))
		for _, p := range c.Problems {
			e.printf("      %s\n", plain(p))
		}
	}
	cases := len(t.Cases)
	rows := [][]string{{"native", t.Native}, {"sandbox", fmt.Sprintf("%d of %d cases pass", t.Passed, cases)}}
	switch t.Stock {
	case stockSame:
		rows = append(rows, []string{"stock Extism", "answers the same"})
	case stockDiffers:
		rows = append(rows, []string{"stock Extism", "answers otherwise: " + t.Difference})
	case stockNotAsked:
		rows = append(rows, []string{"stock Extism", "not asked: cases fail here first"})
	}
	e.table(nil, rows)
	rows = nil
	for _, c := range t.Coverage {
		rows = append(rows, []string{c.Of, fmt.Sprintf("%d of %d", c.Reached, c.All), short(strings.Join(c.Unreached, ", "), 100)})
	}
	if len(rows) > 0 {
		e.printf("\n")
		e.table([]string{"COVERAGE", "REACHED", "NOT REACHED"}, rows)
	}
}
