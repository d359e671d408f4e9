package policy

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// jsonReader makes the nodes of a YAML file from JSON text, which YAML parsers read less strictly and not always the same.
type jsonReader struct {
	doc *document
	dec *json.Decoder
	// start is where the token last read begins.
	start int
}

func parseJSON(d *document) (*yaml.Node, *Error) {
	r := &jsonReader{doc: d, dec: json.NewDecoder(strings.NewReader(d.text))}
	r.dec.UseNumber()
	n, e := r.value(0)
	if e != nil {
		return nil, e
	}
	if _, err := r.token(); !errors.Is(err, io.EOF) {
		return nil, d.errorAt(d.pos(r.start), "", "something follows the JSON value")
	}
	return n, nil
}

// token reads the next token and remembers where it begins: the decoder tells only where the one before it ended.
func (r *jsonReader) token() (json.Token, error) {
	from := int(r.dec.InputOffset())
	r.start = from + len(r.doc.text[from:]) - len(strings.TrimLeft(r.doc.text[from:], space+",:"))
	return r.dec.Token()
}

func (r *jsonReader) value(depth int) (*yaml.Node, *Error) {
	t, err := r.token()
	if err != nil {
		return nil, r.syntaxError(err)
	}
	pos := r.doc.pos(r.start)
	if depth > maxNesting {
		return nil, r.doc.errorAt(pos, "", "lists and objects nested more than %d deep", maxNesting)
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: pos.Line, Column: pos.Column}
	switch t := t.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		if t == '{' {
			n.Kind, n.Tag = yaml.MappingNode, "!!map"
		}
		return n, r.content(n, depth)
	case string:
		n.Tag, n.Value, n.Style = "!!str", t, yaml.DoubleQuotedStyle
		if strings.ContainsRune(t, utf8.RuneError) && !strings.ContainsRune(r.raw(), utf8.RuneError) {
			return nil, r.doc.errorAt(pos, "", "half a surrogate pair is no character")
		}
	case json.Number:
		n.Tag, n.Value = "!!int", t.String()
		if strings.ContainsAny(n.Value, ".eE") {
			n.Tag = "!!float"
		}
	default:
		n.Tag, n.Value = map[bool]string{true: "!!null", false: "!!bool"}[t == nil], r.raw()
	}
	return n, nil
}

// content reads what is in a list or an object, keys and values alike, and the bracket that closes it.
func (r *jsonReader) content(n *yaml.Node, depth int) *Error {
	for r.dec.More() {
		kid, e := r.value(depth + 1)
		if e != nil {
			return e
		}
		n.Content = append(n.Content, kid)
	}
	if _, err := r.token(); err != nil {
		return r.syntaxError(err)
	}
	return nil
}

// raw is the token last read, as written.
func (r *jsonReader) raw() string { return r.doc.text[r.start:r.dec.InputOffset()] }

func (r *jsonReader) syntaxError(err error) *Error {
	d := r.doc
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) && strings.TrimLeft(d.text, space) == "":
		return d.errorAt(Pos{}, "", "the file is empty")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return d.errorAt(d.pos(len(strings.TrimRight(d.text, space))), "", "not JSON: it ends too early")
	case errors.As(err, &syntax):
		before := max(0, int(syntax.Offset)-1)
		at := before + len(d.text[before:]) - len(strings.TrimLeft(d.text[before:], space))
		return d.errorAt(d.pos(at), "JSON has no comments, no commas at the end, and double quotes alone",
			"not JSON: %s", syntax)
	default:
		return d.errorAt(d.pos(r.start), "", "not JSON: %s", err)
	}
}
