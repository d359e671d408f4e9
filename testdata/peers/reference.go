package main

import (
	"slices"
	"strings"
)

// matches is the reference that every engine is held against: the expression read off the struct, in plain Go.
func (e *expr) matches(f *facts) bool {
	switch e.kind {
	case and:
		return !slices.ContainsFunc(e.kids, func(k *expr) bool { return !k.matches(f) })
	case or:
		return slices.ContainsFunc(e.kids, func(k *expr) bool { return k.matches(f) })
	case not:
		return !e.kids[0].matches(f)
	case equals, oneOf:
		return slices.Contains(e.words, f.text(e.path))
	case number:
		return ordered(f.number(e.path), e.op, e.number)
	case numbers:
		return ordered(f.number(e.path), e.op, f.number(e.other))
	case boolean:
		return f.Data.HumanApproved
	case contains:
		return strings.Contains(f.text(e.path), e.words[0])
	case prefix:
		return strings.HasPrefix(f.text(e.path), e.words[0])
	default:
		return slices.Contains(f.list(e.path), e.words[0])
	}
}

func ordered(a float64, op string, b float64) bool {
	if op == "<" {
		return a < b
	}
	return a > b
}

func (f *facts) text(path string) string {
	return map[string]string{
		"action.type": f.Action.Type, "data.tool": f.Data.Tool, "data.env": f.Data.Env, "data.method": f.Data.Method,
		"data.url": f.Data.URL, "data.args.path": f.Data.Args.Path, "data.ip": f.Data.IP,
	}[path]
}

func (f *facts) number(path string) float64 {
	return map[string]float64{
		"agent.trust_score": float64(f.Agent.TrustScore), "data.amount": f.Data.Amount, "data.hour": float64(f.Data.Hour),
		"data.tokens_used": float64(f.Data.TokensUsed), "data.token_budget": float64(f.Data.TokenBudget),
	}[path]
}

func (f *facts) list(path string) []string {
	if path == "agent.roles" {
		return f.Agent.Roles
	}
	return f.Data.Tags
}

// matching lists the rules that match, by index.
func matching(rules []*expr, f *facts) []int {
	var out []int
	for i, e := range rules {
		if e.matches(f) {
			out = append(out, i)
		}
	}
	return out
}
