package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// opaEngine asks a prepared query for the set of rules that match.
type opaEngine struct{ query rego.PreparedEvalQuery }

func newOPA(rules []*expr) (*opaEngine, error) {
	w := &regoWriter{}
	w.text.WriteString("package peers\n\nimport rego.v1\n\n")
	for i, r := range rules {
		fmt.Fprintf(&w.text, "deny contains %d if {\n\t%s\n}\n\n", i, strings.Join(w.body(r), "\n\t"))
	}
	query, err := rego.New(rego.Query("data.peers.deny"), rego.Module("peers.rego", w.text.String()+w.helpers.String())).
		PrepareForEval(context.Background())
	if err != nil {
		return nil, fmt.Errorf("rego prepare: %w", err)
	}
	return &opaEngine{query: query}, nil
}

func (e *opaEngine) matching(f *facts) ([]int, error) {
	rs, err := e.query.Eval(context.Background(), rego.EvalInput(f.asMap()))
	if err != nil {
		return nil, err
	}
	var out []int
	for _, v := range rs[0].Expressions[0].Value.([]any) {
		n, err := v.(json.Number).Int64()
		if err != nil {
			return nil, err
		}
		out = append(out, int(n))
	}
	slices.Sort(out)
	return out, nil
}

func (e *opaEngine) variants(f *facts) ([]variant, error) {
	m := f.asMap()
	parsed, err := ast.InterfaceToValue(m)
	if err != nil {
		return nil, fmt.Errorf("rego input: %w", err)
	}
	ask := func(input rego.EvalOption) func() error {
		return func() error {
			_, err := e.query.Eval(context.Background(), input)
			return err
		}
	}
	return []variant{
		{name: "OPA rego, prepared query and input", run: ask(rego.EvalParsedInput(parsed))},
		{name: "OPA rego, prepared query, input a map", run: ask(rego.EvalInput(m))},
	}, nil
}

// regoWriter says an expression as the lines of a rule's body. What a body cannot say, an alternative or the negation of
// more than one line, becomes a helper rule.
type regoWriter struct {
	text, helpers strings.Builder
	names         int
}

func (w *regoWriter) body(e *expr) []string {
	switch e.kind {
	case and:
		var lines []string
		for _, k := range e.kids {
			lines = append(lines, w.body(k)...)
		}
		return lines
	case or:
		return []string{w.helper(e.kids...)}
	case not:
		if k := e.kids[0]; k.kind != and && k.kind != or && k.kind != not {
			return []string{"not " + k.rego()}
		}
		return []string{"not " + w.helper(e.kids[0])}
	default:
		return []string{e.rego()}
	}
}

// helper is the name of a rule that is true when one of the alternatives is.
func (w *regoWriter) helper(alternatives ...*expr) string {
	name := fmt.Sprintf("helper_%d", w.names)
	w.names++
	for _, a := range alternatives {
		lines := w.body(a)
		fmt.Fprintf(&w.helpers, "%s if {\n\t%s\n}\n\n", name, strings.Join(lines, "\n\t"))
	}
	return name
}

func (e *expr) rego() string {
	path := "input." + e.path
	switch e.kind {
	case equals:
		return fmt.Sprintf("%s == %q", path, e.words[0])
	case oneOf:
		return path + " in {" + quoted(e.words) + "}"
	case number:
		return fmt.Sprintf("%s %s %v", path, e.op, e.number)
	case numbers:
		return path + " " + e.op + " input." + e.other
	case boolean:
		return path
	case contains:
		return fmt.Sprintf("contains(%s, %q)", path, e.words[0])
	case prefix:
		return fmt.Sprintf("startswith(%s, %q)", path, e.words[0])
	default:
		return fmt.Sprintf("%q in %s", e.words[0], path)
	}
}
