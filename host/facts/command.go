package facts

import (
	"strings"

	"agentmesh/pdk/abi"
)

// addCommand takes a command line, or a list of words.
func (g *gatherer) addCommand(v abi.Value) {
	if s, ok := v.Str(); ok {
		g.addCommandText(s)
		return
	}
	if v.Kind() != abi.List || v.Len() == 0 {
		return
	}
	words := make([]string, 0, v.Len())
	line := ""
	for _, m := range v.Items() {
		w := m.Value.Text()
		words = append(words, w)
		line += " " + shellQuote(w)
	}
	g.setCommand(line[1:])
	g.addWords(words)
	// A word of a list can itself be a line: ["sh", "-c", "…"].
	for _, w := range words {
		if strings.ContainsAny(w, " \t\n;|&<>") {
			g.addWords(shellWords(w))
		}
	}
}

func (g *gatherer) addCommandText(s string) {
	if strings.TrimSpace(s) == "" {
		return
	}
	g.setCommand(s)
	words := shellWords(s)
	g.addWords(words)
	for _, w := range words {
		if strings.ContainsAny(w, " \t\n;|&<>") && w != s {
			g.addWords(shellWords(w))
		}
	}
}

func (g *gatherer) setCommand(line string) {
	if g.command != "" {
		line = g.command + "\n" + line
	}
	g.command = line
	g.note("resource.command", line, "it is a command")
}

func shellQuote(w string) string {
	if w != "" && !strings.ContainsAny(w, " \t\n'\"\\$`;|&<>()*?[]{}~#!") {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// maxWords is how many words of a command are looked at; a longer one counts as reaching everything.
const maxWords = 4096

// addWords looks for paths, URLs and kubectl in the words of a command. "cd" moves where relative words start.
func (g *gatherer) addWords(words []string) {
	if len(words) > maxWords {
		g.sawPath, g.outside, g.sensitive = true, true, true
		words = words[:maxWords]
	}
	outer := g.base
	for i, w := range words {
		if i > 0 && words[i-1] == "cd" && w != "" {
			g.base = g.x.absolute(spellings(nil, w)[0], g.base)
		}
		g.addWord(w)
		if _, value, ok := strings.Cut(w, "="); ok {
			g.addWord(value)
		}
		if strings.HasPrefix(w, "@") { // curl -d @file
			g.addWord(w[1:])
		}
		if len(w) > 2 && w[0] == '-' && w[1] != '-' { // -f/path
			g.addWord(w[2:])
		}
	}
	g.base = outer
	g.kubectl(words)
}

func (g *gatherer) addWord(w string) {
	switch {
	case w == "" || len(w) > maxPath || strings.ContainsAny(w, " \n"):
	case looksLikeURL(w):
		g.addURL(w)
	case looksLikePath(w):
		g.addPath(w)
	case strings.ContainsAny(w, "._*?["):
		if _, ok := g.x.table.Sensitive.Match(w); ok {
			g.addPath(w)
		}
	default:
		if _, ok := g.x.table.Sensitive.name(foldPath(w)); ok && w != "Cookies" {
			g.addPath(w)
		}
	}
	if strings.ContainsAny(w, "*?[") {
		if pattern, ok := g.x.table.Sensitive.Reached(w); ok {
			g.sawPath, g.sensitive = true, true
			g.note("resource.sensitive", "true", quote(w)+" can stand for "+quote(pattern))
		}
	}
	if i := strings.IndexByte(w, ':'); i > 0 && strings.IndexByte(w[:i], '@') > 0 && !strings.Contains(w, "://") { // user@host:path
		g.addHost(w[strings.IndexByte(w, '@')+1 : i])
	}
}

// shellWords splits a command line as shells do: quotes and backslashes undone, "$HOME" kept for spellings to undo, and
// the words within substitutions taken as words too. Operators part words. Braces are opened ("a{b,c}" is ab and ac).
func shellWords(line string) []string {
	var words []string
	var w []byte
	in := false
	flush := func() {
		if in {
			words = braces(words, string(w), 0)
		}
		w, in = w[:0], false
	}
	for i := 0; i < len(line); i++ {
		switch b := line[i]; b {
		case ' ', '\t', '\n', '\r', ';', '|', '&', '<', '>', '(', ')', '`':
			flush()
		case '\'':
			in = true
			j := strings.IndexByte(line[i+1:], '\'')
			if j < 0 {
				j = len(line) - i - 1
			}
			w = append(w, line[i+1:min(len(line), i+1+j)]...)
			i += j + 1
		case '"':
			in = true
			i = doubleQuoted(line, i+1, &w)
		case '\\':
			in = true
			if i+1 < len(line) && line[i+1] != '\n' {
				w = append(w, line[i+1])
			}
			i++
		case '$':
			in = true
			if i+1 < len(line) && (line[i+1] == '\'' || line[i+1] == '"') {
				continue // $'…' and $"…"
			}
			w = append(w, b)
		default:
			in = true
			w = append(w, b)
		}
	}
	flush()
	return words
}

// doubleQuoted copies to the closing quote and returns its place.
func doubleQuoted(line string, i int, w *[]byte) int {
	for ; i < len(line) && line[i] != '"'; i++ {
		if line[i] == '\\' && i+1 < len(line) && strings.IndexByte("\"\\$`\n", line[i+1]) >= 0 {
			i++
		}
		*w = append(*w, line[i])
	}
	return i
}

// braces opens the first {a,b} of a word, at most four deep and 256 words in all.
func braces(words []string, w string, depth int) []string {
	open := strings.IndexByte(w, '{')
	if open < 0 || depth == 4 || len(words) > 256 || len(w) > 1024 || open > 0 && w[open-1] == '$' {
		return append(words, w)
	}
	end := strings.IndexByte(w[open:], '}')
	if end < 0 || strings.IndexByte(w[open:open+end], ',') < 0 {
		return append(words, w)
	}
	for _, part := range strings.Split(w[open+1:open+end], ",") {
		words = braces(words, w[:open]+part+w[open+end+1:], depth+1)
	}
	return words
}
