package mcp

import (
	"context"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// fromServer takes one frame of the server.
func (p *Proxy) fromServer(fr frame) {
	switch {
	case fr.over:
		p.unreadable(&fr.seen, "a message of the server is longer than the limit", fr.size)
	case isBatch(fr.line):
		parts := split(fr.line)
		if parts == nil || carriageReturn(fr.line) {
			p.unreadable(new(glimpse), "the server sent a line that is no JSON", fr.size)
			return
		}
		for _, part := range parts { // each by itself, since what one of them needs may differ
			p.serverMessage(part)
		}
	default:
		p.serverMessage(fr.line)
	}
}

func (p *Proxy) serverMessage(line []byte) {
	env, err := readEnvelope(line)
	if err != nil {
		p.log.Debug("no message", "line", string(line[:min(len(line), 200)]))
		p.unreadable(glance(line), "the server sent a line that is no message: "+err.Error(), int64(len(line)))
		return
	}
	if !env.method.empty() {
		p.down.pass(len(line), func() { p.client.send(line) })
		return
	}
	id := env.id.of(line)
	e := p.pending.answered(idKey(id))
	switch {
	case e == nil && string(id) == "null" && !env.fail.empty():
		p.down.pass(len(line), func() { p.client.send(line) })
	case e == nil:
		p.oddity("the server answered a request that it was not sent", int64(len(line)))
	default:
		p.answeredBy(e, line, &env)
	}
}

// answeredBy takes the answer to a request.
func (p *Proxy) answeredBy(e *entry, line []byte, env *envelope) {
	if !env.fail.empty() && p.treats(e) {
		p.failed(e, line, env)
		return
	}
	if env.result.empty() || !e.governed() && e.route != listing && e.route != opening {
		p.reportAnswer(e, env, line)
		p.down.pass(len(line), func() { p.answer(e, line) })
		return
	}
	if err := env.readFields(line); err != nil {
		p.withhold(e, "the server's answer names a member twice")
		return
	}
	switch e.route {
	case opening:
		p.opened(e, line, env)
		fallthrough
	case listing:
		p.told(e, line, env)
	default:
		p.result(e, line, env)
	}
}

// answer sends an answer to whom it is for.
func (p *Proxy) answer(e *entry, line []byte) {
	if e.batch != nil && p.pending.isDropped(e) {
		return // its batch has gone without it
	}
	p.reply(e.batch, line)
}

// opened notes the revision of the session. Batches are part of 2025-03-26 alone.
func (p *Proxy) opened(e *entry, line []byte, env *envelope) {
	if e.method == "initialize" {
		version, _ := textOf(env.field("protocolVersion").of(line))
		p.batches.Store(version == "2025-03-26")
	}
}

// told takes what the server tells of itself.
func (p *Proxy) told(e *entry, line []byte, env *envelope) {
	var out []byte
	p.down.work(len(line), func() {
		var err error
		if out, err = p.shown(p.ctx, e, line, env); err != nil {
			p.log.Warn("what the server tells of itself is kept back", "method", e.method, "error", err)
			out = errorAnswer(e.id, codeInternal, "what the server tells of itself cannot be read in one way only", nil)
		}
	}, func() { p.answer(e, out) })
}

// reportAnswer reports on an answer that is forwarded as it is.
func (p *Proxy) reportAnswer(e *entry, env *envelope, line []byte) {
	if p.pending.isDropped(e) || e.asks() {
		return
	}
	status, size := abi.OutcomeOK, env.result.end-env.result.start
	if !env.fail.empty() {
		status, size = abi.OutcomeError, env.fail.end-env.fail.start
	}
	p.report(e, status, size)
}

// withhold answers in the server's place after the action has happened.
func (p *Proxy) withhold(e *entry, why string) {
	p.oddity(why, 0)
	p.report(e, abi.OutcomeWithheld, 0)
	line := errorAnswer(e.id, codeInternal, why+"; the action may have happened", nil)
	p.down.pass(len(line), func() { p.answer(e, line) })
}

// unreadable takes what the server sent and cannot be forwarded. Where it was to answer a request, the client is told.
func (p *Proxy) unreadable(seen *glimpse, why string, size int64) {
	id := seen.answerID()
	if seen.method.times == 0 && string(id) != "null" {
		if e := p.pending.answered(idKey(id)); e != nil {
			p.withhold(e, why)
			return
		}
	}
	p.oddity(why, size)
}

// maxOdd is how many oddities of a server are written down; a flood of them shall not fill the ledger.
const maxOdd = 100

// oddity notes that the server sent what is not forwarded.
func (p *Proxy) oddity(why string, size int64) {
	n := p.odd.Add(1)
	if n > maxOdd {
		return
	}
	p.log.Warn(why, "bytes", size)
	about := p.subject("", "")
	p.down.work(0, func() {
		p.c.Gate.Refuse(context.WithoutCancel(p.ctx), gate.Refusal{Subject: about, Reason: why, Bytes: size})
	}, func() {})
}
