package policy

import (
	"fmt"
	"sort"
	"strconv"
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

	// The place last asked for. Places are asked for from the first to the last, and a JSON file may be one long line.
	near       Pos
	nearOffset int
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
	line := sort.SearchInts(d.lines, offset+1)
	start, column := d.lines[line-1], 1
	if d.near.Line == line && d.nearOffset <= offset {
		start, column = d.nearOffset, d.near.Column
	}
	d.near, d.nearOffset = Pos{Line: line, Column: column + utf8.RuneCountInString(d.text[start:offset])}, offset
	return d.near
}

// offset is the byte offset of a place; a place beyond its line's end is that end.
func (d *document) offset(p Pos) int {
	if p.Line < 1 || p.Line > len(d.lines) {
		return len(d.text)
	}
	at, column := d.lines[p.Line-1], 1
	if d.near.Line == p.Line && d.near.Column <= p.Column {
		at, column = d.nearOffset, d.near.Column
	}
	for ; column < p.Column && at < len(d.text) && d.text[at] != '\n'; column++ {
		_, size := utf8.DecodeRuneInString(d.text[at:])
		at += size
	}
	d.near, d.nearOffset = Pos{Line: p.Line, Column: column}, at
	return at
}

// line is the text of a line, counted from 1, without its end.
func (d *document) line(n int) string {
	line, _, _ := strings.Cut(d.text[d.lines[n-1]:], "\n")
	return strings.TrimSuffix(line, "\r")
}

// errorAt is an error at a place of this document. Without a line there is nothing to show of it.
func (d *document) errorAt(pos Pos, hint, format string, args ...any) *Error {
	e := &Error{File: d.file, Pos: pos, Message: fmt.Sprintf(format, args...), Hint: hint}
	if 0 < pos.Line && pos.Line <= len(d.lines) {
		at := d.offset(pos) - d.lines[pos.Line-1]
		line := d.line(pos.Line)
		at = min(at, len(line))
		e.Excerpt = excerpt(pos.Line, line[:at], line[at:])
	}
	return e
}

// How many code points of a line are shown before the caret, and in all: a JSON file may be a single line.
const (
	excerptBefore = 70
	excerptWidth  = 110
)

// excerpt shows a line, given as what stands before the caret and what stands from there on. What would move the cursor is
// made harmless first; tabs are kept above and below, so that the caret stands right however wide they are.
func excerpt(number int, before, after string) string {
	left := lastRunes(before, excerptBefore)
	right := firstRunes(after, excerptWidth-utf8.RuneCountInString(left))
	var above, below strings.Builder
	if len(left) < len(before) {
		above.WriteString("…")
		below.WriteString(" ")
	}
	for _, r := range left {
		above.WriteRune(visible(r))
		below.WriteString(blank(visible(r)))
	}
	for _, r := range right {
		above.WriteRune(visible(r))
	}
	if len(right) < len(after) {
		above.WriteString("…")
	}
	margin := strings.Repeat(" ", len(strconv.Itoa(number)))
	return fmt.Sprintf("  %d | %s\n  %s | %s^", number, above.String(), margin, below.String())
}

func lastRunes(s string, n int) string {
	at := len(s)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	return s[at:]
}

func firstRunes(s string, n int) string {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	return s[:at]
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
