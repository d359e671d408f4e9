package gate

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// record writes the decision down and returns it, or a denial when that cannot be done.
func (g *Gate) record(ctx context.Context, w *work, v abi.Verdict) (out abi.Verdict) {
	defer func() {
		if p := recover(); p != nil {
			out = w.unrecorded(&v, panicked(p))
		}
	}()
	var written abi.Request
	if !w.hidden {
		written = g.redact.request(&w.request, w.paths)
	}
	w.body = appendDecision(w.body[:0], &written, &v, w)
	e := w.subject.said().entry(ledger.KindDecision)
	e.Time, e.ID, e.Body = w.now, w.id, w.body
	e.verdict(&v)
	if err := g.append(ctx, e.Entry); err != nil {
		return w.unrecorded(&v, err.Error())
	}
	return v
}

// append outlives a caller that goes away: whether an entry is in the ledger must not be a matter of luck.
func (g *Gate) append(ctx context.Context, e ledger.Entry) error {
	if ctx.Done() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	_, err := g.ledger.Append(ctx, e)
	return err
}

// unrecorded is the verdict in place of one that could not be made durable.
func (w *work) unrecorded(v *abi.Verdict, why string) abi.Verdict {
	out := denial(abi.CodeLedgerFailed, "the decision could not be recorded: "+why)
	out.Set, out.ID, out.Enforced = v.Set, v.ID, true
	finish(&out, w.stage)
	return out
}

// appendDecision appends a decision entry's body.
func appendDecision(dst []byte, q *abi.Request, v *abi.Verdict, w *work) []byte {
	dst = append(dst, '{')
	if w.decisionID != "" {
		dst = append(dst, `"decision_id":`...)
		dst = append(abi.AppendString(dst, w.decisionID), ',')
	}
	dst = append(dst, `"request":`...)
	dst = abi.AppendRequest(dst, q)
	dst = append(dst, `,"verdict":`...)
	dst = abi.AppendVerdict(dst, v)
	if len(w.counters) > 0 {
		dst = append(dst, `,"limits":[`...)
		for i := range w.counters {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCounter(dst, &w.counters[i])
		}
		dst = append(dst, ']')
	}
	dst = appendDifferences(dst, w.differ)
	return append(dst, '}')
}

func appendCounter(dst []byte, c *Counter) []byte {
	dst = append(dst, `{"policy":`...)
	dst = abi.AppendString(dst, c.Policy)
	dst = append(dst, `,"rule":`...)
	dst = abi.AppendString(dst, c.Rule)
	dst = append(dst, `,"limit":`...)
	dst = abi.AppendString(dst, c.Limit)
	dst = append(dst, `,"used":`...)
	dst = strconv.AppendInt(dst, c.Used, 10)
	if c.Monitored {
		dst = append(dst, `,"monitored":true`...)
	}
	return append(dst, '}')
}

// Subject says whom and what an entry is about; what is not known is empty.
type Subject struct {
	Agent  string // DID, or name
	Server string
	Tool   string
	Method string
}

func subjectOf(q *abi.Request) Subject {
	return Subject{
		Agent:  agentOf(q),
		Server: q.Action.Get("server").Text(),
		Tool:   q.Action.Get("tool").Text(),
		Method: q.Action.Get("method").Text(),
	}
}

// entry is a ledger entry being filled in.
type entry struct{ ledger.Entry }

func (s Subject) entry(kind string) entry {
	return entry{ledger.Entry{
		Kind: kind, Agent: clip(s.Agent), Server: clip(s.Server), Tool: clip(s.Tool), Method: clip(s.Method),
	}}
}

func (e *entry) verdict(v *abi.Verdict) {
	e.Decision, e.Code = v.Decision.String(), string(v.Code)
	e.Rule, e.Policy, e.Set = clip(v.Rule), clip(v.Policy), v.Set
}

// maxField is how much of a name goes into an entry's index fields; the body holds it whole.
const maxField = 512

func clip(s string) string {
	if len(s) <= maxField {
		return s
	}
	n := maxField
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Report writes down what became of an action, without waiting for it to be durable.
func (g *Gate) Report(o abi.Outcome, about Subject) error {
	e := about.said().entry(ledger.KindOutcome)
	e.Time, e.ID = g.options.Now(), o.DecisionID
	e.Body = abi.AppendOutcome(nil, &o)
	return g.ledger.AppendAsync(e.Entry)
}

// said keeps secrets out of what callers name things.
func (s Subject) said() Subject {
	for _, p := range [4]*string{&s.Agent, &s.Server, &s.Tool, &s.Method} {
		if secretIn(*p) != "" {
			*p = ""
		}
	}
	return s
}

// Refusal is a message that an adapter refuses before it can be judged.
type Refusal struct {
	Subject
	Code   abi.Code // empty: malformed
	Reason string   // for people
	Bytes  int64    // of the message
}

// Refuse records a refusal and gives the verdict to refuse with: a deny, in monitor mode too.
func (g *Gate) Refuse(ctx context.Context, r Refusal) abi.Verdict {
	w := g.begin(&abi.Request{}, abi.StagePreTool)
	defer g.end(w)
	if r.Code == "" {
		r.Code = abi.CodeMalformed
	}
	v := denial(r.Code, said(r.Reason))
	v.ID, v.Enforced = w.id, true
	e := r.said().entry(ledger.KindRefused)
	e.Time, e.ID = w.now, w.id
	e.verdict(&v)
	w.body = append(w.body[:0], `{"verdict":`...)
	w.body = abi.AppendVerdict(w.body, &v)
	w.body = append(w.body, `,"bytes":`...)
	w.body = append(strconv.AppendInt(w.body, r.Bytes, 10), '}')
	e.Body = w.body
	if err := g.append(ctx, e.Entry); err != nil {
		return w.unrecorded(&v, err.Error())
	}
	return v
}

// Note records what is no decision (tools a server announced, a trust score's change, …), durable when it returns. Secrets
// and long strings in the body are kept out as in requests.
func (g *Gate) Note(ctx context.Context, kind string, about Subject, body abi.Value) error {
	w := g.begin(&abi.Request{}, abi.StagePreTool)
	defer g.end(w)
	e := about.said().entry(kind)
	e.Time, e.ID = w.now, w.id
	e.Body = abi.AppendJSON(nil, g.redact.body(body))
	return g.append(ctx, e.Entry)
}

// given is a string, or missing when it is empty.
func given(s string) abi.Value {
	if strings.TrimSpace(s) == "" {
		return abi.Value{}
	}
	return abi.StringValue(s)
}
