package facts

import (
	"os"
	"path"
	"strings"

	"agentmesh/pdk/abi"
)

// Protected are the places that no tool may name: the state folder, policy and plugin folders, client configurations and
// our own programs.
type Protected struct {
	places []protectedPlace
}

// protectedPlace is a file or folder: its folded spellings (as named, and with its links followed), and what the system
// knows it by.
type protectedPlace struct {
	name   string
	folded []string
	last   string // the folded last name, which any relative mention ends in or passes through
	info   os.FileInfo
}

// NewProtected takes files and folders by absolute path; they need not exist yet.
func NewProtected(paths []string) *Protected {
	p := &Protected{}
	for _, name := range paths {
		if !strings.HasPrefix(name, "/") && !drive(slashes(name)) {
			continue
		}
		clean := path.Clean(slashes(name))
		place := protectedPlace{name: name, folded: []string{foldPath(clean)}}
		if real, ok := resolve(clean); ok {
			place.folded = appendNew(place.folded, foldPath(real))
		}
		place.last = path.Base(place.folded[0])
		place.info, _ = os.Stat(name)
		p.places = append(p.places, place)
	}
	return p
}

// Named tells which protected place the arguments of a call name, if any: any string in them, names of members included,
// under every spelling of a path, whole or as a word of a command or a longer text. Naming a folder above a protected
// place is not naming the place.
//
// Links are followed for whole strings and for the first words of a text. A bare word within a text that is no command
// counts only when it is unlikely to be a word of prose: "policies" in a sentence is not taken for the folder.
func (x *Extractor) Named(p *Protected, c *Call) (place string, named bool) {
	if p == nil || len(p.places) == 0 {
		return "", false
	}
	args := c.Arguments
	if !args.Exists() {
		args = c.Given.Data
	}
	n := namer{x: x, p: p, bases: x.bases(c, args), row: x.table.Find(firstText(x.pkg, c.Server), c.Tool)}
	if n.value("", args) || n.value("", c.Given.Resource) {
		return n.place, true
	}
	return "", false
}

// bases are the folders that relative paths may start from.
func (x *Extractor) bases(c *Call, args abi.Value) []string {
	var bases []string
	for _, r := range x.roots {
		bases = appendNew(bases, r.named)
	}
	if x.dir != "" {
		bases = appendNew(bases, x.dir)
	}
	for _, m := range args.Items() {
		if s, ok := m.Value.Str(); ok && len(s) <= maxPath && isPathName(m.Name) && strings.IndexByte(s, '\n') < 0 && len(bases) < 16 {
			for _, b := range spellings(nil, s) {
				if a := x.absolute(b, firstOr(bases)); strings.HasPrefix(a, "/") {
					bases = appendNew(bases, a)
				}
			}
		}
	}
	if row := x.table.Find(firstText(x.pkg, c.Server), c.Tool); row != nil && row.Base != "" {
		if s, ok := args.Get(row.Base).Str(); ok && len(s) <= maxPath {
			bases = appendNew(bases, x.absolute(spellings(nil, s)[0], firstOr(bases)))
		}
	}
	return bases
}

func firstOr(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func firstText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// maxFollowed is how many words of one text have their links followed.
const maxFollowed = 512

// namer holds the strings of one call against the protected places.
type namer struct {
	x     *Extractor
	p     *Protected
	row   *Row
	bases []string
	place string
	// command: the string being looked at is a command, where any bare word may be a file.
	command bool
	within  bool // a word of a longer text is being looked at
}

func (n *namer) value(name string, v abi.Value) bool {
	if s, ok := v.Str(); ok {
		n.command = isCommandName(name) || endsIn(name, "args", "argv", "input", "code") || n.row != nil && has(n.row.Command, name)
		return n.text(s)
	}
	for _, m := range v.Items() {
		inner := m.Name
		if inner == "" {
			inner = name
		}
		if m.Name != "" && n.text(m.Name) || n.value(inner, m.Value) {
			return true
		}
	}
	return false
}

// text looks at a string as a whole and at its words.
func (n *namer) text(s string) bool {
	if s == "" {
		return false
	}
	if len(s) <= maxPath && strings.IndexByte(s, '\n') < 0 && n.path(s, true) {
		return true
	}
	if !strings.ContainsAny(s, " \t\n\r;|&<>()`'\"=:,{}[]") {
		return false
	}
	if !n.mentions(s) {
		return false
	}
	n.within = true
	defer func() { n.within = false }()
	words := shellWords(s)
	bases := n.bases
	for i, w := range words {
		if i > 0 && (words[i-1] == "cd" || words[i-1] == "pushd" || words[i-1] == "-C") && len(n.bases) < 64 {
			n.bases = appendNew(n.bases, n.x.absolute(spellings(nil, w)[0], firstOr(n.bases)))
			n.command = true
		}
	}
	found := false
	for i, followed := 0, 0; i < len(words) && !found; i++ {
		follow := followed < maxFollowed && (len(s) <= maxPath || strings.ContainsAny(words[i], "/~"))
		if follow {
			followed++
		}
		found = n.word(words[i], follow)
	}
	if !found {
		found = n.pieces(s)
	}
	n.bases = bases
	return found
}

// word looks at a word of a command, whole and split where options and lists join their values.
func (n *namer) word(w string, follow bool) bool {
	if n.path(w, follow) {
		return true
	}
	if !strings.ContainsAny(w, "=:,@ ") && !strings.HasPrefix(w, "-") {
		return false
	}
	for _, part := range strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune("=:,@ \t\n;|&<>()[]{}\"'`", r) }) {
		if n.path(part, follow) {
			return true
		}
	}
	return strings.HasPrefix(w, "-") && len(w) > 2 && n.path(w[2:], follow)
}

// pieces looks at what stands between the delimiters of any text, quotes and brackets counted as such.
func (n *namer) pieces(s string) bool {
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'`,;=()[]{}<>|&", r) }) {
		if n.path(part, false) {
			return true
		}
	}
	return false
}

// mentions is a quick look whether a text can name any place at all: the last name of a place stands in it in some
// spelling, or it has the marks of a spelling that hides it.
func (n *namer) mentions(s string) bool {
	if strings.ContainsAny(s, `%\*?[{$"'~`) || !ascii(s) {
		return true
	}
	folded := strings.ToLower(s)
	for i := range n.p.places {
		if strings.Contains(folded, n.p.places[i].last) {
			return true
		}
	}
	// A link may lead there under any name; only what looks like a path can.
	return strings.IndexByte(s, '/') >= 0 && len(s) <= 1<<16
}

// path holds one string, taken for a path, against the places.
func (n *namer) path(raw string, follow bool) bool {
	if raw == "" || len(raw) > maxPath {
		return false
	}
	if n.within && !strings.ContainsAny(raw, `/\~%$`) && ascii(raw) && raw[0] != '.' && (!follow || !n.command) {
		return n.plain(raw)
	}
	var buf [8]string
	for _, s := range spellings(buf[:0], raw) {
		if s == "" {
			continue
		}
		if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "~") || drive(s) || len(n.bases) == 0 {
			if n.spelling(s, "", follow) {
				return true
			}
			continue
		}
		for _, b := range n.bases {
			if n.spelling(s, b, follow) {
				return true
			}
		}
	}
	return false
}

// plain holds a word without any mark of a path against the places that lie directly in a folder words may start from.
func (n *namer) plain(w string) bool {
	for i := range n.p.places {
		p := &n.p.places[i]
		if !n.command && !strings.ContainsAny(p.last, "._-") || len(p.last) > len(w) || !strings.EqualFold(p.last, strings.TrimRight(w, ". ")) {
			continue
		}
		for _, b := range n.bases {
			if n.held(path.Join(b, w)) {
				return true
			}
		}
	}
	return false
}

func (n *namer) spelling(s, base string, follow bool) bool {
	abs := n.x.absolute(s, base)
	if n.held(abs) {
		return true
	}
	if strings.ContainsAny(s, "*?[") && n.globbed(abs) {
		return true
	}
	if !follow || n.x.where == Elsewhere || !strings.HasPrefix(abs, "/") {
		return false
	}
	if real, ok := resolve(abs); !ok || n.held(real) {
		return true
	}
	if dotdot(s) && !strings.HasPrefix(s, "~") {
		physical := s
		if !strings.HasPrefix(s, "/") {
			physical = base + "/" + s
		}
		if real, ok := resolve(physical); !ok || n.held(real) {
			return true
		}
	}
	return n.same(abs)
}

// held reports whether a canonical path is a protected place or lies below one.
func (n *namer) held(p string) bool {
	folded := foldPath(p)
	for i := range n.p.places {
		for _, f := range n.p.places[i].folded {
			if within(folded, f) {
				n.place = n.p.places[i].name
				return true
			}
		}
	}
	return false
}

// globbed reports whether a path with wildcards can stand for a place, or for something below it. A name with a leading dot
// must be there for that: in a shell no wildcard stands for it, and elsewhere one finds what exists.
func (n *namer) globbed(p string) bool {
	pattern := strings.Split(strings.Trim(foldPath(p), "/"), "/")
	for i := range n.p.places {
		place := &n.p.places[i]
		info, err := os.Lstat(place.name)
		if err != nil && strings.HasPrefix(place.last, ".") {
			continue
		}
		file := err == nil && info.Mode().IsRegular()
		for _, f := range place.folded {
			if globs(pattern, strings.Split(strings.Trim(f, "/"), "/"), file) {
				n.place = place.name
				return true
			}
		}
	}
	return false
}

// globs matches a pattern, or where the place is no file the beginning of one, with all the names of a place. ** is any number of
// folders above the place, and right after it a * is none in particular: to go through a folder names no more than the
// folder does.
func globs(pattern, names []string, file bool) bool {
	last := len(names) - 1
	reached := make([]bool, len(names)) // names matched so far, but for the last
	reached[0] = true
	deep := false
	for i, part := range pattern {
		if part == "**" {
			deep = true
			for j := 1; j <= last; j++ {
				reached[j] = reached[j] || reached[j-1]
			}
			continue
		}
		deep = deep && strings.Trim(part, "*") == ""
		if reached[last] && shellGlob(part, names[last]) && !deep && (!file || i == len(pattern)-1) {
			return true
		}
		for j := last; j > 0; j-- {
			reached[j] = reached[j-1] && shellGlob(part, names[j-1])
		}
		reached[0] = false
	}
	return false
}

// same reports whether the path is the very file or folder under another name: a hard link, a second mount, another case
// on a file system that has none.
func (n *namer) same(p string) bool {
	info, err := os.Stat(p)
	if err != nil {
		return false
	}
	for i := range n.p.places {
		if n.p.places[i].info != nil && os.SameFile(info, n.p.places[i].info) {
			n.place = n.p.places[i].name
			return true
		}
	}
	return false
}
