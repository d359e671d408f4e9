package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// running is a compiled policy and one instance of it.
type running struct {
	*policy.Module
	direct *sandbox.Direct
	close  func()
}

func run(t testing.TB, runtime wazero.Runtime, p *policy.Policy) running {
	t.Helper()
	ctx := context.Background()
	m, err := policy.Compile(p)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed(p))
	}
	dm, err := sandbox.CompileDirect(ctx, runtime, m)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed(p))
	}
	d, err := dm.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return running{m, d, func() { d.Close(ctx); dm.Close(ctx) }}
}

// fired are, for each rule of the policy, the modes it is listed under.
func (r *running) fired(t testing.TB, q *abi.Request, mode uint32) []uint8 {
	t.Helper()
	words, err := r.direct.Evaluate(context.Background(), q, mode)
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, printed(r.Policy), facts(q))
	}
	out := make([]uint8, len(r.Policy.Rules))
	for _, w := range words {
		out[r.Rules[w&0xffffff]] |= 1 << (w >> abi.ModeShift)
	}
	return out
}

func newRuntime(t testing.TB) wazero.Runtime {
	runtime := wazero.NewRuntime(context.Background())
	t.Cleanup(func() { runtime.Close(context.Background()) })
	return runtime
}

func printed(p *policy.Policy) string {
	var b strings.Builder
	for _, r := range p.Rules {
		fmt.Fprintf(&b, "%s stage %d priority %d enabled %v %s: %s\n", r.Name, r.Stage, r.Priority, r.Enabled, r.Action, policy.Format(r.Condition))
	}
	return b.String()
}

func facts(q *abi.Request) string {
	return fmt.Sprintf("agent %+v\naction %+v\ndata %+v\nresource %+v", q.Agent, q.Action, q.Data, q.Resource)
}

// holdAgainstWalk compiles one random policy and holds it against the walk on some requests.
func holdAgainstWalk(t testing.TB, runtime wazero.Runtime, seed uint64, requests int) {
	m := newMaker(seed)
	p := m.policy()
	r := run(t, runtime, p)
	defer r.close()
	for i := range requests {
		m.unknowns = i%2 == 1
		q := m.request()
		w := &walker{request: q, vars: map[string]abi.Value{}}
		for _, mode := range []uint32{0, 1, 2, 3, 4, 5, 6, 7} {
			got := r.fired(t, q, mode)
			for j := range p.Rules {
				rule := &p.Rules[j]
				var want uint8
				if rule.Enabled && (rule.Stage == policy.PostTool) == (mode&abi.ModePost != 0) {
					want = w.firedBy(rule) & below(mode&3)
				}
				if got[j] != want {
					t.Fatalf("seed %d mode %d rule %s: fired in modes %04b, want %04b\n%s%s", seed, mode, rule.Name, got[j], want,
						printed(&policy.Policy{Rules: p.Rules[j : j+1]}), facts(q))
				}
			}
		}
	}
}

// below are the modes that a call in one mode answers for, as bits.
func below(mode uint32) uint8 {
	var bits uint8
	for m := range uint32(4) {
		if m&^mode == 0 {
			bits |= 1 << m
		}
	}
	return bits
}

func TestCompiledPoliciesAgreeWithTheWalk(t *testing.T) {
	runtime := newRuntime(t)
	for seed := range uint64(400) {
		holdAgainstWalk(t, runtime, seed, 12)
	}
}

func FuzzCompiledPolicies(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(1000 + seed)
	}
	runtime := newRuntime(f)
	f.Fuzz(func(t *testing.T, seed uint64) { holdAgainstWalk(t, runtime, seed, 20) })
}
