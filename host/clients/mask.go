package clients

import (
	"strings"

	"github.com/tailscale/hujson"

	"agentmesh/host/scan"
)

// masked stands in the place of a value that may be nobody's business.
const masked = `"***"`

// Masked is the file as it may be shown: every text in it is masked but names, and of the servers what is started. Of
// their arguments, and of comments, known secrets and the values of names that promise one are masked.
func (f *File) Masked() []byte {
	if f.doc.root == nil {
		return f.src
	}
	m := mask{entries: map[*hujson.Object]bool{}}
	for i := range f.Servers {
		if o := f.Servers[i].entry.object; o != nil {
			m.entries[o] = true
		}
	}
	m.object(f.doc.root)
	out, err := f.doc.apply(m.edits)
	if err != nil {
		return nil // edits of one walk are in order
	}
	shown, _ := scan.Scrub(string(out), true)
	return []byte(shown)
}

// mask gathers what is to be masked, in the order of the file.
type mask struct {
	entries map[*hujson.Object]bool
	edits   []edit
}

func (m *mask) object(o *hujson.Object) {
	for i := range o.Members {
		member := &o.Members[i]
		list, isList := member.Value.Value.(*hujson.Array)
		switch name := nameOf(member); {
		case m.entries[o] && name == "args" && isList:
			m.arguments(list)
		case m.entries[o] && (name == "command" || name == "type"):
			m.word("", &member.Value)
		default:
			m.value(&member.Value)
		}
	}
}

func (m *mask) value(v *hujson.Value) {
	switch x := v.Value.(type) {
	case *hujson.Object:
		m.object(x)
	case *hujson.Array:
		for i := range x.Elements {
			m.value(&x.Elements[i])
		}
	case hujson.Literal:
		if x.Kind() == '"' && x.String() != "" {
			m.hide(v)
		}
	}
}

func (m *mask) hide(v *hujson.Value) {
	m.edits = append(m.edits, edit{v.StartOffset, v.EndOffset, []byte(masked)})
}

// arguments masks those that hold a secret, or are given to a flag that takes one.
func (m *mask) arguments(list *hujson.Array) {
	flag := ""
	for i := range list.Elements {
		e := &list.Elements[i]
		word, ok := text(e)
		if !ok {
			m.value(e)
			continue
		}
		m.word(flag, e)
		flag = ""
		if strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
			flag = strings.TrimLeft(word, "-")
		}
	}
}

// word masks a text that is a secret by itself, as NAME=VALUE, or as the value of a flag.
func (m *mask) word(flag string, v *hujson.Value) {
	word, ok := text(v)
	if !ok {
		m.value(v)
		return
	}
	name, value, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if !scan.Find(word, scan.Secret).Empty() || value != "" && promising(name) || promising(flag) {
		m.hide(v)
	}
}

// promising reports whether what has the name may be a secret. One too many masked does no harm.
func promising(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"key", "token", "secret", "pass", "pwd", "auth", "credential", "header", "bearer", "cookie"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
