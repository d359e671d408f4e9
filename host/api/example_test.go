package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"agentmesh/host/api"
	"agentmesh/pdk/abi"
)

func ExampleTCP() {
	h := api.TCP(api.Config{
		Decide: func(_ context.Context, q *abi.Request) abi.Verdict {
			return abi.Verdict{Decision: abi.Deny, Code: abi.CodeRule, Rule: "no-" + q.Action.Get("type").Text(), Enforced: true}
		},
		Status:   func() api.Status { return api.Status{} },
		Token:    "secret",
		MaxBytes: 1 << 20,
	})
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/decide", strings.NewReader(`{"action":{"type":"export"}}`))
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 {"decision":"deny","code":"rule","rule":"no-export","policy":"","reason":"","warnings":[],"judges":[],"obligations":[],"set":"","id":"","enforced":true}
}
