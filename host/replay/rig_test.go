package replay_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/replay"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// rig is a gate over a real sandbox, store and ledger, whose clock is set by hand.
type rig struct {
	t      testing.TB
	dir    string
	engine *sandbox.Engine
	ledger *ledger.Ledger
	mu     sync.Mutex
	now    time.Time
	sets   map[string]*sandbox.Set // by digest
	set    *sandbox.Set            // in force
	gate   *gate.Gate
}

func newRig(t testing.TB, o gate.Options) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), now: noon, sets: map[string]*sandbox.Set{}}
	r.engine = newEngine(t, sandbox.Options{})
	log, err := ledger.Open(t.Context(), ledger.Config{Dir: r.ledgerDir(), Keys: filepath.Join(r.dir, "keys"), Mode: ledger.OS, Clock: r.clock})
	if err != nil {
		t.Fatal(err)
	}
	r.ledger = log
	db, err := store.Open(t.Context(), filepath.Join(r.dir, "store.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	limits, err := gate.NewLimits(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	o.Now, o.HMAC = r.clock, log.HMAC
	var wrapper rollout.Wrapper
	acquire := func() *rollout.Set { r.set.Acquire(); return wrapper.Wrap(r.set) }
	r.gate, err = gate.New(gate.From[sandbox.Judge](acquire), log, limits, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.close()
		for _, s := range r.sets {
			s.Release()
		}
		db.Close()
	})
	return r
}

func newEngine(t testing.TB, o sandbox.Options) *sandbox.Engine {
	t.Helper()
	e, err := sandbox.NewEngine(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (r *rig) ledgerDir() string { return filepath.Join(r.dir, "ledger") }

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// rules brings policies into force, each the text of a file.
func (r *rig) rules(texts ...string) *sandbox.Set {
	r.t.Helper()
	return r.adopt(r.policies(texts...))
}

func (r *rig) policies(texts ...string) *sandbox.Set {
	r.t.Helper()
	set, err := r.engine.Policies(r.t.Context(), parse(r.t, texts...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	return set
}

func parse(t testing.TB, texts ...string) []*policy.Policy {
	t.Helper()
	var out []*policy.Policy
	for i, text := range texts {
		name := fmt.Sprintf("policy-%d.yaml", i)
		p, err := policy.Load(policy.Sources{{Name: name, Text: text}}, name)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		out = append(out, p)
	}
	return out
}

func (r *rig) adopt(set *sandbox.Set) *sandbox.Set {
	r.t.Helper()
	if old := r.sets[set.Digest()]; old != nil {
		set.Release()
		set = old
	}
	r.set, r.sets[set.Digest()] = set, set
	if err := r.gate.Adopt(r.t.Context(), gate.Describe(wrapped(set), "", set.Warnings())); err != nil {
		r.t.Fatal(err)
	}
	return set
}

func (r *rig) decide(request string) abi.Verdict {
	r.t.Helper()
	q, err := abi.ReadRequest(request)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, request)
	}
	return r.ask(&gate.Call{Request: q})
}

func (r *rig) ask(c *gate.Call) abi.Verdict {
	r.pass(time.Second)
	if c.Request.Action.Get("stage").Text() == abi.StagePostTool {
		return r.gate.DecideResult(r.t.Context(), c)
	}
	return r.gate.Decide(r.t.Context(), c)
}

func (r *rig) close() {
	if r.ledger == nil {
		return
	}
	if err := r.ledger.Close(); err != nil {
		r.t.Error(err)
	}
	r.ledger = nil
}

// held hands out a set that the test holds.
type held struct{ gate.Set }

func (held) Release() {}

// past gives the sets that decided.
func (r *rig) past(_ context.Context, digest string) (gate.Set, error) {
	set := r.sets[digest]
	if set == nil {
		return nil, &replay.Unavailable{Reason: replay.ReasonSetUnknown, Detail: digest}
	}
	return held{wrapped(set)}, nil
}

func wrapped(set *sandbox.Set) gate.Set {
	return gate.As[sandbox.Judge](rollout.Wrap(set, rollout.PlanOf(set), nil))
}

func always(set *sandbox.Set) replay.Judges {
	return func(context.Context, string) (gate.Set, error) { return held{wrapped(set)}, nil }
}

// replay closes the ledger and replays it.
func (r *rig) replay(o replay.Options) *replay.Report {
	r.t.Helper()
	r.close()
	o.Reader = ledger.NewReader(r.ledgerDir(), nil)
	if o.Judges == nil {
		o.Judges = r.past
	}
	report, err := replay.Run(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}
