package pdk_test

import (
	"path"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// ask runs a handler on one request.
func ask(t *testing.T, request, settings string, decide func(*pdk.Request, *pdk.Answer)) ([]abi.Finding, error) {
	t.Helper()
	out, err := pdk.Policy(decide).Native([]byte(request), settings)
	if err != nil {
		return nil, err
	}
	fs, err := abi.ReadFindings(string(out))
	if err != nil {
		t.Fatalf("the answer %s: %v", out, err)
	}
	if want := abi.AppendFindings(nil, fs); string(out) != string(want) {
		t.Errorf("answered %s, which the contract writes %s", out, want)
	}
	return fs, nil
}

// TestRequestsAsTheContractReadsThem holds what a policy is asked, and what it refuses to be, against abi.
func TestRequestsAsTheContractReadsThem(t *testing.T) {
	f := vectors(t, "messages.json")
	for _, list := range [][]vector{f.Valid, f.Changed, f.Invalid} {
		for _, v := range list {
			switch v.Message {
			case "request":
				requestAsRead(t, v)
			case "score_request":
				_, want := abi.ReadScoreRequest(v.In)
				_, err := pdk.Reward(func(*pdk.ScoreRequest, *pdk.Score) {}).Native([]byte(v.In), "")
				if want == nil && err != nil {
					t.Errorf("%s: refused: %v", v.Name, err)
				}
			}
		}
	}
}

func requestAsRead(t *testing.T, v vector) {
	t.Helper()
	want, wantErr := abi.ReadRequest(v.In)
	var got abi.Request
	_, err := ask(t, v.In, "", func(q *pdk.Request, _ *pdk.Answer) {
		got = abi.Request{
			Agent: q.Agent.ABI(), Action: q.Action.ABI(), Tool: q.Tool.ABI(), Data: q.Data.ABI(), Resource: q.Resource.ABI(), Context: q.Context.ABI(),
			Result: q.Result.ABI(),
		}
	})
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%s: got error %v, want %v", v.Name, err, wantErr)
		return
	}
	if g, w := abi.AppendRequest(nil, &got), abi.AppendRequest(nil, &want); err == nil && string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", v.Name, g, w)
	}
}

func TestScoreRequestsThatAreNone(t *testing.T) {
	const good = `{"abi":1,"agent":{},"verdict":{"decision":"allow","code":"rule"},"outcome":{"decision_id":"d","status":"ok"}}`
	p := pdk.Reward(func(q *pdk.ScoreRequest, s *pdk.Score) {
		if q.Decision == abi.Allow && q.Code == abi.CodeRule && q.Status == abi.OutcomeOK {
			s.Add(10, "compliant")
			s.Add(-3, "but")
		}
	})
	for _, c := range []struct{ old, new string }{
		{good, ``},
		{good, `[]`},
		{`"abi":1,`, ``},
		{`"abi":1`, `"abi":2`},
		{`"agent":{}`, `"agent":"x"`},
		{`"verdict"`, `"verdikt"`},
		{`"allow"`, `"warn"`},
		{`"allow"`, `"Allow"`},
		{`"allow"`, `1`},
		{`"outcome"`, `"result"`},
		{`"ok"`, `"fine"`},
		{`"ok"`, `null`},
	} {
		if out, err := p.Native([]byte(strings.Replace(good, c.old, c.new, 1)), ""); err == nil {
			t.Errorf("%s for %s: answered %s", c.new, c.old, out)
		}
	}
	out, err := p.Native([]byte(good), "")
	if want := `{"delta":7,"reasons":["compliant","but"]}`; err != nil || string(out) != want {
		t.Errorf("got %s %v, want %s", out, err, want)
	}
}

func TestAnswers(t *testing.T) {
	fs, err := ask(t, `{"abi":1}`, "", func(q *pdk.Request, a *pdk.Answer) {
		a.RequireApproval("ask", "somebody", "alice", "bob")
		a.RequireApproval("anyone", "anybody")
		a.AllowWithin("some", "a few", "100/hour")
		a.Warn("warn", a.Join("one ", "two"))
		a.Log("log", a.Join("three", " \"4\" é and some more\n"))
		a.Allow("allow", "")
		a.Deny("deny", q.ActionType())
		a.Add(pdk.Finding{Decision: abi.Log, Rule: "by-hand", Priority: 7, Obligations: []pdk.Obligation{{Kind: abi.ObligationRedact, Rule: "by-hand", Paths: []string{"data.card"}}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"abi":1,"findings":[` +
		`{"decision":"require_approval","rule":"ask","reason":"somebody","priority":0,"obligations":[{"kind":"approval","rule":"ask","approvers":["alice","bob"]}]},` +
		`{"decision":"require_approval","rule":"anyone","reason":"anybody","priority":0,"obligations":[{"kind":"approval","rule":"anyone"}]},` +
		`{"decision":"allow","rule":"some","reason":"a few","priority":0,"obligations":[{"kind":"limit","rule":"some","limit":"100/hour"}]},` +
		`{"decision":"warn","rule":"warn","reason":"one two","priority":0,"obligations":[]},` +
		`{"decision":"log","rule":"log","reason":"three \"4\" é and some more\n","priority":0,"obligations":[]},` +
		`{"decision":"allow","rule":"allow","reason":"","priority":0,"obligations":[]},` +
		`{"decision":"deny","rule":"deny","reason":"unknown","priority":0,"obligations":[]},` +
		`{"decision":"log","rule":"by-hand","reason":"","priority":7,"obligations":[{"kind":"redact","rule":"by-hand","paths":["data.card"]}]}]}`
	if got := string(abi.AppendFindings(nil, fs)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSettings(t *testing.T) {
	read := 0
	p := pdk.PolicyWith(func(v pdk.Value) (string, error) {
		read++
		return v.Get("rule").Text() + "!", nil
	}, func(s string, q *pdk.Request, a *pdk.Answer) { a.Log(s, q.Settings.Get("rule").Text()) })
	for _, c := range []struct{ settings, rule, reason string }{{`{"rule":"a"}`, "a!", "a"}, {`{"rule":"a"}`, "a!", "a"}, {"", "!", ""}, {`{"rule":"b"}`, "b!", "b"}} {
		out, err := p.Native([]byte(`{"abi":1}`), c.settings)
		if err != nil {
			t.Fatal(err)
		}
		fs, err := abi.ReadFindings(string(out))
		if err != nil || len(fs) != 1 || fs[0].Rule != c.rule || fs[0].Reason != c.reason {
			t.Errorf("%s: got %+v %v", c.settings, fs, err)
		}
	}
	if read != 3 {
		t.Errorf("settings were read %d times, want once for each change", read)
	}
	if out, err := p.Native([]byte(`{"abi":1}`), `{"rule"`); err == nil {
		t.Errorf("broken settings: answered %s", out)
	}
}

func TestByAgent(t *testing.T) {
	const full = "did:mesh:data-analyst:mfzwizltoq2gk43umfzwizltoq2gk43u"
	for _, c := range []struct {
		pattern, agent string
		want           bool
	}{
		{"data-analyst", `{}`, false},
		{"*", `{}`, false},
		{"", `{"name":""}`, false},
		{"data-analyst", `{"name":"Data-analyst"}`, false},
		{"data-analyst", `{"did":"` + full + `"}`, false},
		{"did:mesh:data", `{"did":"` + full + `"}`, false},
		{"data-?", `{"name":"data-analyst"}`, false},
		{"data-*", `{"name":"data-analyst"}`, true},
		{"did:mesh:data-analyst", `{"did":"` + full + `"}`, true},
		{"did:mesh:data-*", `{"did":"` + full + `"}`, true},
		{full, `{"did":"` + full + `"}`, true},
		{"*", `{"name":"x"}`, true},
	} {
		fs, err := ask(t, `{"abi":1,"agent":`+c.agent+`}`, "", func(q *pdk.Request, a *pdk.Answer) {
			if q.ByAgent(c.pattern) {
				a.Log("yes", "")
			}
		})
		if err != nil || (len(fs) > 0) != c.want {
			t.Errorf("%q of %s: got %v %v, want %v", c.pattern, c.agent, fs, err, c.want)
		}
	}
}

// FuzzGlob holds patterns of letters, * and ? against path.Match, where no byte has another meaning.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"", ""}, {"*", ""}, {"?", ""}, {"a*b*c", "abbc"}, {"a*b", "a"}, {"**", "x"}, {"*a?", "aaa"}, {"a?c*", "abcd"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if strings.ContainsAny(pattern, `[\/`) || strings.Contains(s, "/") || !ascii(pattern) || !ascii(s) {
			return
		}
		want, err := path.Match(pattern, s)
		if got := pdk.Glob(pattern, s); err == nil && got != want {
			t.Errorf("%q of %q: got %v, want %v", pattern, s, got, want)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func TestHas(t *testing.T) {
	v, err := pdk.ReadValue(`{"l":["a",1,"b"],"o":{"x":"a"},"s":"a"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   string
		s    string
		want bool
	}{{"o", "a", false}, {"s", "a", false}, {"no", "", false}, {"l", "1", false}, {"l", "", false}, {"l", "c", false}, {"l", "b", true}} {
		if got := pdk.Has(v.Get(c.in), c.s); got != c.want {
			t.Errorf("%s has %q: got %v, want %v", c.in, c.s, got, c.want)
		}
	}
}

// TestCallsAllocateNothing makes a decision of common size with every way of answering.
func TestCallsAllocateNothing(t *testing.T) {
	p := pdk.Policy(func(q *pdk.Request, a *pdk.Answer) {
		for _, v := range q.Resource.Get("paths").All() {
			a.Warn("path", a.Join("touches ", v.Text()))
		}
		a.RequireApproval("ask", q.ActionType(), "alice", "bob")
		a.AllowWithin("within", "", "100/hour")
	})
	in := []byte(measured)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := p.Native(in, ""); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a call, want none", n)
	}
}
