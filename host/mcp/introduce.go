package mcp

import (
	"context"
	"errors"
	"slices"
	"strings"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// toldNames are the members of results in which a server tells of itself. One in another case is read by some clients and
// not by others.
const toldNames = "tools prompts resources resourceTemplates nextCursor cacheScope instructions protocolVersion"

var errToldCase = errors.New("a member differs from one that tells of the server by its case alone")

// shown is an answer in which the server tells of itself, a list or its introduction, as the client gets it: without what
// could never be used, and treated as results are. It is line itself when nothing changes.
func (p *Proxy) shown(ctx context.Context, e *entry, line []byte, env *envelope) ([]byte, error) {
	if slices.ContainsFunc(env.fields, func(f field) bool { return miscased(f.name, toldNames) }) {
		return nil, errToldCase
	}
	var edits []edit
	var kinds []string
	var err error
	if e.route == listing {
		edits, kinds, err = p.filter(ctx, e, line, env)
	} else {
		edits, kinds = p.introduction(ctx, e, line, env)
	}
	if err != nil {
		return nil, err
	}
	out := applyEdits(line, edits)
	return p.cleaned(ctx, e, out, span{env.result.start, env.result.end + len(out) - len(line)}, kinds)
}

// cleaned treats what the server tells of itself. kinds are those of the instructions found in it.
func (p *Proxy) cleaned(ctx context.Context, e *entry, line []byte, at span, kinds []string) ([]byte, error) {
	if p.c.Results == nil {
		p.tally(ResultReport{Flagged: kinds})
		return line, nil
	}
	out, report, err := p.c.Results.Tool(at.of(line), Treated{Method: e.method, Flagged: kinds})
	if err == nil && report.Withheld {
		err = errors.New("it cannot be cleaned")
	}
	if err != nil {
		return nil, err
	}
	p.tally(report)
	noted := func(kind string) bool { return slices.Contains(kinds, kind) } // with where it stands
	report.Flagged = slices.DeleteFunc(slices.Clone(report.Flagged), noted)
	if !report.empty() {
		p.note(ctx, e, abi.Member{Name: "found", Value: report.value()})
	}
	return replaced(line, at, out), nil
}

// introduction looks at the instructions by which a server introduces itself. Where no rule could let a tool pass that is
// flagged as they are, their text is withheld.
func (p *Proxy) introduction(ctx context.Context, e *entry, line []byte, env *envelope) (edits []edit, kinds []string) {
	at := env.field("instructions")
	if at.empty() {
		return nil, nil
	}
	text, err := abi.ReadValue(mended(at.of(line)))
	if err != nil { // members named twice; clients want a text and read nothing else
		text = abi.StringValue(string(at.of(line)))
	}
	notes := p.inspect(ctx, e, []abi.Value{abi.ObjectValue(abi.Member{Name: "instructions", Value: text})})
	if n := &notes[0]; n.Flagged || n.Changed {
		if p.c.Gate.List(ctx, e.subject, []gate.Call{p.anyCall(e, n)}).Hidden[0] {
			edits = private([]edit{{at.start, at.end, abi.AppendString(nil, withheldText(n.Kinds))}}, line, env)
		}
	}
	return edits, kindsOf(notes)
}

// withheldText stands in the place of instructions. It bears no sign of ours: there, nobody could tell it from an imitation.
func withheldText(kinds []string) string {
	return "(AgentMesh: the instructions of this server are withheld, for they hold what may be aimed at a model: " + strings.Join(kinds, ", ") + ".)"
}

// anyCall is a call of which nothing is known but what was noted.
func (p *Proxy) anyCall(e *entry, n *Notes) gate.Call {
	found := p.c.Facts.Extract(&facts.Call{
		Server: p.c.Server, Method: e.method, Protocol: protocol, Arguments: abi.ObjectValue(), Given: abi.Request{Tool: n.facts()},
	})
	q := p.request(&found)
	q.Action = q.Action.With("type", abi.UnknownValue()).With("tool", abi.UnknownValue()).With("method", abi.UnknownValue())
	q.Data, q.Resource = abi.Value{}, abi.Value{}
	return gate.Call{Request: q, Name: "instructions"}
}

// inspect looks at what the server tells of itself, and writes down what is new or remarkable. What could not be looked at
// counts as changed.
func (p *Proxy) inspect(ctx context.Context, e *entry, items []abi.Value) []Notes {
	notes := make([]Notes, len(items))
	if p.c.Inspect == nil || len(items) == 0 {
		return notes
	}
	found, err := p.c.Inspect(ctx, Shown{Server: p.c.Server, Method: e.method, Items: items})
	if err != nil || len(found) != len(items) {
		p.log.Error("what the server tells of itself could not be looked at; it counts as changed", "method", e.method, "error", err)
		for i := range notes {
			notes[i].Changed = true
		}
		return notes
	}
	p.note(ctx, e, notesOf(e.method, items, found)...)
	return found
}

// note writes an entry about what the server tells of itself.
func (p *Proxy) note(ctx context.Context, e *entry, members ...abi.Member) {
	if len(members) == 0 {
		return
	}
	if err := p.c.Gate.Note(ctx, ledger.KindTools, e.subject, abi.ObjectValue(members...)); err != nil {
		p.log.Error("what the server tells of itself could not be recorded", "method", e.method, "error", err)
	}
}

// notesOf are "new", "changed" (names) and "flagged" ({"tool","kinds"}), where there are any. In place of tool stands prompt,
// resource, template or part, as the method has it.
func notesOf(method string, items []abi.Value, notes []Notes) []abi.Member {
	var fresh, changed, flagged []abi.Value
	sort, named := sortOf(method)
	for i, n := range notes {
		name := abi.StringValue(named)
		if sort != "part" {
			name = abi.StringValue(items[i].Get(named).Text())
		}
		if n.New {
			fresh = append(fresh, name)
		}
		if n.Changed {
			changed = append(changed, name)
		}
		if n.Flagged {
			flagged = append(flagged, abi.ObjectValue(
				abi.Member{Name: sort, Value: name}, abi.Member{Name: "kinds", Value: abi.StringsValue(n.Kinds)},
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
	return members
}

// sortOf is what entries call the items of a list, and the member that names them.
func sortOf(method string) (sort, named string) {
	switch method {
	case listTools:
		return "tool", "name"
	case "prompts/list":
		return "prompt", "name"
	case "resources/list":
		return "resource", "uri"
	case "resources/templates/list":
		return "template", "uriTemplate"
	default:
		return "part", "instructions"
	}
}

// kindsOf are the kinds of instructions found, each once.
func kindsOf(notes []Notes) []string {
	var kinds []string
	for i := range notes {
		kinds = union(kinds, notes[i].Kinds)
	}
	return kinds
}
