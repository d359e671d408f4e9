package policy

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// byteOrderMark may stand at the very start of a file, where some editors put it, and nowhere else.
const byteOrderMark = "\uFEFF"

// document is a text with a name, in which places can be found and shown. Lines end with LF or CRLF.
type document struct {
	file  string
	text  string
	lines []int // where each line begins
}

func newDocument(file, text string) *document {
	d := &document{file: file, text: strings.TrimPrefix(text, byteOrderMark), lines: []int{0}}
	for i := 0; i < len(d.text); i++ {
		if d.text[i] == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// pos is the place of a byte offset; an offset beyond the end is the end.
func (d *document) pos(offset int) Pos {
	offset = min(offset, len(d.text))
	line := sort.SearchInts(d.lines, offset+1) - 1
	return Pos{Line: line + 1, Column: utf8.RuneCountInString(d.text[d.lines[line]:offset]) + 1}
}

// offset is the byte offset of a place; a place beyond its line's end is that end.
func (d *document) offset(p Pos) int {
	if p.Line < 1 || p.Line > len(d.lines) {
		return len(d.text)
	}
	at := d.lines[p.Line-1]
	for range p.Column - 1 {
		if at >= len(d.text) || d.text[at] == '\n' {
			break
		}
		_, size := utf8.DecodeRuneInString(d.text[at:])
		at += size
	}
	return at
}

// line is the text of a line, counted from 1, without its end.
func (d *document) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	line, _, _ := strings.Cut(d.text[d.lines[n-1]:], "\n")
	return strings.TrimSuffix(line, "\r")
}

// errorAt is an error at a place of this document. Without a line there is nothing to show of it.
func (d *document) errorAt(pos Pos, hint, format string, args ...any) *Error {
	e := &Error{File: d.file, Pos: pos, Message: fmt.Sprintf(format, args...), Hint: hint}
	if pos.Line > 0 {
		e.Excerpt = excerpt(d.line(pos.Line), pos)
	}
	return e
}

// excerptWidth is how many code points of a line are shown at most: a JSON file may be a single line.
const excerptWidth = 100

// excerpt shows a line with a caret below the column. What would move the cursor is made harmless first; tabs are kept above and
// below, so that the caret stands right however wide they are.
func excerpt(line string, pos Pos) string {
	runes := []rune(line)
	column := min(pos.Column-1, len(runes))
	first := max(0, min(column-excerptWidth*2/3, len(runes)-excerptWidth))
	last := min(len(runes), first+excerptWidth)
	var above, below strings.Builder
	if first > 0 {
		above.WriteString("…")
		below.WriteString(" ")
	}
	for i, r := range runes[first:last] {
		r = visible(r)
		above.WriteRune(r)
		if first+i < column {
			below.WriteString(blank(r))
		}
	}
	if last < len(runes) {
		above.WriteString("…")
	}
	number := fmt.Sprint(pos.Line)
	return fmt.Sprintf("  %s | %s\n  %s | %s^", number, above.String(), strings.Repeat(" ", len(number)), below.String())
}

func visible(r rune) rune {
	if r != '\t' && forbidden(r) {
		return utf8.RuneError
	}
	return r
}

// blank is what takes as much room on a terminal as the rune does.
func blank(r rune) string {
	if r == '\t' {
		return "\t"
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return ""
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return "  "
	}
	return " "
}

// forbidden reports the characters no policy file may contain outside escapes: controls (but tab and line ends), the breaks
// that YAML counts as lines and editors do not, and invisible format characters, which make a text read as what it is not.
func forbidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case r < ' ' || 0x7F <= r && r < 0xA0:
		return true
	case r == 0x2028 || r == 0x2029:
		return true
	default:
		return unicode.Is(unicode.Cf, r) && r != zeroWidthNonJoiner && r != zeroWidthJoiner
	}
}

// The two invisible characters that some scripts and emoji cannot be written without.
const (
	zeroWidthNonJoiner = '\u200C'
	zeroWidthJoiner    = '\u200D'
)

// checkText finds what makes the bytes no text that people and parsers read alike.
func (d *document) checkText() *Error {
	for i, r := range d.text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(d.text[i:], "\uFFFD"):
			return d.errorAt(d.pos(i), "save the file as UTF-8", "byte 0x%02x is not UTF-8", d.text[i])
		case r == '\r' && !strings.HasPrefix(d.text[i:], "\r\n"):
			return d.errorAt(d.pos(i), "end lines with LF or CRLF", "a carriage return without a line feed")
		case forbidden(r):
			return d.errorAt(d.pos(i), "remove it, or write it as an escape in a string", "invisible character %U", r)
		}
	}
	return nil
}
