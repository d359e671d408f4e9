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
	sign   cutSign
}

// text is what becomes of one string, and whether it changed. name is the member's, where the string is a member of
// structured content.
func (t *treatment) text(c care, name, s string) (out string, changed bool) {
	if c == careLeave || t.mode == Off || s == "" {
		return s, false
	}
	secrets := t.scan(s)
	stripped, n := scan.Scrub(s, false)
	if n.Changed() && (c == careLook || t.mode != Clean) {
		t.flags.Add(scan.HiddenText)
	}
	if c == careLook {
		return s, false
	}
	if n.Changed() {
		secrets = secretsOf(stripped)
	}
	if opaque(stripped) {
		name, secrets = "", nil // what looks like a key in a picture is none
	}
	if t.mode == Flag {
		t.notice(name, stripped, secrets)
		return s, false
	}
	t.report.took(n)
	out, defused := defuse(t.mask(name, stripped, secrets))
	t.report.Lookalikes += defused
	return out, out != s
}

// follow takes a text that is shown after the one before: a sign that both make up together is an imitation as well.
func (t *treatment) follow(s string) (out string, changed bool) {
	if t.mode == Off {
		return s, false
	}
	out, cut := t.sign.next(s)
	t.report.Lookalikes += cut
	return out, cut > 0
}

// scan flags the instructions in a string and returns the secrets.
func (t *treatment) scan(s string) []scan.Finding {
	found := scan.Scan(nil, s, scan.Instruction|scan.Secret)
	secrets := found[:0]
	for _, f := range found {
		if f.Kind.Class() == scan.Instruction {
			t.flags.Add(f.Kind)
		} else {
			secrets = append(secrets, f)
		}
	}
	return secrets
}

func secretsOf(s string) []scan.Finding { return scan.Scan(nil, s, scan.Secret) }

// notice flags, where nothing is edited, what cleaning would have edited.
func (t *treatment) notice(name, s string, secrets []scan.Finding) {
	for _, f := range secrets {
		t.flags.Add(f.Kind)
	}
	t.flags.Union(scan.FindValue(name, s).Of(scan.Secret))
	if _, n := defuse(s); n > 0 {
		t.report.Lookalikes += n
	}
}

// mask puts the kinds of secrets in their place.
func (t *treatment) mask(name, s string, secrets []scan.Finding) string {
	for _, f := range secrets {
		tally(&t.report.Masked, f.Kind.String(), 1)
	}
	if len(secrets) > 0 {
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
