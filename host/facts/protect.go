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
	// byPath and byLast find places, the first of the list first, by a folded spelling and by the last name.
	byPath map[string]int
	byLast map[string][]int
	// longest is the length of the longest last name.
	longest int
	// known: the system knows some of the places.
	known bool
}

// protectedPlace is a file or folder: its folded spellings (as named, and with its links followed), and what the system
// knows it by.
type protectedPlace struct {
	name   string
	folded [][]string // each as the names it is made of
	last   string     // the folded last name, which any relative mention ends in or passes through
	info   os.FileInfo
}

// NewProtected takes files and folders by absolute path; they need not exist yet.
func NewProtected(paths []string) *Protected {
	p := &Protected{byPath: map[string]int{}, byLast: map[string][]int{}}
	for _, name := range paths {
		if !strings.HasPrefix(name, "/") && !drive(slashes(name)) {
			continue
		}
		clean := path.Clean(slashes(name))
		folded := []string{foldPath(clean)}
		if real, ok := resolve(clean); ok {
			folded = appendNew(folded, foldPath(real))
		}
		p.add(name, folded)
	}
	return p
}

func (p *Protected) add(name string, folded []string) {
	n := len(p.places)
	place := protectedPlace{name: name, last: path.Base(folded[0])}
	for _, f := range folded {
		place.folded = append(place.folded, strings.Split(strings.Trim(f, "/"), "/"))
		if _, there := p.byPath[f]; !there {
			p.byPath[f] = n
		}
	}
	place.info, _ = os.Stat(name)
	p.places = append(p.places, place)
	p.byLast[place.last] = append(p.byLast[place.last], n)
	p.longest = max(p.longest, len(place.last))
	p.known = p.known || place.info != nil
}

// holding is the first place that a folded path names or lies in; nil when there is none.
func (p *Protected) holding(folded string) *protectedPlace {
	first := len(p.places)
	look := func(above string) {
		if n, there := p.byPath[above]; there {
			first = min(first, n)
		}
	}
	if strings.HasPrefix(folded, "/") {
		look("/")
	}
	for i := 1; i < len(folded); i++ {
		next := strings.IndexByte(folded[i:], '/')
		if next < 0 {
			break
		}
		i += next
		look(folded[:i])
	}
	look(folded)
	if first == len(p.places) {
		return nil
	}
	return &p.places[first]
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

// maxSeen is how many words of one text are remembered.
const maxSeen = 4096

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
	// seen are the words of a longer text that were looked at, and whether their links were followed. Texts repeat themselves.
	seen map[string]bool
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
	if !strings.ContainsAny(s, " \t\n\r;|&<>()`'\"=:,@{}[]") {
		return false
	}
	if !n.mentions(s) {
		return false
	}
	n.within, n.seen = true, map[string]bool{}
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
	if marksOf(w)&joinMarks == 0 && !strings.HasPrefix(w, "-") {
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
	if n.within {
		if marksOf(raw)&(pathMarks|wideMarks) == 0 && raw[0] != '.' && (!follow || !n.command) {
			return n.plain(raw)
		}
		if followed, seen := n.seen[raw]; seen && (followed || !follow) {
			return false
		}
		if len(n.seen) < maxSeen {
			n.seen[raw] = follow
		}
	}
	return n.spelt(raw, follow)
}

// spelt holds a string in all its spellings against the places.
func (n *namer) spelt(raw string, follow bool) bool {
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
	last := strings.TrimRight(w, ". ")
	if len(last) > n.p.longest {
		return false
	}
	var buf [64]byte
	lower := appendLower(buf[:0], last)
	for _, i := range n.p.byLast[string(lower)] {
		if !n.command && !strings.ContainsAny(n.p.places[i].last, "._-") {
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

// appendLower appends a text of ASCII in small letters.
func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		b := s[i]
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		dst = append(dst, b)
	}
	return dst
}

func (n *namer) spelling(s, base string, follow bool) bool {
	abs := n.x.absolute(s, base)
	if n.held(abs) {
		return true
	}
	if marksOf(s)&globMarks != 0 && n.globbed(abs) {
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
	place := n.p.holding(foldPath(p))
	if place != nil {
		n.place = place.name
	}
	return place != nil
}

// globbed reports whether a path with wildcards can stand for a place, or for something below it. A name with a leading dot
// must be there for that: in a shell no wildcard stands for it, and elsewhere one finds what exists.
func (n *namer) globbed(p string) bool {
	pattern := strings.Split(strings.Trim(foldPath(p), "/"), "/")
	for i := range n.p.places {
		place := &n.p.places[i]
		for _, names := range place.folded {
			if globs(pattern, names, false) && place.globbed(pattern, names) {
				n.place = place.name
				return true
			}
		}
	}
	return false
}

// globbed reports whether what matches a place by its names alone can be the place, as the system has it now.
func (p *protectedPlace) globbed(pattern, names []string) bool {
	info, err := os.Lstat(p.name)
	if err != nil {
		return !strings.HasPrefix(p.last, ".")
	}
	return !info.Mode().IsRegular() || globs(pattern, names, true)
}

// globs matches a pattern, or where the place is no file the beginning of one, with all the names of a place. ** is any number of
// folders above the place, and right after it a * is none in particular: to go through a folder names no more than the
// folder does.
func globs(pattern, names []string, file bool) bool {
	last := len(names) - 1
	var buf [32]bool
	reached := append(buf[:0], make([]bool, len(names))...) // names matched so far, but for the last
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
		going := false
		for j := last; j > 0; j-- {
			reached[j] = reached[j-1] && shellGlob(part, names[j-1])
			going = going || reached[j]
		}
		reached[0] = false
		if !going {
			return false
		}
	}
	return false
}

// same reports whether the path is the very file or folder under another name: a hard link, a second mount, another case
// on a file system that has none.
func (n *namer) same(p string) bool {
	if !n.p.known {
		return false
	}
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
