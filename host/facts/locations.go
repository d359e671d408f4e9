package facts

import (
	"strings"

	"agentmesh/pdk/abi"
)

// addLocation takes a string for a path, unless it is a URL.
func (g *gatherer) addLocation(s string) {
	if address(unbroken(s)) {
		g.addURL(unbroken(s))
		return
	}
	g.addPath(s)
}

// addFile takes a string for a path. An address in the place of a path names what only the tool knows.
func (g *gatherer) addFile(s string) {
	g.addLocation(s)
	if scheme, _, ok := strings.Cut(unbroken(s), ":"); ok && len(scheme) > 1 && schemeName(scheme) && !strings.EqualFold(scheme, "file") && !g.remote {
		g.sawPath, g.outside = true, true
		g.note("resource.outside_roots", "true", quote(s)+" is no path but an address")
	}
}

// address reports whether a string is a URL of another scheme than file: one with two slashes, or of a scheme whose readers
// do not insist on them.
func address(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !schemeName(scheme) {
		return false
	}
	switch strings.ToLower(scheme) {
	case "file":
		return false
	case "http", "https", "ws", "wss", "ftp":
		return true
	}
	return strings.HasPrefix(rest, "//")
}

// addPath takes a string for a path under every spelling.
func (g *gatherer) addPath(raw string) {
	if raw == "" || len(raw) > maxPath {
		if len(raw) > maxPath {
			g.sawPath, g.outside, g.sensitive = true, true, true
			g.note("resource.outside_roots", "true", "it is too long for a path")
		}
		return
	}
	g.sawPath = true
	var buf [8]string
	all := spellings(buf[:0], raw)
	for _, s := range all {
		if s != "" {
			g.addSpelling(raw, s)
		}
	}
	if len(all) == maxSpellings {
		g.outside, g.sensitive = true, true
		g.note("resource.outside_roots", "true", "it can be read in too many ways")
	}
}

func (g *gatherer) addSpelling(raw, s string) {
	abs := g.x.absolute(s, g.base)
	g.addCanonical(raw, abs)
	if g.remote || g.x.where == Elsewhere || !strings.HasPrefix(abs, "/") {
		g.holdAgainstRoots(abs, false)
		return
	}
	g.follow(raw, abs)
	if dotdot(s) && !strings.HasPrefix(s, "~") {
		physical := s
		if !strings.HasPrefix(s, "/") {
			physical = g.base + "/" + s
		}
		g.follow(raw, physical)
	}
}

// follow holds what a path really names against the roots and the sensitive places.
func (g *gatherer) follow(raw, p string) {
	real, ok := resolve(p)
	if !ok {
		g.outside, g.sensitive = true, true
		g.note("resource.outside_roots", "true", quote(raw)+" leads through links in a circle")
	}
	g.addCanonical(raw, real)
	g.holdAgainstRoots(real, true)
}

func (g *gatherer) addCanonical(raw, p string) {
	n := len(g.paths)
	if g.paths = appendNew(g.paths, p); len(g.paths) == n {
		return
	}
	if g.explain {
		because := "it names this place"
		if p != raw {
			because = quote(raw) + " names this place"
		}
		g.note("resource.paths", p, because)
	}
	if pattern, ok := g.x.table.Sensitive.Match(p); ok {
		g.sensitive = true
		g.note("resource.sensitive", "true", quote(p)+" lies in the sensitive place "+quote(pattern))
	}
}

func (g *gatherer) holdAgainstRoots(p string, real bool) {
	if g.remote || g.outside {
		return
	}
	if !strings.HasPrefix(p, "/") && !drive(p) {
		if strings.HasPrefix(p, "..") || strings.HasPrefix(p, "~") {
			g.outside = true
			g.note("resource.outside_roots", "true", quote(p)+" leads out of where it starts")
		}
		return
	}
	for _, r := range g.x.roots {
		if within(p, r.real) || !real && within(p, r.named) {
			return
		}
	}
	g.outside = true
	g.note("resource.outside_roots", "true", quote(p)+" lies in none of the roots")
}

// addURL takes a string for a URL; a file URL is a path.
func (g *gatherer) addURL(raw string) {
	if raw == "" {
		return
	}
	if _, ok := fileURI(raw); ok {
		g.addPath(raw)
		return
	}
	l, ok := parseURL(raw)
	if !ok {
		if l, ok = parseURL("https://" + raw); !ok || len(l.hosts) == 0 {
			return
		}
	}
	n := len(g.urls)
	if g.urls = appendNew(g.urls, raw); len(g.urls) > n {
		g.note("resource.urls", raw, "it is a URL")
	}
	for _, h := range l.hosts {
		g.addCanonicalHost(h, raw)
	}
	if l.scheme == "view-source" || l.scheme == "jar" || l.scheme == "blob" || l.scheme == "feed" {
		if _, inner, ok := strings.Cut(raw, ":"); ok {
			g.addURL(inner)
		}
	}
}

func (g *gatherer) addHost(raw string) {
	if h := canonicalHost(raw); h != "" {
		g.addCanonicalHost(h, raw)
	}
}

func (g *gatherer) addCanonicalHost(h, raw string) {
	n := len(g.hosts)
	if g.hosts = appendNew(g.hosts, h); len(g.hosts) == n {
		return
	}
	g.note("resource.hosts", h, quote(raw)+" names this host")
	if private(h) {
		g.private = true
		g.note("resource.private_hosts", "true", quote(h)+" is not on the public Internet")
	}
}

// guess looks at arguments nobody told us about: what looks like a path or a URL counts as one.
func (g *gatherer) guess(name string, v abi.Value) {
	if s, ok := v.Str(); ok {
		outer := g.arg
		if name != "" {
			g.arg = name
		}
		g.guessText(name, s)
		g.arg = outer
		return
	}
	for _, m := range v.Items() {
		if m.Name != "" {
			name = m.Name
			if strings.IndexByte(name, '/') >= 0 {
				g.guessText("", name)
			}
		}
		if isCommandName(name) && g.command == "" && (v.Kind() == abi.Object) {
			g.addCommand(m.Value)
		}
		g.guess(name, m.Value)
	}
}

func (g *gatherer) guessText(name, s string) {
	if s == "" {
		return
	}
	trimmed := strings.TrimSpace(s)
	if g.row != nil && looksLikeOption(trimmed) {
		g.strengthen(Unknown, quote(s)+" would be an option of a program behind the tool")
	}
	switch {
	case looksLikeURL(trimmed), brokenURL(s):
		g.addURL(unbroken(s))
	case looksLikePath(trimmed):
		g.addPath(s)
	case isPathName(name) && len(s) <= maxPath && strings.IndexByte(s, '\n') < 0:
		g.addLocation(s)
	case isURLName(name) && len(s) <= maxPath && strings.IndexByte(trimmed, ' ') < 0:
		g.addURL(trimmed)
	case len(s) <= 255 && strings.ContainsAny(s, "._") && strings.IndexByte(s, '\n') < 0:
		if _, ok := g.x.table.Sensitive.Match(trimmed); ok {
			g.addPath(s)
		}
	}
	g.embedded(s)
	if flag, value, ok := strings.Cut(trimmed, "="); ok && strings.HasPrefix(flag, "-") {
		g.guessText("", value)
	}
}

// embedded finds URLs within a longer text, 64 at most.
func (g *gatherer) embedded(s string) {
	for range 64 {
		i := strings.Index(s, "://")
		if i < 0 {
			return
		}
		from := i
		for from > 0 && (isLetter(s[from-1]) || !hexOrSign(s[from-1])) && i-from < 16 {
			from--
		}
		end := i + 3
		for end < len(s) && s[end] > ' ' && strings.IndexByte("\"'<>`)]}", s[end]) < 0 {
			end++
		}
		if from < i && end > i+3 && (from > 0 || end < len(s)) {
			g.addURL(s[from:end])
		}
		s = s[end:]
	}
}

func looksLikeURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !schemeName(scheme) || len(scheme) < 2 || strings.ContainsAny(s, " \n") {
		return false
	}
	return strings.HasPrefix(rest, "//") || strings.EqualFold(scheme, "file") || strings.EqualFold(scheme, "http") ||
		strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "data") || strings.EqualFold(scheme, "javascript")
}

// brokenURL reports whether a string is a URL to readers who drop the tabs and line breaks in its scheme.
func brokenURL(s string) bool {
	scheme, _, ok := strings.Cut(s, ":")
	return ok && len(s) <= maxPath && unbroken(scheme) != scheme && looksLikeURL(unbroken(s))
}

// looksLikeOption reports whether a program that is handed the text as a word takes it for an option: -x, --output=file.
func looksLikeOption(s string) bool {
	s, short := strings.CutPrefix(s, "-")
	if !short {
		return false
	}
	s = strings.TrimPrefix(s, "-")
	return s != "" && isLetter(s[0])
}

// looksLikePath is generous: what begins like a path, or has separators and no blanks.
func looksLikePath(s string) bool {
	if s == "" || len(s) > maxPath || strings.IndexByte(s, '\n') >= 0 {
		return false
	}
	switch {
	case s[0] == '/' && !strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "/ "), s[0] == '~' && (len(s) == 1 || s[1] == '/'), strings.HasPrefix(s, "./"), strings.HasPrefix(s, "../"), s == "..",
		strings.HasPrefix(s, `\\`), strings.HasPrefix(s, `.\`), strings.HasPrefix(s, `..\`), hasFold(s, "file:"), strings.HasPrefix(s, "$HOME"), strings.HasPrefix(s, "${HOME}"), hasFold(s, "%userprofile%"), hasFold(s, "%2f"), hasFold(s, "%2e%2e"), hasFold(s, "..%2f"):
		return true
	case len(s) > 2 && isLetter(s[0]) && s[1] == ':' && (s[2] == '\\' || s[2] == '/'):
		return true
	}
	return len(s) <= 255 && strings.ContainsAny(s, `/\`) && !strings.ContainsAny(s, " \t<>(){}\"'")
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func isPathName(name string) bool {
	return endsIn(name, "path", "paths", "file", "files", "dir", "directory", "folder", "filename", "file_name", "cwd", "workdir", "root", "source", "destination", "output", "input_file", "output_file", "location")
}

func isURLName(name string) bool {
	return endsIn(name, "url", "urls", "uri", "uris", "host", "hostname", "endpoint", "webhook", "href", "link", "domain")
}

func isCommandName(name string) bool {
	return endsIn(name, "command", "cmd", "commands", "shell_command", "script", "shell", "bash")
}

// endsIn reports whether a name's last word is one of these: "path", "filePath", "file_path".
func endsIn(name string, words ...string) bool {
	for _, w := range words {
		if n := len(name) - len(w); n >= 0 && strings.EqualFold(name[n:], w) {
			if n == 0 || name[n-1] == '_' || name[n-1] == '-' || (name[n] >= 'A' && name[n] <= 'Z') {
				return true
			}
		}
	}
	return false
}
