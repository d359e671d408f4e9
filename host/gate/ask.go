package gate

import (
	"context"
	"errors"
	"runtime"
	"time"

	"agentmesh/pdk/abi"
)

// choose takes the judges that apply to the request, and what their policies keep out of the record whatever is decided.
func (w *work) choose() {
	for i := range w.set.Len() {
		if judge := w.set.Judge(i); applies(judge, &w.request) {
			w.chosen = append(w.chosen, judge)
			w.paths = append(w.paths, judge.Redacts()...)
		}
	}
}

// applies reports whether a judge is to be asked. One that cannot even say is: asking it will fail, and deny.
func applies(judge Judge, q *abi.Request) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = true
		}
	}()
	return judge.Applies(q)
}

// ask puts the request to every chosen judge and keeps the answers.
func (g *Gate) ask(ctx context.Context, w *work) {
	for _, judge := range w.chosen {
		w.answers = append(w.answers, g.answer(ctx, w, judge))
	}
}

// answer asks one judge, unless the breaker spares it.
func (g *Gate) answer(ctx context.Context, w *work, judge Judge) Answer {
	info := judge.Info()
	if !g.breaker.closed(&info, w.agent, w.now) {
		return Answer{Judge: info, Failure: &abi.Failure{Code: abi.CodeBreakerOpen, Detail: "it failed repeatedly for this agent"}}
	}
	from := len(w.findings)
	found, fuel, f := evaluate(ctx, judge, &w.request, w.findings)
	g.breaker.report(&info, w.agent, f != nil && judgesFault(f.Code), w.now)
	info.Fuel = fuel
	if f != nil {
		return Answer{Judge: info, Failure: f}
	}
	w.findings = found
	w.redact(found[from:])
	return Answer{Judge: info, Findings: found[from:]}
}

// redact notes the paths that findings keep out of the record. A path that cannot be read hides the request whole.
func (w *work) redact(found []abi.Finding) {
	for i := range found {
		for j := range found[i].Obligations {
			o := &found[i].Obligations[j]
			if o.Kind != abi.ObligationRedact {
				continue
			}
			for _, text := range o.Paths {
				path, err := abi.ParsePath(text)
				w.hidden = w.hidden || err != nil
				w.paths = append(w.paths, path)
			}
		}
	}
}

// judgesFault reports whether a failure with that code says something of the judge, and not of one request or of the host. A
// judge that is not there costs nothing to ask, and says better why it denies than a breaker does.
func judgesFault(code abi.Code) bool {
	switch code {
	case abi.CodeInputTooLarge, abi.CodeCancelled, abi.CodeOverloaded, abi.CodeAbsent, abi.CodeLapsed:
		return false
	default:
		return true
	}
}

// evaluate lets a judge append to found and takes whatever goes wrong, a panic included, for a failure.
func evaluate(ctx context.Context, judge Judge, q *abi.Request, found []abi.Finding) (_ []abi.Finding, fuel int64, f *abi.Failure) {
	defer func() {
		if p := recover(); p != nil {
			f = &abi.Failure{Code: abi.CodeTrap, Detail: panicked(p)}
		}
	}()
	from := len(found)
	found, fuel, err := judge.Evaluate(ctx, q, found)
	if err != nil {
		return nil, fuel, failureOf(ctx, err)
	}
	for i := from; i < len(found); i++ {
		if found[i].Decision > abi.Abstain {
			return nil, fuel, &abi.Failure{Code: abi.CodeOutputInvalid, Detail: "a finding decides nothing that there is"}
		}
	}
	return found, fuel, nil
}

func failureOf(ctx context.Context, err error) *abi.Failure {
	var f *abi.Failure
	switch {
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil:
		return &abi.Failure{Code: abi.CodeCancelled, Detail: "the caller went away"}
	default:
		return &abi.Failure{Code: abi.CodeTrap, Detail: err.Error()}
	}
}

// panicked describes a panic. What was thrown may hold anything, so only the runtime's own words are passed on.
func panicked(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return "panic"
}

// consume counts the allowed action against every matching limit. A limit that is used up turns the verdict into a deny.
func (g *Gate) consume(ctx context.Context, w *work, v *abi.Verdict) {
	if f := w.count(v); f != nil {
		w.overrule(v, f.Code, f.Detail)
		return
	}
	if len(w.counters) == 0 {
		return
	}
	if err := g.limits.Consume(ctx, g.redact.key(w.agent), w.now, w.counters); err != nil {
		w.counters = w.counters[:0]
		w.overrule(v, abi.CodeStateFailed, "limits could not be counted: "+err.Error())
		return
	}
	w.settle(v)
}

// settle turns the verdict into a deny where an enforcing limit is used up.
func (w *work) settle(v *abi.Verdict) {
	for i := range w.counters {
		if c := &w.counters[i]; c.Over {
			markOver(v, c)
		}
	}
	if c := over(w.counters); c != nil {
		w.overrule(v, abi.CodeRateLimited, c.Limit+usedUp)
		v.Policy, v.Rule, v.RetryAfter = c.Policy, c.Rule, max(1, int64((c.Retry+time.Second-1)/time.Second))
	}
}

// usedUp is what is said of a limit that has no room.
const usedUp = " is used up"

// count lists the counters that the answers call for. Those of monitored judges count apart, and only where the judge by
// itself would not have been in the way.
func (w *work) count(v *abi.Verdict) *abi.Failure {
	for i := range w.answers {
		a := &w.answers[i]
		if a.Judge.Monitored && v.Judges[i].Decision < abi.Allow {
			continue
		}
		for j := range a.Findings {
			for k := range a.Findings[j].Obligations {
				o := &a.Findings[j].Obligations[k]
				if o.Kind != abi.ObligationLimit {
					continue
				}
				c, err := NewCounter(a.Judge.Name, o.Rule, o.Limit, a.Judge.Monitored)
				if err == nil {
					c.version = a.Judge.Version
					w.counters = append(w.counters, c)
				} else if !a.Judge.Monitored {
					return &abi.Failure{Code: abi.CodeOutputInvalid, Detail: err.Error()}
				}
			}
		}
	}
	return nil
}

// overrule makes a deny of an allow; what the judges said stays recorded.
func (w *work) overrule(v *abi.Verdict, code abi.Code, reason string) {
	v.Decision, v.Code, v.Policy, v.Rule, v.Reason = abi.Deny, code, "", "", reason
}

// markOver records that the judge's rule stands in the way after all.
func markOver(v *abi.Verdict, c *Counter) {
	for i := range v.Judges {
		if j := &v.Judges[i]; j.Name == c.Policy && j.Version == c.version && j.Monitored == c.Monitored {
			v.Judges[i].Decision, v.Judges[i].Rule = abi.Deny, c.Rule
		}
	}
}
