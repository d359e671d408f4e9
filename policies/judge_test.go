package policies_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/gate"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

// judge is one shipped policy, compiled and running in the sandbox.
type judge struct {
	policy *policy.Policy
	module *policy.Module
	direct *sandbox.Direct
	out    policy.Outcome
}

// load compiles a policy file; "preset:NAME" is a preset.
func load(t *testing.T, name string) *judge {
	t.Helper()
	p, err := policy.Load(policy.WithPresets(policy.OS{}, policies.Preset), name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	t.Cleanup(func() { runtime.Close(ctx) })
	d, err := sandbox.NewDirect(ctx, runtime, m)
	if err != nil {
		t.Fatal(err)
	}
	return &judge{policy: p, module: m, direct: d}
}

// verdict is what a gate with this judge alone says of a request.
func (j *judge) verdict(t *testing.T, q *abi.Request) abi.Verdict {
	t.Helper()
	name := q.Agent.Get("name").Text()
	if !j.policy.Applies(name, q.Agent.Get("did").Text()) {
		return gate.Combine(abi.StagePreTool, nil)
	}
	fired, err := j.direct.Evaluate(context.Background(), q, abi.ModeIndeterminate)
	if err != nil {
		t.Fatal(err)
	}
	j.module.Findings(fired, policy.PreTool, &j.out)
	a := gate.Answer{Judge: abi.Judged{Name: "local/" + j.policy.Name}, Findings: j.out.Findings}
	return gate.Combine(abi.StagePreTool, []gate.Answer{a})
}

func presetName(name string) string { return "preset:" + name }
