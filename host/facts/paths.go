package facts

import (
	"path"
	"strings"
	"syscall"

	"golang.org/x/text/unicode/norm"
)

// maxPath is the longest string taken for a path; the systems we know stop at 4096 bytes.
const maxPath = 4096

// maxLinks is how many symbolic links one path may lead through before it counts as leading nowhere safe.
const maxLinks = 40

// maxSpellings is how many spellings of one string are looked at. What is spelled in more ways hides something.
const maxSpellings = 64

// spellings appends what a string may mean as a path, the plainest first: as it stands, and, where it has such marks,
// with its percent-encoding, backslashes, Unicode compatibility forms, variables, line breaks, outer blanks and quotes
// undone. A tool may undo any of them, so every one counts.
func spellings(dst []string, raw string) []string {
	dst = append(dst, raw)
	if simplePath(raw) {
		return dst
	}
	if p, ok := fileURI(raw); ok {
		dst[0] = p // a file URI is not also a relative path that begins with "file:"
	}
	for _, undo := range [...]func(string) string{
		unquote, unquote, beforeNUL, slashes, compatible, unbroken, unwrapped, strings.TrimSpace, local, expand,
	} {
		for _, s := range dst {
			if u := undo(s); u != s && len(dst) < maxSpellings {
				dst = appendNew(dst, u)
			}
		}
	}
	return dst
}

func appendNew(list []string, s string) []string {
	for _, l := range list {
		if l == s {
			return list
		}
	}
	return append(list, s)
}

// simplePath reports whether a string has none of the marks that spellings looks for.
func simplePath(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 0x80, b == '%', b == '\\', b < ' ', b == '$', b == ':':
			return false
		case (b == ' ' || b == '"' || b == '\'' || b == '`') && (i == 0 || i == len(s)-1):
			return false
		}
	}
	return true
}

// fileURI is the path of a file URI (RFC 8089), in the loose forms that tools take.
func fileURI(s string) (string, bool) {
	s = unbroken(s)
	if len(s) < 6 || !strings.EqualFold(s[:5], "file:") {
		return "", false
	}
	rest := slashes(s[5:])
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest = rest[:i]
	}
	switch {
	case strings.HasPrefix(rest, "///"):
		rest = rest[2:]
	case strings.HasPrefix(rest, "//"):
		host, p, ok := strings.Cut(rest[2:], "/")
		switch {
		case ok && strings.EqualFold(host, "localhost") || host == "127.0.0.1":
			rest = "/" + p
		case host == "." || host == "..": // file://../x is taken for a path by lenient readers
			rest = rest[2:]
		case host == "~":
			rest = rest[2:]
		}
	}
	rest = unquote(rest)
	if len(rest) > 2 && rest[0] == '/' && rest[2] == ':' && isLetter(rest[1]) {
		rest = rest[1:]
	}
	return rest, true
}

// local is the path of a file URI, anything else as it stands.
func local(s string) string {
	if p, ok := fileURI(s); ok {
		return p
	}
	return s
}

// unbroken is what a reader of URLs makes of a string before it reads it (WHATWG URL, 4.4): without control characters
// and blanks around it, and without tabs and line breaks in it.
func unbroken(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if !strings.ContainsAny(s, "\t\r\n") {
		return s
	}
	return strings.Map(dropBreaks, s)
}

// unwrapped is a string without the quotes around it.
func unwrapped(s string) string { return strings.Trim(s, "\"'`") }

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// unquote undoes percent-encoding wherever two hexadecimal digits follow, and leaves the rest alone.
func unquote(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hex(s[i+1]) >= 0 && hex(s[i+2]) >= 0 {
			out = append(out, byte(hex(s[i+1])<<4|hex(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hex(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return -1
}

// slashes turns backslashes into slashes and takes the device prefix \\?\ off.
func slashes(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	s = strings.ReplaceAll(s, `\`, "/")
	for _, p := range [...]string{"//?/UNC/", "//?/", "//./", "/??/"} {
		if strings.HasPrefix(s, p) {
			return s[len(p):]
		}
	}
	return s
}

// beforeNUL is what a program in C makes of a string.
func beforeNUL(s string) string {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}

func compatible(s string) string {
	if ascii(s) {
		return s
	}
	return norm.NFKC.String(s)
}

// expand undoes the variables for a home folder that shells and some tools know.
func expand(s string) string {
	for _, v := range [...]string{"$HOME", "${HOME}", "%USERPROFILE%", "%HOMEPATH%", "$env:USERPROFILE", "$env:HOME"} {
		if len(s) >= len(v) && strings.EqualFold(s[:len(v)], v) && (len(s) == len(v) || s[len(v)] == '/' || s[len(v)] == '\\') {
			return "~" + slashes(s[len(v):])
		}
	}
	return s
}

// absolute is the cleaned path a spelling names, seen from base. Where nothing is known of home or base it stays what
// it is, cleaned.
func (x *Extractor) absolute(s, base string) string {
	if strings.HasPrefix(s, "~") {
		if h, ok := x.homeOf(s); ok {
			return h
		}
	}
	if strings.HasPrefix(s, "/") || drive(s) {
		return path.Clean(s)
	}
	if base == "" {
		return path.Clean(s)
	}
	return path.Join(base, s)
}

// drive reports whether a path begins with a drive letter, "C:/".
func drive(s string) bool {
	return len(s) >= 2 && isLetter(s[0]) && s[1] == ':' && (len(s) == 2 || s[2] == '/')
}

// homeOf undoes "~" and "~name".
func (x *Extractor) homeOf(s string) (string, bool) {
	name, rest, _ := strings.Cut(s[1:], "/")
	switch {
	case name == "" && x.home != "":
		return path.Join(x.home, rest), true
	case name == "root":
		return path.Join("/root", rest), true
	case name != "" && x.home != "" && !strings.ContainsAny(name, " ~"):
		return path.Join(path.Dir(x.home), name, rest), true
	}
	return "", false
}

// resolve follows symbolic links, as far as the path exists, from an absolute path that may hold "..": there the parent
// of where the links led is meant, as the system does. It is not ok when the links go in circles.
func resolve(p string) (resolved string, ok bool) {
	var buf [1024]byte
	cur, rest, links, exists := "", p, 0, true
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		switch name {
		case "", ".":
			continue
		case "..":
			cur = cur[:max(0, strings.LastIndexByte(cur, '/'))]
			continue
		}
		next := cur + "/" + name
		if !exists {
			cur = next
			continue
		}
		n, err := syscall.Readlink(next, buf[:])
		switch {
		case err == nil:
			if links++; links > maxLinks || n == len(buf) {
				return p, false
			}
			target := string(buf[:n])
			if strings.HasPrefix(target, "/") {
				cur = ""
			}
			rest = target + "/" + rest
		case err == syscall.ENOENT || err == syscall.ENOTDIR:
			exists = false
			cur = next
		default:
			cur = next
		}
	}
	if cur == "" {
		cur = "/"
	}
	return cur, true
}

// within reports whether a path is a folder or lies below it.
func within(p, dir string) bool {
	if dir == "/" {
		return strings.HasPrefix(p, "/")
	}
	return strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}

// dotdot reports whether a spelling steps up somewhere, where links and cleaning can differ.
func dotdot(s string) bool {
	for i := strings.Index(s, ".."); i >= 0; {
		if (i == 0 || s[i-1] == '/') && (i+2 == len(s) || s[i+2] == '/') {
			return true
		}
		j := strings.Index(s[i+1:], "..")
		if j < 0 {
			return false
		}
		i += 1 + j
	}
	return false
}
