package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// decider is a whole decision: gate, one policy of ten rules in the sandbox, limits in the store, ledger with its index.
type decider struct {
	gate   *gate.Gate
	log    *openedLedger
	engine *sandbox.Engine
	set    *sandbox.Set
	limits *store.DB
	call   gate.Call
}

// setting is how a decider is set up.
type setting struct {
	name    string
	mode    ledger.Mode
	limited bool // one rule has a limit that is never reached
	silent  bool // no ledger at all: what gate and policy cost alone
}

func settings(o *options) []setting {
	return chosen(o, func(s setting) string { return s.name }, []setting{
		{name: "gate and policy, no ledger", silent: true},
		{name: "with the ledger, os", mode: ledger.OS},
		{name: "with the ledger, sync", mode: ledger.Sync},
		{name: "with the ledger, os, and a rate limit", mode: ledger.OS, limited: true},
	})
}

// decisionAim is what the project wants of a whole decision in os mode.
const decisionAim = "aim in os mode: p50 under 20 µs, p99 under 80 µs on 2 CPUs"

// deciding measures whole decisions by one and by eight callers.
func deciding(o *options, total time.Duration) error {
	callers := []int{1, 8}
	for _, n := range callers {
		flows, err := decideRounds(o, n, total/time.Duration(len(callers)))
		if err != nil {
			return err
		}
		t := newTable(o.out, fmt.Sprintf("Whole decisions by %d callers, 10 rules (%s)", n, decisionAim), "", "decisions/s", "p50", "p99")
		for i, s := range settings(o) {
			t.row(s.name, grouped(flows[i].perSecond), short(flows[i].p50), short(flows[i].p99))
		}
		t.end()
	}
	return nil
}

func decideRounds(o *options, callers int, total time.Duration) ([]flow, error) {
	turn := total / time.Duration(logTurns*len(settings(o)))
	samples := make([][]flow, len(settings(o)))
	for range logTurns {
		for i, s := range settings(o) {
			f, err := decideTurn(o, s, callers, turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			samples[i] = append(samples[i], f)
		}
	}
	out := make([]flow, len(samples))
	for i := range out {
		slices.SortFunc(samples[i], func(a, b flow) int { return cmp.Compare(a.p50, b.p50) })
		out[i] = samples[i][logTurns/2]
	}
	return out, nil
}

func decideTurn(o *options, s setting, callers int, turn time.Duration) (flow, error) {
	dir, err := os.MkdirTemp(o.dir, "decide-")
	if err != nil {
		return flow{}, err
	}
	defer os.RemoveAll(dir)
	d, err := newDecider(dir, s)
	if err != nil {
		return flow{}, err
	}
	f, err := flowOf(d.decide, callers, turn)
	return f, firstError(err, d.close())
}

func newDecider(dir string, s setting) (*decider, error) {
	ctx := context.Background()
	d := &decider{}
	p, err := policy.Load(oneFile(decisionPolicy(s)), "peers.yaml")
	if err != nil {
		return nil, err
	}
	if d.engine, err = sandbox.NewEngine(ctx, sandbox.Options{}); err != nil {
		return nil, err
	}
	if d.set, err = d.engine.Policies(ctx, p); err != nil {
		return nil, err
	}
	if d.limits, err = store.Open(ctx, filepath.Join(dir, "limits.db"), store.Options{}); err != nil {
		return nil, err
	}
	limits, err := gate.NewLimits(ctx, d.limits)
	if err != nil {
		return nil, err
	}
	log, err := d.ledger(dir, s)
	if err != nil {
		return nil, err
	}
	d.gate, err = gate.New(gate.From[sandbox.Judge](d.acquire), log, limits, gate.Options{})
	if err != nil {
		return nil, err
	}
	f := quietFacts()
	d.call.Request, err = abi.ReadRequest(f.asJSON())
	return d, err
}

func decisionPolicy(s setting) string {
	text := policyYAML(rulesFor(10))
	if s.limited {
		text += "  - name: budget\n    condition: \"action.type == 'tool.invoke'\"\n    limit: 1000000/second\n"
	}
	return text
}

func (d *decider) acquire() *sandbox.Set {
	d.set.Acquire()
	return d.set
}

func (d *decider) ledger(dir string, s setting) (gate.Ledger, error) {
	if s.silent {
		return noLedger{}, nil
	}
	var err error
	d.log, err = newLedger(dir, s.mode, true)
	return d.log, err
}

func (d *decider) decide() error {
	v := d.gate.Decide(context.Background(), &d.call)
	if v.Decision != abi.Allow {
		return fmt.Errorf("the gate decided %v, %s: %s", v.Decision, v.Code, v.Reason)
	}
	return nil
}

func (d *decider) close() error {
	var err error
	if d.log != nil {
		err = d.log.close()
	}
	d.set.Release()
	return firstError(err, d.limits.Close(), d.engine.Close(context.Background()))
}

// noLedger keeps nothing.
type noLedger struct{}

var _ gate.Ledger = noLedger{}

// Append forgets the entry.
func (noLedger) Append(context.Context, ledger.Entry) (ledger.ID, error) { return ledger.ID{}, nil }

// AppendAsync forgets the entry.
func (noLedger) AppendAsync(ledger.Entry) error { return nil }

var _ gate.Ledger = (*openedLedger)(nil)
