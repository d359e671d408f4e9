package mcp

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"agentmesh/host/scan"
	"agentmesh/pdk/abi"
)

// ToolFlag is something in a tool's definition that may be aimed at the model.
type ToolFlag struct {
	// Kind is the name of a scan.Kind of instructions, or Shadowing.
	Kind string
	// Where is the member it stands in, as policies write paths (inputSchema.properties.path.description); empty: it takes
	// several together.
	Where string
	// Text is how the member begins, or the words found; for people, and as the server wrote it.
	Text string
}

// Shadowing is the kind of a definition that speaks of another server's tool: by it a server may change how the other's
// tool is used.
const Shadowing = "shadowing"

// Screen looks for what is aimed at the model in a tool's definition, or whatever else a server tells of itself: in every
// string of it, whatever its member (name, title, description, schemas with their descriptions, enums, defaults and examples,
// annotations, icons, _meta), in the names of members, in lists of strings read as one, and in all texts together. Disguises are taken off first (package scan). To
// what is looked for in any text come orders that no definition has a use for, such as to hand over the user's keys.
// Characters that people cannot see are flagged by themselves: a definition has no use for them. others are names of tools
// of other servers (Pins.Others); those that no ordinary text holds, because they are of several words written as one, are
// flagged where they occur. Flags come by place, each kind once in a place.
func Screen(tool abi.Value, others ...string) []ToolFlag {
	s := screening{others: distinctive(others)}
	delete(s.others, tool.Get("name").Text())
	s.value(nil, tool)
	s.together()
	return s.flags
}

// screening is one look at one definition.
type screening struct {
	others map[string]bool
	flags  []ToolFlag
	found  scan.Set
	texts  []string
}

func (s *screening) value(path []abi.Step, v abi.Value) {
	switch v.Kind() {
	case abi.String:
		s.text(path, v.Text())
		s.texts = append(s.texts, v.Text())
	case abi.List:
		s.list(path, v)
	case abi.Object:
		for _, m := range v.Items() {
			below := append(path, abi.Step{Name: m.Name})
			if !schemaWords[m.Name] {
				s.text(below, m.Name)
			}
			s.value(below, m.Value)
		}
	}
}

// schemaWords stand in every definition and say nothing.
var schemaWords = map[string]bool{
	"name": true, "title": true, "description": true, "inputSchema": true, "outputSchema": true, "annotations": true, "type": true,
	"properties": true, "required": true, "additionalProperties": true, "items": true, "enum": true, "default": true, "$schema": true,
	"object": true, "string": true, "number": true, "integer": true, "boolean": true, "array": true, "null": true,
	"readOnlyHint": true, "destructiveHint": true, "idempotentHint": true, "openWorldHint": true, "execution": true, "taskSupport": true,
	"http://json-schema.org/draft-07/schema#": true, "https://json-schema.org/draft/2020-12/schema": true,
}

func (s *screening) list(path []abi.Step, v abi.Value) {
	var words []string
	for i := range v.Len() {
		s.value(append(path, abi.Step{Index: i, IsIndex: true}), v.At(i))
		if text, ok := v.At(i).Str(); ok {
			words = append(words, text)
		}
	}
	if len(words) > 1 {
		s.text(path, strings.Join(words, " "))
	}
}

// hiddenIn is what people cannot see in a text.
func hiddenIn(text string) bool {
	_, n := scan.Scrub(text, false)
	return n.Changed()
}

func (s *screening) text(path []abi.Step, text string) {
	if schemaWords[text] {
		return
	}
	kinds := scan.Find(text, scan.Instruction)
	kinds.Union(definitionKinds(text))
	if hiddenIn(text) {
		kinds.Add(scan.HiddenText)
	}
	s.found.Union(kinds)
	for _, k := range kinds.Names(scan.Instruction) {
		s.flag(ToolFlag{Kind: k, Where: string(abi.AppendPath(nil, path)), Text: beginning(text)})
	}
	if len(s.others) == 0 {
		return
	}
	visible, _ := scan.Scrub(text, false)
	for word := range strings.FieldsFuncSeq(visible, notInName) {
		if s.others[word] {
			s.flag(ToolFlag{Kind: Shadowing, Where: string(abi.AppendPath(nil, path)), Text: word})
		}
	}
}

func (s *screening) flag(f ToolFlag) {
	if !slices.Contains(s.flags, f) {
		s.flags = append(s.flags, f)
	}
}

// together looks at all texts as one, for signs that count only together. A blank line between keeps sentences apart.
func (s *screening) together() {
	all := scan.Find(strings.Join(s.texts, ".\n\n"), scan.Instruction)
	for _, k := range scan.Kinds() {
		if all.Has(k) && !s.found.Has(k) {
			s.flag(ToolFlag{Kind: k.String()})
		}
	}
}

// shownText is how many characters of a member a flag shows.
const shownText = 120

func beginning(text string) string {
	if r := []rune(text); len(r) > shownText {
		return string(r[:shownText]) + "…"
	}
	return text
}

// notInName reports whether a character ends a tool's name.
func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
}

// distinctive are the names that stand in no text by chance: six characters or more, of several words written as one.
func distinctive(names []string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		capital := strings.IndexFunc(n, unicode.IsUpper) > 0
		if len(n) >= 6 && (strings.Contains(n, "_") || capital || strings.Count(n, "-") > 0 && !isWordWithDash(n)) {
			out[n] = true
		}
	}
	return out
}

// isWordWithDash leaves out names such as read-only that are plain English.
func isWordWithDash(n string) bool {
	return strings.Count(n, "-") == 1 && (strings.HasSuffix(n, "-only") || strings.HasSuffix(n, "-in") || strings.HasPrefix(n, "re-"))
}

// Inspector looks at what servers tell of themselves: at the pins of tools, and for what is aimed at the model in tools,
// prompts, resources, their templates and the server's instructions. It is safe for concurrent use.
type Inspector struct{ pins *Pins }

// NewInspector makes an inspector over pins.
func NewInspector(p *Pins) *Inspector { return &Inspector{p} }

// Inspect gives as many notes as there are items: what a proxy's Config.Inspect is for.
func (i *Inspector) Inspect(ctx context.Context, about Shown) ([]Notes, error) {
	notes := make([]Notes, len(about.Items))
	if about.Method == listTools {
		pins, err := i.pins.See(ctx, about.Server, about.Items)
		if err != nil {
			return nil, err
		}
		for k, pin := range pins {
			notes[k] = Notes{New: pin.State == PinNew, Changed: pin.State == PinChanged, Hash: pin.Hash}
		}
	}
	others, err := i.pins.Others(ctx, about.Server)
	if err != nil {
		return nil, err
	}
	for k, item := range about.Items {
		notes[k].flag(Screen(item, others...))
	}
	return notes, nil
}

// flag notes the kinds of flags.
func (n *Notes) flag(flags []ToolFlag) {
	for _, f := range flags {
		n.Flagged, n.Kinds = true, union(n.Kinds, []string{f.Kind})
	}
}

// Whole says which tools a server's list has, when it was read to its end; see Pins.Whole.
func (i *Inspector) Whole(ctx context.Context, server string, names []string) error {
	_, err := i.pins.Whole(ctx, server, names)
	return err
}

// String is the flag for people: kind, place and text.
func (f ToolFlag) String() string {
	where := f.Where
	if where == "" {
		where = "several places"
	}
	return f.Kind + " in " + where + ": " + strconv.QuoteToGraphic(f.Text)
}
