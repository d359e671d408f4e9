package gate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

const examplePolicy = `version: "1.0"
name: example
rules:
  - name: no-pii-export
    condition: "action.type == 'export' and data.contains_pii"
    action: deny
  - name: twice-an-hour
    condition: "action.type in ['read', 'export']"
    limit: 2/hour
`

// A gate over a policy, a store and a ledger in one folder.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "gate")
	check(err)
	defer os.RemoveAll(dir)

	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	check(err)
	defer engine.Close(ctx)
	p, err := policy.Load(policy.Sources{{Name: "example.yaml", Text: examplePolicy}}, "example.yaml")
	check(err)
	set, err := engine.Policies(ctx, p)
	check(err)
	defer set.Release()

	db, err := store.Open(ctx, filepath.Join(dir, "store.db"), store.Options{})
	check(err)
	defer db.Close()
	limits, err := gate.NewLimits(ctx, db)
	check(err)
	log, err := ledger.Open(ctx, ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys")})
	check(err)
	defer log.Close()

	inForce := func() *sandbox.Set { set.Acquire(); return set }
	g, err := gate.New(gate.From(inForce), log, limits, gate.Options{HMAC: log.HMAC})
	check(err)

	for _, request := range []string{
		`{"action":{"type":"export"},"data":{"contains_pii":true}}`,
		`{"action":{"type":"read"}}`,
		`{"action":{"type":"read"}}`,
		`{"action":{"type":"read"}}`,
	} {
		q, err := abi.ReadRequest(request)
		check(err)
		v := g.Decide(ctx, &gate.Call{Request: q})
		fmt.Println(v.Decision, v.Code, v.Rule, gate.Permits(&v))
	}
	// Output:
	// deny rule no-pii-export false
	// allow rule twice-an-hour true
	// allow rule twice-an-hour true
	// deny rate_limited twice-an-hour false
}

// Eval asks the judges and does nothing else: limits appear as obligations.
func ExampleEval() {
	ctx := context.Background()
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	check(err)
	defer engine.Close(ctx)
	p, err := policy.Load(policy.Sources{{Name: "example.yaml", Text: examplePolicy}}, "example.yaml")
	check(err)
	set, err := engine.Policies(ctx, p)
	check(err)
	defer set.Release()
	q, err := abi.ReadRequest(`{"action":{"type":"read"}}`)
	check(err)
	v := gate.Eval(ctx, gate.As(set), &q)
	fmt.Println(v.Decision, v.Policy, v.Obligations[0].Limit, gate.Permits(&v))
	// Output: allow local/example 2/hour false
}

func ExampleCombine() {
	v := gate.Combine(abi.StagePreTool, []gate.Answer{
		{Judge: abi.Judged{Name: "local/a"}, Findings: []abi.Finding{{Decision: abi.Allow, Rule: "reads"}}},
		{Judge: abi.Judged{Name: "local/b"}, Findings: []abi.Finding{{Decision: abi.Deny, Rule: "office-hours"}}},
	})
	fmt.Println(v.Decision, v.Policy, v.Rule)
	// Output: deny local/b office-hours
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
