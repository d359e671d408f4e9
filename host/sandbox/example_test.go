package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// A directory of policies is loaded, and asked what it finds.
func ExampleEngine_Load() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "policies")
	must(err)
	defer os.RemoveAll(dir)
	must(os.WriteFile(filepath.Join(dir, "reading.yaml"), []byte(reading), 0o600))

	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	must(err)
	defer engine.Close(ctx)
	set, err := engine.Load(ctx, dir)
	must(err)
	defer set.Release()

	q, err := abi.ReadRequest(`{"action":{"type":"read"}}`)
	must(err)
	found, _, err := set.Judge(0).Evaluate(ctx, &q, nil)
	must(err)
	fmt.Println(set.Judge(0).Info().Name, found[0].Decision, found[0].Rule)
	// Output: local/reading allow reads
}

// A watcher follows its files; what does not load changes nothing but the status.
func ExampleEngine_Watch() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "policies")
	must(err)
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "reading.yaml")
	must(os.WriteFile(file, []byte(reading), 0o600))

	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	must(err)
	defer engine.Close(ctx)
	rules, err := engine.Watch(ctx, sandbox.WatchOptions{}, dir)
	must(err)
	defer rules.Close()

	must(os.WriteFile(file, []byte("rules: what?"), 0o600))
	fmt.Println("loads:", rules.Reload(ctx) == nil)
	set := rules.Acquire()
	defer set.Release()
	fmt.Println("judges in force:", set.Len(), rules.Status().Err != nil)
	// Output:
	// loads: false
	// judges in force: 1 true
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
