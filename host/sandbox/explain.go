package sandbox

import (
	"context"
	"fmt"
	"path/filepath"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// Truth is what came of a condition, or why it was not asked.
type Truth string

// The truths of a condition, and the reasons why a rule is not considered.
const (
	True          Truth = "true"
	False         Truth = "false"
	Indeterminate Truth = "indeterminate"
	Disabled      Truth = "disabled"
	OtherStage    Truth = "other stage"
	NotSelected   Truth = "agent not selected"
)

// Explanation is why a policy finds what it finds of one request.
type Explanation struct {
	// Judge names the policy's judge; Agents is its selector, empty for every agent.
	Judge     string
	Agents    []string
	Monitored bool
	// Rules are all of its rules, in file order.
	Rules []RuleExplanation
	// Findings are what it says in the end, by its conflict strategy and default.
	Findings []abi.Finding
}

// RuleExplanation is what came of one rule.
type RuleExplanation struct {
	Rule *policy.Rule
	// Place is file:line:column, the file by its base name.
	Place string
	Truth Truth
	// Fired says that the rule speaks: it is true, or indeterminate and does not allow.
	Fired bool
	// Condition is nil for a rule that always applies, and for one that is not considered.
	Condition *ConditionExplanation
}

// ConditionExplanation is what came of a condition, and of the parts it is made of.
type ConditionExplanation struct {
	Text  string // as policy.Format writes it
	Truth Truth
	// Reads are the attributes that the condition itself reads; those of Parts stand there.
	Reads []Attribute
	// Parts are the conditions it joins. Those below a not stand there negated, as they are judged.
	Parts []*ConditionExplanation
}

// Attribute is a path and what the request has there, which may be missing.
type Attribute struct {
	Path  string
	Value abi.Value
}

// Explain tells for every policy of the set, and every rule of it, what came of it and why. Each condition within a rule is
// compiled as a rule of its own, with the action of the rule it belongs to, so that it means the same.
func (e *Engine) Explain(ctx context.Context, s *Set, q *abi.Request) ([]Explanation, error) {
	var out []Explanation
	for i := range s.Len() {
		j, ok := s.Judge(i).(*PolicyJudge)
		if !ok {
			continue
		}
		x, err := e.explain(ctx, j, q)
		if err != nil {
			return nil, fmt.Errorf("explain %s: %w", j.info.Name, err)
		}
		out = append(out, x)
	}
	return out, nil
}

func (e *Engine) explain(ctx context.Context, j *PolicyJudge, q *abi.Request) (Explanation, error) {
	p := j.module.Policy
	x := Explanation{Judge: j.info.Name, Agents: p.Agents, Monitored: p.Monitor}
	selected := p.Applies(q.Agent.Get("name").Text(), q.Agent.Get("did").Text())
	x.Rules = make([]RuleExplanation, len(p.Rules))
	parts := partsOf{request: q}
	for i := range p.Rules {
		r := &p.Rules[i]
		rule := &x.Rules[i]
		rule.Rule = r
		rule.Place = fmt.Sprintf("%s:%d:%d", filepath.Base(p.Sources[r.Source].Name), r.Pos.Line, r.Pos.Column)
		switch {
		case !selected:
			rule.Truth = NotSelected
		case !r.Enabled:
			rule.Truth = Disabled
		case r.Stage != stageOf(q):
			rule.Truth = OtherStage
		case r.Condition == nil:
			rule.Truth = True
		default:
			rule.Condition = parts.add(r, r.Condition)
		}
	}
	if err := e.judgeParts(ctx, p, &parts); err != nil {
		return x, err
	}
	for i := range x.Rules {
		x.Rules[i].settle()
	}
	if !j.Applies(q) {
		return x, nil
	}
	var err error
	x.Findings, _, err = j.Evaluate(ctx, q, nil)
	return x, err
}

func (r *RuleExplanation) settle() {
	if r.Condition != nil {
		r.Truth = r.Condition.Truth
	}
	r.Fired = r.Truth == True || r.Truth == Indeterminate && r.Rule.Action != abi.Allow
}

// partsOf gathers the conditions of a policy, each as a rule of its own.
type partsOf struct {
	request *abi.Request
	rules   []policy.Rule
	parts   []*ConditionExplanation // one for each rule
}

func (p *partsOf) add(r *policy.Rule, c policy.Expr) *ConditionExplanation {
	x := &ConditionExplanation{Text: policy.Format(c), Truth: False}
	p.parts = append(p.parts, x)
	p.rules = append(p.rules, policy.Rule{
		Name: fmt.Sprint("part-", len(p.parts)), Source: r.Source, Pos: r.Pos, Condition: c, Action: r.Action, Enabled: true,
	})
	for _, kid := range joined(c) {
		x.Parts = append(x.Parts, p.add(r, kid))
	}
	if len(x.Parts) == 0 {
		x.Reads = p.reads(c)
	}
	return x
}

// joined are the conditions that one is made of. A not moves to the parts of what it negates, as in the compiler.
func joined(c policy.Expr) []policy.Expr {
	switch c := c.(type) {
	case *policy.Logical:
		return c.Kids
	case *policy.Not:
		switch x := c.X.(type) {
		case *policy.Not:
			return []policy.Expr{x.X}
		case *policy.Logical:
			kids := make([]policy.Expr, len(x.Kids))
			for i, kid := range x.Kids {
				kids[i] = &policy.Not{Pos: kid.Position(), X: kid}
			}
			return kids
		}
	}
	return nil
}

// chunk is how many conditions are compiled together.
const chunk = 1000

// judgeParts fills in the truth of every condition.
func (e *Engine) judgeParts(ctx context.Context, p *policy.Policy, parts *partsOf) error {
	for from := 0; from < len(parts.rules); from += chunk {
		to := min(from+chunk, len(parts.rules))
		some := *p
		some.Rules, some.Default, some.Conflict = parts.rules[from:to], nil, policy.DenyOverrides
		if err := e.judgeSome(ctx, &some, parts.request, parts.parts[from:to]); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) judgeSome(ctx context.Context, p *policy.Policy, q *abi.Request, parts []*ConditionExplanation) error {
	m, err := policy.Compile(p)
	if err != nil {
		return err
	}
	direct, err := CompileDirect(ctx, e.runtime, m)
	if err != nil {
		return err
	}
	defer direct.Close(ctx)
	instance, err := direct.New(ctx)
	if err != nil {
		return err
	}
	defer instance.Close(ctx)
	fired, err := instance.Evaluate(ctx, q, abi.ModeIndeterminate)
	if err != nil {
		return err
	}
	for _, word := range fired {
		part := parts[m.Rules[word&(1<<abi.ModeShift-1)]]
		if word>>abi.ModeShift&abi.ModeIndeterminate == 0 {
			part.Truth = True
		} else if part.Truth != True {
			part.Truth = Indeterminate
		}
	}
	return nil
}

// reads lists the attributes that a condition reads, each once, in the order they stand.
func (p *partsOf) reads(c policy.Expr) []Attribute {
	var out []Attribute
	for _, path := range pathsIn(c) {
		text := string(abi.AppendPath(nil, path))
		known := false
		for i := range out {
			known = known || out[i].Path == text
		}
		if !known {
			out = append(out, Attribute{text, p.request.Lookup(path)})
		}
	}
	return out
}

func pathsIn(c policy.Expr) [][]abi.Step {
	switch c := c.(type) {
	case *policy.Not:
		return pathsIn(c.X)
	case *policy.Logical:
		var out [][]abi.Step
		for _, kid := range c.Kids {
			out = append(out, pathsIn(kid)...)
		}
		return out
	case *policy.Compare:
		return append(operandPaths(c.L), operandPaths(c.R)...)
	case *policy.In:
		return append(operandPaths(c.L), operandPaths(c.R)...)
	case *policy.Text:
		return append(operandPaths(c.L), operandPaths(c.R)...)
	case *policy.Matches:
		return operandPaths(c.L)
	case *policy.Exists:
		return operandPaths(c.Path)
	case *policy.Truth:
		return operandPaths(c.Path)
	case *policy.Quantifier:
		return append(operandPaths(c.Over), pathsIn(c.Body)...)
	default:
		return nil
	}
}

func operandPaths(x policy.Operand) [][]abi.Step {
	switch x := x.(type) {
	case *policy.Path:
		if x.Var == "" {
			return [][]abi.Step{x.Steps}
		}
		return nil
	case *policy.Len:
		return operandPaths(x.X)
	case *policy.Lower:
		return operandPaths(x.X)
	case *policy.ListLiteral:
		var out [][]abi.Step
		for _, item := range x.Items {
			out = append(out, operandPaths(item)...)
		}
		return out
	default:
		return nil
	}
}
