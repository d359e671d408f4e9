package replay_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// Example decides three actions by a policy and asks what a stricter one would have changed.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "replay-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)
	load := func(text string) *sandbox.Set {
		p, err := policy.Load(policy.Sources{{Name: "house.yaml", Text: text}}, "house.yaml")
		if err != nil {
			log.Fatal(err)
		}
		set, err := engine.Policies(ctx, p)
		if err != nil {
			log.Fatal(err)
		}
		return set
	}
	lax := load("version: \"1.0\"\nname: house\ndefault_action: allow\n")
	defer lax.Release()
	decideThree(ctx, dir, lax)

	strict := load("version: \"1.0\"\nname: house\ndefault_action: allow\nrules:\n  - {name: no-deletes, condition: \"action.type == 'delete'\", action: deny}\n")
	defer strict.Release()
	candidates, _, err := replay.Try(strict, "house.yaml")
	if err != nil {
		log.Fatal(err)
	}
	report, err := replay.Run(ctx, replay.Options{
		Reader: ledger.NewReader(filepath.Join(dir, "ledger"), nil), Candidates: candidates, Alone: true,
		Judges: func(context.Context, string) (gate.Set, error) {
			strict.Acquire()
			return gate.As[sandbox.Judge](strict), nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Replayed, "decided again,", report.Changes.NewlyDenied, "newly denied")
	for _, row := range report.Rules {
		fmt.Println(row.Count, row.Change, "by", row.Now.Rule)
	}
	// Output:
	// 3 decided again, 1 newly denied
	// 1 newly_denied by no-deletes
}

func decideThree(ctx context.Context, dir string, set *sandbox.Set) {
	history, err := ledger.Open(ctx, ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys"), Mode: ledger.OS})
	if err != nil {
		log.Fatal(err)
	}
	defer history.Close()
	db, err := store.Open(ctx, filepath.Join(dir, "store.db"), store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	limits, err := gate.NewLimits(ctx, db)
	if err != nil {
		log.Fatal(err)
	}
	g, err := gate.New(gate.From(func() *sandbox.Set { set.Acquire(); return set }), history, limits, gate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, kind := range []string{"read", "write", "delete"} {
		g.Decide(ctx, &gate.Call{Request: abi.Request{Action: abi.ObjectValue(abi.Member{Name: "type", Value: abi.StringValue(kind)})}})
	}
}
