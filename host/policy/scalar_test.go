package policy_test

import (
	"errors"
	"strings"
	"testing"

	"agentmesh/host/policy"
)

// However a condition is written in YAML, the place of the root that does not exist is told in the file: marked in the text
// by a ^ before it, which is taken out.
func TestPlacesWithinScalars(t *testing.T) {
	tests := []struct{ name, text string }{
		{"plain", "data.a and ^dta.b"},
		{"plain over lines", "data.a and\n      data.b or\n\n      ^dta.b"},
		{"single quotes", "'data.a == ''x'' and ^dta.b'"},
		{"single quotes over lines", "'data.a == ''x''\n\n      and ^dta.b'"},
		{"double quotes", `"data.a == \"é\\\\\u00e9\U0001F600\x41\" and ^dta.b"`},
		{"double quotes over lines", "\"data.a and\n      data.b \\\n      and ^dta.b\""},
		{"double quotes, escaped space", "\"data.a and \\\n      \\  ^dta.b\""},
		{"double quotes, escaped line break", `"data.a and\n^dta.b"`},
		{"double quotes, escaped tab", `"data.a and\t^dta.b"`},
		{"literal block", "|\n      data.a and\n        data.b\n      or ^dta.b"},
		{"literal block, indented", "|2\n        data.a and\n      ^dta.b"},
		{"literal block with a comment", "|- # why\n      data.a and\n\n      ^dta.b\n"},
		{"folded block", ">\n      data.a and\n      data.b\n\n      or ^dta.b"},
		{"folded block, more indented", ">-\n      data.a and\n\n        data.b\n        or ^dta.b\n      and data.c\n"},
		{"wide text before", "'data.a == \"漢字é\" and ^dta.b'"},
	}
	for _, tt := range tests {
		for ending, lines := range map[string]string{"LF": "\n", "CRLF": "\r\n"} {
			t.Run(tt.name+" "+ending, func(t *testing.T) {
				text := "version: \"1.0\"\nrules:\n  - name: a\n    action: deny\n    condition: " + tt.text + "\n"
				want := placeOf(text)
				text = strings.ReplaceAll(strings.Replace(text, "^", "", 1), "\n", lines)
				_, err := load(t, "f.yaml", text)
				var e *policy.Error
				if !errors.As(err, &e) || e.Pos != want || e.Message != `unknown root "dta"` {
					t.Errorf("got %v\nwant an unknown root at %d:%d", err, want.Line, want.Column)
				}
			})
		}
	}
}

// placeOf is where the mark stands.
func placeOf(text string) policy.Pos {
	before, _, _ := strings.Cut(text, "^")
	line := before[strings.LastIndex(before, "\n")+1:]
	return policy.Pos{Line: strings.Count(before, "\n") + 1, Column: len([]rune(line)) + 1}
}

func TestEndOfABlockIsWhereItsTextEnds(t *testing.T) {
	_, err := load(t, "f.yaml", "version: \"1.0\"\nrules:\n  - name: a\n    action: deny\n    condition: |\n      data.a ==\n\n\n")
	wantError(t, err, "f.yaml:6:16: expected a value, not the end of the condition")
}
