package main

import (
	"errors"
	"strconv"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// table is by how much the score changes, and which codes of a deny are the agent's own doing.
type table struct {
	compliant, denied, success, failure, noViolations, violations delta
	blame                                                         []abi.Code
}

// delta is a change and its reason as the answer gives it, made once.
type delta struct {
	n    int64
	text string
}

// largest is how far one of the six may change a score: together they stay within what the contract takes.
const largest = 100

// tableOf reads the shipped table and, over it, the settings.
func tableOf(settings pdk.Value) (*table, error) {
	ours, err := pdk.ReadValue(shipped)
	if err != nil {
		return nil, errors.New("rules.json: " + err.Error())
	}
	t := &table{}
	for _, c := range ours.Get("blame").All() {
		t.blame = append(t.blame, abi.Code(c.Text()))
	}
	for _, from := range [...]pdk.Value{ours.Get("deltas"), settings.Get("deltas")} {
		for name, v := range from.All() {
			if err := t.set(name, v); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func (t *table) set(name string, v pdk.Value) error {
	n, ok := v.Int()
	d, sign := t.named(name)
	switch {
	case d == nil:
		return errors.New("deltas: there is no " + strconv.Quote(name))
	case !ok || n*sign < 0 || n*sign > largest:
		return errors.New("deltas: " + name + " must be an integer from 0 to " + strconv.FormatInt(largest*sign, 10))
	}
	d.n = n
	d.text = words(name) + " " + signed(n)
	return nil
}

// named is the delta of that name, and its sign.
func (t *table) named(name string) (*delta, int64) {
	switch name {
	case "compliant":
		return &t.compliant, 1
	case "denied":
		return &t.denied, -1
	case "success":
		return &t.success, 1
	case "failure":
		return &t.failure, -1
	case "no_violations":
		return &t.noViolations, 1
	case "violations":
		return &t.violations, -1
	default:
		return nil, 0
	}
}

func words(name string) string {
	b := []byte(name)
	for i := range b {
		if b[i] == '_' {
			b[i] = ' '
		}
	}
	return string(b)
}

func signed(n int64) string {
	if n > 0 {
		return "+" + strconv.FormatInt(n, 10)
	}
	return strconv.FormatInt(n, 10)
}

// reward scores one action. What was not enforced was a trial, and a deny for want of a judge, a person or a disk is
// nobody's merit and not the agent's fault: both leave the score alone.
func reward(t *table, q *pdk.ScoreRequest, s *pdk.Score) {
	if !q.Verdict.Get("enforced").IsTrue() {
		return
	}
	switch q.Decision {
	case abi.Allow:
		t.allowed(q, s)
	case abi.Deny:
		if t.blames(q.Code) {
			add(s, t.denied)
			add(s, t.violations)
		}
	case abi.RequireApproval: // until a person has spoken there is nothing to reward
	}
}

func (t *table) allowed(q *pdk.ScoreRequest, s *pdk.Score) {
	add(s, t.compliant)
	switch q.Status {
	case abi.OutcomeOK:
		add(s, t.success)
	case abi.OutcomeError:
		add(s, t.failure)
	case abi.OutcomeWithheld, abi.OutcomeCancelled: // what the server answered, or the caller wanted no more, is neither
	}
	if q.Verdict.Get("warnings").Len() > 0 {
		add(s, t.violations)
	} else {
		add(s, t.noViolations)
	}
}

func (t *table) blames(c abi.Code) bool {
	for _, b := range t.blame {
		if b == c {
			return true
		}
	}
	return false
}

func add(s *pdk.Score, d delta) {
	if d.n != 0 {
		s.Add(d.n, d.text)
	}
}
