package policy

import (
	"strconv"

	"go.yaml.in/yaml/v3"

	"agentmesh/pdk/abi"
)

// ReadCases reads a file of cases, YAML or (by its name) JSON: a list of
//
//   - name: pii-export
//     request: {action: {type: export}, data: {contains_pii: true}}
//     settings: {}            # for plugins that have some
//     want: {decision: deny, rule: no-pii-export, code: rule, policy: local/analyst, warnings: [noted]}
//
// name, request and want.decision must be there; what want leaves out is not compared. The error is of type Errors and holds
// everything that is wrong with the file; there are no cases then.
func ReadCases(name, text string) ([]abi.Case, error) {
	d := newDocument(name, text)
	n, errs := parseFile(d)
	if errs != nil {
		return nil, errs.sorted()
	}
	r := &reader{doc: d}
	var cases []abi.Case
	first := map[string]*yaml.Node{}
	for _, item := range r.items(n, "cases") {
		cases = append(cases, r.oneCase(item, first))
	}
	if err := r.errs.sorted(); err != nil {
		return nil, err
	}
	return cases, nil
}

func (r *reader) oneCase(n *yaml.Node, first map[string]*yaml.Node) abi.Case {
	var c abi.Case
	found := r.mapping(n, "a case", []key{
		{"name", func(v *yaml.Node) { c.Name = r.caseName(v, first) }},
		{"request", func(v *yaml.Node) { c.Request = r.request(v) }},
		{"settings", func(v *yaml.Node) { c.Settings = r.value(v) }},
		{"want", func(v *yaml.Node) { c.Want = r.want(v) }},
	})
	r.require(n, found, "name", "every case has a name")
	r.require(n, found, "request", "an empty one is written request: {}")
	r.require(n, found, "want", "write want: {decision: deny}")
	return c
}

func (r *reader) caseName(n *yaml.Node, first map[string]*yaml.Node) string {
	s, ok := r.text(n, "name")
	if before := first[s]; ok && before != nil {
		r.fail(n, "choose another name", "case %q a second time; the first is in line %d", s, before.Line)
	}
	first[s] = n
	return s
}

func (r *reader) want(n *yaml.Node) abi.Want {
	var w abi.Want
	found := r.mapping(n, "want", []key{
		{"decision", func(v *yaml.Node) {
			word, _ := r.choice(v, "decision", "allow", "deny", "require_approval", "warn", "log", "abstain")
			w.Decision, _ = abi.ParseDecision(word)
		}},
		{"code", func(v *yaml.Node) {
			code, _ := r.text(v, "code")
			w.Code = abi.Code(code)
		}},
		{"rule", func(v *yaml.Node) { w.Rule, _ = r.text(v, "rule") }},
		{"policy", func(v *yaml.Node) { w.Policy, _ = r.text(v, "policy") }},
		{"warnings", func(v *yaml.Node) { w.Warnings = r.texts(v, "warnings") }},
	})
	r.require(n, found, "decision", "one of allow, deny, require_approval, warn, log, abstain")
	return w
}

// request reads the parts of a request, each a mapping.
func (r *reader) request(n *yaml.Node) abi.Request {
	var q abi.Request
	parts := [...]*abi.Value{&q.Agent, &q.Action, &q.Tool, &q.Data, &q.Resource, &q.Context, &q.Result}
	keys := make([]key, len(parts))
	for i, part := range parts {
		keys[i] = key{roots[i], func(v *yaml.Node) {
			if v.Kind != yaml.MappingNode {
				r.fail(v, "write its attributes", "%s must be a mapping, not %s", roots[i], kindName(v))
				return
			}
			*part = r.value(v)
		}}
	}
	r.mapping(n, "a request", keys)
	return q
}

// value reads any value there is in JSON.
func (r *reader) value(n *yaml.Node) abi.Value {
	switch n.Kind {
	case yaml.MappingNode:
		return r.object(n)
	case yaml.SequenceNode:
		items := make([]abi.Value, len(n.Content))
		for i, item := range n.Content {
			items[i] = r.value(item)
		}
		return abi.ListValue(items...)
	}
	switch n.Tag {
	case "!!null":
		return abi.NullValue()
	case "!!bool":
		return abi.BoolValue(r.boolean(n, "the value"))
	case "!!int", "!!float":
		return r.numberValue(n)
	default:
		return abi.StringValue(n.Value)
	}
}

func (r *reader) object(n *yaml.Node) abi.Value {
	members := make([]abi.Member, 0, len(n.Content)/2)
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if line, twice := first[k.Value]; twice {
			r.fail(k, "keep one of them", "key %q a second time; the first is in line %d", k.Value, line)
			continue
		}
		first[k.Value] = k.Line
		members = append(members, abi.Member{Name: k.Value, Value: r.value(n.Content[i+1])})
	}
	return abi.ObjectValue(members...)
}

// numberValue reads a number as requests have them: exact where 64 bits hold it, else the nearest decimal.
func (r *reader) numberValue(n *yaml.Node) abi.Value {
	if whole, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		return abi.IntValue(whole)
	}
	f, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !isDecimal(trimSign(n.Value)) {
		r.fail(n, "write it in decimal digits, or in quotes if it is a string", "%s is no number of JSON", n.Value)
	}
	return abi.FloatValue(f)
}

func trimSign(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[1:]
	}
	return s
}
