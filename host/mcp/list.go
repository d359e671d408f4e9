package mcp

import (
	"context"
	"errors"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

var errList = errors.New("no list stands where one belongs")

// filter takes out of a list what could never be used. kinds are those of the instructions found in it.
func (p *Proxy) filter(ctx context.Context, e *entry, line []byte, env *envelope) (cuts []edit, kinds []string, err error) {
	list := env.field(listedMember(e.method))
	if list.empty() {
		return nil, nil, nil
	}
	v, err := abi.ReadValue(string(list.of(line)))
	if err != nil || v.Kind() != abi.List {
		return nil, nil, errors.Join(errList, err)
	}
	items := make([]abi.Value, v.Len())
	for i := range items {
		items[i] = v.At(i)
	}
	notes := p.inspect(ctx, e, items)
	more, _ := textOf(env.field("nextCursor").of(line))
	listing := p.c.Gate.List(ctx, e.subject, p.callsOf(ctx, e, page{items, notes, more == ""}))
	return private(hide(line, list, listing.Hidden), line, env), kindsOf(notes), nil
}

// private are edits that leave something out, and one more: what one caller may see is not for a cache that others share.
func private(edits []edit, line []byte, env *envelope) []edit {
	if scope := env.field("cacheScope"); len(edits) > 0 && string(scope.of(line)) == `"public"` {
		edits = append(edits, edit{scope.start, scope.end, []byte(`"private"`)})
	}
	return edits
}

// page is one page of a list.
type page struct {
	items []abi.Value
	notes []Notes
	last  bool
}

// callsOf makes of each listed item the call that would use it, and remembers what calls will need of it.
func (p *Proxy) callsOf(ctx context.Context, e *entry, of page) []gate.Call {
	if e.method == listTools {
		p.tellWhole(ctx, p.tools.add(pageOf(of.items, of.notes), e.first, of.last), of.last)
	}
	calls := make([]gate.Call, len(of.items))
	for i, item := range of.items {
		if e.method == listTools {
			calls[i] = p.toolInList(item, of.notes[i])
			continue
		}
		u := useOf(e.method, item)
		p.marks.set(u, of.notes[i])
		calls[i] = p.otherInList(e.method, u)
	}
	return calls
}

// useOf is the request that uses a prompt, a resource, or the resources of a template.
func useOf(method string, item abi.Value) use {
	switch method {
	case "prompts/list":
		return use{getPrompt, item.Get("name").Text()}
	case "resources/list":
		return use{readResource, item.Get("uri").Text()}
	default:
		return use{readResource, item.Get("uriTemplate").Text()}
	}
}

// toolInList is what is known of a tool before it is called.
func (p *Proxy) toolInList(item abi.Value, notes Notes) gate.Call {
	c := facts.Call{
		Server: p.c.Server, Tool: item.Get("name").Text(), Method: "tools/call", Protocol: protocol,
		Arguments: abi.ObjectValue(), Annotations: item.Get("annotations"), Given: abi.Request{Tool: notes.facts()},
	}
	found := p.c.Facts.Extract(&c)
	q := p.request(&found)
	if r := found.Row; r != nil && (r.Type == "" || r.By != "" || len(r.SQL) > 0 || r.K8s != nil) {
		q.Action = q.Action.With("type", abi.UnknownValue()) // the arguments decide it
	}
	q.Data, q.Resource = abi.Value{}, abi.Value{}
	return gate.Call{Request: q}
}

// otherInList is a prompt, a resource, or a template of resources, whose use takes what is not known yet.
func (p *Proxy) otherInList(list string, u use) gate.Call {
	c := facts.Call{
		Server: p.c.Server, Method: u.method, Protocol: protocol, Arguments: abi.ObjectValue(),
		Given: abi.Request{Tool: p.marks.facts(u)},
	}
	known := list == "resources/list"
	if known {
		c.Arguments = c.Arguments.With("uri", abi.StringValue(u.name))
	}
	found := p.c.Facts.Extract(&c)
	call := gate.Call{Request: p.request(&found), Name: u.name}
	if known {
		call.Protected = p.protected(&c, &call.Request)
	} else {
		call.Request.Data, call.Request.Resource = abi.Value{}, abi.Value{}
	}
	return call
}

// tellWhole tells which tools the server has.
func (p *Proxy) tellWhole(ctx context.Context, names []string, last bool) {
	if !last || p.c.Whole == nil {
		return
	}
	if err := p.c.Whole(ctx, p.c.Server, names); err != nil {
		p.log.Error("which tools the server no longer has could not be remembered", "error", err)
	}
}

// hide gives the cuts that take items out of a list, each with one of the commas beside it.
func hide(line []byte, list span, hidden []bool) []edit {
	var items []span
	elements(list.of(line), func(item span) bool {
		items = append(items, span{item.start + list.start, item.end + list.start})
		return true
	})
	kept := -1 // the last item kept
	for i := range items {
		if !hidden[i] {
			kept = i
		}
	}
	var cuts []edit
	for i := range items {
		if hidden[i] && i < kept {
			cuts = append(cuts, edit{start: items[i].start, end: items[i+1].start})
		}
	}
	switch last := len(items) - 1; {
	case kept == last:
	case kept < 0:
		cuts = append(cuts, edit{start: items[0].start, end: items[last].end})
	default:
		cuts = append(cuts, edit{start: items[kept].end, end: items[last].end})
	}
	return cuts
}
