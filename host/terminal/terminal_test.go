package terminal_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"agentmesh/host/terminal"
)

func TestWhatSteersATerminalComesOutEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"\x1b[2Jgone":     `\x1b[2Jgone`,
		"one\ntwo\r":      `one\ntwo\r`,
		"a\u202eb":        `a\u202eb`,
		"zero\u200bwidth": `zero\u200bwidth`,
		"half\xff":        `half\ufffd`,
		"größer, 大きい":     "größer, 大きい",
		"":                "",
	} {
		if got := terminal.Plain(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("a\x1b[0m\u2066b\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := terminal.Plain(s)
		if strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) }) {
			t.Errorf("%q comes out as %q", s, got)
		}
		if terminal.Plain(got) != got {
			t.Errorf("%q is escaped twice", got)
		}
	})
}

// A colour takes no room, and what an agent wrote makes no new line.
func ExampleColumns() {
	rows := [][]string{{"AGENT", "DECISION"}, {"ann", "deny"}, {"eve\nroot  allow", ""}}
	err := terminal.Columns(os.Stdout, rows, func(row int, cell string) string {
		if cell == "deny" {
			return "*deny*"
		}
		return cell
	})
	fmt.Println(err)
	// Output:
	// AGENT             DECISION
	// ann               *deny*
	// eve\nroot  allow
	// <nil>
}
