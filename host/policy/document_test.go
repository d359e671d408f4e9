package policy_test

import (
	"strings"
	"testing"

	"agentmesh/host/policy"
)

// The excerpt's two lines, for a condition that names an unknown root behind some text.
func TestCaretStandsUnderThePlace(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"ASCII", "'a' == dta.x", "  1 | 'a' == dta.x\n    |        ^"},
		{"two bytes", "'é' == dta.x", "  1 | 'é' == dta.x\n    |        ^"},
		{"two columns", "'漢字' == dta.x", "  1 | '漢字' == dta.x\n    |           ^"},
		{"emoji", "'😀' == dta.x", "  1 | '😀' == dta.x\n    |         ^"},
		{"combining", "'e\u0301' == dta.x", "  1 | 'e\u0301' == dta.x\n    |        ^"},
		{"tabs", "\t'a'\t== dta.x", "  1 | \t'a'\t== dta.x\n    | \t   \t   ^"},
		{"second line", "data.x or\r\n  dta.x\r\n", "  2 |   dta.x\n    |   ^"},
		{"line ten", strings.Repeat("\n", 9) + "dta.x", "  10 | dta.x\n     | ^"},
		{
			"long line", "'" + strings.Repeat("a", 200) + "' == dta.x or data.y == '" + strings.Repeat("b", 200) + "'",
			"  1 | …" + strings.Repeat("a", 65) + "' == dta.x or data.y == '" + strings.Repeat("b", 20) + "…\n    |  " + strings.Repeat(" ", 70) + "^",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := policy.ParseCondition(tt.src, policy.Scope{})
			errs, ok := err.(policy.Errors)
			if !ok || len(errs) != 1 {
				t.Fatalf("got %v, want one error", err)
			}
			if got := errs[0].Excerpt; got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestExcerptDoesNotMoveTheCursor(t *testing.T) {
	_, err := policy.ParseCondition("data.x == '\x1b[2J'", policy.Scope{})
	if err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("got %q", err)
	}
}

func TestErrorsPrintWhatIsKnown(t *testing.T) {
	for want, e := range map[string]*policy.Error{
		"no place":                    {Message: "no place"},
		"f.yaml: no line":             {File: "f.yaml", Message: "no line"},
		"3:4: no file":                {Pos: policy.Pos{Line: 3, Column: 4}, Message: "no file"},
		"f:3:4: hinted\n  hint: mend": {File: "f", Pos: policy.Pos{Line: 3, Column: 4}, Message: "hinted", Hint: "mend"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
