package clients

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// State is what stands before a server.
type State uint8

// The states of an entry.
const (
	Broken  State = iota // not understood; see [Server.Why]
	Bare                 // over standard input and output, with nothing before it
	Wrapped              // behind agentmesh proxy
	Remote               // reached by URL
)

// String is the state in one word.
func (s State) String() string { return []string{"broken", "bare", "wrapped", "remote"}[s] }

// Server is one entry of a configuration.
type Server struct {
	// Name is the entry's key.
	Name string
	// Scope is the project folder that the entry is for, where one file serves several.
	Scope string
	State State
	// Why says what is wrong with a broken entry, and how a remote one is reached (transport alone: URLs hold secrets).
	Why string
	// Line is where in the file the entry's name stands.
	Line int
	// Command is what starts the server itself, without its arguments, which may hold secrets.
	Command string
	// Proxy is what stands before it; nil unless State is Wrapped.
	Proxy *Proxy
	// Notes are things about the entry that its owner should know.
	Notes []string

	entry entry
}

// Proxy is how an entry starts agentmesh proxy.
type Proxy struct {
	// Binary is the program, as the entry names it.
	Binary string
	// Policies are as given; none means what the proxy's configuration says, or strict.
	Policies []string
	Agent    string
	// Monitor: everything is recorded and nothing refused.
	Monitor bool
	// Ours: the entry was written by [File.Wrap], so [File.Unwrap] can give back what was there.
	Ours bool
}

// File is a configuration as it was read.
type File struct {
	Place
	// Servers are all its entries, in its order.
	Servers []Server

	src []byte
	doc *document
}

// Parse reads a configuration. Faults of the JSON are a *[SyntaxError]; faults of entries are told by the entries.
func Parse(p Place, src []byte) (*File, error) {
	doc, err := parseDocument(p.Path, src)
	if err != nil {
		return nil, err
	}
	f := &File{Place: p, src: src, doc: doc}
	if doc.root == nil {
		return f, nil
	}
	for _, s := range p.shapes {
		if err := f.collect(doc.root, s, ""); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(f.Servers, func(a, b Server) int { return a.entry.at - b.entry.at })
	return f, nil
}

// Source is the file as it was read.
func (f *File) Source() []byte { return f.src }

// collect follows a shape down to the objects that hold servers.
func (f *File) collect(o *hujson.Object, s shape, scope string) error {
	for i := range o.Members {
		m := &o.Members[i]
		name := nameOf(m)
		if s[0] != "*" && s[0] != name {
			continue
		}
		inner, ok := m.Value.Value.(*hujson.Object)
		if !ok {
			if string(f.doc.raw(&m.Value)) == "null" || len(s) > 1 {
				continue // switched off, or a setting of another kind
			}
			return f.doc.fault(m.Value.StartOffset, fmt.Sprintf("%q must be an object of servers", name))
		}
		if s[0] == "*" {
			scope = name
		}
		if len(s) == 1 {
			f.add(inner, scope)
		} else if err := f.collect(inner, s[1:], scope); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) add(servers *hujson.Object, scope string) {
	for i := range servers.Members {
		m := &servers.Members[i]
		line, _ := f.doc.position(m.Name.StartOffset)
		s := Server{Name: nameOf(m), Scope: scope, Line: line}
		s.entry = entry{at: m.Name.StartOffset, name: &m.Name}
		f.classify(&s, &m.Value)
		f.Servers = append(f.Servers, s)
	}
}

// entry are the parts of a server's entry that are read or edited.
type entry struct {
	at      int // offset of the name
	name    *hujson.Value
	object  *hujson.Object
	command *hujson.ObjectMember
	args    *hujson.ObjectMember // nil: there is none
	list    []hujson.Value       // the elements of args
	words   []string             // the same, decoded
	call    *call                // how it starts agentmesh proxy; nil: not at all
}

// urlNames are how clients call the address of a server.
func urlNames() []string { return []string{"url", "serverUrl", "httpUrl"} }

// classify finds out what an entry is.
func (f *File) classify(s *Server, v *hujson.Value) {
	broken := func(at int, format string, args ...any) {
		line, column := f.doc.position(at)
		s.State, s.Why = Broken, fmt.Sprintf("line %d, column %d: ", line, column)+fmt.Sprintf(format, args...)
	}
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		broken(v.StartOffset, "the entry is no object")
		return
	}
	s.entry.object = o
	if at, name := twice(o); name != "" {
		broken(at, "%q stands twice, and clients differ in which they take", name)
		return
	}
	if kind := remoteKind(o); kind != "" {
		s.State, s.Why = Remote, kind
		return
	}
	s.entry.command = member(o, "command")
	if s.entry.command == nil {
		broken(s.entry.at, "the entry has neither command nor url")
		return
	}
	command, ok := text(&s.entry.command.Value)
	if !ok || strings.TrimSpace(command) == "" {
		broken(s.entry.command.Value.StartOffset, `"command" must be a text that names a program`)
		return
	}
	s.Command = command
	if at := s.entry.readArgs(); at >= 0 {
		broken(at, `"args" must be a list of texts`)
		return
	}
	s.Notes = environNotes(o)
	s.State = Bare
	c, isProxy := readCall(s.entry.words)
	if !isProxy || !isProgram(command) && !c.ours() { // our own entries are known whatever the program is called
		return
	}
	if c.server < 0 {
		broken(s.entry.command.Value.StartOffset, "it starts agentmesh proxy without a server")
		return
	}
	s.entry.call = c
	s.State, s.Command = Wrapped, c.command()
	s.Proxy = &Proxy{Binary: command, Policies: c.values("policy"), Agent: c.value("agent"), Monitor: c.has("monitor"), Ours: c.ours()}
	s.Notes = append(s.Notes, s.Proxy.notes()...)
}

// readArgs reads the list of arguments; it returns where it is no list of texts, -1 if nowhere.
func (e *entry) readArgs() int {
	e.args = member(e.object, "args")
	if e.args == nil {
		return -1
	}
	v := &e.args.Value
	switch list := v.Value.(type) {
	case hujson.Literal:
		if list.Kind() != 'n' {
			return v.StartOffset
		}
	case *hujson.Array:
		for i := range list.Elements {
			word, ok := text(&list.Elements[i])
			if !ok {
				return list.Elements[i].StartOffset
			}
			e.words = append(e.words, word)
		}
		e.list = list.Elements
	default:
		return v.StartOffset
	}
	return -1
}

// remoteKind says how an entry is reached by URL, empty when it starts a program. One that has both counts as remote: a
// client may take the URL.
func remoteKind(o *hujson.Object) string {
	kind := ""
	if m := member(o, "type"); m != nil {
		kind, _ = text(&m.Value)
	}
	switch strings.ToLower(kind) {
	case "http", "sse", "ws", "websocket", "streamable-http", "streamablehttp", "streamable_http":
		return kind
	}
	for _, name := range urlNames() {
		if m := member(o, name); m != nil {
			if member(o, "command") != nil {
				return "has both a command and a URL"
			}
			return "by URL"
		}
	}
	return ""
}

func member(o *hujson.Object, name string) *hujson.ObjectMember {
	for i := range o.Members {
		if nameOf(&o.Members[i]) == name {
			return &o.Members[i]
		}
	}
	return nil
}

// twice finds a name that stands twice among those that decide what is started.
func twice(o *hujson.Object) (at int, name string) {
	seen := map[string]bool{}
	for i := range o.Members {
		name := nameOf(&o.Members[i])
		if !slices.Contains(append(urlNames(), "command", "args", "type", "env"), name) {
			continue
		}
		if seen[name] {
			return o.Members[i].Name.StartOffset, name
		}
		seen[name] = true
	}
	return 0, ""
}

// environNotes tells of variables in an entry that would govern the proxy before it.
func environNotes(o *hujson.Object) []string {
	m := member(o, "env")
	if m == nil {
		return nil
	}
	env, ok := m.Value.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	var out []string
	for i := range env.Members {
		if name := nameOf(&env.Members[i]); strings.HasPrefix(strings.ToUpper(name), "AGENTMESH_") {
			out = append(out, name+" in its env governs the proxy")
		}
	}
	return out
}

// notes are what the owner of a wrapped entry should know.
func (p *Proxy) notes() []string {
	var out []string
	if p.Monitor {
		out = append(out, "monitor: nothing is refused")
	}
	if !filepath.IsAbs(p.Binary) {
		out = append(out, "agentmesh is found by PATH; name it by its absolute path")
	}
	if !p.Ours {
		out = append(out, "wrapped by hand")
	}
	return out
}

// isProgram reports whether a command is agentmesh, by its name.
func isProgram(command string) bool {
	base := command[strings.LastIndexAny(command, `/\`)+1:]
	return strings.EqualFold(strings.TrimSuffix(strings.ToLower(base), ".exe"), "agentmesh")
}
