package abi

import "strings"

// Strongest is the index of the finding that a judge asked alone comes down to, -1 for none: a deny before an approval,
// that before an allow, then a warning, then a note; among equals the highest priority, then the first.
func Strongest(fs []Finding) int {
	best := -1
	for i := range fs {
		switch {
		case best < 0, fs[i].Decision < fs[best].Decision:
			best = i
		case fs[i].Decision == fs[best].Decision && fs[i].Priority > fs[best].Priority:
			best = i
		}
	}
	return best
}

// Differences says, one line each, where the findings of a judge asked alone are not what the case wants; none means
// that the case passes. A judge without a finding abstains. Deciding findings have the code rule, or default where the
// rule of that name gave them; others have none. Want.Policy is not compared: findings do not know whose they are.
func (w *Want) Differences(fs []Finding) []string {
	decision, rule, code := Abstain, "", Code("")
	if i := Strongest(fs); i >= 0 {
		decision, rule = fs[i].Decision, fs[i].Rule
	}
	if decision.Deciding() {
		code = codeOf(rule)
	}
	var out []string
	differ := func(what, want, got string) {
		if want != got {
			out = append(out, what+": want "+want+", got "+got)
		}
	}
	differ("decision", w.Decision.String(), decision.String())
	if w.Rule != "" {
		differ("rule", w.Rule, rule)
	}
	if w.Code != "" {
		differ("code", string(w.Code), string(code))
	}
	for _, name := range w.Warnings {
		if !warned(fs, name) {
			differ("warnings", "one by "+name, "["+strings.Join(warnings(fs), " ")+"]")
		}
	}
	return out
}

func codeOf(rule string) Code {
	if rule == string(CodeDefault) {
		return CodeDefault
	}
	return CodeRule
}

func warned(fs []Finding, rule string) bool { return listed(warnings(fs), rule) }

func warnings(fs []Finding) []string {
	var out []string
	for i := range fs {
		if fs[i].Decision == Warn {
			out = append(out, fs[i].Rule)
		}
	}
	return out
}
