package gate

import (
	"context"

	"agentmesh/pdk/abi"
)

// Eval is what the judges of a set say of a request as it stands: no clock, no ledger, no self-protection. An absent
// action.stage is pre_tool. Limits count as unused and appear as obligations. The verdict has no ID, so it permits nothing;
// Enforced is true, as it would be.
func Eval(ctx context.Context, set Set, q *abi.Request) abi.Verdict {
	stage := abi.StagePreTool
	if q.Action.Get("stage").Text() == abi.StagePostTool {
		stage = abi.StagePostTool
	}
	v := evalAll(ctx, set, q, stage)
	v.Set, v.Enforced = set.Digest(), true
	finish(&v, stage)
	return v
}

func evalAll(ctx context.Context, set Set, q *abi.Request, stage string) abi.Verdict {
	if f := check(q, abi.DefaultInputBytes); f != nil {
		return denial(f.Code, f.Detail)
	}
	var answers []Answer
	for i := range set.Len() {
		judge := set.Judge(i)
		if !applies(judge, q) {
			continue
		}
		a := Answer{Judge: judge.Info()}
		a.Findings, a.Judge.Fuel, a.Failure = evaluate(ctx, judge, q, nil)
		answers = append(answers, a)
	}
	return Combine(stage, answers)
}
