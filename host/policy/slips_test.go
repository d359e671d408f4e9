package policy_test

import (
	"testing"

	"agentmesh/host/policy"
)

// What people write who know another language, and what they are told.
func TestSlipsAreMended(t *testing.T) {
	for src, hint := range map[string]string{
		"data.x equals 1":               "write ==",
		"data.x ne 1":                   "write !=",
		"data.x gte 1":                  "write <, <=, > or >=",
		"data.x like 'a%'":              "write matches",
		"data.x has 'a'":                "write contains",
		"data.x startsWith 'a'":         "did you mean startswith?",
		"data.x ends_with 'a'":          "did you mean endswith?",
		"data.x excludes 'a'":           "a string stands in quotes",
		"data.x == None":                "write null, or not exists(…)",
		"data.x == True":                "write true",
		"data.x == tru":                 `a string stands in quotes; a path begins with agent, action, tool, data, resource, context`,
		"data.x 'a'":                    "join values with ==, in, contains, and conditions with and, or",
		"data.x ==== 1":                 "write ==",
		"data.x =~ 'a'":                 "write matches",
		"data.x | data.y":               "write or, or ||",
		"len data.x > 1":                "len is followed by a parenthesis",
		"has(data.x)":                   "write exists(…)",
		"toLower(data.x) == 'a'":        "write lower(…)",
		"exist(data.x)":                 "did you mean exists?",
		"startswith(data.x, 'a')":       "write data.x startswith …",
		"foo(data.x)":                   "one of exists, len, lower, any, all",
		"data.x matches '\\d'":          `a backslash itself is written \\, as in '\\d'; within YAML's double quotes it is doubled again`,
		"actoin.type == 'x'":            "did you mean action?",
		"any(row in data.l, rwo.x > 1)": "did you mean row?",
		"user.name == 'x'":              "a path begins with agent, action, tool, data, resource, context",
	} {
		_, err := policy.ParseCondition(src, policy.Scope{})
		errs, ok := err.(policy.Errors)
		if !ok || errs[0].Hint != hint {
			t.Errorf("%s\ngot %v\nwant hint %s", src, err, hint)
		}
	}
}

func TestActionsOfOtherSystems(t *testing.T) {
	for word, want := range map[string]string{
		"Deny": "did you mean deny?", "reject": "write deny", "permit": "write allow", "ask": "write require_approval",
		"record": "write log", "maybe": "one of allow, deny, warn, log, require_approval",
	} {
		_, err := load(t, "f.yaml", one+"rules: [{name: a, action: "+word+"}]\n")
		wantError(t, err, "hint: "+want)
	}
}

func TestFormatEscapesWhatCannotBeSeen(t *testing.T) {
	x, err := policy.ParseCondition(`data["a\u0000\u202e"] == "it's\n\t\r\\ \udb40\udc41 é😀"`, policy.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `data['a\u0000\u202e'] == 'it\'s\n\t\r\\ \udb40\udc41 é😀'`
	if got := policy.Format(x); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
