package facts

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// TableError is one mistake in a tool table, with its place.
type TableError struct {
	File         string
	Line, Column int
	Message      string
}

// Error is "file:line:column: message".
func (e *TableError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// TableErrors are all mistakes of a table, in the order of the file.
type TableErrors []*TableError

// Error lists them, one a line.
func (es TableErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// LoadTable reads a tool table strictly: an unknown or doubled key, a wrong type or a tool listed twice is an error, and
// all errors come at once (TableErrors).
func LoadTable(file string, text []byte) (*Table, error) {
	l := &loader{file: file}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read tool table %s: %w", file, err)
	}
	t := &Table{Sensitive: &Places{}}
	if len(doc.Content) > 0 {
		l.table(doc.Content[0], t)
	}
	if len(l.errs) > 0 {
		return nil, l.errs
	}
	t.index()
	return t, nil
}

type loader struct {
	file string
	errs TableErrors
}

func (l *loader) fail(n *yaml.Node, format string, args ...any) {
	l.errs = append(l.errs, &TableError{l.file, n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// each calls take for every key of a mapping; take says whether it knows the key.
func (l *loader) each(n *yaml.Node, what string, known string, take func(key string, value *yaml.Node) bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		l.fail(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if seen[key.Value] {
			l.fail(key, "key %q stands twice in this %s", key.Value, what)
			continue
		}
		seen[key.Value] = true
		if !take(key.Value, n.Content[i+1]) {
			l.fail(key, "unknown key %q in this %s%s; it takes %s", key.Value, what, hint(key.Value, known), known)
		}
	}
}

// hint guesses the key that was meant: one edit away, or the same word in another form.
func hint(key, known string) string {
	for _, k := range strings.Fields(known) {
		if strings.EqualFold(k, key) || near(k, key) {
			return fmt.Sprintf(" (did you mean %q?)", k)
		}
	}
	return ""
}

// near reports whether one insertion, deletion, change or swap makes a into b.
func near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i == len(a) || a[i+1:] == b[i+1:] ||
			i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	}
	return a[i:] == b[i+1:]
}

func (l *loader) table(n *yaml.Node, t *Table) {
	l.each(n, "table", "servers sensitive", func(key string, v *yaml.Node) bool {
		switch key {
		case "servers":
			l.items(v, "servers", func(n *yaml.Node) { l.server(n, t) })
		case "sensitive":
			l.items(v, "sensitive", func(n *yaml.Node) {
				if err := t.Sensitive.add(n.Value); err != nil || n.Kind != yaml.ScalarNode {
					l.fail(n, "bad place %q: %v", n.Value, err)
				}
			})
		default:
			return false
		}
		return true
	})
}

func (l *loader) items(n *yaml.Node, what string, item func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		l.fail(n, "%s must be a list", what)
		return
	}
	for _, c := range n.Content {
		item(c)
	}
}

func (l *loader) server(n *yaml.Node, t *Table) {
	s := &Server{byTool: map[string]*Row{}}
	var tools *yaml.Node
	l.each(n, "server", "name match local dialect plain tools", func(key string, v *yaml.Node) bool {
		switch key {
		case "name":
			s.Name = l.text(v, key)
		case "match":
			s.Match = l.texts(v, key)
		case "local":
			s.Remote = !l.flag(v, key)
		case "dialect":
			s.Dialect = l.dialect(v)
		case "plain":
			s.Plain = l.texts(v, key)
		case "tools":
			tools = v
		default:
			return false
		}
		return true
	})
	if s.Name == "" {
		l.fail(n, "a server needs a name")
	}
	for _, other := range t.Servers {
		if other.Name == s.Name {
			l.fail(n, "server %q stands twice", s.Name)
		}
	}
	if tools != nil {
		l.items(tools, "tools", func(n *yaml.Node) { l.row(n, s) })
	}
	t.Servers = append(t.Servers, s)
}

func (l *loader) dialect(n *yaml.Node) string {
	d := l.text(n, "dialect")
	switch d {
	case "postgres", "mysql", "sqlite":
	default:
		l.fail(n, "unknown dialect %q; there are postgres, mysql and sqlite", d)
	}
	return d
}

const rowKeys = "names type by local paths base urls sql command k8s sensitive plain"

func (l *loader) row(n *yaml.Node, s *Server) {
	r := &Row{Server: s, Remote: s.Remote, plain: map[string]bool{}}
	l.each(n, "tool row", rowKeys, func(key string, v *yaml.Node) bool {
		switch key {
		case "names":
			r.Names = l.texts(v, key)
		case "type":
			r.Type = l.typ(v)
		case "by":
			l.by(v, r)
		case "local":
			r.Remote = !l.flag(v, key)
		case "paths":
			r.Paths = l.arguments(v, key)
		case "base":
			r.Base = l.text(v, key)
		case "urls":
			r.URLs = l.arguments(v, key)
		case "sql":
			r.SQL = l.arguments(v, key)
		case "command":
			r.Command = l.arguments(v, key)
		case "k8s":
			r.K8s = l.k8s(v)
		case "sensitive":
			r.Sensitive = l.flag(v, key)
		case "plain":
			for _, p := range l.texts(v, key) {
				r.plain[p] = true
			}
		default:
			return false
		}
		return true
	})
	l.finish(n, r, s)
}

func (l *loader) finish(n *yaml.Node, r *Row, s *Server) {
	for _, p := range s.Plain {
		r.plain[p] = true
	}
	if len(r.Names) == 0 {
		l.fail(n, "a tool row needs names")
	}
	if r.Type == "" && len(r.SQL) == 0 && r.K8s == nil {
		l.fail(n, "a tool row needs a type unless sql or k8s decides it")
	}
	if len(r.SQL) > 0 && s.Dialect == "" {
		l.fail(n, "the server of an sql row needs a dialect")
	}
	for _, name := range r.Names {
		if s.byTool[name] != nil {
			l.fail(n, "tool %q of server %q stands in two rows", name, s.Name)
		}
		s.byTool[name] = r
	}
	s.Tools = append(s.Tools, r)
}

func (l *loader) typ(n *yaml.Node) Type {
	t := Type(l.text(n, "type"))
	if !t.known() {
		l.fail(n, "unknown type %q; there are read write delete execute network export api_call unknown", t)
	}
	return t
}

func (l *loader) by(n *yaml.Node, r *Row) {
	r.ByType = map[string]Type{}
	l.each(n, "by", "argument types", func(key string, v *yaml.Node) bool {
		switch key {
		case "argument":
			r.By = l.text(v, key)
		case "types":
			if v.Kind != yaml.MappingNode {
				l.fail(v, "types must be a mapping")
				return true
			}
			for i := 0; i+1 < len(v.Content); i += 2 {
				r.ByType[strings.ToLower(v.Content[i].Value)] = l.typ(v.Content[i+1])
			}
		default:
			return false
		}
		return true
	})
	if r.By == "" {
		l.fail(n, "by needs an argument")
	}
}

func (l *loader) k8s(n *yaml.Node) *k8sRow {
	k := &k8sRow{}
	l.each(n, "k8s", "verb resource namespace name manifest", func(key string, v *yaml.Node) bool {
		switch key {
		case "verb":
			k.Verb = l.text(v, key)
		case "resource":
			k.Resource = l.text(v, key)
		case "namespace":
			k.Namespace = l.text(v, key)
		case "name":
			k.Name = l.text(v, key)
		case "manifest":
			k.Manifest = l.text(v, key)
		default:
			return false
		}
		return true
	})
	if k.Verb == "" {
		l.fail(n, "k8s needs a verb")
	}
	return k
}

func (l *loader) text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		l.fail(n, "%s must be a string that is not empty", what)
	}
	return n.Value
}

func (l *loader) flag(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		l.fail(n, "%s must be true or false", what)
	}
	return n.Value == "true"
}

func (l *loader) texts(n *yaml.Node, what string) []string {
	var out []string
	l.items(n, what, func(n *yaml.Node) { out = append(out, l.text(n, "each of "+what)) })
	return out
}

// arguments reads places such as "edits[].path".
func (l *loader) arguments(n *yaml.Node, what string) []argument {
	var out []argument
	for _, s := range l.texts(n, what) {
		var a argument
		for _, part := range strings.Split(s, ".") {
			name, list := strings.CutSuffix(part, "[]")
			if name == "" || strings.ContainsAny(name, "[]") {
				l.fail(n, "bad argument %q in %s; write name, name[] or name[].member", s, what)
				continue
			}
			a = append(a, name)
			if list {
				a = append(a, "[]")
			}
		}
		out = append(out, a)
	}
	return out
}
