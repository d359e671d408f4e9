package policy

import (
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNesting is how deep lists and mappings may stand within each other in a file.
const maxNesting = 64

// parseFile reads the one YAML or JSON value of a file into nodes with positions, refusing what makes YAML more than data.
func parseFile(d *document) (*yaml.Node, Errors) {
	if len(d.text) > maxFileBytes {
		return nil, Errors{d.errorAt(Pos{}, "split the file", "larger than %d bytes", maxFileBytes)}
	}
	if e := d.checkText(); e != nil {
		return nil, Errors{e}
	}
	parse := parseYAML
	if strings.HasSuffix(d.file, ".json") {
		parse = parseJSON
	}
	n, e := parse(d)
	if e != nil {
		return nil, Errors{e}
	}
	var found Errors
	refuse(d, n, maxNesting, &found)
	return n, found
}

func parseYAML(d *document) (*yaml.Node, *Error) {
	dec := yaml.NewDecoder(strings.NewReader(d.text))
	var first, second yaml.Node
	err := dec.Decode(&first)
	if errors.Is(err, io.EOF) {
		return nil, d.errorAt(Pos{}, "", "the file is empty")
	}
	if err != nil {
		return nil, d.syntaxError(err)
	}
	if err := dec.Decode(&second); err == nil {
		return nil, d.errorAt(nodePos(&second), "put it into a file of its own", "a second document in one file")
	} else if !errors.Is(err, io.EOF) {
		return nil, d.syntaxError(err)
	}
	return first.Content[0], nil
}

func nodePos(n *yaml.Node) Pos { return Pos{Line: n.Line, Column: n.Column} }

// refuse reports what could make a file mean something else than it shows, or grow when it is read: anchors, aliases, merge
// keys, tags, keys that are no plain names, and deep nesting.
func refuse(d *document, n *yaml.Node, depth int, found *Errors) {
	report := func(hint, format string, args ...any) {
		*found = append(*found, d.errorAt(nodePos(n), hint, format, args...))
	}
	switch {
	case depth == 0:
		report("", "lists and mappings nested more than %d deep", maxNesting)
		return
	case n.Kind == yaml.AliasNode:
		report("write the value out; a value that begins with * stands in quotes", "alias *%s: a policy file repeats nothing by reference", n.Value)
		return
	case n.Anchor != "":
		report("remove it; a value that begins with & stands in quotes", "anchor &%s: a policy file repeats nothing by reference", n.Anchor)
	case n.Tag == "!!merge":
		report("write the keys out", "merge key <<: a policy file repeats nothing by reference")
	case n.Style&yaml.TaggedStyle != 0:
		report("a value that begins with ! stands in quotes", "YAML tag %s", n.Tag)
	}
	for i, kid := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && kid.Kind != yaml.ScalarNode {
			*found = append(*found, d.errorAt(nodePos(kid), "", "a key must be a name"))
			continue
		}
		refuse(d, kid, depth-1, found)
	}
}

// yamlMessage takes apart what the YAML parser says. Its line is that of the surrounding construct or the one before.
var yamlMessage = regexp.MustCompile(`(?s)^yaml: (?:line \d+: )?(.*)$`)

// syntaxError places what the YAML parser objects to, and says it with a hint.
func (d *document) syntaxError(err error) *Error {
	message := err.Error()
	if m := yamlMessage.FindStringSubmatch(message); m != nil {
		message = m[1]
	}
	line := d.brokenLine()
	text := d.line(line)
	column := len(text) - len(strings.TrimLeft(text, " \t"))
	switch tab := strings.IndexByte(text[:column], '\t'); {
	case tab >= 0:
		column = tab
	case strings.Contains(message, "mapping values"):
		column = max(column, strings.LastIndex(text, ": "))
	case strings.Contains(text, `: "`):
		column = strings.Index(text, `: "`) + 2
	case strings.Contains(text, ": '"):
		column = strings.Index(text, ": '") + 2
	}
	return d.errorAt(d.pos(d.lines[line-1]+column), yamlHint(message, text, column), "not YAML: %s", message)
}

// yamlHint says how the usual causes of a parser's message are mended.
func yamlHint(message, line string, column int) string {
	has := func(part string) bool { return strings.Contains(message, part) }
	switch {
	case strings.HasPrefix(line[column:], "\t"):
		return "YAML indents with spaces, not tabs"
	case has("escape"):
		return "within double quotes YAML reads backslashes itself: double them, or use single quotes"
	case has("end of stream"):
		return "a quotation mark that opens here is not closed"
	case has("unknown anchor"):
		return "a value that begins with * stands in quotes"
	case has("cannot start any token"), has("tag handle"):
		return "put the value in quotes"
	case has("',' or"):
		return "a bracket that opens here is not closed, or a comma is missing"
	case has("mapping values"), has("expected key"):
		return "put the whole value in quotes, or mend the indentation"
	case has("incompatible"):
		return "remove the %YAML line"
	default:
		return "mend the indentation"
	}
}

// What brokenLine has the YAML parser read at most while it looks ahead.
const brokenLineBytes = 16 << 20

// brokenLine finds the line that YAML breaks at, which the parser does not tell exactly: the first one after the longest run
// of lines that are YAML by themselves. Within quotes and brackets over several lines no run is, so it looks a little beyond.
func (d *document) brokenLine() int {
	good, bad := 0, len(d.lines)
	for bad-good > 1 {
		if mid := (good + bad) / 2; d.isYAML(mid) {
			good = mid
		} else {
			bad = mid
		}
	}
	spent := 0
	for n := good + 1; n < len(d.lines) && spent < brokenLineBytes; n++ {
		if d.isYAML(n) {
			good = n
		}
		spent += d.lines[n]
	}
	return good + 1
}

// isYAML reports whether the first lines are YAML by themselves.
func (d *document) isYAML(lines int) bool {
	dec := yaml.NewDecoder(strings.NewReader(d.text[:d.lines[lines]]))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
