package main

import (
	"context"
	"fmt"
	"time"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
)

// step is one thing timed on the way from a text to rules that can be asked.
type step struct {
	name string
	took []time.Duration
}

// compileRounds is how often each text is compiled; medians count.
const compileRounds = 7

// compiling times how long each engine needs from text to rules that can be asked, and how large our modules are. The
// rounds take as long as they take: a few seconds.
func compiling(o *options, _ time.Duration) error {
	for _, n := range o.rules {
		rules := rulesFor(n)
		steps, module, err := compileTimes(rules)
		if err != nil {
			return err
		}
		t := newTable(o.out, fmt.Sprintf("%d rules: from text to rules that can be asked", n), "", "ms")
		for _, s := range steps {
			t.row(s.name, fmt.Sprintf("%.2f", float64(median(s.took))/1e6))
		}
		t.end()
		fmt.Fprintf(o.out, "\n  module: %s bytes of code and constants, %s with its source, manifest and tables; %d slots, %d strings\n",
			grouped(float64(module.Code)), grouped(float64(len(module.Wasm))), len(module.Slots), len(module.Strings))
	}
	return nil
}

func compileTimes(rules []*expr) ([]step, *policy.Module, error) {
	steps := []step{
		{name: "ours: read and check the YAML"},
		{name: "ours: compile to WebAssembly"},
		{name: "ours: WebAssembly to machine code"},
		{name: "ours: an instance more"},
		{name: "cel-go"},
		{name: "cedar-go"},
		{name: "OPA rego"},
	}
	var module *policy.Module
	for range compileRounds {
		stages, m, err := compileOurs(policyYAML(rules))
		if err != nil {
			return nil, nil, err
		}
		module = m
		for i, peer := range []func() error{
			func() error { _, err := newCEL(rules); return err },
			func() error { _, err := newCedar(rules); return err },
			func() error { _, err := newOPA(rules); return err },
		} {
			start := time.Now()
			if err := peer(); err != nil {
				return nil, nil, err
			}
			stages[4+i] = time.Since(start)
		}
		for i := range steps {
			steps[i].took = append(steps[i].took, stages[i])
		}
	}
	return steps, module, nil
}

// compileOurs gives the times of our four steps; the others are left for the peers.
func compileOurs(text string) (stages [7]time.Duration, m *policy.Module, err error) {
	ctx := context.Background()
	runtime := newRuntime(ctx)
	defer runtime.Close(ctx)
	lap := stopwatch()
	p, err := policy.Load(oneFile(text), "peers.yaml")
	if err != nil {
		return stages, nil, err
	}
	stages[0] = lap()
	if m, err = policy.Compile(p); err != nil {
		return stages, nil, err
	}
	stages[1] = lap()
	compiled, err := sandbox.CompileDirect(ctx, runtime, m)
	if err != nil {
		return stages, nil, err
	}
	stages[2] = lap()
	_, err = compiled.New(ctx)
	stages[3] = lap()
	return stages, m, err
}

// stopwatch gives the time since the last lap.
func stopwatch() func() time.Duration {
	last := time.Now()
	return func() time.Duration {
		now := time.Now()
		took := now.Sub(last)
		last = now
		return took
	}
}
