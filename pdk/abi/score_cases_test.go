package abi_test

import (
	"strings"
	"testing"

	"agentmesh/pdk/abi"
)

const scoreCases = `[{"name":"a","request":{"agent":{"name":"x"},"verdict":{"decision":"allow"},"outcome":{"decision_id":"1","status":"ok"}},` +
	`"settings":{"k":1},"want":{"delta":18,"reasons":["r"]}}]`

func TestScoreCasesRefuseWhatTheyWouldNotTest(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"no list", scoreCases, `{}`},
		{"no name", `"name":"a"`, `"name":""`},
		{"another abi", `"request":{`, `"request":{"abi":2,`},
		{"a misspelt part", `"outcome"`, `"outcom"`},
		{"a misspelt member of the verdict", `"decision"`, `"descision"`},
		{"a misspelt member of the outcome", `"status"`, `"state"`},
		{"an unheard status", `"ok"`, `"okay"`},
		{"no delta", `"delta":18,`, ``},
		{"a broken delta", `18`, `18.5`},
		{"a wish without a meaning", `"delta"`, `"decision":"allow","delta"`},
		{"a member beside", `"settings"`, `"setting"`},
		{"no agent", `{"name":"x"}`, `"x"`},
		{"a name twice", `[{`, `[{"name":"a","request":{"agent":{},"verdict":{"decision":"deny"},"outcome":{"decision_id":"1","status":"ok"}},"want":{"delta":0}},{`},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := strings.Replace(scoreCases, c.old, c.new, 1)
			if src == scoreCases {
				t.Fatal("the case changes nothing")
			}
			if got, err := abi.ReadScoreCases(src); err == nil {
				t.Errorf("read as %+v", got)
			}
		})
	}
}

func FuzzReadScoreCases(f *testing.F) {
	f.Add(scoreCases)
	f.Fuzz(func(t *testing.T, src string) {
		cs, err := abi.ReadScoreCases(src)
		if err != nil {
			return
		}
		text := string(abi.AppendScoreCases(nil, cs))
		again, err := abi.ReadScoreCases(text)
		if err != nil {
			t.Fatalf("%s written as %s: %v", src, text, err)
		}
		if got := string(abi.AppendScoreCases(nil, again)); got != text {
			t.Fatalf("written %s, then %s", text, got)
		}
	})
}

func TestScoreDifferences(t *testing.T) {
	want := abi.WantScore{Delta: 18, Reasons: []string{"a", "b"}}
	if got := want.Differences(&abi.Score{Delta: 18, Reasons: []string{"a", "b"}}); got != nil {
		t.Errorf("the score wanted differs: %q", got)
	}
	if got := want.Differences(&abi.Score{Delta: -18, Reasons: []string{"b", "a"}}); len(got) != 2 {
		t.Errorf("got %q, want a line for the delta and one for the reasons", got)
	}
}

func TestWantDifferences(t *testing.T) {
	deny := abi.Finding{Decision: abi.Deny, Rule: "no", Priority: 1}
	louder := abi.Finding{Decision: abi.Deny, Rule: "never", Priority: 2}
	allow := abi.Finding{Decision: abi.Allow, Rule: "yes", Priority: 9}
	warn := abi.Finding{Decision: abi.Warn, Rule: "mind"}
	fallback := abi.Finding{Decision: abi.Deny, Rule: "default"}
	for _, c := range []struct {
		name string
		want abi.Want
		got  []abi.Finding
		n    int
	}{
		{"silence is not allow", abi.Want{Decision: abi.Allow}, nil, 1},
		{"a deny beats an allow of higher priority", abi.Want{Decision: abi.Allow}, []abi.Finding{allow, deny}, 1},
		{"another rule", abi.Want{Decision: abi.Deny, Rule: "no"}, []abi.Finding{deny, louder}, 1},
		{"a default is no rule", abi.Want{Decision: abi.Deny, Code: abi.CodeRule}, []abi.Finding{fallback}, 1},
		{"a warning that did not come", abi.Want{Decision: abi.Allow, Warnings: []string{"mind"}}, []abi.Finding{allow}, 1},
		{"all of it", abi.Want{Decision: abi.Deny, Rule: "no", Code: abi.CodeDefault, Warnings: []string{"x"}}, []abi.Finding{allow, warn}, 4},
		{"silence", abi.Want{Decision: abi.Abstain}, nil, 0},
		{"priority among equals", abi.Want{Decision: abi.Deny, Rule: "never", Code: abi.CodeRule}, []abi.Finding{deny, louder, allow}, 0},
		{"a warning beside", abi.Want{Decision: abi.Allow, Warnings: []string{"mind"}}, []abi.Finding{allow, warn}, 0},
		{"a warning alone", abi.Want{Decision: abi.Warn, Rule: "mind"}, []abi.Finding{warn}, 0},
	} {
		if got := c.want.Differences(c.got); len(got) != c.n {
			t.Errorf("%s: got %q, want %d lines", c.name, got, c.n)
		}
	}
}
