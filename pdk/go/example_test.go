package pdk_test

import (
	"errors"
	"fmt"

	pdk "agentmesh/pdk/go"
)

func ExamplePolicy() {
	plugin := pdk.Policy(func(q *pdk.Request, a *pdk.Answer) {
		if q.ActionType() == "export" && q.Data.Get("contains_pii").IsTrue() {
			a.Deny("no-pii-export", "personal data stays here")
		}
	})
	answer, err := plugin.Native([]byte(`{"abi":1,"action":{"type":"export"},"data":{"contains_pii":true}}`), "")
	fmt.Printf("%s %v\n", answer, err)
	// Output: {"abi":1,"findings":[{"decision":"deny","rule":"no-pii-export","reason":"personal data stays here","priority":0,"obligations":[]}]} <nil>
}

func ExamplePolicyWith() {
	type limits struct{ rows int64 }
	configure := func(settings pdk.Value) (limits, error) {
		n, ok := settings.Get("rows").Int()
		if !ok {
			return limits{}, errors.New("rows must be set")
		}
		return limits{rows: n}, nil
	}
	plugin := pdk.PolicyWith(configure, func(l limits, q *pdk.Request, a *pdk.Answer) {
		if n, ok := q.Data.Get("limit").Int(); !ok || n > l.rows {
			a.RequireApproval("many-rows", "more rows than usual", "data-team")
		}
	})
	_, err := plugin.Native([]byte(`{"abi":1}`), "")
	fmt.Println(err)
	answer, err := plugin.Native([]byte(`{"abi":1,"data":{"limit":100}}`), `{"rows":1000}`)
	fmt.Printf("%s %v\n", answer, err)
	// Output:
	// settings: rows must be set
	// {"abi":1,"findings":[]} <nil>
}

func ExampleReward() {
	plugin := pdk.Reward(func(q *pdk.ScoreRequest, s *pdk.Score) {
		if q.Decision.String() == "allow" {
			s.Add(10, "compliant")
		}
	})
	answer, err := plugin.Native([]byte(`{"abi":1,"agent":{},"verdict":{"decision":"allow"},"outcome":{"decision_id":"d","status":"ok"}}`), "")
	fmt.Printf("%s %v\n", answer, err)
	// Output: {"delta":10,"reasons":["compliant"]} <nil>
}

func ExampleFunction() {
	plugin := pdk.Function(func(in, _ pdk.Value, out []byte) ([]byte, error) {
		return fmt.Appendf(out, `{"items":%d}`, in.Len()), nil
	})
	answer, err := plugin.Native([]byte(`[1,2,3]`), "")
	fmt.Printf("%s %v\n", answer, err)
	// Output: {"items":3} <nil>
}
