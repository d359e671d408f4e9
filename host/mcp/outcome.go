package mcp

import (
	"context"
	"strings"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// result treats the result of a decided request on its way to the client.
func (p *Proxy) result(e *entry, line []byte, env *envelope) {
	at := env.result
	if e.route == task || e.made != nil {
		at = e.taskResult(env)
	}
	a := answered{line: line, at: at, status: statusOf(env.field("isError").of(line))}
	if p.noteTask(e, line, env) {
		a.at = span{}
	}
	if a.at != env.result {
		a.around, a.status = env.result, statusIn(a.at.of(line))
	}
	p.release(e, a)
}

// failed treats the error that answers a decided request: clients show it to the model as they do a result.
func (p *Proxy) failed(e *entry, line []byte, env *envelope) {
	p.release(e, answered{line: line, at: env.fail, status: abi.OutcomeError, fault: true, silent: e.asks()})
}

// release sends an answer on its way.
func (p *Proxy) release(e *entry, a answered) {
	a.silent = a.silent || a.at.empty()
	if !p.treats(e) {
		p.reportResult(e, a, a.at.end-a.at.start)
		p.down.pass(len(a.line), func() { p.answer(e, a.line) })
		return
	}
	var out []byte
	p.down.work(len(a.line), func() { out = p.treated(p.ctx, e, a) }, func() { p.answer(e, out) })
}

// taskResult is where the result of the call that made a task stands in an answer about the task.
func (e *entry) taskResult(env *envelope) span {
	if e.method == "tasks/result" {
		return env.result
	}
	return env.field("result")
}

// answered is an answer of the server.
type answered struct {
	line   []byte
	at     span // of the result, or error; empty: there is no outcome yet
	around span // of what tells of the task whose result it is, if it is one
	status abi.OutcomeStatus
	fault  bool // it is an error
	silent bool // it is no outcome
}

// statusOf is how a tool fared that says isError so.
func statusOf(isError []byte) abi.OutcomeStatus {
	if string(isError) == "true" {
		return abi.OutcomeError
	}
	return abi.OutcomeOK
}

// statusIn looks for isError in a result.
func statusIn(result []byte) abi.OutcomeStatus {
	status := abi.OutcomeOK
	members(result, func(name, value span) bool {
		if text, _ := textOf(name.of(result)); text == "isError" {
			status = statusOf(value.of(result))
		}
		return true
	})
	return status
}

func (p *Proxy) reportResult(e *entry, a answered, size int) {
	if !a.silent && !p.pending.isDropped(e) {
		p.report(e, a.status, size)
	}
}

// noteTask remembers a task that a decided call made, and reports whether it made one in place of a result.
func (p *Proxy) noteTask(e *entry, line []byte, env *envelope) (noted bool) {
	task := env.field("task")
	if e.route != toolCall || !env.field("content").empty() {
		return false
	}
	if kind, _ := textOf(env.field("resultType").of(line)); kind == "task" && task.empty() {
		task = env.result
	}
	if task.empty() {
		return false
	}
	members(task.of(line), func(name, value span) bool {
		if text, _ := textOf(name.of(task.of(line))); text == "taskId" {
			if id, ok := textOf(value.of(task.of(line))); ok {
				p.tasks.add(id, e)
				noted = true
			}
		}
		return true
	})
	return noted
}

// treats reports whether a result is more than passed on.
func (p *Proxy) treats(e *entry) bool {
	switch e.source().route {
	case toolCall, resource, prompt, task:
		return p.c.Results != nil || p.hears(e)
	}
	return false
}

// source is the request whose result this is: of tasks/result, the call that made the task.
func (e *entry) source() *entry {
	if e.made != nil {
		return e.made
	}
	return e
}

func (p *Proxy) hears(e *entry) bool {
	return p.c.HearsResults != nil && p.c.HearsResults(&e.call.Request)
}

// treated is the answer as the client gets it.
func (p *Proxy) treated(ctx context.Context, e *entry, a answered) []byte {
	raw := a.at.of(a.line)
	defer func() { p.reportResult(e, a, len(raw)) }()
	if len(raw) > 0 && p.hears(e) {
		if v := p.judged(ctx, e, a); !gate.Permits(&v) {
			a.status = abi.OutcomeWithheld
			return p.withheldBy(e, &v)
		}
	}
	if p.c.Results == nil {
		return a.line
	}
	for _, around := range []bool{false, true} { // the result, then what stands around it
		if err := p.treat(ctx, e, &a, around); err != nil {
			a.status = abi.OutcomeWithheld
			p.log.Warn("a result is withheld", "decision", e.verdict.ID, "error", err)
			v := abi.Verdict{Code: abi.CodeOutputInvalid, ID: e.verdict.ID, Reason: "the action has already happened; its result cannot be read and is withheld"}
			return p.withheldBy(e, &v)
		}
	}
	return a.line
}

// treat puts what becomes of the result, or of what stands around it, into the line.
func (p *Proxy) treat(ctx context.Context, e *entry, a *answered, around bool) (err error) {
	at := a.at
	t := Treated{Verdict: &e.verdict, OutputSchema: p.schemaOf(e), Method: e.source().method}
	if around {
		at, t = a.around, Treated{Method: e.method, Around: true}
	}
	if at.empty() {
		return nil
	}
	raw := at.of(a.line)
	out, report := raw, ResultReport{}
	if a.fault {
		out, report, err = p.c.Results.Fault(raw)
	} else {
		out, report, err = p.c.Results.Tool(raw, t)
	}
	if err != nil {
		return err
	}
	if report.Withheld {
		a.status = abi.OutcomeWithheld
	}
	p.found(ctx, e, report)
	a.line = replaced(a.line, at, out)
	if !a.around.empty() {
		a.around.end += len(out) - len(raw)
	}
	return nil
}

// replaced is a line with out where raw stood; the line itself where they are one.
func replaced(line []byte, at span, out []byte) []byte {
	if raw := at.of(line); len(out) == len(raw) && len(raw) > 0 && &out[0] == &raw[0] {
		return line
	}
	return applyEdits(line, []edit{{at.start, at.end, out}})
}

// found writes down what was found in a result, before it goes out.
func (p *Proxy) found(ctx context.Context, e *entry, r ResultReport) {
	if r.empty() {
		return
	}
	p.tally(r)
	body := abi.ObjectValue(abi.Member{Name: "decision_id", Value: abi.StringValue(e.verdict.ID)})
	for _, m := range r.value().Items() {
		body = body.With(m.Name, m.Value)
	}
	if err := p.c.Gate.Note(ctx, ledger.KindOutcome, e.subject, body); err != nil {
		p.log.Error("what was found in a result could not be recorded", "decision", e.verdict.ID, "error", err)
	}
}

// tally tells who counts.
func (p *Proxy) tally(r ResultReport) {
	if p.c.Found != nil && !r.empty() {
		p.c.Found(r)
	}
}

// value is a report as entries have it.
func (r *ResultReport) value() abi.Value {
	var members []abi.Member
	for _, m := range []abi.Member{
		{Name: "flagged", Value: abi.StringsValue(r.Flagged)},
		{Name: "removed", Value: countsValue(r.Removed)},
		{Name: "masked", Value: countsValue(r.Masked)},
	} {
		if m.Value.Len() > 0 {
			members = append(members, m)
		}
	}
	if r.Lookalikes > 0 {
		members = append(members, abi.Member{Name: "lookalikes", Value: abi.IntValue(int64(r.Lookalikes))})
	}
	return abi.ObjectValue(append(members, abi.Member{Name: "withheld", Value: abi.BoolValue(r.Withheld)})...)
}

// judged is the verdict on a result. One that cannot be read is not released.
func (p *Proxy) judged(ctx context.Context, e *entry, a answered) abi.Verdict {
	raw := a.at.of(a.line)
	read := readResult
	if a.fault {
		read = readFault
	}
	result, err := read(raw)
	if err != nil {
		return p.c.Gate.Refuse(ctx, gate.Refusal{
			Subject: e.subject, Code: abi.CodeMalformed, Bytes: int64(len(raw)),
			Reason: "the action has already happened; its result is withheld: " + err.Error(),
		})
	}
	call := e.call
	call.Request.Result = result
	call.DecisionID, call.Protected = e.verdict.ID, ""
	return p.c.Gate.DecideResult(ctx, &call)
}

// withheldBy stands in place of a result.
func (p *Proxy) withheldBy(e *entry, v *abi.Verdict) []byte {
	if e.source().route == toolCall && p.c.Refusal == RefuseByResult {
		return resultAnswer(e.id, errorResult(explain(v, ""), v, e.modern))
	}
	return errorAnswer(e.id, CodeRefused, explain(v, ""), v)
}

func (p *Proxy) schemaOf(e *entry) abi.Value {
	t, _, _ := p.tools.find(e.subject.Tool)
	return t.outputSchema
}

// readResult is what judges see of a result: {is_error, text, structured}. Broken characters, which servers do send, are
// replaced.
func readResult(raw []byte) (abi.Value, error) {
	v, err := abi.ReadValue(mended(raw))
	if err != nil {
		return abi.Value{}, err
	}
	var texts []string
	for _, list := range []string{"content", "contents", "messages"} {
		for _, item := range v.Get(list).Items() {
			texts = appendTexts(texts, item.Value)
		}
	}
	return abi.ObjectValue(
		abi.Member{Name: "is_error", Value: abi.BoolValue(v.Get("isError").IsTrue())},
		abi.Member{Name: "text", Value: abi.StringValue(strings.Join(texts, "\n"))},
		abi.Member{Name: "structured", Value: v.Get("structuredContent")},
	), nil
}

// readFault is what judges see of an error, in the shape of a result.
func readFault(raw []byte) (abi.Value, error) {
	v, err := abi.ReadValue(mended(raw))
	if err != nil {
		return abi.Value{}, err
	}
	return abi.ObjectValue(
		abi.Member{Name: "is_error", Value: abi.BoolValue(true)},
		abi.Member{Name: "text", Value: abi.StringValue(v.Get("message").Text())},
		abi.Member{Name: "structured", Value: v.Get("data")},
	), nil
}

// appendTexts gathers the text of an item, of the resource embedded in it, or of a message's content.
func appendTexts(texts []string, item abi.Value) []string {
	if s, ok := item.Get("text").Str(); ok {
		texts = append(texts, s)
	}
	for _, name := range []string{"resource", "content"} {
		if inner := item.Get(name); inner.Kind() == abi.Object {
			texts = appendTexts(texts, inner)
		}
	}
	return texts
}
