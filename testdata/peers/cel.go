package main

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
)

// celEngine asks one program per rule, in order, and stops at the first that is true: cel-go has no rule sets.
type celEngine struct{ programs []cel.Program }

func newCEL(rules []*expr) (*celEngine, error) {
	facts := cel.MapType(cel.StringType, cel.DynType)
	env, err := cel.NewEnv(cel.Variable("agent", facts), cel.Variable("action", facts), cel.Variable("data", facts))
	if err != nil {
		return nil, fmt.Errorf("cel environment: %w", err)
	}
	e := &celEngine{}
	for _, r := range rules {
		ast, issues := env.Compile(r.cel())
		if issues.Err() != nil {
			return nil, fmt.Errorf("cel compile %s: %w", r.cel(), issues.Err())
		}
		p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		if err != nil {
			return nil, fmt.Errorf("cel program: %w", err)
		}
		e.programs = append(e.programs, p)
	}
	return e, nil
}

func (e *celEngine) first(input any) (int, error) {
	for i, p := range e.programs {
		v, _, err := p.Eval(input)
		if err != nil {
			return 0, err
		}
		if v.Value() == true {
			return i, nil
		}
	}
	return -1, nil
}

func (e *celEngine) matching(f *facts) ([]int, error) {
	m := f.asMap()
	var out []int
	for i, p := range e.programs {
		v, _, err := p.Eval(m)
		if err != nil {
			return nil, err
		}
		if v.Value() == true {
			out = append(out, i)
		}
	}
	return out, nil
}

func (e *celEngine) variants(f *facts) ([]variant, error) {
	input, err := cel.NewActivation(f.asMap())
	if err != nil {
		return nil, fmt.Errorf("cel activation: %w", err)
	}
	return []variant{{name: "cel-go, prepared map", run: func() error {
		_, err := e.first(input)
		return err
	}}}, nil
}

func (e *expr) cel() string {
	switch e.kind {
	case and:
		return "(" + joined(e.kids, (*expr).cel, " && ") + ")"
	case or:
		return "(" + joined(e.kids, (*expr).cel, " || ") + ")"
	case not:
		return "!(" + e.kids[0].cel() + ")"
	case equals:
		return fmt.Sprintf("%s == %q", e.path, e.words[0])
	case oneOf:
		return e.path + " in [" + quoted(e.words) + "]"
	case number:
		return fmt.Sprintf("%s %s %.1f", e.path, e.op, e.number)
	case numbers:
		return e.path + " " + e.op + " " + e.other
	case boolean:
		return e.path
	case contains:
		return fmt.Sprintf("%s.contains(%q)", e.path, e.words[0])
	case prefix:
		return fmt.Sprintf("%s.startsWith(%q)", e.path, e.words[0])
	default:
		return fmt.Sprintf("%q in %s", e.words[0], e.path)
	}
}

func joined(kids []*expr, say func(*expr) string, with string) string {
	var parts []string
	for _, k := range kids {
		parts = append(parts, say(k))
	}
	return strings.Join(parts, with)
}

func quoted(words []string) string {
	var parts []string
	for _, w := range words {
		parts = append(parts, fmt.Sprintf("%q", w))
	}
	return strings.Join(parts, ", ")
}
