package gate

import (
	"context"
	"slices"
	"strings"
	"time"

	"agentmesh/pdk/abi"
)

// SlotReader is a Judge that tells what it reads of a request. One that does not tell is taken to read everything.
type SlotReader interface {
	Judge
	// Slots are the paths it reads; its selector reads agent.name and agent.did besides, and context.time may decide whether it
	// is asked. all: it may read anything.
	Slots() (slots []abi.Slot, all bool)
}

// Redecided is what came of deciding a recorded request again.
type Redecided struct {
	// Verdict is what the judges given say, with the host's part in it as recorded: id, whether it was enforced, what limits
	// stood at, and failures that were the host's and not a judge's.
	Verdict abi.Verdict
	// Unreplayable says why the judges could not be asked, or is empty; Verdict is the zero Verdict then.
	Unreplayable Unreplayable
	// Judge is the judge that reads what is redacted.
	Judge string
	// Standing: no judge was asked when it was decided, so the recorded verdict stands whatever the rules: the mesh
	// protects itself, the message was malformed, the caller went away.
	Standing bool
	// Host is how many judges were not asked again because the host had kept them from answering: a breaker that was open,
	// a caller that went away, a watchdog. They failed as recorded.
	Host int
	// Assumed is how many limits were taken for unused, because the record does not say what they stood at.
	Assumed int
	// Fuel is what the judges spent.
	Fuel int64
}

// Unreplayable says why a decision cannot be made again from its record.
type Unreplayable string

// The reasons.
const (
	// UnreplayableHidden: the request was kept out of the record as a whole.
	UnreplayableHidden Unreplayable = "request_hidden"
	// UnreplayableRedacted: a judge reads what was kept out of the record.
	UnreplayableRedacted Unreplayable = "redacted"
)

// Redecider decides recorded requests again, in memory it uses again. The zero Redecider is ready; it is not safe for
// concurrent use.
type Redecider struct {
	work work
}

// Redecide decides one recorded request again; a Redecider does the same for many.
func Redecide(ctx context.Context, set Set, r *Recorded) Redecided {
	var d Redecider
	return d.Decide(ctx, set, r)
}

// Decide is what the judges of a set say of a recorded request. It uses no clock, no store and no ledger: time and stage are
// those of the request, limits stand where the record says they stood. The judges that decided then give the
// byte-identical verdict now. What was kept out of the record is not guessed: a judge that reads it makes the decision
// unreplayable.
//
// The set is held for the call and not released. The verdict shares no memory with the record but strings.
func (d *Redecider) Decide(ctx context.Context, set Set, r *Recorded) Redecided {
	if Standing(&r.Verdict) {
		return Redecided{Verdict: r.Verdict, Standing: true}
	}
	if r.hidden {
		return Redecided{Unreplayable: UnreplayableHidden}
	}
	w := &d.work
	defer w.forget()
	w.set, w.request, w.stage = set, r.Request, stageOf(&r.Request)
	w.choose()
	if judge, blind := w.blind(r); blind {
		return Redecided{Unreplayable: UnreplayableRedacted, Judge: judge}
	}
	out := Redecided{}
	for _, judge := range w.chosen {
		a, host := w.askAgain(ctx, judge, r)
		out.Fuel += a.Judge.Fuel
		if host {
			out.Host++
		}
		w.answers = append(w.answers, a)
	}
	v := Combine(w.stage, w.answers)
	if v.Decision == abi.Allow && w.stage == abi.StagePreTool {
		out.Assumed = w.consumeAgain(&v, r)
	}
	v.Set, v.ID, v.Enforced = set.Digest(), r.Verdict.ID, r.Verdict.Enforced
	finish(&v, w.stage)
	out.Verdict = v
	return out
}

// forget leaves the memory for the next decision.
func (w *work) forget() {
	clear(w.chosen)
	clear(w.answers)
	clear(w.findings)
	*w = work{
		chosen: w.chosen[:0], answers: w.answers[:0], findings: w.findings[:0], counters: w.counters[:0], paths: w.paths[:0],
	}
}

func stageOf(q *abi.Request) string {
	if q.Action.Get("stage").Text() == abi.StagePostTool {
		return abi.StagePostTool
	}
	return abi.StagePreTool
}

// Standing reports whether a recorded verdict was reached without judges, by what is no rule's business, so that it stands
// whatever the rules.
func Standing(v *abi.Verdict) bool {
	if len(v.Judges) > 0 {
		return false
	}
	switch v.Code {
	case abi.CodeNoRule, CodeReleased:
		return false // no judge applied
	default:
		return true
	}
}

// blind finds a judge that reads what was kept out of the record. Whom an action was by decides which judges apply, so
// without that nobody can be asked.
func (w *work) blind(r *Recorded) (judge string, blind bool) {
	if len(r.secrets) == 0 {
		return "", false
	}
	for _, at := range r.secrets {
		if selects(at) {
			return "", true
		}
	}
	for _, judge := range w.chosen {
		if readsAny(judge, r.secrets) {
			return judge.Info().Name, true
		}
	}
	return "", false
}

// selects reports whether what stands at a path decides which judges apply, and when.
func selects(at []abi.Step) bool {
	switch at[0].Name {
	case "agent":
		return len(at) == 1 || at[1].Name == "name" || at[1].Name == "did"
	case "action":
		return len(at) == 1 || at[1].Name == "stage"
	default:
		return false
	}
}

func readsAny(judge Judge, places [][]abi.Step) bool {
	reader, tells := judge.(SlotReader)
	if !tells {
		return true
	}
	slots, all := reader.Slots()
	if all {
		return true
	}
	for i := range slots {
		for _, at := range places {
			if reads(&slots[i], at) {
				return true
			}
		}
	}
	return false
}

// reads reports whether what is written into a slot depends on what stood at a place.
func reads(s *abi.Slot, at []abi.Step) bool {
	for i := range min(len(s.Path), len(at)) {
		if !leads(s.Path[i], at[i]) {
			return false
		}
	}
	return len(s.Path) >= len(at) || within(s, at[len(s.Path):])
}

// leads reports whether a path's step may be the one that leads to a place. A member whose name was kept out may have had
// any name that is kept out.
func leads(step, to abi.Step) bool {
	if step == to {
		return true
	}
	return !step.IsIndex && !to.IsIndex && strings.HasPrefix(to.Name, hiddenName) && !cleanName(step.Name)
}

// within reports whether a slot that holds a list or an object depends on what stood below it.
func within(s *abi.Slot, rest []abi.Step) bool {
	if s.Canonical {
		return true
	}
	if !s.HasItems || !rest[0].IsIndex {
		return false
	}
	rest = rest[1:]
	if len(rest) == 0 || s.Item != nil && within(s.Item, rest) {
		return true
	}
	return slices.ContainsFunc(s.Items, func(item abi.Slot) bool { return reads(&item, rest) })
}

// askAgain asks a judge, unless it is the one that the host kept from answering: it fails as it did.
func (w *work) askAgain(ctx context.Context, judge Judge, r *Recorded) (a Answer, host bool) {
	info := judge.Info()
	if then := r.judged(&info); then != nil {
		if f := r.hostFailure(then); f != nil {
			info.Fuel = then.Fuel
			return Answer{Judge: info, Failure: f}, true
		}
	}
	from := len(w.findings)
	found, fuel, f := evaluate(ctx, judge, &w.request, w.findings)
	info.Fuel = fuel
	if f != nil {
		return Answer{Judge: info, Failure: f}, false
	}
	w.findings = found
	return Answer{Judge: info, Findings: found[from:]}, false
}

// judged is how the same judge took part then, or nil.
func (r *Recorded) judged(info *abi.Judged) *abi.Judged {
	for i := range r.Verdict.Judges {
		j := &r.Verdict.Judges[i]
		if j.Name == info.Name && j.Version == info.Version && j.Digest == info.Digest && j.Monitored == info.Monitored {
			return j
		}
	}
	return nil
}

// hostFailure is the failure of a judge that the host kept from answering, as the verdict's warnings have it, or nil.
func (r *Recorded) hostFailure(j *abi.Judged) *abi.Failure {
	if j.Decision != abi.Deny || j.Rule != "" {
		return nil
	}
	prefix := j.Name + ": "
	if j.Monitored {
		prefix = monitoredPrefix + prefix
	}
	for _, warning := range r.Verdict.Warnings {
		text, ok := strings.CutPrefix(warning, prefix)
		if !ok {
			continue
		}
		code, detail, _ := strings.Cut(text, ": ")
		if hostsFault(abi.Code(code)) {
			return &abi.Failure{Code: abi.Code(code), Detail: detail}
		}
	}
	return nil
}

// hostsFault reports whether a failure with that code says how the host was at that moment, and nothing of the judge.
func hostsFault(code abi.Code) bool {
	switch code {
	case abi.CodeBreakerOpen, abi.CodeCancelled, abi.CodeOverloaded, abi.CodeWatchdog:
		return true
	default:
		return false
	}
}

// consumeAgain lets limits have their say where the record says they stood, and says how many it had to take for unused.
func (w *work) consumeAgain(v *abi.Verdict, r *Recorded) (assumed int) {
	if f := w.count(v); f != nil {
		w.overrule(v, f.Code, f.Detail)
		return 0
	}
	if len(w.counters) == 0 {
		return 0
	}
	if r.Verdict.Code == abi.CodeStateFailed {
		w.overrule(v, abi.CodeStateFailed, r.Verdict.Reason)
		return 0
	}
	for i := range w.counters {
		c := &w.counters[i]
		then := r.counter(c)
		if then == nil {
			assumed++
			continue
		}
		c.Used = then.Used
		c.Over = c.Used >= c.count
		if c.Over && r.limitedBy(c) {
			c.Retry = time.Duration(r.Verdict.RetryAfter) * time.Second
		}
	}
	w.settle(v)
	return assumed
}

// counter is what was recorded of a limit: of that very one, or of one over the same window by the same rule.
func (r *Recorded) counter(c *Counter) *Counter {
	var alike *Counter
	for i := range r.Counters {
		b := &r.Counters[i]
		if b.Policy != c.Policy || b.Rule != c.Rule || b.Monitored != c.Monitored || b.window != c.window {
			continue
		}
		if b.Limit == c.Limit {
			return b
		}
		alike = b
	}
	return alike
}

// limitedBy reports whether it was this limit that denied.
func (r *Recorded) limitedBy(c *Counter) bool {
	v := &r.Verdict
	return v.Code == abi.CodeRateLimited && v.Policy == c.Policy && v.Rule == c.Rule && v.Reason == c.Limit+usedUp && !c.Monitored
}
