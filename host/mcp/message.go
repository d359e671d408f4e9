package mcp

import (
	"errors"
	"strings"

	"agentmesh/pdk/abi"
)

// The JSON-RPC codes we answer with. Our own refusals lie outside -32768..-32000, which JSON-RPC and MCP reserve.
const (
	codeParse         = -32700
	codeInvalid       = -32600
	codeInvalidParams = -32602
	codeInternal      = -32603
	// CodeRefused is the error of a request that was refused and is no tool call; its data says why.
	CodeRefused = -31403
)

// kind says what a message is.
type kind uint8

const (
	request kind = iota
	notification
	answer
)

// message is one message of the client, read strictly.
type message struct {
	kind   kind
	line   []byte // as it came
	id     []byte // raw; of requests and answers
	key    string // idKey of id
	method string
	params abi.Value // an object or missing
	modern bool      // it names a protocol revision in each request, as those from 2026-07-28 on do
}

// fault is a message that cannot be understood safely, and the error to answer it with.
type fault struct {
	code   int
	reason string
	id     []byte
	method string
	tool   string
	size   int64
}

// readClient reads a message of the client. What parsers may differ about is a fault; of answers, only what makes them such.
func readClient(line []byte) (message, *fault) {
	m := message{line: line}
	env, err := readEnvelope(line)
	if err != nil {
		return m, faultOf(line, err)
	}
	if env.method.empty() { // nothing is decided by an answer
		m.kind, m.id = answer, env.id.of(line)
		return m, nil
	}
	v, err := abi.ReadValue(string(line))
	if err != nil {
		return m, faultOf(line, err)
	}
	m.method, m.params = v.Get("method").Text(), v.Get("params")
	if m.params.Kind() == abi.Null {
		m.params = abi.Value{}
	}
	switch {
	case m.params.Exists() && m.params.Kind() != abi.Object:
		return m, faultOf(line, errParams)
	case env.id.empty():
		m.kind = notification
	}
	if !env.id.empty() {
		m.id = env.id.of(line)
		m.key = idKey(m.id)
	}
	if err := m.spelling(); err != nil {
		return m, faultOf(line, err)
	}
	m.modern = m.params.Get("_meta").Get(versionMember).Exists()
	return m, nil
}

// versionMember is where requests since 2026-07-28 name the revision they follow.
const versionMember = "io.modelcontextprotocol/protocolVersion"

// decisionNames are the members of params that decisions go by, in any method.
const decisionNames = "name arguments uri _meta requestId inputResponses requestState task taskId cursor"

var (
	errArgumentCase = errors.New("two arguments differ by their case alone")
	errInherited    = errors.New("a member is named " + inherited + ": some readers take what is in it for members of the object around it")
)

// inherited names what JavaScript looks members up in that an object has not itself.
const inherited = "__proto__"

// inherits reports whether an object in a value, at any depth, has a member of that name.
func inherits(v abi.Value) bool {
	for _, m := range v.Items() {
		if m.Name == inherited || m.Value.Len() > 0 && inherits(m.Value) {
			return true
		}
	}
	return false
}

// spelling finds members that a reader which ignores case would take for those we decide by.
func (m *message) spelling() error {
	if inherits(m.params) {
		return errInherited
	}
	for _, p := range m.params.Items() {
		if miscased(p.Name, decisionNames) {
			return errCase
		}
	}
	args := m.params.Get("arguments").Items()
	if len(args) < 2 {
		return nil
	}
	seen := make(map[string]bool, len(args))
	for i := range args {
		name := fold(args[i].Name)
		if seen[name] {
			return errArgumentCase
		}
		seen[name] = true
	}
	return nil
}

// fold makes names equal that readers which ignore case take for one.
func fold(name string) string {
	return strings.ToLower(strings.ToUpper(name))
}

// faultOf is the fault that an error in reading makes of a line.
func faultOf(line []byte, err error) *fault {
	seen := glance(line)
	f := &fault{code: codeInvalid, reason: err.Error(), id: seen.answerID(), method: seen.methodName(), size: int64(len(line))}
	if errors.Is(err, errNotJSON) && !sound(line) {
		f.code, f.id = codeParse, nullID()
	}
	return f
}

// text is a string member of params.
func (m *message) text(name string) string { return m.params.Get(name).Text() }
