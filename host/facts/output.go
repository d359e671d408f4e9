package facts

import (
	"strconv"

	"agentmesh/host/scan"
	"agentmesh/pdk/abi"
)

// given adds what the caller stated. Lists grow, booleans are OR-ed, and a stated type counts where the host knows none
// or a weaker one.
func (g *gatherer) given() {
	if t, ok := g.call.Given.Action.Get("type").Str(); ok {
		g.givenType(t)
	}
	r := g.call.Given.Resource
	g.arg = "resource of the caller"
	for _, m := range r.Get("paths").Items() {
		g.addLocation(m.Value.Text())
	}
	for _, m := range r.Get("urls").Items() {
		g.addURL(m.Value.Text())
	}
	for _, m := range r.Get("hosts").Items() {
		g.addHost(m.Value.Text())
	}
	for _, m := range r.Get("sql").Items() {
		g.sql = append(g.sql, m.Value)
	}
	if s, ok := r.Get("command").Str(); ok && g.command == "" {
		g.addCommandText(s)
	}
	if k := r.Get("k8s"); k.Exists() && !g.k8s.Exists() {
		g.k8s = k
	}
	g.arg = ""
}

func (g *gatherer) givenType(t string) {
	switch {
	case g.row == nil && (g.call.Method == "" || g.call.Method == "tools/call"):
		g.openTyp = t
		g.note("action.type", t, "the caller says so and the tool table knows nothing better")
	case Type(t).known():
		g.strengthen(Type(t), "the caller says so")
	}
}

func (g *gatherer) action() abi.Value {
	given := g.call.Given.Action
	typ := string(g.typ)
	if g.openTyp != "" {
		typ = g.openTyp
	}
	ms := make([]abi.Member, 0, 8)
	ms = text(ms, "type", typ, abi.Value{})
	ms = text(ms, "tool", g.call.Tool, given.Get("tool"))
	ms = text(ms, "server", g.call.Server, given.Get("server"))
	ms = text(ms, "method", g.call.Method, given.Get("method"))
	ms = text(ms, "protocol", g.call.Protocol, given.Get("protocol"))
	ms = text(ms, "stage", g.call.Stage, given.Get("stage"))
	for _, m := range given.Items() {
		if !member(ms, m.Name) {
			ms = append(ms, m)
		}
	}
	return abi.ObjectValue(ms...)
}

// text adds a string member, or the other value when the string is empty.
func text(ms []abi.Member, name, s string, other abi.Value) []abi.Member {
	if s != "" {
		other = abi.StringValue(s)
	}
	if other.Exists() {
		ms = append(ms, abi.Member{Name: name, Value: other})
	}
	return ms
}

func member(ms []abi.Member, name string) bool {
	for i := range ms {
		if ms[i].Name == name {
			return true
		}
	}
	return false
}

func (g *gatherer) tool() abi.Value {
	t := g.call.Given.Tool
	if g.call.Annotations.Exists() {
		t = t.With("annotations", g.call.Annotations)
	}
	return t
}

// data is the arguments and, in place of arguments of those names, what was found in them.
func (g *gatherer) data() abi.Value {
	pii, secrets := g.found.Names(scan.PII), g.found.Names(scan.Secret)
	for _, from := range [...]abi.Value{g.call.Given.Data, g.args} {
		pii = union(pii, from.Get("pii"))
		secrets = union(secrets, from.Get("secrets"))
	}
	ms := make([]abi.Member, 0, g.args.Len()+4)
	ms = appendOthers(ms, g.args)
	ms = appendOthers(ms, g.call.Given.Data)
	said := func(name string) bool {
		return g.call.Given.Data.Get(name).IsTrue() || g.args.Get(name).IsTrue()
	}
	return abi.ObjectValue(append(ms,
		abi.Member{Name: "contains_pii", Value: abi.BoolValue(len(pii) > 0 || said("contains_pii"))},
		abi.Member{Name: "contains_secret", Value: abi.BoolValue(len(secrets) > 0 || said("contains_secret"))},
		abi.Member{Name: "pii", Value: abi.StringsValue(pii)},
		abi.Member{Name: "secrets", Value: abi.StringsValue(secrets)})...)
}

func appendOthers(ms []abi.Member, from abi.Value) []abi.Member {
	if from.Kind() != abi.Object {
		return ms
	}
	known := len(ms)
	for _, m := range from.Items() {
		switch m.Name {
		case "contains_pii", "contains_secret", "pii", "secrets":
			continue
		}
		if !member(ms[:known], m.Name) {
			ms = append(ms, m)
		}
	}
	return ms
}

func union(list []string, v abi.Value) []string {
	if v.Kind() != abi.List {
		return list
	}
	for _, m := range v.Items() {
		if s, ok := m.Value.Str(); ok {
			list = appendNew(list, s)
		}
	}
	return list
}

func (g *gatherer) resource() abi.Value {
	given := g.call.Given.Resource
	ms := make([]abi.Member, 0, 12)
	add := func(name string, v abi.Value) { ms = append(ms, abi.Member{Name: name, Value: v}) }
	add("paths", abi.StringsValue(g.paths))
	if v, ok := g.outsideRoots(); ok || given.Get("outside_roots").Exists() {
		add("outside_roots", either(v, given.Get("outside_roots")))
	}
	if g.sensitive || g.row != nil || g.sawPath || given.Get("sensitive").Exists() {
		add("sensitive", either(g.sensitive, given.Get("sensitive")))
	}
	add("hosts", abi.StringsValue(g.hosts))
	add("urls", abi.StringsValue(g.urls))
	add("private_hosts", either(g.private, given.Get("private_hosts")))
	add("sql", abi.ListValue(g.sql...))
	if g.k8s.Exists() {
		add("k8s", g.k8s)
	}
	if g.command != "" {
		add("command", abi.StringValue(g.command))
	}
	switch {
	case g.remote:
		add("local", abi.BoolValue(false))
	case g.x.where == Here:
		add("local", abi.BoolValue(true))
	case given.Get("local").Exists():
		add("local", given.Get("local"))
	}
	for _, m := range given.Items() {
		if !member(ms, m.Name) {
			ms = append(ms, m)
		}
	}
	return abi.ObjectValue(ms...)
}

// outsideRoots is known where the paths are on this machine or there are roots to hold them against, and either a path
// was found or the row accounts for the arguments.
func (g *gatherer) outsideRoots() (outside, known bool) {
	if g.remote || (g.x.where != Here && len(g.x.roots) == 0) {
		return false, false
	}
	return g.outside, g.sawPath || g.row != nil
}

// either is true when one of both is; another value of the caller's than a boolean stays visible as such.
func either(found bool, given abi.Value) abi.Value {
	if _, ok := given.Bool(); !found && given.Exists() && !ok {
		return given
	}
	return abi.BoolValue(found || given.IsTrue())
}

// Note is one fact and why it is held.
type Note struct {
	Fact    string `json:"fact"`
	Value   string `json:"value"`
	Because string `json:"because"`
}

// Explain gathers the facts of a call and says why each is held, in the order they were found.
func (x *Extractor) Explain(c *Call) (Facts, []Note) {
	g := gatherer{x: x, call: c, explain: true}
	f := g.run()
	return f, g.notes
}

func (g *gatherer) note(fact, value, because string) {
	if !g.explain {
		return
	}
	if g.arg != "" && fact != "action.type" {
		because = "argument " + g.arg + ": " + because
	}
	n := Note{fact, value, because}
	for _, old := range g.notes {
		if old == n {
			return
		}
	}
	g.notes = append(g.notes, n)
}

func quote(s string) string { return strconv.Quote(s) }
