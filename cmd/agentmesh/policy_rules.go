package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// ruling is what became of one rule in one evaluation.
type ruling struct {
	rule   *policy.Rule
	result string // true, false, indeterminate; disabled, other stage
}

// fires reports whether the rule takes part: an indeterminate rule does unless it allows.
func (r ruling) fires() bool {
	return r.result == "true" || r.result == "indeterminate" && r.rule.Action != abi.Allow
}

// magnifier evaluates one policy by the direct entry and tells of each rule, where a judge tells only what it finds.
type magnifier struct {
	module  *policy.Module
	runtime wazero.Runtime
	direct  *sandbox.Direct
}

func magnify(ctx context.Context, m *policy.Module) (*magnifier, error) {
	runtime := wazero.NewRuntime(ctx)
	direct, err := sandbox.NewDirect(ctx, runtime, m)
	if err != nil {
		return nil, err
	}
	return &magnifier{m, runtime, direct}, nil
}

func (g *magnifier) close(ctx context.Context) error { return g.runtime.Close(ctx) }

// rulings gives every rule of the policy in file order.
func (g *magnifier) rulings(ctx context.Context, q *abi.Request) ([]ruling, error) {
	stage, mode := policy.PreTool, uint32(abi.ModeIndeterminate)
	if q.Action.Get("stage").Text() == abi.StagePostTool {
		stage, mode = policy.PostTool, abi.ModeIndeterminate|abi.ModePost
	}
	words, err := g.direct.Evaluate(ctx, q, mode)
	if err != nil {
		return nil, err
	}
	out := make([]ruling, len(g.module.Policy.Rules))
	for i := range out {
		r := &g.module.Policy.Rules[i]
		out[i] = ruling{r, "false"}
		switch {
		case !r.Enabled:
			out[i].result = "disabled"
		case r.Stage != stage:
			out[i].result = "other stage"
		}
	}
	for _, w := range words {
		place := g.module.Rules[w&(1<<abi.ModeShift-1)]
		if w>>abi.ModeShift&abi.ModeIndeterminate == 0 {
			out[place].result = "true"
		} else if out[place].result == "false" {
			out[place].result = "indeterminate"
		}
	}
	return out, nil
}

// evidence is a path that a condition reads, and what stands there.
type evidence struct {
	Path  string  `json:"path"`
	Value rawJSON `json:"value,omitempty"` // absent: missing
}

// evidenceFor are the paths that a rule's condition reads of the request, each once, in the order written.
func evidenceFor(r *policy.Rule, q *abi.Request) []evidence {
	var out []evidence
	seen := map[string]bool{}
	for _, p := range pathsOf(r.Condition) {
		name := string(abi.AppendPath(nil, p.Steps))
		if seen[name] {
			continue
		}
		seen[name] = true
		e := evidence{Path: name}
		if v := q.Lookup(p.Steps); v.Exists() {
			e.Value = abi.AppendJSON(nil, v)
		}
		out = append(out, e)
	}
	return out
}

func pathsOf(e policy.Expr) []*policy.Path {
	var out []*policy.Path
	switch x := e.(type) {
	case *policy.Logical:
		for _, kid := range x.Kids {
			out = append(out, pathsOf(kid)...)
		}
	case *policy.Not:
		out = pathsOf(x.X)
	case *policy.Compare:
		out = append(pathsIn(x.L), pathsIn(x.R)...)
	case *policy.In:
		out = append(pathsIn(x.L), pathsIn(x.R)...)
	case *policy.Text:
		out = append(pathsIn(x.L), pathsIn(x.R)...)
	case *policy.Matches:
		out = pathsIn(x.L)
	case *policy.Exists:
		out = pathsIn(x.Path)
	case *policy.Truth:
		out = pathsIn(x.Path)
	case *policy.Quantifier:
		out = append(pathsIn(x.Over), pathsOf(x.Body)...)
	}
	return out
}

func pathsIn(o policy.Operand) []*policy.Path {
	switch x := o.(type) {
	case *policy.Path:
		if x.Var == "" {
			return []*policy.Path{x}
		}
	case *policy.ListLiteral:
		var out []*policy.Path
		for _, item := range x.Items {
			out = append(out, pathsIn(item)...)
		}
		return out
	case *policy.Len:
		return pathsIn(x.X)
	case *policy.Lower:
		return pathsIn(x.X)
	}
	return nil
}

// why says in a line what the rule's condition found.
func why(r ruling, q *abi.Request) string {
	switch {
	case r.result == "disabled" || r.result == "other stage":
		return ""
	case r.rule.Condition == nil:
		return "it has no condition"
	}
	var parts []string
	for _, e := range evidenceFor(r.rule, q) {
		if e.Value == nil {
			parts = append(parts, e.Path+" is missing")
		} else {
			parts = append(parts, fmt.Sprintf("%s = %s", e.Path, short(string(e.Value), 60)))
		}
	}
	return strings.Join(parts, ", ")
}
