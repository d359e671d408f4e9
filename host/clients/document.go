package clients

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/tailscale/hujson"
)

// Limits of a configuration. Claude Code keeps histories in its own, which grows to tens of megabytes.
const (
	maxSize  = 64 << 20
	maxDepth = 1000
)

// A SyntaxError says where a configuration stops being JSON.
type SyntaxError struct {
	Path string
	// Line and Column count from 1, columns in bytes.
	Line, Column int
	Message      string
}

// Error is FILE:LINE:COLUMN and what is wrong there.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Line, e.Column, e.Message)
}

// document is a parsed file. Offsets of values are offsets in text.
type document struct {
	path string
	bom  []byte // the byte order mark, if any
	text []byte
	root *hujson.Object // nil: there is nothing in the file
}

func parseDocument(path string, src []byte) (*document, error) {
	d := &document{path: path, text: src}
	if rest, marked := bytes.CutPrefix(src, []byte("\xef\xbb\xbf")); marked {
		d.bom, d.text = src[:3], rest
	}
	switch {
	case len(src) > maxSize:
		return nil, fmt.Errorf("%s: larger than %d MiB, no client's configuration", path, maxSize>>20)
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		return nil, &SyntaxError{Path: path, Line: 1, Column: 1, Message: "written in UTF-16; save it as UTF-8"}
	case len(bytes.TrimSpace(d.text)) == 0:
		return d, nil
	}
	if at := tooDeep(d.text); at >= 0 {
		return nil, d.fault(at, fmt.Sprintf("nested deeper than %d levels", maxDepth))
	}
	// A comment may end with the file, which the parser wants ended by a line of its own.
	v, err := hujson.Parse(append(d.text[:len(d.text):len(d.text)], '\n'))
	if err != nil {
		return nil, d.syntax(err)
	}
	var ok bool
	if d.root, ok = v.Value.(*hujson.Object); !ok {
		return nil, d.fault(v.StartOffset, "the file must hold one JSON object")
	}
	return d, nil
}

// syntax turns an error of the parser into ours.
func (d *document) syntax(err error) error {
	out := &SyntaxError{Path: d.path}
	text := strings.TrimPrefix(err.Error(), "hujson: ")
	if _, scanErr := fmt.Sscanf(text, "line %d, column %d:", &out.Line, &out.Column); scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	out.Message = text
	// The line that was added for the parser is not the file's.
	if line, column := d.position(len(d.text)); out.Line > line || out.Line == line && out.Column > column {
		out.Line, out.Column = line, column
	}
	return out
}

func (d *document) fault(offset int, message string) *SyntaxError {
	line, column := d.position(offset)
	return &SyntaxError{Path: d.path, Line: line, Column: column, Message: message}
}

func (d *document) position(offset int) (line, column int) {
	before := d.text[:offset]
	return 1 + bytes.Count(before, []byte("\n")), offset - bytes.LastIndexByte(before, '\n')
}

// raw is a value as it is written.
func (d *document) raw(v *hujson.Value) []byte { return d.text[v.StartOffset:v.EndOffset] }

// tooDeep returns where nesting goes beyond maxDepth, -1 if nowhere: the parser calls itself for every level.
func tooDeep(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[':
			if depth++; depth > maxDepth {
				return i
			}
		case '}', ']':
			depth--
		case '"', '/':
			i = skipped(text, i)
		}
	}
	return -1
}

// skipped is the last offset of the string or comment that begins at i.
func skipped(text []byte, i int) int {
	end := func(from int, mark string) int {
		if n := bytes.Index(text[min(from, len(text)):], []byte(mark)); n >= 0 {
			return from + n + len(mark) - 1
		}
		return len(text)
	}
	rest := text[i:]
	switch {
	case bytes.HasPrefix(rest, []byte("//")):
		return end(i, "\n")
	case bytes.HasPrefix(rest, []byte("/*")):
		return end(i+2, "*/")
	case rest[0] != '"':
		return i
	}
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// members are the values that an object has under a name; more than one where the name stands twice.
func members(o *hujson.Object, name string) []*hujson.Value {
	var out []*hujson.Value
	for i := range o.Members {
		if name == "*" || nameOf(&o.Members[i]) == name {
			out = append(out, &o.Members[i].Value)
		}
	}
	return out
}

func nameOf(m *hujson.ObjectMember) string { return m.Name.Value.(hujson.Literal).String() }

// text is the string that a value is.
func text(v *hujson.Value) (string, bool) {
	lit, ok := v.Value.(hujson.Literal)
	if !ok || lit.Kind() != '"' {
		return "", false
	}
	return lit.String(), true
}

// quoted is a string as JSON, its letters left as they are.
func quoted(s string) []byte { return hujson.String(s) }

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	with       []byte
}

// apply makes edits, which must not overlap; those of one place are made in the order given.
func (d *document) apply(edits []edit) ([]byte, error) {
	out := bytes.Clone(d.bom)
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(d.text) {
			return nil, errors.New("edits overlap")
		}
		out = append(append(out, d.text[at:e.start]...), e.with...)
		at = e.end
	}
	return append(out, d.text[at:]...), nil
}
