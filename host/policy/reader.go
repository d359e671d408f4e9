package policy

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// reader takes the nodes of a file for what they must be, and collects what they are not. Each of its methods that reads a
// value answers whether it was of the right kind; what was wrong is reported by then.
type reader struct {
	doc  *document
	errs Errors
}

// key is a key that a mapping may hold, and what reads its value.
type key struct {
	name string
	read func(*yaml.Node)
}

// written are the key nodes of a mapping by their names; a misspelt one also by the name it was likely meant for, so that the
// key is not reported missing besides.
type written map[string]*yaml.Node

func (r *reader) fail(n *yaml.Node, hint, format string, args ...any) {
	r.tell(nodePos(n), hint, fmt.Sprintf(format, args...))
}

func (r *reader) tell(pos Pos, hint, message string) {
	r.errs = append(r.errs, r.doc.errorAt(pos, hint, "%s", message))
}

// mapping reads a mapping that may hold these keys, each once and with a value, and no others.
func (r *reader) mapping(n *yaml.Node, what string, keys []key) written {
	found, meant := written{}, written{}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "write keys and values, like name: x", "%s must be a mapping, not %s", what, kindName(n))
		return found
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(keys, func(f key) bool { return f.name == k.Value })
		switch {
		case found[k.Value] != nil:
			r.fail(k, "keep one of them", "key %q a second time; the first is in line %d", k.Value, found[k.Value].Line)
			continue
		case at < 0:
			r.fail(k, didYouMean(k.Value, keyNames(keys)), "unknown key %q in %s", k.Value, what)
			meant[suggest(k.Value, keyNames(keys))] = k
		case value.Tag == "!!null":
			r.fail(k, "give it a value, or remove the key", "%s has no value", k.Value)
		default:
			keys[at].read(value)
		}
		found[k.Value] = k
	}
	for name, k := range meant {
		if found[name] == nil {
			found[name] = k
		}
	}
	return found
}

func keyNames(keys []key) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}

// require reports a key that is missing from the mapping.
func (r *reader) require(n *yaml.Node, found written, key, hint string) {
	if n.Kind == yaml.MappingNode && found[key] == nil {
		r.fail(n, hint, "%s is missing", key)
	}
}

// text reads a string. What YAML takes for a number or a boolean must be quoted to be one.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value != "":
		return n.Value, true
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		r.fail(n, "give it a value, or remove the key", "%s is empty", what)
	case n.Kind == yaml.ScalarNode:
		r.fail(n, "put it in quotes: "+strconv.Quote(n.Value), "%s must be a string, not %s", what, kindName(n))
	default:
		r.fail(n, "", "%s must be a string, not %s", what, kindName(n))
	}
	return "", false
}

// choice reads one of the words.
func (r *reader) choice(n *yaml.Node, what string, words ...string) (string, bool) {
	s, ok := r.text(n, what)
	if ok && !slices.Contains(words, s) {
		r.fail(n, didYouMean(s, words), "%s cannot be %q", what, s)
		return "", false
	}
	return s, ok
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		r.fail(n, "write true or false", "%s must be a boolean, not %s", what, kindName(n))
	}
	return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
}

func (r *reader) integer(n *yaml.Node, what string) int64 {
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		r.fail(n, "write a whole number in decimal digits", "%s must be a whole number of 64 bits, not %s", what, kindName(n))
	}
	return v
}

// items are the items of a list that must not be empty.
func (r *reader) items(n *yaml.Node, what string) []*yaml.Node {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "write a list, like [x]", "%s must be a list, not %s", what, kindName(n))
		return nil
	}
	if len(n.Content) == 0 {
		r.fail(n, "give it a value, or remove the key", "%s is empty", what)
	}
	return n.Content
}

// texts reads a list of different strings.
func (r *reader) texts(n *yaml.Node, what string) []string {
	var out []string
	for _, item := range r.items(n, what) {
		s, ok := r.text(item, "an item of "+what)
		if ok && slices.Contains(out, s) {
			r.fail(item, "", "%q stands twice in %s", s, what)
		}
		if ok {
			out = append(out, s)
		}
	}
	return out
}

// kindName says what a node is, for people.
func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return "the boolean " + n.Value
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "the date " + n.Value
	default:
		return "a string"
	}
}
