package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// oneFile is a folder in which every name is the same policy.
type oneFile string

// ReadFile gives the policy.
func (f oneFile) ReadFile(string) ([]byte, error) { return []byte(f), nil }

// oursEngine is a policy file compiled to WebAssembly and asked in the sandbox by the host's own entry.
type oursEngine struct {
	module  *policy.Module
	direct  *sandbox.Direct
	outcome policy.Outcome
}

func newOurs(rules []*expr) (*oursEngine, error) {
	p, err := policy.Load(oneFile(policyYAML(rules)), "peers.yaml")
	if err != nil {
		return nil, err
	}
	m, err := policy.Compile(p)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	d, err := sandbox.NewDirect(ctx, newRuntime(ctx), m)
	return &oursEngine{module: m, direct: d}, err
}

func newRuntime(ctx context.Context) wazero.Runtime {
	return wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
}

// find is what the host does for one policy: fill the slots from the request, call the module, make findings.
func (e *oursEngine) find(q *abi.Request) error {
	fired, err := e.direct.Evaluate(context.Background(), q, abi.ModeIndeterminate)
	if err != nil {
		return err
	}
	e.module.Findings(fired, policy.PreTool, &e.outcome)
	return nil
}

func (e *oursEngine) matching(f *facts) ([]int, error) {
	q, err := abi.ReadRequest(f.asJSON())
	if err != nil {
		return nil, err
	}
	if err := e.find(&q); err != nil {
		return nil, err
	}
	var out []int
	for _, found := range e.outcome.Findings {
		if found.Rule == policy.DefaultRule {
			continue
		}
		i, err := strconv.Atoi(strings.TrimPrefix(found.Rule, "rule-"))
		if err != nil {
			return nil, fmt.Errorf("a finding by %q", found.Rule)
		}
		out = append(out, i)
	}
	slices.Sort(out)
	return out, nil
}

func (e *oursEngine) variants(f *facts) ([]variant, error) {
	text := f.asJSON()
	q, err := abi.ReadRequest(text)
	if err != nil {
		return nil, err
	}
	reader := &abi.Reader{}
	return []variant{
		{name: "ours, request to findings", run: func() error { return e.find(&q) }},
		{name: "ours, JSON to findings", run: func() error {
			v, err := reader.Read(text)
			if err != nil {
				return err
			}
			q, err := abi.RequestOf(v)
			if err != nil {
				return err
			}
			return e.find(&q)
		}},
	}, nil
}
