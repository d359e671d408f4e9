package abi

import "strconv"

// Version is the contract's number, the member "abi" of every message.
const Version = 1

// Request is the facts about one action, gathered once. Each part is an object or missing; what is not known is absent,
// not a default. Parts are values rather than structs because they are judged as given: a fact of an unexpected type
// stays visible as such.
//
//	agent     did, name, sponsor, trust_score (0-1000), tier, capabilities, delegation_depth, asserted_by (config, caller, agents)
//	action    type (an open string; the host's own: read write delete execute network export api_call unknown),
//	          tool, server, method, protocol, stage (pre_tool, post_tool)
//	tool      annotations and whatever else a tool says of itself
//	data      the arguments, and contains_pii, contains_secret (booleans), pii, secrets (lists of kinds)
//	resource  paths, outside_roots, sensitive, hosts, urls, sql [{verb,tables,where}], k8s {verb,resource,namespace,name},
//	          command, local
//	context   time (RFC 3339 UTC with milliseconds, fixed width), session, environment
//	result    is_error, text, structured; at stage post_tool only
type Request struct {
	Agent, Action, Tool, Data, Resource, Context, Result Value
}

// shape is a part of the request and the order its members are written in; members it does not list follow as given.
type shape struct {
	name    string
	members []string
}

func requestShapes() [7]shape {
	return [7]shape{
		{"agent", []string{"did", "name", "sponsor", "trust_score", "tier", "capabilities", "delegation_depth", "asserted_by"}},
		{"action", []string{"type", "tool", "server", "method", "protocol", "stage"}},
		{"tool", nil},
		{"data", nil},
		{"resource", []string{"paths", "outside_roots", "sensitive", "hosts", "urls", "sql", "k8s", "command", "local"}},
		{"context", []string{"time", "session", "environment"}},
		{"result", []string{"is_error", "text", "structured"}},
	}
}

func (q *Request) parts() [7]*Value {
	return [7]*Value{&q.Agent, &q.Action, &q.Tool, &q.Data, &q.Resource, &q.Context, &q.Result}
}

// Part is the part of that name, and whether there is such a part at all.
func (q *Request) Part(name string) (v Value, ok bool) {
	p := q.part(name)
	if p == nil {
		return Value{}, false
	}
	return *p, true
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

// Lookup follows a path whose first step names a part.
func (q *Request) Lookup(path []Step) Value {
	if len(path) == 0 || path[0].IsIndex {
		return Value{}
	}
	v, _ := q.Part(path[0].Name)
	return v.Lookup(path[1:])
}

// ReadRequest reads a request strictly (ReadValue). Members it does not know are ignored; a part that is no object, or
// another abi than Version, is an error. The request shares the memory of src.
func ReadRequest(src string) (Request, error) {
	v, err := ReadValue(src)
	if err != nil {
		return Request{}, err
	}
	return RequestOf(v)
}

// RequestOf takes the parts of a request out of an object, as ReadRequest does.
func RequestOf(v Value) (Request, error) {
	var q Request
	if v.Kind() != Object {
		return q, &ShapeError{Member: "request", Want: "an object", Got: v.Kind()}
	}
	for _, m := range v.Items() {
		if m.Name == "abi" {
			if n, ok := m.Value.Int(); !ok || n != Version {
				return Request{}, &ShapeError{Member: "abi", Want: strconv.Itoa(Version), Got: m.Value.Kind(), Kindred: ok}
			}
			continue
		}
		p := q.part(m.Name)
		if p == nil {
			continue
		}
		if m.Value.Kind() != Object {
			return Request{}, &ShapeError{Member: m.Name, Want: "an object", Got: m.Value.Kind()}
		}
		*p = m.Value
	}
	return q, nil
}

// ShapeError says which member of a message is not what the contract takes. It never holds the value, which may be
// secret.
type ShapeError struct {
	Member string
	Want   string
	Got    Kind
	// Kindred says that the kind is right and the value is not.
	Kindred bool
}

// Error names the member, what it must be and, where that is the mistake, what kind of value it is.
func (e *ShapeError) Error() string {
	s := strconv.Quote(e.Member) + " must be " + e.Want
	if e.Kindred {
		return s
	}
	return s + ", not " + e.Got.String()
}

// AppendRequest appends the request in the contract's order.
func AppendRequest(dst []byte, q *Request) []byte {
	dst = append(dst, `{"abi":1`...)
	shapes := requestShapes()
	for i, p := range q.parts() {
		if p.kind != Object {
			continue
		}
		dst = append(dst, ',')
		dst = AppendString(dst, shapes[i].name)
		dst = append(dst, ':')
		dst = appendShaped(dst, p.items, shapes[i].members)
	}
	return append(dst, '}')
}

// appendShaped writes the listed members first, in the list's order, then the others as they stand.
func appendShaped(dst []byte, items []Member, order []string) []byte {
	from := len(dst)
	for _, name := range order {
		for i := range items {
			if items[i].Name == name {
				dst = appendMember(dst, from, &items[i])
			}
		}
	}
	for i := range items {
		if !listed(order, items[i].Name) {
			dst = appendMember(dst, from, &items[i])
		}
	}
	if len(dst) == from {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

func appendMember(dst []byte, from int, m *Member) []byte {
	if m.Value.kind == Missing || m.Value.kind == Unknown {
		return dst
	}
	if len(dst) == from {
		dst = append(dst, '{')
	} else {
		dst = append(dst, ',')
	}
	dst = AppendString(dst, m.Name)
	dst = append(dst, ':')
	return AppendJSON(dst, m.Value)
}

func listed(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
