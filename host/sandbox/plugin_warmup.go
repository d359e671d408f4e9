package sandbox

import (
	"agentmesh/pdk/abi"
)

// typical is a request with every part and about as much in each as requests have: what a plugin grows for it, it need not
// grow again in every call.
const typical = `{"abi":1,"agent":{"did":"did:mesh:agent:abcdefghijklmnopqrstuvwxyz234567","name":"agent","sponsor":"owner@example.com",` +
	`"trust_score":500,"tier":"standard","capabilities":["read:data","write:data"],"delegation_depth":0,"asserted_by":"config"},` +
	`"action":{"type":"unknown","tool":"tool","server":"server","method":"tools/call","protocol":"mcp","stage":"pre_tool"},` +
	`"tool":{"annotations":{"readOnlyHint":false,"destructiveHint":true}},` +
	`"data":{"query":"select name from people where id = 1","path":"/home/user/project/report.md","content":"` +
	"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. " +
	`","limit":10,"contains_pii":false,"contains_secret":false,"pii":[],"secrets":[]},` +
	`"resource":{"paths":["/home/user/project/report.md"],"outside_roots":false,"sensitive":false,"hosts":["example.com"],` +
	`"urls":["https://example.com/"],"sql":[{"verb":"select","tables":["people"],"where":true}],"command":"ls","local":true},` +
	`"context":{"time":"2026-01-01T00:00:00.000Z","session":"session","environment":"test"}}`

// warmUp is one call that an instance is warmed up with.
type warmUp struct {
	export int // of the kind's
	input  []byte
}

// warmUpCases is how many golden cases an instance is warmed up with.
const warmUpCases = 64

// warmUps are the calls before the snapshot: a typical request for every export, then those of the golden cases. What a
// guest allocates in none of them it allocates anew in every call that needs it.
func (f *PluginFile) warmUps() ([]warmUp, error) {
	switch f.Manifest.Kind {
	case abi.KindPolicy:
		calls := []warmUp{{0, []byte(typical)}}
		cases, err := f.PolicyCases()
		for i := range cases[:min(len(cases), warmUpCases)] {
			calls = append(calls, warmUp{0, abi.AppendRequest(nil, &cases[i].Request)})
		}
		return calls, err
	case abi.KindReward:
		calls := []warmUp{{0, typicalScore()}}
		cases, err := f.ScoreCases()
		for i := range cases[:min(len(cases), warmUpCases)] {
			calls = append(calls, warmUp{0, abi.AppendScoreRequest(nil, &cases[i].Request)})
		}
		return calls, err
	default:
		var calls []warmUp
		for export := range abi.Exports(f.Manifest.Kind) {
			calls = append(calls, warmUp{export, []byte(typical)})
		}
		return calls, nil
	}
}

func typicalScore() []byte {
	q := abi.ScoreRequest{
		Agent: abi.ObjectValue(abi.Member{Name: "name", Value: abi.StringValue("agent")}, abi.Member{Name: "trust_score", Value: abi.IntValue(500)}),
		Verdict: abi.Verdict{
			Decision: abi.Allow, Code: abi.CodeRule, Rule: "rule", Policy: "local/policy", Reason: "a reason", Set: "set", ID: "id", Enforced: true,
			Judges: []abi.Judged{{Name: "local/policy", Version: "1.0.0", Decision: abi.Allow, Rule: "rule"}},
		},
		Outcome: abi.Outcome{DecisionID: "id", Status: abi.OutcomeOK, Bytes: 1000, MS: 10},
	}
	return abi.AppendScoreRequest(nil, &q)
}

// PolicyCases are the golden cases of a plugin of kind policy.
func (f *PluginFile) PolicyCases() ([]abi.Case, error) {
	if f.Cases == "" {
		return nil, nil
	}
	return abi.ReadCases(f.Cases)
}

// ScoreCases are the golden cases of a plugin of kind reward.
func (f *PluginFile) ScoreCases() ([]abi.ScoreCase, error) {
	if f.Cases == "" {
		return nil, nil
	}
	return abi.ReadScoreCases(f.Cases)
}
