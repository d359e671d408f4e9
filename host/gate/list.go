package gate

import (
	"context"

	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// Listing says which of the listed tools are hidden.
type Listing struct {
	// Hidden tells, for each call in the order given, whether its tool is to be left out of the list.
	Hidden []bool
	ID     string // of the ledger entry
	Set    string
	// Code and Reason say why everything is hidden: the ledger failed, or there are no judges. Else they are empty.
	Code   abi.Code
	Reason string
}

// List decides which tools an agent gets to see: each call is what is known of a tool before it is called. A tool is hidden
// only when neither allowing it nor asking for approval is possible any more, whatever its arguments; the same judges
// decide as will decide the call, limits count as unused, and one entry names what was hidden. A monitoring gate records
// what it would hide, and hides nothing.
//
// data and resource are unknown where a call does not give them, and context.time always is.
func (g *Gate) List(ctx context.Context, about Subject, calls []Call) (l Listing) {
	w := g.begin(&abi.Request{}, abi.StagePreTool)
	defer g.end(w)
	l = Listing{Hidden: make([]bool, len(calls)), ID: w.id}
	defer func() {
		if p := recover(); p != nil {
			l.hideAll(abi.CodeTrap, "the gate failed: "+panicked(p))
		}
	}()
	if w.set = g.judges(); w.set == nil {
		l.hideAll(abi.CodeAbsent, "no judges are loaded")
	} else {
		l.Set = w.set.Digest()
		for i := range calls {
			l.Hidden[i] = !g.possible(ctx, w, &calls[i])
		}
	}
	if err := g.append(ctx, g.listEntry(w, about, calls, &l).Entry); err != nil {
		l.hideAll(abi.CodeLedgerFailed, said("the listing could not be recorded: "+err.Error()))
	} else if g.options.Monitor && l.Code == "" {
		clear(l.Hidden)
	}
	return l
}

func (l *Listing) hideAll(code abi.Code, reason string) {
	l.Code, l.Reason = code, reason
	for i := range l.Hidden {
		l.Hidden[i] = true
	}
}

// possible reports whether the call may still come to be allowed or approved.
func (g *Gate) possible(ctx context.Context, w *work, c *Call) bool {
	q := c.Request
	if q.Data.Kind() == abi.Missing {
		q.Data = abi.UnknownValue()
	}
	if q.Resource.Kind() == abi.Missing {
		q.Resource = abi.UnknownValue()
	}
	q.Result = abi.Value{}
	q.Context = q.Context.With("time", abi.UnknownValue())
	q.Action = q.Action.With("stage", abi.StringValue(abi.StagePreTool))
	if c.Protected != "" || identity(&q) != "" {
		return false
	}
	var room [16]abi.DecisionSet
	sets := room[:0]
	for i := range w.set.Len() {
		judge := w.set.Judge(i)
		if !judge.Info().Monitored && applies(judge, &q) {
			sets = append(sets, possibly(ctx, judge, &q))
		}
	}
	return combineSets(sets)
}

// possibly asks one judge; a failing one can only deny.
func possibly(ctx context.Context, judge Judge, q *abi.Request) (s abi.DecisionSet) {
	defer func() {
		if recover() != nil {
			s = abi.SetOf(abi.Deny)
		}
	}()
	s, err := judge.Possible(ctx, q)
	if err != nil {
		return abi.SetOf(abi.Deny)
	}
	return s
}

// nameOf is what an entry calls something that was listed.
func nameOf(c *Call) abi.Value {
	if c.Name != "" {
		return abi.StringValue(c.Name)
	}
	return c.Request.Action.Get("tool")
}

func (g *Gate) listEntry(w *work, about Subject, calls []Call, l *Listing) entry {
	var hidden []abi.Value
	for i := range calls {
		if l.Hidden[i] {
			hidden = append(hidden, nameOf(&calls[i]))
		}
	}
	body := abi.ObjectValue(
		abi.Member{Name: "hidden", Value: abi.ListValue(hidden...)},
		abi.Member{Name: "listed", Value: abi.IntValue(int64(len(calls)))},
		abi.Member{Name: "code", Value: given(string(l.Code))},
		abi.Member{Name: "enforced", Value: abi.BoolValue(!g.options.Monitor || l.Code != "")},
	)
	e := about.said().entry(ledger.KindList)
	e.Time, e.ID, e.Set, e.Code = w.now, w.id, l.Set, string(l.Code)
	e.Body = abi.AppendJSON(nil, g.redact.body(body))
	return e
}
