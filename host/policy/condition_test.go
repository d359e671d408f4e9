package policy_test

import (
	"testing"

	"agentmesh/host/policy"
)

func TestSmoke(t *testing.T) {
	for _, s := range []string{
		"action.type == 'export' and data.contains_pii",
		"not (a == 1) or data['x-y'][0] in ['a', 1, null, data.z] && !exists(data.x)",
		"any(x in resource.paths, lower(x.a) startswith '/etc' or all(y in x.b, len(y) > 5.0))",
		"dta.x == 1", "agent.name == alice", "5 < 'a'", "data.x = 1", "data.x matches '\\.exe'", "(data.x) == 1",
		"data.x not contains 'a'", "data.x.contains('a')", "size(data.x)", "exists data.x", "data.x AND data.y", "len(data.x)", "'data.x == 1 and foo'",
		"data.x-y == 1", "1 < data.x < 5", "data.x in 'abc'", "data.a ==", "((data.a", "data.a)", "result.text", "data.x is null", "data.x - 5",
	} {
		x, err := policy.ParseCondition(s, policy.Scope{})
		if err != nil {
			t.Logf("%s", err)
			continue
		}
		t.Logf("%s", policy.Format(x))
	}
}
