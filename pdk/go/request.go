package pdk

import (
	"strconv"

	"agentmesh/pdk/abi"
)

// Request is the facts about one action. Its parts are objects or missing; abi.Request says which members they have. What
// is not known is absent.
type Request struct {
	Agent, Action, Tool, Data, Resource, Context, Result Value

	// Settings are the operator's, an object, or missing.
	Settings Value
}

// take takes the parts out of a request as abi.RequestOf does: members it does not know are ignored, a part that is no
// object or another abi is an error.
func (q *Request) take(v, settings Value) error {
	*q = Request{Settings: settings}
	if v.Kind() != abi.Object {
		return &abi.ShapeError{Member: "request", Want: "an object", Got: v.Kind()}
	}
	nodes := v.doc.nodes
	for i := v.node + 1; i < nodes[v.node].next; i = nodes[i].next {
		name, member := v.doc.of(nodes[i].name), Value{v.doc, i}
		part := q.part(name)
		switch {
		case name == "abi":
			if err := version(member); err != nil {
				return err
			}
		case part == nil:
		case nodes[i].kind != abi.Object:
			return &abi.ShapeError{Member: string([]byte(name)), Want: "an object", Got: nodes[i].kind}
		default:
			*part = member
		}
	}
	return nil
}

func version(v Value) error {
	if n, ok := v.Int(); !ok || n != abi.Version {
		return &abi.ShapeError{Member: "abi", Want: strconv.Itoa(abi.Version), Got: v.Kind(), Kindred: ok}
	}
	return nil
}

func (q *Request) part(name string) *Value {
	switch name {
	case "agent":
		return &q.Agent
	case "action":
		return &q.Action
	case "tool":
		return &q.Tool
	case "data":
		return &q.Data
	case "resource":
		return &q.Resource
	case "context":
		return &q.Context
	case "result":
		return &q.Result
	default:
		return nil
	}
}

// ActionType is what kind of action it is: read, write, delete, execute, network, export, api_call, unknown, or what a
// caller calls its own. Where nothing is said it is unknown.
func (q *Request) ActionType() string {
	if s, ok := q.Action.Get("type").Str(); ok {
		return s
	}
	return "unknown"
}

// PostTool reports whether the action has happened and its result is judged.
func (q *Request) PostTool() bool { return q.Action.Get("stage").Text() == abi.StagePostTool }

// ByAgent reports whether the acting agent is one that the pattern selects: its name, its full DID, or its DID without
// the fingerprint, with * for any run of characters and ? for any one, case-sensitive.
func (q *Request) ByAgent(pattern string) bool {
	name, did := q.Agent.Get("name").Text(), q.Agent.Get("did").Text()
	return name != "" && Glob(pattern, name) || did != "" && (Glob(pattern, did) || Glob(pattern, shortDID(did)))
}

// shortDID is did:mesh:<name> of did:mesh:<name>:<fingerprint>.
func shortDID(did string) string {
	colons := 0
	for i := range len(did) {
		if did[i] != ':' {
			continue
		}
		if colons++; colons == 3 {
			return did[:i]
		}
	}
	return did
}

// Glob reports whether the whole of s is what the pattern says, in which * stands for any run of bytes, the empty one
// too, ? for one byte, and every other byte for itself. It takes at most len(pattern)*len(s) steps.
func Glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Has reports whether the list holds the string. A value that is no list holds nothing.
func Has(list Value, s string) bool {
	if list.Kind() != abi.List {
		return false
	}
	for _, item := range list.All() {
		if text, ok := item.Str(); ok && text == s {
			return true
		}
	}
	return false
}
