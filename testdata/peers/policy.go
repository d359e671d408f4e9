package main

import (
	"fmt"
	"strings"
)

// policyYAML is the rules as a policy file of ours: every rule denies, and what none denies is allowed.
func policyYAML(rules []*expr) string {
	var text strings.Builder
	text.WriteString("version: \"1.0\"\nname: peers\ndefault_action: allow\nrules:\n")
	for i, r := range rules {
		fmt.Fprintf(&text, "  - name: %s\n    condition: %q\n    action: deny\n", ruleName(i), r.ours())
	}
	return text.String()
}

func ruleName(i int) string { return fmt.Sprintf("rule-%d", i) }

func (e *expr) ours() string {
	switch e.kind {
	case and:
		return "(" + joined(e.kids, (*expr).ours, " and ") + ")"
	case or:
		return "(" + joined(e.kids, (*expr).ours, " or ") + ")"
	case not:
		return "not (" + e.kids[0].ours() + ")"
	case equals:
		return e.path + " == '" + e.words[0] + "'"
	case oneOf:
		return e.path + " in ['" + strings.Join(e.words, "', '") + "']"
	case number:
		return fmt.Sprintf("%s %s %v", e.path, e.op, e.number)
	case numbers:
		return e.path + " " + e.op + " " + e.other
	case boolean:
		return e.path
	case prefix:
		return e.path + " startswith '" + e.words[0] + "'"
	default:
		return e.path + " contains '" + e.words[0] + "'"
	}
}
