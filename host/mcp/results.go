package mcp

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"agentmesh/host/scan"
	"agentmesh/pdk/abi"
)

// ResultMode says what is done with results on their way to the client.
type ResultMode uint8

// The modes of results. The zero mode cleans.
const (
	// Clean removes what people cannot see, masks secrets, defuses imitations of our footer, and flags instructions aimed
	// at the model.
	Clean ResultMode = iota
	// Flag edits nothing and says in _meta what was found.
	Flag
	// Off looks at nothing.
	Off
)

// ParseResultMode reads clean, flag or off.
func ParseResultMode(s string) (ResultMode, error) {
	for i, name := range resultModes {
		if name == s {
			return ResultMode(i), nil
		}
	}
	return Clean, fmt.Errorf("results %q: want clean, flag or off", s)
}

// String is the mode's name.
func (m ResultMode) String() string { return resultModes[m] }

var resultModes = [...]string{"clean", "flag", "off"}

// Results treats what goes back to the client. The zero Results cleans and puts the footer into the text. It is safe for
// concurrent use.
//
// # What is edited
//
// Strings of content, contents, messages, input requests and a prompt's description, every string of structuredContent, and
// of what a server tells of itself its instructions and all titles and descriptions in lists, schemas too. Not edited: base64 (members data and blob, and any string of 512 or more characters of nothing but
// base64), addresses, types, names and identifiers, the choices of forms, _meta, and members of the result that the
// protocol does not know. Those (but base64 and _meta) are looked at and flagged. Member names count without regard to
// case and after unescaping, as some clients read them.
//
// A string that changes is written anew; every other byte stays, and a result without changes is the very slice that came.
// Characters cut in half (invalid UTF-8, lone surrogates) become U+FFFD.
//
// # What cannot be cleaned
//
// A result in which a member stands twice (or content and Content), that is no object or nested deeper than 512, means
// different things to different clients: the mode Clean withholds it, with isError. So it does with structured content that
// no longer satisfies the tool's outputSchema once edited, or whose schema cannot be checked. The mode Flag lets it go,
// flagged. Content that is no list is cleaned as it stands.
//
// # What is added
//
// _meta["ai.agentmesh/results"], where anything was changed or flagged:
//
//	{"removed":{"tag":1,"bidi":1,"control":1,"zero_width":1,"broken":1},"masked":{"aws_access_key":1},"lookalikes":1,"flagged":["override"],"withheld":"why"}
//
// and the footer (see Footer). Members of _meta that begin like ours and came from the server are imitations: they go.
//
// A report's Flagged holds kinds of instructions (scan.Kind), "malformed", and in the mode Flag also kinds of secrets and
// "lookalike". Results of other methods than tools/call have no list called content, so their footer is in _meta.
type Results struct {
	Mode   ResultMode
	Footer Footer

	schemas schemas
}

var _ Treatment = (*Results)(nil)

// empty reports whether there is nothing to tell.
func (r *ResultReport) empty() bool {
	return len(r.Removed) == 0 && len(r.Masked) == 0 && r.Lookalikes == 0 && len(r.Flagged) == 0 && !r.Withheld
}

// flag adds kinds, each once.
func (r *ResultReport) flag(kinds ...string) { r.Flagged = union(r.Flagged, kinds) }

// union is a list and what of another one it lacks.
func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// malformedFlag flags a result that different clients read differently.
const malformedFlag = "malformed"

// errNoJSON means that a result is no JSON at all, so nothing may be made of it.
var errNoJSON = errors.New("the result is no JSON")

// Tool treats the raw JSON of one result of tools/call, resources/read or prompts/get: out is what goes to the client,
// raw itself when nothing changes. raw is not written to. The error means that raw is no JSON; nothing of it may go out.
func (r *Results) Tool(raw []byte, t Treated) (out []byte, report ResultReport, err error) {
	report.Flagged = slices.Clone(t.Flagged)
	if r.Mode == Off && (r.Footer == FooterNone || t.Verdict == nil) {
		return raw, report, nil
	}
	w := r.walk(raw, &report)
	w.around = t.Around
	err = w.run()
	report.flag(w.treat.flags.Names(scan.All)...)
	if err != nil {
		return r.unreadable(raw, t, report, err)
	}
	if why := r.broke(w, raw, &t); why != "" {
		return r.withhold(raw, t, report, why)
	}
	return r.finish(w, raw, &t, &report), report, nil
}

func (r *Results) walk(raw []byte, report *ResultReport) *resultWalk {
	return &resultWalk{ranges: ranges{b: raw}, src: string(raw), treat: &treatment{mode: r.Mode, report: report}}
}

// Fault treats the raw JSON of the error object of an answer as Tool does a result: its message, and every string of its data.
// It has no footer and no _meta, so only the report tells what was done. One that cannot be read in one way only is an
// error in the mode Clean.
func (r *Results) Fault(raw []byte) (out []byte, report ResultReport, err error) {
	if r.Mode == Off {
		return raw, report, nil
	}
	w := r.walk(raw, &report)
	err = w.whole(w.value(atFault, ""))
	report.flag(w.treat.flags.Names(scan.All)...)
	if r.Mode == Flag {
		report.flagUncleaned(err != nil)
		return raw, report, nil
	}
	if err != nil {
		return nil, report, err
	}
	return applyEdits(raw, w.edits), report, nil
}

// flagUncleaned adds what cleaning would have taken care of.
func (r *ResultReport) flagUncleaned(malformed bool) {
	if malformed {
		r.flag(malformedFlag)
	}
	if r.Lookalikes > 0 {
		r.flag("lookalike")
	}
}

// unreadable deals with a result that cannot be cleaned.
func (r *Results) unreadable(raw []byte, t Treated, report ResultReport, why error) ([]byte, ResultReport, error) {
	if !sound(raw) {
		return nil, report, fmt.Errorf("%w: %w", errNoJSON, why)
	}
	if r.Mode == Off {
		return raw, report, nil
	}
	if r.Mode == Flag {
		report.flagUncleaned(true)
		return raw, report, nil
	}
	return r.withhold(raw, t, report, "it cannot be read in one way only: "+why.Error())
}

// broke says why edited structured content can no longer go out, or nothing.
func (r *Results) broke(w *resultWalk, raw []byte, t *Treated) string {
	if w.structural == 0 || !t.OutputSchema.Exists() {
		return ""
	}
	shifted := make([]edit, 0, w.structural)
	s := w.structured
	for _, e := range w.edits {
		if e.start >= s.start && e.end <= s.end {
			shifted = append(shifted, edit{e.start - s.start, e.end - s.start, e.text})
		}
	}
	if err := r.schemas.check(t.OutputSchema, applyEdits(raw[s.start:s.end], shifted)); err != nil {
		return "cleaned, its structured content is no longer what the tool's outputSchema promises: " + err.Error()
	}
	return ""
}

// finish makes the edits, and adds footer and _meta.
func (r *Results) finish(w *resultWalk, raw []byte, t *Treated, report *ResultReport) []byte {
	edits := w.edits
	if r.Mode == Flag {
		report.flagUncleaned(false)
	}
	// A client of the older era shows content whatever the type says, so a type alone suppresses no footer.
	asks := w.resultType == inputRequired && w.content.items == 0
	footed := t.Verdict != nil && !asks
	var own []string
	if text := r.footerText(t, report); text != "" && footed && r.Footer == FooterText && w.content.kind == '[' {
		edits = append(edits, w.content.appended(textItem(text)))
	} else if footed && r.Footer != FooterNone {
		own = append(own, string(verdictMeta(t.Verdict)))
	}
	if r.Mode != Off && !report.empty() {
		own = append(own, string(reportMember(report, "")))
	}
	if e, ok := w.metaEdit(own, r.Mode == Clean); ok {
		edits = append(edits, e)
	}
	return applyEdits(raw, edits)
}

// inputRequired is the type of a result that asks the client something before there is one.
const inputRequired = "input_required"

// appended is the edit that puts an item last into the list that p is.
func (p resultPart) appended(item []byte) edit {
	if p.items > 0 {
		item = append([]byte{','}, item...)
	}
	return edit{p.end - 1, p.end - 1, item}
}

// metaEdit is the edit that puts members into the result's _meta, before those of the server's own; forged ones go when
// something of ours comes, or everything is cleaned.
func (w *resultWalk) metaEdit(own []string, clean bool) (edit, bool) {
	if len(own) == 0 && !(w.forged && clean) {
		return edit{}, false
	}
	body := joinMembers(own, w.kept)
	if w.meta.kind != 0 { // an object, or something that has no business there
		return edit{w.meta.start, w.meta.end, body}, true
	}
	body = append([]byte(`"_meta":`), body...)
	if w.members > 0 {
		body = append([]byte{','}, body...)
	}
	return edit{w.i - 1, w.i - 1, body}, true
}

func joinMembers(lists ...[]string) []byte {
	out := []byte{'{'}
	for _, list := range lists {
		for _, m := range list {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, m...)
		}
	}
	return append(out, '}')
}

// reportMember is the member of _meta that says what was changed and flagged.
func reportMember(r *ResultReport, withheld string) []byte {
	var flagged abi.Value
	if len(r.Flagged) > 0 {
		flagged = abi.StringsValue(r.Flagged)
	}
	v := abi.ObjectValue(
		abi.Member{Name: "removed", Value: countsValue(r.Removed)},
		abi.Member{Name: "masked", Value: countsValue(r.Masked)},
		abi.Member{Name: "lookalikes", Value: positive(r.Lookalikes)},
		abi.Member{Name: "flagged", Value: flagged},
		abi.Member{Name: "withheld", Value: told(withheld)},
	)
	return abi.AppendJSON([]byte(`"`+ourMembers+`results":`), v)
}

func countsValue(counts map[string]int) abi.Value {
	if len(counts) == 0 {
		return abi.Value{}
	}
	var members []abi.Member
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		members = append(members, abi.Member{Name: kind, Value: abi.IntValue(int64(counts[kind]))})
	}
	return abi.ObjectValue(members...)
}

func positive(n int) abi.Value {
	if n == 0 {
		return abi.Value{}
	}
	return abi.IntValue(int64(n))
}

func told(s string) abi.Value {
	if s == "" {
		return abi.Value{}
	}
	return abi.StringValue(s)
}

// withhold puts an error in the result's place, in the form of its era.
func (r *Results) withhold(raw []byte, t Treated, report ResultReport, why string) ([]byte, ResultReport, error) {
	report.Withheld = true
	var b []byte
	b = append(b, '{')
	if modern(raw) {
		b = append(b, `"resultType":"complete",`...)
	}
	b = append(b, `"content":[`...)
	b = append(b, textItem(signPrefix+"the result was withheld: "+why+"; the action itself has already happened")...)
	b = append(b, `],"isError":true,"_meta":`...)
	own := []string{string(reportMember(&report, why))}
	if t.Verdict != nil {
		own = append(own, string(verdictMeta(t.Verdict)))
	}
	b = append(append(b, joinMembers(own)...), '}')
	return b, report, nil
}

// modern reports whether a result says of itself that it is of the era of 2026-07-28.
func modern(raw []byte) bool {
	found := false
	members(raw, func(name, _ span) bool {
		s, ok := textOf(name.of(raw))
		found = found || ok && s == "resultType"
		return true
	})
	return found
}

func textItem(text string) []byte {
	b := abi.AppendString([]byte(`{"type":"text","text":`), text)
	return append(b, '}')
}
