package mcp

import (
	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// canonicalise writes paths in the arguments of a tool call anew, before they are decided: what is decided is what the server
// is told.
func (e *entry) canonicalise(x *facts.Extractor, c *facts.Call) *fault {
	var edits []edit
	for _, r := range x.Canonical(c) {
		path := append([]abi.Step{{Name: "params"}, {Name: "arguments"}}, r.At...)
		if at := locate(e.line, path); !at.empty() {
			edits = append(edits, edit{at.start, at.end, abi.AppendString(nil, r.To)})
		}
	}
	if len(edits) == 0 {
		return nil
	}
	m, f := readClient(applyEdits(e.line, edits))
	if f == nil {
		e.line, e.params = m.line, m.params
	}
	return f
}

// locate is where the value at a path stands in a sound message; empty when there is none.
func locate(line []byte, path []abi.Step) span {
	at := span{0, len(line)}
	for _, step := range path {
		inner := at.of(line)
		found, n := span{}, 0
		visit := func(value span) {
			found = span{at.start + value.start, at.start + value.end}
		}
		if step.IsIndex {
			elements(inner, func(value span) bool {
				if n == step.Index {
					visit(value)
				}
				n++
				return true
			})
		} else {
			members(inner, func(name, value span) bool {
				if text, ok := textOf(name.of(inner)); ok && text == step.Name {
					visit(value)
				}
				return true
			})
		}
		if at = found; at.empty() {
			return at
		}
	}
	return at
}
