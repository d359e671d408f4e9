package mcp

import (
	"strings"

	"agentmesh/host/scan"
)

// care is what is done with a string of a result.
type care uint8

const (
	// careLeave: nobody looks at it (base64, what only programs read).
	careLeave care = iota
	// careLook: it is looked at and never edited (names, addresses, members' names).
	careLook
	// careClean: it is text for a model or a person.
	careClean
)

// brokenText counts, in a report, characters cut in half: invalid UTF-8 and lone surrogates.
const brokenText = "broken"

// treatment looks at the strings of one result, and cleans them in the mode that cleans.
type treatment struct {
	mode   ResultMode
	report *ResultReport
	flags  scan.Set
}

// text is what becomes of one string, and whether it changed. name is the member's, where the string is a member of
// structured content.
func (t *treatment) text(c care, name, s string) (out string, changed bool) {
	if c == careLeave || t.mode == Off || s == "" {
		return s, false
	}
	t.flags.Union(scan.Find(s, scan.Instruction))
	stripped, n := scan.Scrub(s, false)
	if n.Changed() && (c == careLook || t.mode != Clean) {
		t.flags.Add(scan.HiddenText)
	}
	if c == careLook {
		return s, false
	}
	if t.mode != Clean {
		t.notice(name, stripped)
		return s, false
	}
	t.report.took(n)
	out, defused := defuse(t.mask(name, stripped))
	t.report.Lookalikes += defused
	return out, out != s
}

// notice flags, where nothing is edited, what cleaning would have edited.
func (t *treatment) notice(name, s string) {
	if !opaque(s) {
		t.flags.Union(secretsIn(name, s))
	}
	if _, n := defuse(s); n > 0 {
		t.report.Lookalikes += n
	}
}

// mask puts the kinds of secrets in their place. Base64 is left alone: what looks like a key in a picture is none.
func (t *treatment) mask(name, s string) string {
	if opaque(s) {
		return s
	}
	found := scan.Scan(nil, s, scan.Secret)
	for _, f := range found {
		tally(&t.report.Masked, f.Kind.String(), 1)
	}
	if len(found) > 0 {
		masked, _ := scan.Scrub(s, true)
		return masked
	}
	if kinds := scan.FindValue(name, s).Names(scan.Secret); len(kinds) > 0 {
		tally(&t.report.Masked, kinds[0], 1)
		return "[redacted:" + kinds[0] + "]"
	}
	return s
}

// forgery notes a member of _meta that passes for ours.
func (t *treatment) forgery() {
	if t.mode != Off {
		t.report.Lookalikes++
	}
}

func secretsIn(name, s string) scan.Set {
	found := scan.Find(s, scan.Secret)
	found.Union(scan.FindValue(name, s).Of(scan.Secret))
	return found
}

// opaqueFrom is the length from which on a string of nothing but base64 is taken for that. No key or token is as long.
const opaqueFrom = 512

// opaque reports whether a string is base64, whole, line ends and a data URL's head allowed.
func opaque(s string) bool {
	if len(s) < opaqueFrom {
		return false
	}
	if head, body, ok := strings.Cut(s[:256], ";base64,"); ok && strings.HasPrefix(head, "data:") {
		s = body + s[256:]
	}
	for i := range len(s) {
		b := s[i]
		if (b|0x20 < 'a' || b|0x20 > 'z') && (b < '+' || b > '9' || b == ',' || b == '.') && b != '=' && b != '_' && b != '\n' && b != '\r' {
			return false
		}
	}
	return true
}

// took notes what was removed.
func (r *ResultReport) took(n scan.Scrubbed) {
	if !n.Changed() {
		return
	}
	tally(&r.Removed, "tag", n.Tags)
	tally(&r.Removed, "bidi", n.Bidi)
	tally(&r.Removed, "control", n.Controls)
	tally(&r.Removed, "zero_width", n.ZeroWidth)
}

func tally(to *map[string]int, kind string, n int) {
	if n == 0 {
		return
	}
	if *to == nil {
		*to = map[string]int{}
	}
	(*to)[kind] += n
}
