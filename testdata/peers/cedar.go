package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

// cedarEngine asks one policy set: everything is permitted but what a forbid names.
type cedarEngine struct {
	policies *cedar.PolicySet
	entities cedar.EntityMap
}

func newCedar(rules []*expr) (*cedarEngine, error) {
	var text strings.Builder
	text.WriteString("permit(principal, action, resource);\n")
	for i, r := range rules {
		fmt.Fprintf(&text, "@id(\"%d\")\nforbid(principal, action, resource) when { %s };\n", i, r.cedar())
	}
	policies, err := cedar.NewPolicySetFromBytes("rules", []byte(text.String()))
	if err != nil {
		return nil, fmt.Errorf("cedar parse: %w", err)
	}
	return &cedarEngine{policies: policies, entities: cedar.EntityMap{}}, nil
}

func (e *cedarEngine) matching(f *facts) ([]int, error) {
	decision, why := cedar.Authorize(e.policies, e.entities, cedarRequest(f))
	if len(why.Errors) > 0 {
		return nil, fmt.Errorf("cedar: %s", why.Errors[0].Message)
	}
	if decision == cedar.Allow {
		return nil, nil
	}
	var out []int
	for _, r := range why.Reasons {
		i, err := strconv.Atoi(string(e.policies.Get(r.PolicyID).Annotations()["id"]))
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	slices.Sort(out)
	return out, nil
}

func (e *cedarEngine) variants(f *facts) ([]variant, error) {
	prepared := cedarRequest(f)
	return []variant{
		{name: "cedar-go, prepared request", baseline: true, run: func() error {
			cedar.Authorize(e.policies, e.entities, prepared)
			return nil
		}},
		{name: "cedar-go, request built from struct", run: func() error {
			cedar.Authorize(e.policies, e.entities, cedarRequest(f))
			return nil
		}},
	}, nil
}

// cedarRequest says amounts in hundredths: cedar has no floating point.
func cedarRequest(f *facts) cedar.Request {
	d := &f.Data
	return cedar.Request{
		Principal: cedar.NewEntityUID("Agent", cedar.String(f.Agent.ID)),
		Action:    cedar.NewEntityUID("Action", cedar.String(f.Action.Type)),
		Resource:  cedar.NewEntityUID("Tool", cedar.String(d.Tool)),
		Context: cedar.NewRecord(cedar.RecordMap{
			"action": cedar.NewRecord(cedar.RecordMap{"type": cedar.String(f.Action.Type)}),
			"agent": cedar.NewRecord(cedar.RecordMap{
				"trust_score": cedar.Long(f.Agent.TrustScore), "roles": cedarSet(f.Agent.Roles),
			}),
			"data": cedar.NewRecord(cedar.RecordMap{
				"tool": cedar.String(d.Tool), "method": cedar.String(d.Method), "url": cedar.String(d.URL),
				"amount": cedar.Long(int64(d.Amount * 100)), "env": cedar.String(d.Env), "hour": cedar.Long(d.Hour),
				"args": cedar.NewRecord(cedar.RecordMap{"path": cedar.String(d.Args.Path)}), "tags": cedarSet(d.Tags),
				"tokens_used": cedar.Long(d.TokensUsed), "token_budget": cedar.Long(d.TokenBudget),
				"ip": cedar.String(d.IP), "human_approved": cedar.Boolean(d.HumanApproved),
			}),
		}),
	}
}

func cedarSet(words []string) cedar.Set {
	var vs []cedar.Value
	for _, w := range words {
		vs = append(vs, cedar.String(w))
	}
	return cedar.NewSet(vs...)
}

func (e *expr) cedar() string {
	path := "context." + e.path
	switch e.kind {
	case and:
		return "(" + joined(e.kids, (*expr).cedar, " && ") + ")"
	case or:
		return "(" + joined(e.kids, (*expr).cedar, " || ") + ")"
	case not:
		return "!(" + e.kids[0].cedar() + ")"
	case equals:
		return fmt.Sprintf("%s == %q", path, e.words[0])
	case oneOf:
		return "[" + quoted(e.words) + "].contains(" + path + ")"
	case number:
		n := e.number
		if e.path == "data.amount" {
			n *= 100
		}
		return fmt.Sprintf("%s %s %d", path, e.op, int64(n))
	case numbers:
		return path + " " + e.op + " context." + e.other
	case boolean:
		return path
	case contains:
		return fmt.Sprintf("%s like %q", path, "*"+e.words[0]+"*")
	case prefix:
		return fmt.Sprintf("%s like %q", path, e.words[0]+"*")
	default:
		return fmt.Sprintf("%s.contains(%q)", path, e.words[0])
	}
}
