package clients

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// unwrap gives back what stood before the proxy was put there.
func (f *File) unwrap(s *Server) []edit {
	e, c := &s.entry, s.entry.call
	m := c.find(marker)
	kind, original, _ := strings.Cut(m.value, ":")
	spelled := f.doc.raw(&e.list[m.at+1])
	_, tail, _ := bytes.Cut(spelled, []byte(":"))
	command := slices.Concat([]byte(`"`), tail)
	if !sameProgram(original, c.command()) || len(tail) == 0 {
		command = f.doc.raw(&e.list[c.server]) // the owner has put another program there since
	}
	edits := []edit{{e.command.Value.StartOffset, e.command.Value.EndOffset, command}}
	if c.server+1 < len(e.list) {
		return append(edits, edit{e.list[0].StartOffset, e.list[c.server+1].StartOffset, nil})
	}
	switch kind {
	case argsNone:
		return append(edits, f.removal(e.object, e.args))
	case argsNull:
		return append(edits, edit{e.args.Value.StartOffset, e.args.Value.EndOffset, []byte("null")})
	}
	last := &e.list[len(e.list)-1]
	end := last.EndOffset
	if comma := end + len(last.AfterExtra); f.doc.text[comma] == ',' {
		end = comma + 1
	}
	return append(edits, edit{e.list[0].StartOffset, end, nil})
}

// removal takes a member out of an object, with the comma before it or, if it is the first, the one behind.
func (f *File) removal(o *hujson.Object, m *hujson.ObjectMember) edit {
	i := slices.IndexFunc(o.Members, func(other hujson.ObjectMember) bool { return other.Name.StartOffset == m.Name.StartOffset })
	switch {
	case i > 0:
		return edit{o.Members[i-1].Value.EndOffset, m.Value.EndOffset, nil}
	case i+1 < len(o.Members):
		return edit{m.Name.StartOffset, o.Members[i+1].Name.StartOffset, nil}
	default:
		return edit{m.Name.StartOffset, m.Value.EndOffset, nil}
	}
}

// sameProgram reports whether found is where a command was found: it is the same, or ends in the same name.
func sameProgram(command, found string) bool {
	base := func(p string) string {
		name := strings.ToLower(p[strings.LastIndexAny(p, `/\`)+1:])
		for _, ext := range []string{".exe", ".cmd", ".bat", ".com", ".ps1"} {
			name = strings.TrimSuffix(name, ext)
		}
		return name
	}
	return command == found || base(command) == base(found)
}
