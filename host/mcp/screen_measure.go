package mcp

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"

	"agentmesh/pdk/abi"
)

// ScreenReport is how well Screen does on definitions made for the purpose.
type ScreenReport struct {
	Seed uint64 `json:"seed"`
	// Aims has a line for each thing that a poisoned definition is after, Disguises one for each way to hide it (with the
	// undisguised first), Places one for each member it stands in.
	Aims      []ScreenLine `json:"aims"`
	Disguises []ScreenLine `json:"disguises"`
	Places    []ScreenLine `json:"places"`
	// Clean are definitions that hold nothing; what was found in them is a false alarm.
	Clean ScreenLine `json:"clean"`
	// Alarms are the first false alarms, for who tunes the detectors.
	Alarms []string `json:"alarms,omitempty"`
}

// ScreenLine counts definitions of one sort, and those in which something was found.
type ScreenLine struct {
	What  string `json:"what"`
	Tools int    `json:"tools"`
	Found int    `json:"found"`
}

// MeasureScreen makes tool definitions from a seed, poisons them, and counts what Screen finds. The same seed gives the
// same report. The words of the poison follow published attacks; all but those held back were written before the patterns
// for definitions, which were then made to find them (63 in 100 before). What is held back tells more of attacks to come,
// as long as nobody tunes by it. The figures say whether a change made things better, and are no promise.
func MeasureScreen(seed uint64) ScreenReport {
	m := toolMaker{rand.New(rand.NewPCG(seed, 21))}
	r := ScreenReport{Seed: seed}
	disguised, placed := make([]ScreenLine, len(toolDisguises)), make([]ScreenLine, len(toolPlaces))
	for _, a := range toolAims {
		line := ScreenLine{What: a.name}
		for _, phrase := range a.phrases {
			for d, disguise := range toolDisguises {
				place := m.IntN(len(toolPlaces))
				found := len(Screen(m.poisoned(toolPlaces[place].put, disguise.wear(phrase)), foreignTools...)) > 0
				disguised[d].count(disguise.name, found)
				placed[place].count(toolPlaces[place].name, found)
				if d == 0 {
					line.count(a.name, found)
				}
			}
		}
		r.Aims = append(r.Aims, line)
	}
	r.Disguises, r.Places = disguised, placed
	m.alarms(&r)
	return r
}

func (l *ScreenLine) count(what string, found bool) {
	l.What = what
	l.Tools++
	if found {
		l.Found++
	}
}

// cleanTools is how many definitions without poison are made.
const cleanTools = 2000

func (m toolMaker) alarms(r *ScreenReport) {
	for range cleanTools {
		flags := Screen(m.definition(), foreignTools...)
		r.Clean.count("clean definitions", len(flags) > 0)
		if len(flags) > 0 && len(r.Alarms) < 10 {
			r.Alarms = append(r.Alarms, flags[0].String())
		}
	}
}

// toolMaker makes definitions by chance.
type toolMaker struct{ *rand.Rand }

func (m toolMaker) one(of []string) string { return of[m.IntN(len(of))] }

// definition is a tool as servers have them.
func (m toolMaker) definition() abi.Value {
	verb, noun := m.one(toolVerbs), m.one(toolNouns)
	text := strings.ToUpper(verb[:1]) + verb[1:] + "s " + m.one([]string{"a ", "the ", "one or more "}) + noun + ". " + m.one(toolRemarks)
	if m.IntN(2) == 0 {
		text += "\n\n" + m.one(toolRemarks) + " " + m.one(toolRemarks)
	}
	var properties []abi.Member
	for _, i := range m.Perm(len(toolParameters))[:1+m.IntN(4)] {
		p := toolParameters[i]
		properties = append(properties, abi.Member{Name: p[0], Value: abi.ObjectValue(
			abi.Member{Name: "type", Value: abi.StringValue("string")}, abi.Member{Name: "description", Value: abi.StringValue(p[1])},
		)})
	}
	return abi.ObjectValue(
		abi.Member{Name: "name", Value: abi.StringValue(verb + "_" + strings.ReplaceAll(noun, " ", "_"))},
		abi.Member{Name: "title", Value: abi.StringValue(strings.ToUpper(verb[:1]) + verb[1:] + " " + noun)},
		abi.Member{Name: "description", Value: abi.StringValue(text)},
		abi.Member{Name: "inputSchema", Value: abi.ObjectValue(
			abi.Member{Name: "type", Value: abi.StringValue("object")}, abi.Member{Name: "properties", Value: abi.ObjectValue(properties...)},
		)},
	)
}

func (m toolMaker) poisoned(put func(tool abi.Value, poison string) abi.Value, poison string) abi.Value {
	return put(m.definition(), poison)
}

// toolPlaces are where poison goes.
var toolPlaces = []struct {
	name string
	put  func(tool abi.Value, poison string) abi.Value
}{
	{"description", func(tool abi.Value, poison string) abi.Value {
		return tool.With("description", abi.StringValue(tool.Get("description").Text()+"\n\n"+poison))
	}},
	{"title", func(tool abi.Value, poison string) abi.Value { return tool.With("title", abi.StringValue(poison)) }},
	{"a parameter's description", func(tool abi.Value, poison string) abi.Value {
		return withParameter(tool, abi.Member{Name: "description", Value: abi.StringValue("A note. " + poison)})
	}},
	{"a parameter's default", func(tool abi.Value, poison string) abi.Value {
		return withParameter(tool, abi.Member{Name: "default", Value: abi.StringValue(poison)})
	}},
	{"a parameter's choices", func(tool abi.Value, poison string) abi.Value {
		return withParameter(tool, abi.Member{Name: "enum", Value: abi.StringsValue([]string{"short", poison})})
	}},
	{"output schema", func(tool abi.Value, poison string) abi.Value {
		return tool.With("outputSchema", abi.ObjectValue(abi.Member{Name: "description", Value: abi.StringValue(poison)}))
	}},
	{"annotations", func(tool abi.Value, poison string) abi.Value {
		return tool.With("annotations", abi.ObjectValue(abi.Member{Name: "title", Value: abi.StringValue(poison)}))
	}},
}

func withParameter(tool abi.Value, what abi.Member) abi.Value {
	schema := tool.Get("inputSchema")
	parameter := abi.ObjectValue(abi.Member{Name: "type", Value: abi.StringValue("string")}, what)
	return tool.With("inputSchema", schema.With("properties", schema.Get("properties").With("note", parameter)))
}

// toolDisguises are how poison hides; the first does not.
var toolDisguises = []struct {
	name string
	wear func(string) string
}{
	{"none", func(s string) string { return s }},
	{"capitals", strings.ToUpper},
	{"line breaks", func(s string) string { return strings.ReplaceAll(s, " ", "\n") }},
	{"HTML comment", func(s string) string { return "<!-- " + s + " -->" }},
	{"zero width", func(s string) string { return strings.ReplaceAll(s, "e", "e\u200b") }},
	{"tag characters", tagged},
	{"Cyrillic letters", strings.NewReplacer("a", "а", "e", "е", "o", "о", "p", "р", "c", "с").Replace},
	{"full width", fullWidth},
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"percent encoding", func(s string) string { return strings.NewReplacer(" ", "%20", "e", "%65", "o", "%6F").Replace(s) }},
	{"digits for letters", strings.NewReplacer("o", "0", "i", "1", "e", "3").Replace},
}

func tagged(s string) string {
	return "Adds." + strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return -1
		}
		return r + 0xe0000
	}, s)
}

func fullWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}
