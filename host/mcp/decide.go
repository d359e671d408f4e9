package mcp

import (
	"context"
	"slices"
	"strings"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

const protocol = "mcp"

// callOf is a request as the extractor of facts takes it.
func (p *Proxy) callOf(e *entry) facts.Call {
	c := facts.Call{Server: p.c.Server, Method: e.method, Protocol: protocol, Arguments: e.params}
	if c.Arguments.Kind() != abi.Object {
		c.Arguments = abi.ObjectValue()
	}
	if e.route != toolCall {
		c.Given.Tool = p.marks.facts(e.use())
		return c
	}
	c.Tool = e.text("name")
	if c.Arguments = e.params.Get("arguments"); c.Arguments.Kind() != abi.Object {
		c.Arguments = abi.ObjectValue()
	}
	if t, known, _ := p.tools.find(c.Tool); known {
		c.Annotations = t.annotations
		c.Given.Tool = t.notes.facts()
	} else if p.isChanged(c.Tool) {
		c.Given.Tool = abi.ObjectValue(abi.Member{Name: "changed", Value: abi.BoolValue(true)})
	}
	if given := e.params.Get("inputResponses"); given.Exists() {
		c.Given.Data = abi.ObjectValue(abi.Member{Name: "inputResponses", Value: given})
	}
	return c
}

// isChanged reports whether a tool is not what was pinned, as far as is known: by the last list seen, before there is one by
// what waited for approval.
func (p *Proxy) isChanged(tool string) bool {
	if t, known, _ := p.tools.find(tool); known {
		return t.notes.Changed
	}
	return slices.Contains(p.c.Changed, tool) && !p.tools.seen()
}

// use is what a request makes use of.
func (e *entry) use() use {
	if e.route == prompt {
		return use{e.method, e.text("name")}
	}
	return use{readResource, e.text("uri")} // a subscription tells as much as a read
}

// protected says which of the mesh's own places a call names. What the client was asked and answers counts as the
// arguments do.
func (p *Proxy) protected(c *facts.Call, q *abi.Request) string {
	if p.c.Protected == nil {
		return ""
	}
	place := p.c.Protected(c, q)
	if place == "" && c.Given.Data.Exists() {
		answers := *c
		answers.Arguments = c.Given.Data
		place = p.c.Protected(&answers, q)
	}
	return place
}

// decide asks the gate about a request.
func (p *Proxy) decide(ctx context.Context, e *entry) {
	c := p.callOf(e)
	if reason := p.unfit(e, &c); reason != "" {
		p.turnDown(ctx, e, codeInvalidParams, reason)
		return
	}
	if p.c.CanonicalArgs && e.route == toolCall {
		if f := e.canonicalise(p.c.Facts, &c); f != nil {
			p.turnDown(ctx, e, f.code, f.reason)
			return
		}
		c = p.callOf(e)
	}
	found := p.c.Facts.Extract(&c)
	if name := misspelt(&c, found.Row, p.propertiesOf(c.Tool)); name != "" {
		p.turnDown(ctx, e, codeInvalid, "the argument "+name+" differs by its case alone from one that decides")
		return
	}
	e.call.Request = p.request(&found)
	e.call.Protected = p.protected(&c, &e.call.Request)
	e.verdict = p.c.Gate.Decide(ctx, &e.call)
}

// turnDown refuses a request that no judge is asked about.
func (p *Proxy) turnDown(ctx context.Context, e *entry, code int, reason string) {
	e.code = code
	e.verdict = p.c.Gate.Refuse(ctx, gate.Refusal{Subject: e.subject, Reason: reason, Bytes: int64(len(e.line))})
}

// request puts what is known into the shape that judges take.
func (p *Proxy) request(found *facts.Facts) abi.Request {
	q := abi.Request{Agent: p.c.Agent, Context: p.c.Context}
	found.Into(&q)
	return q
}

// unfit says why a request cannot be decided by what it names, or nothing.
func (p *Proxy) unfit(e *entry, c *facts.Call) string {
	args := e.params.Get("arguments")
	switch e.route {
	case toolCall:
		if c.Tool == "" {
			return "tools/call must name a tool"
		}
	case resource:
		if _, ok := e.params.Get("uri").Str(); !ok {
			return e.method + " must name a uri"
		}
		return ""
	case prompt:
		if _, ok := e.params.Get("name").Str(); !ok {
			return "prompts/get must name a prompt"
		}
	default:
		return ""
	}
	if k := args.Kind(); k != abi.Object && k != abi.Missing && k != abi.Null {
		return "arguments must be an object"
	}
	return ""
}

func (p *Proxy) propertiesOf(tool string) abi.Value {
	t, _, _ := p.tools.find(tool)
	return t.properties
}

// misspelt is an argument that the tool table, or the tool's own schema, knows in another case: a server that ignores case
// would take it for that one. An argument that the schema has as it stands is no slip.
func misspelt(c *facts.Call, row *facts.Row, properties abi.Value) string {
	inSchema := func(name string) bool { return properties.Get(name).Exists() }
	for _, known := range properties.Items() {
		if name := misspeltAt(c.Arguments, []string{known.Name}); name != "" && !inSchema(name) {
			return name
		}
	}
	if row == nil {
		return ""
	}
	for place := range row.Places {
		if name := misspeltAt(c.Arguments, place); name != "" && !inSchema(name) {
			return name
		}
	}
	return ""
}

// misspeltAt is a member that stands where a place leads but for its case; places are those of a row.
func misspeltAt(v abi.Value, place []string) string {
	if len(place) == 0 {
		return ""
	}
	each := place[0] == "[]"
	for _, m := range v.Items() {
		switch {
		case each || m.Name == place[0]:
			if name := misspeltAt(m.Value, place[1:]); name != "" {
				return name
			}
		case strings.EqualFold(m.Name, place[0]):
			return m.Name
		}
	}
	return ""
}
