package mcp

import (
	"context"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// fromClient takes one frame of the client.
func (p *Proxy) fromClient(fr frame) {
	switch {
	case fr.over:
		p.turnAway(nil, &fault{
			code: codeInvalid, reason: "the message is longer than the limit", id: fr.seen.answerID(),
			method: fr.seen.methodName(), size: fr.size,
		})
	case isBatch(fr.line):
		p.clientBatch(fr.line)
	default:
		p.clientMessage(fr.line, nil)
	}
}

// clientBatch takes a batch apart where the revision agreed on has them: each message is decided and forwarded by itself,
// and the answers go out together.
func (p *Proxy) clientBatch(line []byte) {
	refuse := func(code int, reason string) {
		p.turnAway(nil, &fault{code: code, reason: reason, id: nullID(), size: int64(len(line))})
	}
	parts := split(line)
	switch {
	case parts == nil:
		refuse(codeParse, errNotJSON.Error())
		return
	case carriageReturn(line):
		refuse(codeInvalid, errReturn.Error())
		return
	case !p.batches.Load():
		refuse(codeInvalid, "the protocol revision of this session has no batches")
		return
	case len(parts) == 0 || len(parts) > maxBatch:
		refuse(codeInvalid, "a batch holds 1 to 100 messages")
		return
	}
	b := &batch{left: 1}
	for _, part := range parts {
		p.clientMessage(part, b)
	}
	p.up.pass(0, func() { p.reply(b, nil) })
}

func (p *Proxy) clientMessage(line []byte, b *batch) {
	m, f := readClient(line)
	switch {
	case f != nil:
		p.turnAway(b, f)
	case m.kind == answer:
		p.up.pass(len(line), func() { p.forward(line) })
	case m.kind == notification:
		p.notified(m)
	default:
		p.requested(m, b)
	}
}

// forward sends a message to the server.
func (p *Proxy) forward(line []byte) bool { return !p.gone.Load() && p.server.send(line) == nil }

// turnAway refuses what cannot be understood, and writes that down.
func (p *Proxy) turnAway(b *batch, f *fault) {
	b.expect()
	var v abi.Verdict
	p.up.work(0, func() {
		v = p.c.Gate.Refuse(p.ctx, gate.Refusal{Subject: p.subject(f.method, f.tool), Reason: f.reason, Bytes: f.size})
	}, func() {
		p.reply(b, errorAnswer(f.id, f.code, explain(&v, ""), &v))
	})
}

func (p *Proxy) subject(method, tool string) gate.Subject {
	return gate.Subject{Agent: agentName(p.c.Agent), Server: p.c.Server, Tool: tool, Method: method}
}

// notified takes a message that wants no answer.
func (p *Proxy) notified(m message) {
	switch {
	case m.method == "notifications/cancelled":
		p.calledOff(m)
	case isNotification(m.method):
		p.up.pass(len(m.line), func() { p.forward(m.line) })
	case routeOf(m.method) != decided:
		v := &fault{reason: m.method + " without an id is no request", method: m.method, size: int64(len(m.line))}
		p.up.work(len(m.line), func() {
			p.c.Gate.Refuse(p.ctx, gate.Refusal{Subject: p.subject(v.method, ""), Reason: v.reason, Bytes: v.size})
		}, func() {})
	default:
		e := &entry{message: m, route: decided, subject: p.subject(m.method, "")}
		p.up.work(len(m.line), func() { p.decide(p.ctx, e) }, func() {
			if gate.Permits(&e.verdict) {
				p.forward(m.line)
			}
		})
	}
}

// calledOff takes a cancel: a request that is still being decided is not forwarded, and neither is its cancel.
func (p *Proxy) calledOff(m message) {
	id := m.params.Get("requestId")
	target := p.pending.callOff(idKey(abi.AppendJSON(nil, id)))
	p.up.pass(len(m.line), func() {
		if target != nil && p.pending.wasCalledOff(target) {
			return
		}
		if target != nil && p.pending.drop(target) { // before the server hears of it, and answers
			p.report(target, abi.OutcomeCancelled, 0)
			p.noAnswer(target)
		}
		p.forward(m.line)
	})
}

// requested takes a request.
func (p *Proxy) requested(m message, b *batch) {
	e := &entry{message: m, route: routeOf(m.method), batch: b}
	if e.route == toolCall {
		e.subject.Tool = m.text("name")
	}
	e.subject = p.subject(m.method, e.subject.Tool)
	switch {
	case e.route == listing:
		e.first = m.text("cursor") == ""
	case e.route == listening && !p.subscribes(e), e.route == task && p.owned(e):
		e.route = plumbing
	}
	ctx := p.ctx
	if !e.passes() {
		ctx, e.cancel = context.WithCancel(p.ctx)
	} else {
		e.stage = sent
	}
	if !p.pending.add(e) {
		p.turnAway(b, &fault{
			code: codeInvalid, reason: "the id is that of a request that has no answer yet", id: m.id, method: m.method,
			tool: e.subject.Tool, size: int64(len(m.line)),
		})
		return
	}
	b.expect()
	if e.passes() {
		p.up.pass(len(m.line), func() { p.send(e) })
		return
	}
	p.up.work(len(m.line), func() { p.decide(ctx, e) }, func() {
		e.cancel()
		p.act(e)
	})
}

// passes reports whether a request goes to the server undecided.
func (e *entry) passes() bool { return e.route == plumbing || e.route == listing || e.route == opening }

// subscribes reports whether subscriptions/listen asks after resources, which is a subscription to them.
func (p *Proxy) subscribes(e *entry) bool {
	return e.params.Get("notifications").Get("resourceSubscriptions").Len() > 0
}

// owned reports whether a task was made by a call that was decided here. Its result belongs to that decision.
func (p *Proxy) owned(e *entry) bool {
	made := p.tasks.find(e.text("taskId"))
	if made != nil {
		e.verdict, e.call, e.subject.Tool, e.made = made.verdict, made.call, made.subject.Tool, made
	}
	return made != nil
}

// asks reports whether a request asks after a task without getting its result for certain: that it fails is no outcome.
func (e *entry) asks() bool { return e.made != nil && e.method != "tasks/result" }

// act does what was decided.
func (p *Proxy) act(e *entry) {
	if gate.Permits(&e.verdict) {
		p.send(e)
		return
	}
	_, _, lacking := p.tools.find(e.subject.Tool)
	answer := p.refusal(e, lacking && e.route == toolCall)
	if p.pending.settle(e) {
		p.reply(e.batch, answer)
	} else {
		p.noAnswer(e)
	}
}

// send forwards a request, unless it was called off meanwhile.
func (p *Proxy) send(e *entry) {
	if !p.pending.forward(e) {
		p.report(e, abi.OutcomeCancelled, 0)
		p.noAnswer(e)
		return
	}
	if p.forward(e.line) {
		return
	}
	if p.pending.settle(e) {
		p.report(e, abi.OutcomeError, 0)
		p.reply(e.batch, errorAnswer(e.id, codeInternal, "the server takes no more messages", nil))
	}
}

// noAnswer tells a batch not to wait for this one.
func (p *Proxy) noAnswer(e *entry) {
	if e.batch != nil {
		p.reply(e.batch, nil)
	}
}
