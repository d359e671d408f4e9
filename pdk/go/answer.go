package pdk

import (
	"strconv"
	"unsafe"

	"agentmesh/pdk/abi"
)

// Finding is a decision by one rule.
type Finding = abi.Finding

// Obligation is what the host must do about a decision.
type Obligation = abi.Obligation

// Answer collects the findings of one decision, in the order given; none of them is dropped, and the host combines them
// as it combines those of several judges. Every finding names its rule; reasons are for people, and no place for secrets.
type Answer struct {
	findings    []Finding
	obligations []Obligation
	texts       []string
	text        []byte
}

func newAnswer() Answer {
	return Answer{
		findings: make([]Finding, 0, roomList), obligations: make([]Obligation, 0, roomList), texts: make([]string, 0, roomList),
		text: make([]byte, 0, roomOutput),
	}
}

func (a *Answer) reset() {
	a.findings, a.obligations, a.texts, a.text = a.findings[:0], a.obligations[:0], a.texts[:0], a.text[:0]
}

// Deny refuses the action.
func (a *Answer) Deny(rule, reason string) {
	a.Add(Finding{Decision: abi.Deny, Rule: rule, Reason: reason})
}

// Allow allows the action, unless another finding or judge is against it.
func (a *Answer) Allow(rule, reason string) {
	a.Add(Finding{Decision: abi.Allow, Rule: rule, Reason: reason})
}

// Warn points the action out and decides nothing.
func (a *Answer) Warn(rule, reason string) {
	a.Add(Finding{Decision: abi.Warn, Rule: rule, Reason: reason})
}

// Log notes the action and decides nothing.
func (a *Answer) Log(rule, reason string) {
	a.Add(Finding{Decision: abi.Log, Rule: rule, Reason: reason})
}

// RequireApproval has a person approve the action first: one of the approvers, or anyone the operator lets approve.
func (a *Answer) RequireApproval(rule, reason string, approvers ...string) {
	from := len(a.texts)
	a.texts = append(a.texts, approvers...)
	a.oblige(Finding{Decision: abi.RequireApproval, Rule: rule, Reason: reason},
		Obligation{Kind: abi.ObligationApproval, Rule: rule, Approvers: a.texts[from:len(a.texts):len(a.texts)]})
}

// AllowWithin allows the action as often as the limit says, such as "100/hour": a count and second, minute, hour or day.
func (a *Answer) AllowWithin(rule, reason, limit string) {
	a.oblige(Finding{Decision: abi.Allow, Rule: rule, Reason: reason}, Obligation{Kind: abi.ObligationLimit, Rule: rule, Limit: limit})
}

// Add adds a finding made by hand: with a priority, or with obligations of its own.
func (a *Answer) Add(f Finding) { a.findings = append(a.findings, f) }

func (a *Answer) oblige(f Finding, o Obligation) {
	from := len(a.obligations)
	a.obligations = append(a.obligations, o)
	f.Obligations = a.obligations[from:len(a.obligations):len(a.obligations)]
	a.Add(f)
}

// Join joins the parts in memory of the answer's own, so that a reason can say what it saw without garbage. It is good
// until the handler returns.
func (a *Answer) Join(parts ...string) string {
	from := len(a.text)
	for _, p := range parts {
		a.text = append(a.text, p...)
	}
	return unsafe.String(unsafe.SliceData(a.text[from:]), len(a.text)-from)
}

// appendFindings appends the answer as abi.AppendFindings does, in fewer steps: inside a module each is dear.
func appendFindings(dst []byte, fs []Finding) []byte {
	dst = append(dst, `{"abi":1,"findings":[`...)
	for i := range fs {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := &fs[i]
		dst = append(append(append(dst, `{"decision":"`...), f.Decision.String()...), `","rule":`...)
		dst = append(abi.AppendString(dst, f.Rule), `,"reason":`...)
		dst = append(abi.AppendString(dst, f.Reason), `,"priority":`...)
		dst = append(strconv.AppendInt(dst, f.Priority, 10), `,"obligations":[`...)
		for j := range f.Obligations {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = abi.AppendObligation(dst, &f.Obligations[j])
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, "]}"...)
}
