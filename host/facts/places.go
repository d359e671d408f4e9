package facts

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Places are the sensitive places of a tool table: names, runs of names and patterns over names.
type Places struct {
	patterns []string
	names    map[string]string   // a folded name, to the pattern as written
	globs    [][2]string         // a folded pattern with "*" for one name, and the pattern as written
	runs     map[string][]placed // by the first name
	except   []string            // folded, perhaps with "*"
}

// placed is a run of names that stand one below the other, "*" for any one.
type placed struct {
	names    []string
	anchored bool
	pattern  string
}

var errPlace = errors.New(`write a name, "a/b", "/a/b" or "!name"`)

// add takes one pattern as the table states it.
func (p *Places) add(pattern string) error {
	folded := foldPath(strings.TrimPrefix(pattern, "!"))
	trimmed := strings.Trim(folded, "/")
	if trimmed == "" || strings.Contains(trimmed, "//") {
		return errPlace
	}
	p.patterns = append(p.patterns, pattern)
	names := strings.Split(trimmed, "/")
	anchored := strings.HasPrefix(folded, "/")
	switch {
	case pattern[0] == '!':
		if len(names) > 1 {
			return errPlace
		}
		p.except = append(p.except, trimmed)
	case len(names) > 1 || anchored:
		if p.runs == nil {
			p.runs = map[string][]placed{}
		}
		p.runs[names[0]] = append(p.runs[names[0]], placed{names, anchored, pattern})
	case strings.Contains(trimmed, "*"):
		p.globs = append(p.globs, [2]string{trimmed, pattern})
	default:
		if p.names == nil {
			p.names = map[string]string{}
		}
		p.names[trimmed] = pattern
	}
	return nil
}

func (p *Places) merge(more *Places) *Places {
	out := &Places{}
	for _, from := range [...]*Places{p, more} {
		for _, pattern := range from.patterns {
			_ = out.add(pattern) // each was accepted when it was loaded
		}
	}
	return out
}

// Match tells which pattern a path lies in, if any. The path is one spelling, with slashes, canonical or not.
func (p *Places) Match(path string) (pattern string, ok bool) {
	folded := foldPath(path)
	absolute := strings.HasPrefix(folded, "/")
	first := true
	for rest := strings.TrimLeft(folded, "/"); rest != ""; first = false {
		name, below, _ := strings.Cut(rest, "/")
		if pattern, ok := p.name(name); ok {
			return pattern, true
		}
		for i := range p.runs[name] {
			if r := &p.runs[name][i]; (!r.anchored || first && absolute) && r.match(rest) {
				return r.pattern, true
			}
		}
		rest = below
	}
	return "", false
}

func (p *Places) name(name string) (pattern string, ok bool) {
	if name == "" || name == "." || name == ".." {
		return "", false
	}
	pattern, ok = p.names[name]
	for i := 0; i < len(p.globs) && !ok; i++ {
		pattern, ok = p.globs[i][1], glob(p.globs[i][0], name)
	}
	if ok {
		for _, e := range p.except {
			if glob(e, name) {
				return "", false
			}
		}
	}
	return pattern, ok
}

func (r *placed) match(rest string) bool {
	for _, want := range r.names {
		name, below, _ := strings.Cut(rest, "/")
		if name == "" || !glob(want, name) {
			return false
		}
		rest = below
	}
	return true
}

// Reached tells which pattern a name with wildcards, as shells expand them, could stand for: "id_*" reaches id_rsa. A
// leading "*" or "?" does not stand for a dot, as in shells.
func (p *Places) Reached(path string) (pattern string, ok bool) {
	folded := foldPath(path)
	for rest := folded; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if !strings.ContainsAny(name, "*?[") || strings.Trim(name, "*?.") == "" && name != ".*" && !strings.HasPrefix(name, ".?") {
			continue
		}
		for n, pattern := range p.names {
			if (n[0] != '.' || name[0] == '.' || name[0] == '[') && shellGlob(name, n) {
				return pattern, true
			}
		}
		for first, runs := range p.runs {
			if first[0] == '.' && name[0] == '.' && shellGlob(name, first) && len(runs[0].names) > 1 &&
				(rest == "" || shellGlob(strings.SplitN(rest, "/", 2)[0], runs[0].names[1])) {
				return runs[0].pattern, true
			}
		}
	}
	return "", false
}

// glob matches a name against a pattern with "*" only, in time linear in the name for each "*".
func glob(pattern, name string) bool {
	star := strings.IndexByte(pattern, '*')
	if star < 0 {
		return pattern == name
	}
	if !strings.HasPrefix(name, pattern[:star]) {
		return false
	}
	name, pattern = name[star:], pattern[star+1:]
	for {
		star = strings.IndexByte(pattern, '*')
		if star < 0 {
			return strings.HasSuffix(name, pattern)
		}
		i := strings.Index(name, pattern[:star])
		if i < 0 {
			return false
		}
		name, pattern = name[i+star:], pattern[star+1:]
	}
}

// shellGlob matches with *, ? and [sets]; a set stands for any one character, which can only match more.
func shellGlob(pattern, name string) bool {
	p, n, starP, starN := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			starP, starN = p, n
			p++
			continue
		case p < len(pattern) && pattern[p] == '[' && strings.IndexByte(pattern[p:], ']') > 0:
			p += strings.IndexByte(pattern[p:], ']') + 1
			n++
			continue
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
			continue
		case starP >= 0:
			starN++
			p, n = starP+1, starN
			continue
		}
		return false
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// foldPath brings the spellings of a name together that file systems take for one: case, Unicode compatibility forms,
// characters that are ignored, trailing dots and blanks of a name, NTFS streams, backslashes.
func foldPath(p string) string {
	if plainPath(p) {
		return p
	}
	if !ascii(p) {
		p = strings.Map(dropIgnored, norm.NFKC.String(p))
	}
	p = strings.ToLower(strings.ReplaceAll(p, `\`, "/"))
	names := strings.Split(p, "/")
	for i, n := range names {
		if colon := strings.IndexByte(n, ':'); colon > 0 && (i > 0 || colon > 1) {
			n = n[:colon]
		}
		if t := strings.TrimRight(n, ". \t"); t != "" {
			n = strings.TrimLeft(t, " \t")
		}
		names[i] = n
	}
	return strings.Join(names, "/")
}

// plainPath reports whether folding changes nothing.
func plainPath(p string) bool {
	for i := range len(p) {
		switch b := p[i]; {
		case b >= utf8.RuneSelf, b >= 'A' && b <= 'Z', b == '\\', b == ':', b == ' ', b == '\t':
			return false
		case b == '.' && (i+1 == len(p) || p[i+1] == '/'):
			return false
		}
	}
	return true
}

func dropIgnored(r rune) rune {
	if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || r == 0x34f || r == 0x115f || r == 0x1160 || r == 0x3164 {
		return -1
	}
	return r
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
