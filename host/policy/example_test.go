package policy_test

import (
	"fmt"

	"agentmesh/host/policy"
)

func ExampleParseCondition() {
	x, err := policy.ParseCondition(`(data.amount > 1e3 or !exists(data.owner)) && action.type == "transfer"`, policy.Scope{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.Format(x))
	// Output:
	// (data.amount > 1000.0 or not exists(data.owner)) and action.type == 'transfer'
}

func ExampleParseCondition_error() {
	_, err := policy.ParseCondition("action.type = 'export'", policy.Scope{File: "rule"})
	fmt.Println(err)
	// Output:
	// rule:1:13: "=" is no operator
	//   1 | action.type = 'export'
	//     |             ^
	//   hint: write == to compare
}

func ExampleLoad() {
	files := policy.WithPresets(policy.Sources{{Name: "analyst.yaml", Text: `
version: "1.0"
agent: data-analyst-*
extends: preset:strict
rules:
  - name: rate-limit-api
    condition: "action.type == 'api_call'"
    limit: "100/hour"
`}}, presetNames)
	p, err := policy.Load(files, "analyst.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Name, *p.Default)
	for _, r := range p.Rules {
		fmt.Printf("%s:%d %s %s\n", p.Sources[r.Source].Name, r.Pos.Line, r.Name, r.Action)
	}
	// Output:
	// analyst deny
	// preset:strict:4 reads allow
	// analyst.yaml:6 rate-limit-api allow
}

func ExampleLoadAll() {
	files := policy.Sources{
		{Name: "a.yaml", Text: "version: \"1.0\"\nmode: audit\n"},
		{Name: "b.yaml", Text: "version: \"1.0\"\nrules:\n  - name: big\n    condition: data.size > '5' and dta.x\n    actoin: deny\n"},
	}
	_, err := policy.LoadAll(files, []string{"a.yaml", "b.yaml"})
	fmt.Println(err)
	// Output:
	// a.yaml:2:7: mode cannot be "audit"
	//   2 | mode: audit
	//     |       ^
	//   hint: one of enforce, monitor
	// b.yaml:4:36: unknown root "dta"
	//   4 |     condition: data.size > '5' and dta.x
	//     |                                    ^
	//   hint: did you mean data?
	// b.yaml:5:5: unknown key "actoin" in a rule
	//   5 |     actoin: deny
	//     |     ^
	//   hint: did you mean action?
}

func ExamplePolicy_Applies() {
	p := &policy.Policy{Agents: []string{"analyst-?", "did:mesh:alice"}}
	fmt.Println(p.Applies("analyst-7", ""), p.Applies("alice", "did:mesh:alice:mfrggzdf"), p.Applies("analyst-12", ""))
	// Output: true true false
}

func ExampleReadCases() {
	cases, err := policy.ReadCases("cases.yaml", `
- name: exports are refused
  request: {action: {type: export}, data: {contains_pii: true}}
  want: {decision: deny, rule: no-pii-export}
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cases[0].Name, cases[0].Want.Decision, cases[0].Request.Data.Get("contains_pii").IsTrue())
	// Output: exports are refused deny true
}
