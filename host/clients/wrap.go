package clients

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// Outcome is what became of an entry.
type Outcome uint8

// The outcomes of wrapping and unwrapping.
const (
	WasBroken   Outcome = iota // not understood, left as it is
	Unprotected                // reached by URL, left as it is
	WasWrapped                 // protected before, left as it is
	NowWrapped                 // wrapped, or its flags brought up to date
	Restored                   // as it was before it was wrapped
	Left                       // nothing of ours to undo
)

// String is the outcome in one word, as tables show it.
func (o Outcome) String() string {
	return []string{"broken", "UNPROTECTED", "already", "wrapped", "restored", "left"}[o]
}

// Result is what became of one entry.
type Result struct {
	Server  Server
	Outcome Outcome
	// Notes are what its owner should know.
	Notes []string
}

// Wrapping says what is put before servers.
type Wrapping struct {
	// Binary is agentmesh by absolute path.
	Binary string
	// Policies are presets by name, or files and folders by absolute path; at least one.
	Policies []string
	// Agent is the name that calls are decided under; empty: the proxy's default.
	Agent string
	// UpdatePolicies and UpdateAgent bring entries wrapped before to what is said here.
	UpdatePolicies, UpdateAgent bool
	// Resolve finds a program by absolute path, given the PATH of the entry, empty if it has none; nil finds none.
	Resolve func(command, path string) (string, bool)
	// Runs reports whether a program is there; nil takes it that all are. Entries whose agentmesh has gone are pointed
	// to Binary.
	Runs func(program string) bool
}

// Wrap returns the file with agentmesh proxy before every server that is started over standard input and output, and
// what became of each entry. The file is not written.
func (f *File) Wrap(w Wrapping) (after []byte, results []Result, err error) {
	return f.each(func(s *Server) (Result, []edit) {
		switch s.State {
		case Broken:
			return Result{*s, WasBroken, []string{s.Why}}, nil
		case Remote:
			return Result{*s, Unprotected, []string{s.Why}}, nil
		case Wrapped:
			return f.update(s, w)
		default:
			return f.wrap(s, w)
		}
	})
}

// Unwrap returns the file with every entry that [File.Wrap] changed as it was, and what became of each entry. Arguments
// that were added to the server's meanwhile stay.
func (f *File) Unwrap() (after []byte, results []Result, err error) {
	return f.each(func(s *Server) (Result, []edit) {
		switch {
		case s.State == Broken:
			return Result{*s, WasBroken, []string{s.Why}}, nil
		case s.State != Wrapped:
			return Result{*s, Left, []string{s.Why}}, nil
		case !s.Proxy.Ours:
			return Result{*s, Left, s.Notes}, nil
		}
		return Result{*s, Restored, nil}, f.unwrap(s)
	})
}

// each gathers what do has to say of every entry, and makes the edits. What comes out is parsed again: a file that we
// could not read any more is never handed out.
func (f *File) each(do func(s *Server) (Result, []edit)) ([]byte, []Result, error) {
	results := make([]Result, 0, len(f.Servers))
	var edits []edit
	for i := range f.Servers {
		result, more := do(&f.Servers[i])
		result.Notes = slices.DeleteFunc(slices.Clone(result.Notes), func(n string) bool { return n == "" })
		results = append(results, result)
		edits = append(edits, more...)
	}
	if len(edits) == 0 {
		return f.src, results, nil
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	after, err := f.doc.apply(edits)
	if err == nil {
		_, err = Parse(f.Place, after)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("edit %s: %w", f.Path, err)
	}
	return after, results, nil
}

// wrap puts the proxy before a bare entry.
func (f *File) wrap(s *Server, w Wrapping) (Result, []edit) {
	e := &s.entry
	result := Result{Server: *s, Outcome: NowWrapped, Notes: s.Notes}
	resolved, found := s.Command, false
	if w.Resolve != nil {
		resolved, found = w.Resolve(s.Command, e.path())
	}
	spelled := f.doc.raw(&e.command.Value)
	command := quoted(resolved)
	if !found {
		command = spelled
		result.Notes = append(result.Notes, fmt.Sprintf("%s is not found from here and stays as it is", s.Command))
	} else if resolved == s.Command {
		command = spelled
	}
	kind := argsList
	switch {
	case e.args == nil:
		kind = argsNone
	case isNull(&e.args.Value):
		kind = argsNull
	}
	words := [][]byte{quoted("proxy")}
	words = append(words, policyWords(w.Policies)...)
	words = append(words, agentWords(w.Agent)...)
	words = append(words, quoted("--server"), f.doc.raw(e.name), quoted("--"+marker), mark(kind, spelled), quoted("--"), command)
	return result, []edit{{e.command.Value.StartOffset, e.command.Value.EndOffset, quoted(w.Binary)}, f.insert(e, words)}
}

// mark is the value of the marker. The command is taken over as it is spelled, so that undoing gives back its bytes.
func mark(kind string, spelled []byte) []byte {
	return slices.Concat([]byte(`"`+kind+`:`), spelled[1:])
}

func policyWords(policies []string) [][]byte {
	var out [][]byte
	for _, p := range policies {
		out = append(out, quoted("--policy"), quoted(p))
	}
	return out
}

func agentWords(agent string) [][]byte {
	if agent == "" {
		return nil
	}
	return [][]byte{quoted("--agent"), quoted(agent)}
}

// insert puts words before the arguments of an entry, in the style of the list.
func (f *File) insert(e *entry, words [][]byte) edit {
	inline := []byte(", ")
	switch {
	case e.args == nil:
		at := e.command.Value.EndOffset
		list := slices.Concat(f.before(e.command), []byte(`"args"`), f.colon(e.command), []byte("["), bytes.Join(words, inline), []byte("]"))
		return edit{at, at, list}
	case isNull(&e.args.Value):
		v := &e.args.Value
		return edit{v.StartOffset, v.EndOffset, slices.Concat([]byte("["), bytes.Join(words, inline), []byte("]"))}
	case len(e.list) == 0:
		at := e.args.Value.StartOffset + len("[")
		return edit{at, at, bytes.Join(words, inline)}
	}
	at, between := e.list[0].StartOffset, f.separator(e.list)
	return edit{at, at, append(bytes.Join(words, between), between...)}
}

// separator is what stands between the elements of a list.
func (f *File) separator(list []hujson.Value) []byte {
	if len(list) > 1 {
		between := f.doc.text[list[0].EndOffset:list[1].StartOffset]
		if string(bytes.TrimSpace(between)) == "," {
			return between
		}
	}
	if space := list[0].BeforeExtra; len(space) > 0 && len(bytes.TrimSpace(space)) == 0 {
		return slices.Concat([]byte(","), space)
	}
	return []byte(", ")
}

// before is a comma and the space that stands before a member.
func (f *File) before(m *hujson.ObjectMember) []byte {
	space := m.Name.BeforeExtra
	if len(space) == 0 {
		space = m.Value.BeforeExtra // as after a colon, so after a comma
	}
	if len(bytes.TrimSpace(space)) > 0 {
		space = hujson.Extra(" ")
	}
	return slices.Concat([]byte(","), space)
}

// colon is what stands between a member's name and its value.
func (f *File) colon(m *hujson.ObjectMember) []byte {
	between := f.doc.text[m.Name.EndOffset:m.Value.StartOffset]
	if string(bytes.TrimSpace(between)) != ":" {
		return []byte(": ")
	}
	return between
}

func isNull(v *hujson.Value) bool { return v.Value.Kind() == 'n' }

// update leaves an entry that is wrapped, but for what is asked for and for an agentmesh that has moved.
func (f *File) update(s *Server, w Wrapping) (Result, []edit) {
	e, c := &s.entry, s.entry.call
	result := Result{Server: *s, Outcome: WasWrapped, Notes: s.Notes}
	if !s.Proxy.Ours {
		if w.Runs != nil && !w.Runs(s.Proxy.Binary) {
			result.Outcome, result.Notes = WasBroken, append(result.Notes, s.Proxy.Binary+" is not there any more")
		}
		return result, nil
	}
	var edits []edit
	if w.Runs != nil && !w.Runs(s.Proxy.Binary) {
		result.Notes = append(result.Notes, s.Proxy.Binary+" is not there any more")
		edits = append(edits, edit{e.command.Value.StartOffset, e.command.Value.EndOffset, quoted(w.Binary)})
	}
	if moved, ok := w.moved(s); ok {
		at := &e.list[c.server]
		result.Notes = append(result.Notes, c.command()+" is not there any more")
		edits = append(edits, edit{at.StartOffset, at.EndOffset, quoted(moved)})
	}
	var words [][]byte
	drop := func(name string) {
		for _, fl := range c.flags {
			if fl.name == name {
				edits = append(edits, edit{e.list[fl.at].StartOffset, e.list[fl.at+fl.words].StartOffset, nil})
			}
		}
	}
	if w.UpdatePolicies && !slices.Equal(s.Proxy.Policies, w.Policies) {
		words = append(words, policyWords(w.Policies)...)
		drop("policy")
	}
	if w.UpdateAgent && s.Proxy.Agent != w.Agent {
		words = append(words, agentWords(w.Agent)...)
		drop("agent")
	}
	if len(words) > 0 {
		between := f.separator(e.list)
		at := e.list[1].StartOffset
		edits = append([]edit{{at, at, append(bytes.Join(words, between), between...)}}, edits...)
	}
	if len(edits) > 0 {
		result.Outcome = NowWrapped
	}
	return result, edits
}

// moved is where a server's program is now that was found elsewhere when it was wrapped: version managers move them.
func (w *Wrapping) moved(s *Server) (string, bool) {
	was := s.entry.call.command()
	_, original, _ := strings.Cut(s.entry.call.value(marker), ":")
	if w.Runs == nil || w.Resolve == nil || original == was || w.Runs(was) || !sameProgram(original, was) {
		return "", false
	}
	now, found := w.Resolve(original, s.entry.path())
	return now, found && now != was
}

// path is the PATH that an entry gives its server, empty if it gives none.
func (e *entry) path() string {
	env := member(e.object, "env")
	if env == nil {
		return ""
	}
	o, ok := env.Value.Value.(*hujson.Object)
	if !ok {
		return ""
	}
	for _, v := range members(o, "PATH") {
		if s, ok := text(v); ok && !strings.Contains(s, "$") {
			return s
		}
	}
	return ""
}
