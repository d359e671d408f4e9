package mcp

import (
	"context"
	"errors"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

var errList = errors.New("the server's list cannot be read")

// filter takes out of a list what could never be used. It gives line itself back when nothing is hidden.
func (p *Proxy) filter(ctx context.Context, e *entry, line []byte, env *envelope) ([]byte, error) {
	list := env.field(listedMember(e.method))
	if list.empty() {
		return line, nil
	}
	v, err := abi.ReadValue(string(list.of(line)))
	if err != nil || v.Kind() != abi.List {
		return nil, errors.Join(errList, err)
	}
	items := make([]abi.Value, v.Len())
	for i := range items {
		items[i] = v.At(i)
	}
	more, _ := textOf(env.field("nextCursor").of(line))
	calls := p.callsOf(ctx, e, items, more == "")
	listing := p.c.Gate.List(ctx, e.subject, calls)
	cuts := hide(line, list, listing.Hidden)
	if len(cuts) == 0 {
		return line, nil
	}
	// What one caller may see is not for a cache that others share.
	if scope := env.field("cacheScope"); !scope.empty() && string(scope.of(line)) == `"public"` {
		cuts = append(cuts, edit{scope.start, scope.end, []byte(`"private"`)})
	}
	return applyEdits(line, cuts), nil
}

// callsOf makes of each listed item the call that would use it.
func (p *Proxy) callsOf(ctx context.Context, e *entry, items []abi.Value, last bool) []gate.Call {
	var notes []ToolNotes
	if e.method == "tools/list" {
		notes = p.inspect(ctx, e, items)
		p.tellWhole(ctx, p.tools.add(pageOf(items, notes), e.first, last), last)
	}
	calls := make([]gate.Call, len(items))
	for i, item := range items {
		switch e.method {
		case "tools/list":
			calls[i] = p.toolInList(item, notes[i])
		case "prompts/list":
			calls[i] = p.otherInList("prompts/get", abi.ObjectValue(abi.Member{Name: "name", Value: item.Get("name")}), true)
		case "resources/list":
			calls[i] = p.otherInList("resources/read", abi.ObjectValue(abi.Member{Name: "uri", Value: item.Get("uri")}), false)
		default:
			calls[i] = p.otherInList("resources/read", abi.ObjectValue(), true)
		}
	}
	return calls
}

// toolInList is what is known of a tool before it is called.
func (p *Proxy) toolInList(item abi.Value, notes ToolNotes) gate.Call {
	about := listed{notes: notes}
	c := facts.Call{
		Server: p.c.Server, Tool: item.Get("name").Text(), Method: "tools/call", Protocol: protocol,
		Arguments: abi.ObjectValue(), Annotations: item.Get("annotations"), Given: abi.Request{Tool: about.facts()},
	}
	found := p.c.Facts.Extract(&c)
	q := p.request(&found)
	if r := found.Row; r != nil && (r.Type == "" || r.By != "" || len(r.SQL) > 0 || r.K8s != nil) {
		q.Action = q.Action.With("type", abi.UnknownValue()) // the arguments decide it
	}
	q.Data, q.Resource = abi.Value{}, abi.Value{}
	return gate.Call{Request: q}
}

// otherInList is a prompt or resource. open: its use takes arguments that are not known yet.
func (p *Proxy) otherInList(method string, params abi.Value, open bool) gate.Call {
	c := facts.Call{Server: p.c.Server, Method: method, Protocol: protocol, Arguments: params}
	found := p.c.Facts.Extract(&c)
	call := gate.Call{Request: p.request(&found)}
	if open {
		call.Request.Data, call.Request.Resource = abi.Value{}, abi.Value{}
	} else {
		call.Protected = p.protected(&c, &call.Request)
	}
	return call
}

// inspect looks at the tools' definitions, and writes down what is new or remarkable. Tools that could not be looked at
// count as changed.
func (p *Proxy) inspect(ctx context.Context, e *entry, tools []abi.Value) []ToolNotes {
	notes := make([]ToolNotes, len(tools))
	if p.c.Inspect == nil || len(tools) == 0 {
		return notes
	}
	found, err := p.c.Inspect(ctx, p.c.Server, tools)
	if err != nil || len(found) != len(tools) {
		p.log.Error("the tools of the server could not be compared with their pins; they count as changed", "error", err)
		for i := range notes {
			notes[i].Changed = true
		}
		return notes
	}
	if body := notesBody(tools, found); body.Len() > 0 {
		if err := p.c.Gate.Note(ctx, ledger.KindTools, e.subject, body); err != nil {
			p.log.Error("what was found about the server's tools could not be recorded", "error", err)
		}
	}
	return found
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

// notesBody is {"new":[…],"changed":[…],"flagged":[{"tool","kinds"}]} of the names that there are.
func notesBody(tools []abi.Value, notes []ToolNotes) abi.Value {
	var fresh, changed, flagged []abi.Value
	for i, n := range notes {
		name := abi.StringValue(tools[i].Get("name").Text())
		if n.New {
			fresh = append(fresh, name)
		}
		if n.Changed {
			changed = append(changed, name)
		}
		if n.Flagged {
			flagged = append(flagged, abi.ObjectValue(
				abi.Member{Name: "tool", Value: name}, abi.Member{Name: "kinds", Value: abi.StringsValue(n.Kinds)},
			))
		}
	}
	var members []abi.Member
	for _, m := range []struct {
		name string
		list []abi.Value
	}{{"new", fresh}, {"changed", changed}, {"flagged", flagged}} {
		if len(m.list) > 0 {
			members = append(members, abi.Member{Name: m.name, Value: abi.ListValue(m.list...)})
		}
	}
	return abi.ObjectValue(members...)
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
