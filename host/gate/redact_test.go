package gate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// secret is put together here so that no scanner takes this file for a leak.
func secret() string { return "gh" + "p_" + "aB3dE5fG7hJ9kL2mN4" + "pQ6rS8tU1vW0xYzAbC" }

func step(names ...string) []abi.Step {
	steps := make([]abi.Step, len(names))
	for i, n := range names {
		steps[i].Name = n
	}
	return steps
}

func TestSecretsStayOutOfTheLedger(t *testing.T) {
	for _, c := range []struct{ name, request, path, want string }{
		{"a string", `{"data":{"text":"` + secret() + `"}}`, "data.text", `{"$redacted":"github_token"}`},
		{"within a text", `{"data":{"text":"use ` + secret() + ` please"}}`, "data.text", `{"$redacted":"github_token"}`},
		{"in a list", `{"data":{"list":["a","` + secret() + `"]}}`, "data.list", `["a",{"$redacted":"github_token"}]`},
		{"deep", `{"tool":{"a":[{"b":"` + secret() + `"}]}}`, "tool.a", `[{"b":{"$redacted":"github_token"}}]`},
		{"in a name", `{"data":{"x":1,"` + secret() + `":2}}`, "data", `{"x":1,"$redacted 1":2}`},
		{"by its field's name", `{"data":{"password":"hunter2-horse","n":1}}`, "data", `{"password":{"$redacted":"password"},"n":1}`},
		{"in a list by the field's name", `{"data":{"password":["hunter2-horse"]}}`, "data.password", `[{"$redacted":"password"}]`},
		{
			"the host's own words", `{"data":{"secrets":["password","github_token"],"contains_secret":true},"context":{"session":"01a20774-6c3b-774f-a49a-1bb54582d5a4"}}`,
			"data", `{"secrets":["password","github_token"],"contains_secret":true}`,
		},
		{"a session", `{"context":{"session":"01a20774-6c3b-774f-a49a-1bb54582d5a4"}}`, "context.session", `"01a20774-6c3b-774f-a49a-1bb54582d5a4"`},
		{"what is none", `{"data":{"text":"an ordinary sentence"}}`, "data.text", `"an ordinary sentence"`},
		{"the agent", `{"agent":{"did":"did:mesh:x:` + strings.Repeat("k7q2", 7) + `"}}`, "agent.did", `"did:mesh:x:` + strings.Repeat("k7q2", 7) + `"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(t, gate.Options{}, allowing("a"))
			q := call(t, c.request)
			before := string(abi.AppendRequest(nil, &q.Request))
			g.Decide(t.Context(), q)
			if got := string(abi.AppendJSON(nil, g.log.body(t, "request."+c.path))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if strings.Contains(string(g.log.last(t).Body), secret()) {
				t.Error("the entry holds the secret")
			}
			if after := string(abi.AppendRequest(nil, &q.Request)); after != before {
				t.Errorf("the request was changed: %s", after)
			}
		})
	}
}

func TestJudgesSeeWhatTheLedgerDoesNot(t *testing.T) {
	var seen string
	g := newGate(t, gate.Options{}, &judge{name: "a", evaluate: func(q *abi.Request) ([]abi.Finding, error) {
		seen = q.Data.Get("text").Text()
		return nil, nil
	}})
	g.Decide(t.Context(), call(t, `{"data":{"text":"`+secret()+`"}}`))
	if seen != secret() {
		t.Errorf("the judge saw %q", seen)
	}
}

func TestLongStringsAreHashed(t *testing.T) {
	g := newGate(t, gate.Options{HMAC: func(s string) string { return "h" + s[:2] }}, allowing("a"))
	long := strings.Repeat("xy ", 4096/3+1)
	g.Decide(t.Context(), call(t, `{"data":{"long":"`+long+`","short":"`+long[:4096]+`"}}`))
	if got := string(abi.AppendJSON(nil, g.log.body(t, "request.data.long"))); got != `{"$hmac":"hxy","len":4098}` {
		t.Errorf("got %s", got)
	}
	if got := g.log.body(t, "request.data.short").Text(); got != long[:4096] {
		t.Errorf("4 KiB were not kept: %d bytes", len(got))
	}
}

func TestTheDefaultHashIsKeyed(t *testing.T) {
	long := `{"data":{"long":"` + strings.Repeat("x", 5000) + `"}}`
	hash := func(g *bench) string {
		g.Decide(t.Context(), call(t, long))
		return g.log.body(t, "request.data.long").Get("$hmac").Text()
	}
	a := newGate(t, gate.Options{}, allowing("a"))
	first, again, other := hash(a), hash(a), hash(newGate(t, gate.Options{}, allowing("a")))
	if len(first) != 64 || first != again || first == other {
		t.Errorf("got %q, %q and of another gate %q", first, again, other)
	}
}

func TestPathsUnderRedact(t *testing.T) {
	index := []abi.Step{{Name: "data"}, {Name: "rows"}, {Index: 1, IsIndex: true}, {Name: "ssn"}}
	hiding := &judge{name: "a", redacts: [][]abi.Step{step("data", "note"), index, step("data", "absent", "x"), step("context", "session"), step("tool")}}
	request := `{"action":{"tool":"t"},"tool":{"x":1},"data":{"note":{"a":1},"rows":[{"ssn":1},{"ssn":2,"b":3}],"kept":4},"context":{"session":"s"}}`
	for _, c := range []struct {
		name  string
		judge *judge
		call  func(c *gate.Call)
	}{
		{"when it denies", hiding, func(*gate.Call) {}},
		{"when self-protection does", hiding, func(c *gate.Call) { c.Protected = "the state folder" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(t, gate.Options{}, c.judge)
			q := call(t, request)
			c.call(q)
			g.Decide(t.Context(), q)
			want := `{"note":{"$redacted":"policy"},"rows":[{"ssn":1},{"ssn":{"$redacted":"policy"},"b":3}],"kept":4}`
			if got := string(abi.AppendJSON(nil, g.log.body(t, "request.data"))); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			for _, path := range []string{"request.tool", "request.context.session"} {
				if got := string(abi.AppendJSON(nil, g.log.body(t, path))); got != `{"$redacted":"policy"}` {
					t.Errorf("%s is %s", path, got)
				}
			}
		})
	}
	other := *hiding
	other.only = "somebody else"
	g := newGate(t, gate.Options{}, &other, allowing("b"))
	g.Decide(t.Context(), call(t, request))
	if got := string(abi.AppendJSON(nil, g.log.body(t, "request.data.note"))); got != `{"a":1}` {
		t.Errorf("a file that does not apply redacted: %s", got)
	}
}

func TestFindingsRedactAsWell(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"a path", "data.note", `{"data":{"note":{"$redacted":"policy"},"kept":1}}`},
		{"a path that cannot be read hides all", "data..", `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := rule(abi.Allow, "ok", abi.Obligation{Kind: abi.ObligationRedact, Rule: "ok", Paths: []string{c.path}})
			g := newGate(t, gate.Options{}, &judge{name: "a", findings: []abi.Finding{f}})
			g.Decide(t.Context(), call(t, `{"data":{"note":"n","kept":1}}`))
			q := g.log.body(t, "request")
			var got []abi.Member
			for _, m := range q.Items() {
				if m.Name == "data" {
					got = append(got, m)
				}
			}
			if text := string(abi.AppendJSON(nil, abi.ObjectValue(got...))); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
			if strings.Contains(string(g.log.last(t).Body), `"n"`) {
				t.Error("the entry holds it")
			}
		})
	}
}

func TestVerdictsHoldNoSecrets(t *testing.T) {
	leaky := &judge{name: "a", findings: []abi.Finding{
		{Decision: abi.Deny, Rule: "no", Reason: "the token " + secret() + " is not yours"},
		{Decision: abi.Warn, Rule: "w", Reason: "saw " + secret()},
	}}
	g := newGate(t, gate.Options{}, leaky)
	v := g.Decide(t.Context(), call(t, plainRequest))
	if text := string(abi.AppendVerdict(nil, &v)); strings.Contains(text, secret()) || !strings.Contains(v.Reason, "github_token") {
		t.Errorf("got %s", text)
	}
	r := g.Refuse(t.Context(), gate.Refusal{Subject: gate.Subject{Tool: secret()}, Reason: "no tool " + secret()})
	if e := g.log.last(t); strings.Contains(string(e.Body)+e.Tool+r.Reason, secret()) {
		t.Errorf("a refusal holds it: %+v %s", e, e.Body)
	}
}

// counted notes whom limits count for.
type counted struct {
	gate.Limits
	agents []string
}

func (c *counted) Consume(ctx context.Context, agent string, now time.Time, counters []gate.Counter) error {
	c.agents = append(c.agents, agent)
	return c.Limits.Consume(ctx, agent, now, counters)
}

func TestSecretsInAgentsNamesStayOutOfTheStore(t *testing.T) {
	limit := abi.Obligation{Kind: abi.ObligationLimit, Rule: "r", Limit: "1/hour"}
	limits := &counted{Limits: openLimits(t)}
	only := newSet(&judge{name: "a", findings: []abi.Finding{rule(abi.Allow, "r", limit)}})
	g, err := gate.New(only.acquire(), &log{}, limits, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("many agents ", 100)
	for _, name := range []string{secret(), secret() + "x", long, long + "x"} {
		for _, want := range []abi.Decision{abi.Allow, abi.Deny} {
			v := g.Decide(t.Context(), &gate.Call{Request: abi.Request{
				Agent: abi.ObjectValue(abi.Member{Name: "name", Value: abi.StringValue(name)}),
			}})
			if v.Decision != want {
				t.Errorf("%.20s…: %s, want %s: agents are no longer told apart, or one is counted under two names", name, v.Decision, want)
			}
		}
	}
	for _, agent := range limits.agents {
		if strings.Contains(agent, secret()) || len(agent) > 512 {
			t.Errorf("the store is told %.60q…", agent)
		}
	}
}
