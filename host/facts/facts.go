package facts

import (
	"strings"

	"agentmesh/host/scan"
	"agentmesh/pdk/abi"
)

// Where says where a server's files are.
type Where uint8

// Somewhere is not known and leaves resource.local absent. Here is this machine: symbolic links are followed. Elsewhere,
// paths name nothing here.
const (
	Somewhere Where = iota
	Here
	Elsewhere
)

// Config is what an Extractor knows of the server before any call. The zero Config knows nothing.
type Config struct {
	// Table is the tool table; nil is an empty one.
	Table *Table
	// Package finds the server's rows in the table (ServerName of its command line); empty: the call's server does.
	Package string
	// Roots are the folders the server may work in.
	Roots []string
	// Home and Dir are the home folder and the working folder of the server, absolute; empty is unknown.
	Home, Dir string
	// Where the server's files are.
	Where Where
}

// Call is one request of a client, decoded.
type Call struct {
	// Server is action.server; Tool is empty for methods other than tools/call.
	Server, Tool, Method, Protocol, Stage string
	// Arguments is an object: the tool's arguments, or the parameters of another method.
	Arguments abi.Value
	// Annotations are the tool's own, from its list.
	Annotations abi.Value
	// Given are facts the caller states (POST /v1/decide). Without Arguments, Given.Data stands for them.
	Given abi.Request
}

// Facts are the parts of a request that Extract knows.
type Facts struct {
	Action, Tool, Data, Resource abi.Value
	// Row is the row of the table that was used; nil when there is none.
	Row *Row
}

// Into puts the facts into a request; parts that Extract knows nothing of stay.
func (f *Facts) Into(q *abi.Request) {
	q.Action, q.Data, q.Resource = f.Action, f.Data, f.Resource
	if f.Tool.Exists() {
		q.Tool = f.Tool
	}
}

// Extractor gathers facts for the calls to one server. It is safe for concurrent use.
type Extractor struct {
	table     *Table
	pkg       string
	roots     []root
	home, dir string
	where     Where
}

// root is a folder a server may work in, as named and with its links followed.
type root struct{ named, real string }

// New makes an Extractor.
func New(c Config) *Extractor {
	x := &Extractor{table: c.Table, pkg: c.Package, home: c.Home, dir: c.Dir, where: c.Where}
	if x.table == nil {
		x.table = &Table{Sensitive: &Places{}}
	}
	for _, r := range c.Roots {
		for _, s := range spellings(nil, r)[:1] {
			named := x.absolute(s, x.dir)
			real := named
			if c.Where != Elsewhere && strings.HasPrefix(named, "/") {
				real, _ = resolve(named)
			}
			x.roots = append(x.roots, root{named, real})
		}
	}
	return x
}

// Extract gathers the facts of a call. It never fails: what cannot be understood has type unknown.
func (x *Extractor) Extract(c *Call) Facts {
	g := gatherer{x: x, call: c}
	return g.run()
}

// gatherer collects the facts of one call.
type gatherer struct {
	x       *Extractor
	call    *Call
	args    abi.Value
	row     *Row
	remote  bool
	base    string
	typ     Type
	openTyp string // a type of the caller's own words

	paths, hosts, urls          []string
	sql                         []abi.Value
	k8s                         abi.Value
	command                     string
	outside, sensitive, private bool
	sawPath                     bool
	found                       scan.Set

	explain bool
	notes   []Note
	arg     string // the argument being looked at, for notes
}

func (g *gatherer) run() Facts {
	g.args = g.call.Arguments
	if !g.args.Exists() {
		g.args = g.call.Given.Data
	}
	g.base = g.x.dir
	if len(g.x.roots) > 0 {
		g.base = g.x.roots[0].named
	}
	g.remote = g.x.where == Elsewhere
	g.classify()
	g.given()
	g.scan("", g.args)
	return Facts{Action: g.action(), Tool: g.tool(), Data: g.data(), Resource: g.resource(), Row: g.row}
}

// classify decides the type by method and table and looks at the arguments in their roles.
func (g *gatherer) classify() {
	switch m := g.call.Method; {
	case m == "" && g.call.Tool != "", m == "tools/call":
		g.toolCall()
	case m == "resources/read", m == "resources/subscribe", m == "resources/unsubscribe":
		g.typ = Read
		g.note("action.type", string(Read), "the method "+m+" reads")
		g.arg = "uri"
		if uri, ok := g.args.Get("uri").Str(); ok {
			g.addLocation(uri)
		}
	case m == "subscriptions/listen": // what resources/subscribe became in 2026-07-28
		g.typ = Read
		g.note("action.type", string(Read), "the method "+m+" subscribes to what can be read")
		g.arg = "resourceSubscriptions"
		g.each(g.args.Get("notifications").Get("resourceSubscriptions"), argument{"[]"}, (*gatherer).addLocation)
	case m == "prompts/get":
		g.typ = Read
		g.note("action.type", string(Read), "the method "+m+" reads")
		g.guess("", g.args.Get("arguments")) // published servers visit addresses and run commands to fill a prompt
	case m == "":
	default:
		g.typ = Unknown
		g.note("action.type", string(Unknown), "the method "+m+" is none whose effect is known")
		g.guess("", g.args)
	}
}

func (g *gatherer) toolCall() {
	server := g.x.pkg
	if server == "" {
		server = g.call.Server
	}
	g.row = g.x.table.Find(server, g.call.Tool)
	if g.row == nil {
		g.typ = Unknown
		g.note("action.type", string(Unknown), "the tool table has no row for tool "+quote(g.call.Tool)+" of server "+quote(server))
		g.guess("", g.args)
		return
	}
	g.remote = g.remote || g.row.Remote
	g.rowType()
	g.roles()
	if g.typ == "" {
		g.typ = Unknown
		g.note("action.type", string(Unknown), "the argument that decides it is missing")
	}
	g.tighten()
}

// rowType is the type the row states, perhaps by the value of an argument.
func (g *gatherer) rowType() {
	g.typ = g.row.Type
	because := "the tool table's row for " + g.row.Server.Name + " " + g.call.Tool
	if g.row.By != "" {
		arg := g.args.Get(g.row.By)
		value := strings.ToLower(strings.TrimSpace(scalar(arg)))
		// The empty value stands for an argument that is not there, not for one whose value is blank or no word.
		if t, ok := g.row.ByType[value]; ok && (value != "" || absent(arg)) {
			g.typ = t
			because += ", argument " + g.row.By + " being " + quote(value)
		}
	}
	if g.typ != "" {
		g.note("action.type", string(g.typ), because)
	}
	if g.row.Sensitive {
		g.sensitive = true
		g.note("resource.sensitive", "true", "what this tool gives is sensitive, says "+because)
	}
}

func absent(v abi.Value) bool {
	s, isText := v.Str()
	return !v.Exists() || v.Kind() == abi.Null || isText && s == ""
}

// scalar is a string, or the text of true and false.
func scalar(v abi.Value) string {
	if b, ok := v.Bool(); ok {
		if b {
			return "true"
		}
		return "false"
	}
	return v.Text()
}

// tighten lets a server's annotations contradict a row that calls the tool a reading one. They never loosen. They speak of
// the tool as a whole, so where the row goes by the arguments of the call at hand, it knows better.
func (g *gatherer) tighten() {
	if g.typ != Read && g.typ != APICall || g.row.By != "" || g.row.K8s != nil {
		return
	}
	readOnly, said := g.call.Annotations.Get("readOnlyHint").Bool()
	if readOnly {
		return
	}
	if g.call.Annotations.Get("destructiveHint").IsTrue() {
		g.strengthen(Delete, "the server's annotation destructiveHint")
	} else if said {
		g.strengthen(Write, "the server's annotation readOnlyHint: false")
	}
}

// strengthen raises the type where the new one is stronger.
func (g *gatherer) strengthen(t Type, because string) {
	if g.typ == "" || t.strength() > g.typ.strength() {
		g.typ = t
		g.note("action.type", string(t), because)
	}
}

// roles looks at every argument as the row says; what the row does not know is guessed at.
func (g *gatherer) roles() {
	r := g.row
	if r.Base != "" {
		g.arg = r.Base
		if s, ok := g.args.Get(r.Base).Str(); ok {
			g.addPath(s)
			g.base = g.x.absolute(spellings(nil, s)[0], g.base)
		}
	}
	for _, m := range g.args.Items() {
		if m.Name == r.Base || r.plain[m.Name] {
			continue
		}
		g.arg = m.Name
		used := g.roleOf(r.Paths, m, (*gatherer).addFile)
		used = g.roleOf(r.URLs, m, (*gatherer).addURL) || used
		used = g.roleOf(r.SQL, m, (*gatherer).addSQL) || used
		if has(r.Command, m.Name) {
			g.addCommand(m.Value)
			used = true
		}
		if !used && (r.K8s == nil || !r.K8s.uses(m.Name)) && m.Name != r.By {
			g.guess(m.Name, m.Value)
		}
	}
	g.arg = ""
	if r.K8s != nil {
		g.addK8s(r.K8s)
	}
}

func has(places []argument, name string) bool {
	for _, a := range places {
		if a[0] == name {
			return true
		}
	}
	return false
}

func (g *gatherer) roleOf(places []argument, m abi.Member, take func(*gatherer, string)) bool {
	used := false
	for _, a := range places {
		if a[0] == m.Name {
			g.each(m.Value, a[1:], take)
			used = true
		}
	}
	return used
}

// each hands on every string at a place; where the value has another shape than the table says, every string in it.
func (g *gatherer) each(v abi.Value, steps argument, take func(*gatherer, string)) {
	if s, ok := v.Str(); ok {
		take(g, s)
		return
	}
	if len(steps) > 0 && steps[0] != "[]" && v.Kind() == abi.Object {
		if below := v.Get(steps[0]); below.Exists() {
			g.each(below, steps[1:], take)
			return
		}
	}
	if len(steps) > 0 && steps[0] == "[]" {
		steps = steps[1:]
	}
	for _, m := range v.Items() {
		g.each(m.Value, steps, take)
	}
}

// scan looks for personal data and secrets in every string, names included.
func (g *gatherer) scan(name string, v abi.Value) {
	if s, ok := v.Str(); ok {
		g.scanText(name, s)
		return
	}
	for _, m := range v.Items() {
		if m.Name != "" {
			name = m.Name
			if len(name) >= 8 {
				g.scanText(name, name)
			}
		}
		g.scan(name, m.Value)
	}
}

func (g *gatherer) scanText(name, s string) {
	found := scan.Find(s, scan.PII|scan.Secret)
	if found.Empty() && len(name) > 2 && len(s) < 512 {
		found = scan.FindValue(name, s)
	}
	if found.Empty() {
		return
	}
	g.found.Union(found)
	if g.explain {
		for _, k := range found.Names(scan.PII) {
			g.note("data.pii", k, "found in argument "+name)
		}
		for _, k := range found.Names(scan.Secret) {
			g.note("data.secrets", k, "found in argument "+name)
		}
	}
}
