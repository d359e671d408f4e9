package policy

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// places finds where each byte of a scalar's value is written, so that what is wrong inside a condition can be shown in the
// file. It reads value and file side by side: YAML drops indentation and folds lines, but whatever is not white space stands
// in the file in the value's order, as itself or as an escape. White space that was folded away is placed near enough. The
// result takes offsets up to and including the value's length. Should value and file ever disagree, all of it is the scalar's
// beginning.
func places(d *document, n *yaml.Node) func(offset int) Pos {
	start := Pos{Line: n.Line, Column: n.Column}
	w := walker{style: n.Style, text: d.text[d.offset(start):], pos: start}
	w.open()
	found := make([]Pos, 0, len(n.Value)+1)
	for _, r := range n.Value {
		w.seek(r)
		size, ok := w.written(r)
		if !ok {
			return func(int) Pos { return start }
		}
		for range utf8.RuneLen(r) {
			found = append(found, w.pos)
		}
		w.advance(size)
	}
	found = append(found, w.pos)
	return func(offset int) Pos { return found[min(offset, len(found)-1)] }
}

// walker goes through a file's text from the beginning of a scalar.
type walker struct {
	style yaml.Style
	text  string // from here on
	pos   Pos
}

// open goes past a quotation mark, or past the line with the indicator of a block.
func (w *walker) open() {
	switch {
	case w.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		w.advance(1)
	case w.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		w.advance(strings.IndexByte(w.text, '\n') + 1)
	}
}

func (w *walker) advance(bytes int) {
	for _, r := range w.text[:min(bytes, len(w.text))] {
		w.pos.Column++
		if r == '\n' {
			w.pos = Pos{Line: w.pos.Line + 1, Column: 1}
		}
	}
	w.text = w.text[min(bytes, len(w.text)):]
}

// seek goes past what stands before the value's next character and is not in the value.
func (w *walker) seek(r rune) {
	skipped := space
	switch r {
	case ' ', '\t':
		skipped = ""
	case '\n':
		skipped = " \t\r"
	}
	w.advance(len(w.text) - len(strings.TrimLeft(w.text, skipped)))
	for w.style&yaml.DoubleQuotedStyle != 0 && (strings.HasPrefix(w.text, "\\\n") || strings.HasPrefix(w.text, "\\\r\n")) {
		w.advance(1)
		w.advance(len(w.text) - len(strings.TrimLeft(w.text, space)))
	}
}

// written is how many bytes the character takes here, and whether it is this character that stands here.
func (w *walker) written(r rune) (size int, ok bool) {
	got, size := utf8.DecodeRuneInString(w.text)
	switch {
	case size == 0:
		return 0, r == '\n' // a block ends with a line break even where the file does not
	case w.style&yaml.DoubleQuotedStyle != 0 && got == '\\':
		got, size = yamlEscape(w.text)
	case w.style&yaml.SingleQuotedStyle != 0 && got == '\'':
		return 2, r == '\'' && strings.HasPrefix(w.text, "''")
	case r == ' ' && strings.HasPrefix(w.text, "\r\n"):
		return 2, true
	case r == ' ' && got == '\n':
		return 1, true
	}
	return size, got == r
}

// yamlEscape reads an escape of a double-quoted scalar, YAML's or JSON's.
func yamlEscape(s string) (r rune, size int) {
	if len(s) < 2 {
		return utf8.RuneError, 1
	}
	switch s[1] {
	case 'x':
		return yamlHex(s, 2)
	case 'U':
		return yamlHex(s, 8)
	case 'u':
		r, size = yamlHex(s, 4)
		if utf16.IsSurrogate(r) && strings.HasPrefix(s[6:], `\u`) {
			low, _ := yamlHex(s[6:], 4)
			return utf16.DecodeRune(r, low), 12
		}
		return r, size
	}
	const names, runes = "0abtnvfre N_LP", "\x00\a\b\t\n\v\f\r\x1b \u0085\u00a0\u2028\u2029"
	if i := strings.IndexByte(names, s[1]); i >= 0 {
		return []rune(runes)[i], 2
	}
	return rune(s[1]), 2 // quotation mark, slash, backslash, tab
}

func yamlHex(s string, digits int) (r rune, size int) {
	if len(s) < 2+digits {
		return utf8.RuneError, len(s)
	}
	n, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil {
		return utf8.RuneError, 2 + digits
	}
	return rune(n), 2 + digits
}
