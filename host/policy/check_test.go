package policy_test

import (
	"testing"

	"agentmesh/host/policy"
)

func TestLiteralsThatCannotBeMeant(t *testing.T) {
	tests := []struct {
		name, src, message string
		column             int
	}{
		{"string against number", "'a' < 5", "a string cannot be compared with 5", 7},
		{"string equal to number", "'a' == 5", "a string cannot be compared with 5", 8},
		{"length against string", "len(data.x) == 'long'", "len(…), a number, cannot be compared with a string", 16},
		{"lower against boolean", "lower(data.x) != true", "lower(…), a string, cannot be compared with true", 18},
		{"order of null", "data.x >= null", "null cannot stand here", 11},
		{"order of a list", "[1] <= data.x", "a list cannot stand here", 1},
		{"order of a boolean", "true > data.x", "true cannot stand here", 1},
		{"length of a number", "len(5) == 1", "5 cannot stand here", 5},
		{"length of a length", "len(len(data.x)) == 1", "len(…), a number, cannot stand here", 5},
		{"lower of null", "lower(null) == 'a'", "null cannot stand here", 7},
		{"in a string", "data.x in 'abc'", "a string cannot stand here", 11},
		{"in a number", "data.x not in 5", "5 cannot stand here", 15},
		{"in a function", "data.x in lower(data.y)", "lower(…), a string, cannot stand here", 11},
		{"number contains", "5 contains data.x", "5 cannot stand here", 1},
		{"string contains number", "'a5' contains 5", "5 cannot stand here", 15},
		{"lower contains list", "lower(data.x) contains ['a']", "a list cannot stand here", 24},
		{"list starts with", "['a'] startswith 'a'", "a list cannot stand here", 1},
		{"ends with boolean", "data.x endswith true", "true cannot stand here", 17},
		{"number matches", "5 matches '5'", "5 cannot stand here", 1},
		{"list of paths compared", "data.x == [data.y]", "a list of attributes can stand on the right of in alone", 11},
		{"list of paths contains", "[data.y] contains 5", "a list of attributes can stand on the right of in alone", 1},
		{"list of functions", "data.x in [lower(data.y)]", "a list holds literals and paths, not lower(…), a string,", 12},
		{"within a quantifier", "any(x in data.l, x < true)", "true cannot stand here", 22},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantRefusal(t, tt.src, policy.PreTool, policy.Pos{Line: 1, Column: tt.column}, tt.message)
		})
	}
}

func TestWhatMayBeMeant(t *testing.T) {
	for _, src := range []string{
		"5 < 5.5", "'a' < 'b'", "len(data.x) == 5.0", "len('é') == 1", "len([1, 2]) == 2", "lower('A') == 'a'", "null == null",
		"data.x == [1, 'a']", "[1] in data.x", "[1, 2] contains data.x", "data.x contains 5", "data.x contains ['a']",
		"'abc' contains lower(data.x)", "data.x in []", "data.x startswith data.y", "lower(data.x) matches 'a'", "data.x < data.y",
	} {
		if _, err := policy.ParseCondition(src, policy.Scope{}); err != nil {
			t.Errorf("%s\n%v", src, err)
		}
	}
}

func TestAllThatTheCheckFindsIsTold(t *testing.T) {
	_, err := policy.ParseCondition("dta.x > true or len(5) == 'a' or data.y matches '('", policy.Scope{})
	if errs, _ := err.(policy.Errors); len(errs) != 5 {
		t.Errorf("got %d errors, want 5:\n%v", len(errs), err)
	}
}
