package gate

import (
	"unicode/utf8"

	"agentmesh/pdk/abi"
)

// Call is one action to be decided, or one result.
type Call struct {
	// Request is the facts, gathered once. The gate sets context.time and action.stage itself; what stands there is
	// replaced. Strings are kept only until the call returns.
	Request abi.Request
	// Protected says what of the mesh's own the action names, for people ("the state folder, by the argument path");
	// empty: nothing. It is denied whatever the policies say.
	Protected string
	// Name is what List calls it in its entry; empty: the action's tool.
	Name string
	// DecisionID is, for a result, the verdict that let the action pass.
	DecisionID string
}

// tooDeep is how deep a request's parts may nest. A ledger entry holds them four levels down, and can be read again only
// when it nests no deeper than JSON may.
const tooDeep = abi.MaxDepth - 4

// check says why a request cannot be judged, or nothing. limit is its size at most, in bytes.
func check(q *abi.Request, limit int64) *abi.Failure {
	c := checker{left: limit}
	for _, part := range partsOf(q) {
		switch part.Kind() {
		case abi.Missing:
		case abi.Object:
			c.value(*part, 0)
		default:
			c.refuse(abi.CodeMalformed, "a part of the request is no object")
		}
	}
	if f := identity(q); f != "" {
		c.refuse(abi.CodeMalformed, f)
	}
	return c.failure
}

// identity says what is wrong with the members that selectors and limits go by.
func identity(q *abi.Request) string {
	for _, name := range [2]string{"did", "name"} {
		if k := q.Agent.Get(name).Kind(); k != abi.Missing && k != abi.String {
			return "agent." + name + " is no string"
		}
	}
	return ""
}

// agentOf is who limits and the breaker count an action for.
func agentOf(q *abi.Request) string {
	if did := q.Agent.Get("did").Text(); did != "" {
		return did
	}
	return q.Agent.Get("name").Text()
}

// checker walks a request once. Sizes are those of the strings and a little for everything else, which is no more than
// the request takes as JSON but for its escapes.
type checker struct {
	left    int64
	failure *abi.Failure
}

func (c *checker) refuse(code abi.Code, detail string) {
	if c.failure == nil {
		c.failure = &abi.Failure{Code: code, Detail: detail}
	}
}

func (c *checker) value(v abi.Value, depth int) {
	c.left -= 4
	switch v.Kind() {
	case abi.String:
		c.text(v.Text())
	case abi.Unknown, abi.Missing:
		c.refuse(abi.CodeMalformed, "a member of the request has no value")
	case abi.List, abi.Object:
		if depth == tooDeep {
			c.refuse(abi.CodeMalformed, "the request nests too deep")
			return
		}
		for i := range v.Items() {
			m := &v.Items()[i]
			c.text(m.Name)
			c.value(m.Value, depth+1)
			if c.failure != nil {
				return
			}
		}
	}
}

func (c *checker) text(s string) {
	c.left -= int64(len(s))
	if c.left < 0 {
		c.refuse(abi.CodeInputTooLarge, "the request is larger than judges are given")
		return
	}
	if !utf8.ValidString(s) {
		c.refuse(abi.CodeMalformed, "a string of the request is not UTF-8")
	}
}
