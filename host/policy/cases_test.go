package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

const someCases = `
- name: pii export
  request:
    action: {type: export}
    data: {contains_pii: true, rows: [{n: 1, x: -2.5, big: 18446744073709551616, none: null}], "x-y": "5"}
    context: {time: 2026-01-02T03:04:05.000Z}
  settings: {strict: true}
  want: {decision: deny, rule: no-pii-export, code: rule, policy: local/analyst, warnings: [noted, seen]}
- name: nothing known
  request: {}
  want: {decision: abstain}
`

func TestCasesRefused(t *testing.T) {
	const tail = ", request: {}, want: {decision: deny}}\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "cases.yaml: the file is empty"},
		{"none", "[]", "cases.yaml:1:1: cases is empty"},
		{"a policy", promised, "cases must be a list, not a mapping"},
		{"no name", "- {request: {}, want: {decision: deny}}\n", "cases.yaml:1:3: name is missing"},
		{"no request", "- {name: a, want: {decision: deny}}\n", "request is missing"},
		{"no want", "- {name: a, request: {}}\n", "want is missing"},
		{"no decision", "- {name: a, request: {}, want: {rule: x}}\n", "cases.yaml:1:32: decision is missing"},
		{"unknown decision", "- {name: a, request: {}, want: {decision: block}}\n", `decision cannot be "block"`},
		{"unknown key", "- {name: a, wants: {}" + tail, `unknown key "wants" in a case`},
		{"unknown part", "- {name: a, want: {decision: deny}, request: {dta: {}}}\n", "did you mean data?"},
		{"part that is no mapping", "- {name: a, want: {decision: deny}, request: {data: 5}}\n", "data must be a mapping, not the number 5"},
		{"name twice", "- {name: a" + tail + "- {name: a" + tail, `cases.yaml:2:10: case "a" a second time; the first is in line 1`},
		{"attribute twice", "- {name: a, want: {decision: deny}, request: {data: {x: 1, x: 2}}}\n", `cases.yaml:1:60: key "x" a second time`},
		{"number of YAML alone", "- {name: a, want: {decision: deny}, request: {data: {x: 0x1F}}}\n", "0x1F is no number of JSON"},
		{"not a number", "- {name: a, want: {decision: deny}, request: {data: {x: .nan}}}\n", ".nan is no number of JSON"},
		{"alias", "- {name: a, want: {decision: deny}, request: {data: &x {x: 1}}}\n", "anchor &x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cases, err := policy.ReadCases("cases.yaml", tt.text)
			if cases != nil {
				t.Error("got cases")
			}
			wantError(t, err, tt.want)
		})
	}
}

func TestCasesAreRead(t *testing.T) {
	got, err := policy.ReadCases("cases.yaml", someCases)
	if err != nil {
		t.Fatal(err)
	}
	object := func(members ...abi.Member) abi.Value { return abi.ObjectValue(members...) }
	want := []abi.Case{
		{
			Name: "pii export",
			Request: abi.Request{
				Action: object(abi.Member{Name: "type", Value: abi.StringValue("export")}),
				Data: object(
					abi.Member{Name: "contains_pii", Value: abi.BoolValue(true)},
					abi.Member{Name: "rows", Value: abi.ListValue(object(
						abi.Member{Name: "n", Value: abi.IntValue(1)}, abi.Member{Name: "x", Value: abi.FloatValue(-2.5)},
						abi.Member{Name: "big", Value: abi.FloatValue(1 << 64)}, abi.Member{Name: "none", Value: abi.NullValue()},
					))},
					abi.Member{Name: "x-y", Value: abi.StringValue("5")},
				),
				Context: object(abi.Member{Name: "time", Value: abi.StringValue("2026-01-02T03:04:05.000Z")}),
			},
			Settings: object(abi.Member{Name: "strict", Value: abi.BoolValue(true)}),
			Want: abi.Want{
				Decision: abi.Deny, Code: abi.CodeRule, Rule: "no-pii-export", Policy: "local/analyst", Warnings: []string{"noted", "seen"},
			},
		},
		{Name: "nothing known", Want: abi.Want{Decision: abi.Abstain}},
	}
	sameValues := cmp.Comparer(func(a, b abi.Value) bool { return a.Kind() == b.Kind() && (a.Equal(b) || !a.Exists()) })
	if diff := cmp.Diff(want, got, sameValues); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
