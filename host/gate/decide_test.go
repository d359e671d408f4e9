package gate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

func TestTheZeroVerdictPermitsNothing(t *testing.T) {
	for name, v := range map[string]abi.Verdict{
		"zero":                  {},
		"an allow nobody wrote": {Decision: abi.Allow, Code: abi.CodeRule},
		"an enforced deny":      {ID: "x", Enforced: true},
		"approval":              {ID: "x", Decision: abi.RequireApproval, Enforced: true},
	} {
		if gate.Permits(&v) {
			t.Errorf("%s permits", name)
		}
	}
	for name, v := range map[string]abi.Verdict{
		"a recorded allow":           {ID: "x", Decision: abi.Allow, Enforced: true},
		"a recorded, monitored deny": {ID: "x", Decision: abi.Deny},
	} {
		if !gate.Permits(&v) {
			t.Errorf("%s does not permit", name)
		}
	}
}

func TestAGateWithoutPartsIsRefused(t *testing.T) {
	if _, err := gate.New(nil, &log{}, openLimits(t), gate.Options{}); err == nil {
		t.Error("a gate without judges was made")
	}
	if _, err := gate.New(newSet().acquire(), nil, openLimits(t), gate.Options{}); err == nil {
		t.Error("a gate without a ledger was made")
	}
	if _, err := gate.New(newSet().acquire(), &log{}, nil, gate.Options{}); err == nil {
		t.Error("a gate without limits was made")
	}
}

func unknown(t *testing.T) *gate.Call {
	c := call(t, plainRequest)
	c.Request.Data = abi.UnknownValue()
	return c
}

func deep(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }

func TestRefusals(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		call func(t *testing.T) *gate.Call
		code abi.Code
	}{
		{"an unknown value", nil, unknown, abi.CodeMalformed},
		{"a part that is no object", nil, func(t *testing.T) *gate.Call {
			return &gate.Call{Request: abi.Request{Data: abi.StringValue("x")}}
		}, abi.CodeMalformed},
		{"bytes that are not UTF-8", nil, func(t *testing.T) *gate.Call {
			c := call(t, plainRequest)
			c.Request.Data = c.Request.Data.With("path", abi.StringValue("a\xff"))
			return c
		}, abi.CodeMalformed},
		{"an agent whose name is a number", nil, func(t *testing.T) *gate.Call { return call(t, `{"agent":{"name":7}}`) }, abi.CodeMalformed},
		{"nested too deep", nil, func(t *testing.T) *gate.Call {
			return call(t, `{"data":`+deep(61)+`}`)
		}, abi.CodeMalformed},
		{"too large", nil, func(t *testing.T) *gate.Call {
			return call(t, `{"data":{"text":"`+strings.Repeat("x", 1<<16)+`"}}`)
		}, abi.CodeInputTooLarge},
		{"what protects the mesh", nil, func(t *testing.T) *gate.Call {
			c := call(t, plainRequest)
			c.Protected = "the state folder"
			return c
		}, abi.CodeSelfProtected},
		{"a caller that went away", gone, func(t *testing.T) *gate.Call { return call(t, plainRequest) }, abi.CodeCancelled},
	} {
		for _, result := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				asked := false
				g := newGate(t, gate.Options{MaxInput: 1 << 16}, &judge{name: "a", evaluate: func(*abi.Request) ([]abi.Finding, error) {
					asked = true
					return []abi.Finding{rule(abi.Allow, "ok")}, nil
				}})
				ctx, decide := c.ctx, g.Decide
				if ctx == nil {
					ctx = t.Context()
				}
				if result {
					decide = g.DecideResult
				}
				v := decide(ctx, c.call(t))
				if v.Decision != abi.Deny || v.Code != c.code || gate.Permits(&v) {
					t.Errorf("got %s, want deny %s", brief(&v), c.code)
				}
				if asked {
					t.Error("a judge was asked")
				}
				if e := g.log.last(t); e.Code != string(c.code) || e.Decision != "deny" || e.ID != v.ID {
					t.Errorf("recorded as %+v", e)
				}
				if said := strings.Contains(v.Reason, "already happened"); said != result {
					t.Errorf("the reason %q; for a result: %v", v.Reason, result)
				}
			})
		}
	}
}

func TestADeepRequestThatIsJudgedCanBeReadFromTheLedger(t *testing.T) {
	g := newGate(t, gate.Options{}, allowing("a"))
	if v := g.Decide(t.Context(), call(t, `{"data":`+deep(60)+`}`)); v.Decision != abi.Allow {
		t.Fatalf("got %s", brief(&v))
	}
	if _, err := abi.ReadValue(`{"v":1,"body":` + string(g.log.last(t).Body) + `}`); err != nil {
		t.Error(err)
	}
}

func TestFailingJudgesDeny(t *testing.T) {
	for _, c := range []struct {
		name  string
		judge *judge
		code  abi.Code
	}{
		{"a trap", &judge{name: "a", err: errors.New("unreachable")}, abi.CodeTrap},
		{"a coded failure", &judge{name: "a", err: &abi.Failure{Code: abi.CodeOutOfFuel}}, abi.CodeOutOfFuel},
		{"a panic", &judge{name: "a", evaluate: func(*abi.Request) ([]abi.Finding, error) { panic("no") }}, abi.CodeTrap},
		{"a nil finding list read", &judge{name: "a", evaluate: func(*abi.Request) ([]abi.Finding, error) {
			var fs []abi.Finding
			return fs[1:2], nil
		}}, abi.CodeTrap},
		{"a decision that there is not", &judge{name: "a", findings: []abi.Finding{{Decision: 77, Rule: "x"}}}, abi.CodeOutputInvalid},
		{"a limit that is none", allowing("a", limit("ok", "lots")), abi.CodeOutputInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate(t, gate.Options{}, c.judge, allowing("b"))
			v := g.Decide(t.Context(), call(t, plainRequest))
			if v.Decision != abi.Deny || v.Code != c.code {
				t.Errorf("got %s, want deny %s", brief(&v), c.code)
			}
			if g.set.released != 1 {
				t.Errorf("the set was released %d times", g.set.released)
			}
		})
	}
}

func TestNoCallIsACallOfNothing(t *testing.T) {
	g := newGate(t, gate.Options{}, &judge{name: "a"})
	if v := g.Decide(t.Context(), nil); brief(&v) != "deny no_rule  " || g.log.last(t).ID != v.ID {
		t.Errorf("got %s", brief(&v))
	}
}

func TestWithoutJudgesNothingIsAllowed(t *testing.T) {
	l := &log{}
	g, err := gate.New(func() gate.Set { return nil }, l, openLimits(t), gate.Options{Monitor: true})
	if err != nil {
		t.Fatal(err)
	}
	v := g.Decide(t.Context(), call(t, plainRequest))
	if v.Code != abi.CodeAbsent || gate.Permits(&v) {
		t.Errorf("got %s, enforced %v", brief(&v), v.Enforced)
	}
}

func TestALedgerThatFailsDenies(t *testing.T) {
	for _, monitor := range []bool{false, true} {
		g := newGate(t, gate.Options{Monitor: monitor}, allowing("a"))
		g.log.err = errors.New("no space left on device")
		v := g.Decide(t.Context(), call(t, plainRequest))
		if v.Decision != abi.Deny || v.Code != abi.CodeLedgerFailed || gate.Permits(&v) {
			t.Errorf("monitor %v: got %s", monitor, brief(&v))
		}
		if !strings.Contains(v.Reason, "no space left") {
			t.Errorf("the reason does not say why: %q", v.Reason)
		}
		if v := g.DecideResult(t.Context(), call(t, plainRequest)); gate.Permits(&v) || !strings.Contains(v.Reason, "already happened") {
			t.Errorf("a result went out unrecorded: %s %q", brief(&v), v.Reason)
		}
	}
}

func TestMonitorModeLetsPass(t *testing.T) {
	g := newGate(t, gate.Options{Monitor: true}, &judge{name: "a", findings: []abi.Finding{rule(abi.Deny, "no")}})
	v := g.Decide(t.Context(), call(t, plainRequest))
	if v.Decision != abi.Deny || v.Enforced || !gate.Permits(&v) {
		t.Errorf("got %s, enforced %v", brief(&v), v.Enforced)
	}
	if g.log.body(t, "verdict.enforced").IsTrue() {
		t.Error("recorded as enforced")
	}
	c := call(t, plainRequest)
	c.Protected = "the state folder"
	if v := g.Decide(t.Context(), c); gate.Permits(&v) || !v.Enforced {
		t.Errorf("self-protection let pass: %s", brief(&v))
	}
}

func TestTimeAndStageAreTheHosts(t *testing.T) {
	var seen abi.Request
	j := &judge{name: "a", evaluate: func(q *abi.Request) ([]abi.Finding, error) {
		seen = *q
		return []abi.Finding{rule(abi.Allow, "ok")}, nil
	}}
	g := newGate(t, gate.Options{}, j)
	g.Decide(t.Context(), call(t, `{"action":{"stage":"post_tool"},"context":{"time":"1999-01-01T00:00:00.000Z","session":"s"},"result":{"text":"x"}}`))
	if got := seen.Context.Get("time").Text(); got != "2026-11-23T08:10:00.123Z" {
		t.Errorf("context.time is %q", got)
	}
	if seen.Context.Get("session").Text() != "s" || seen.Action.Get("stage").Text() != abi.StagePreTool || seen.Result.Exists() {
		t.Errorf("judged as %+v", seen)
	}
	g.DecideResult(t.Context(), call(t, `{"action":{"tool":"t"},"result":{"text":"x"}}`))
	if seen.Action.Get("stage").Text() != abi.StagePostTool || seen.Result.Get("text").Text() != "x" {
		t.Errorf("a result was judged as %+v", seen)
	}
	if got := g.log.body(t, "request.context.time").Text(); got != "2026-11-23T08:10:00.123Z" {
		t.Errorf("recorded at %q", got)
	}
}

func TestIDsSortByTime(t *testing.T) {
	g := newGate(t, gate.Options{}, allowing("a"))
	last := ""
	for range 50 {
		v := g.Decide(t.Context(), call(t, plainRequest))
		if v.ID <= last || len(v.ID) != 36 || v.ID[14] != '7' {
			t.Fatalf("%q after %q", v.ID, last)
		}
		last = v.ID
		g.clock.add(time.Microsecond)
	}
}

func TestTheRecordHoldsRequestAndVerdict(t *testing.T) {
	g := newGate(t, gate.Options{}, allowing("local/a", limit("ok", "3/hour")))
	c := call(t, plainRequest)
	g.Decide(t.Context(), c)
	v := g.Decide(t.Context(), c)
	e := g.log.last(t)
	if e.Kind != "decision" || e.Agent != "local" || e.Server != "fs" || e.Tool != "read_file" || e.Set != "sha256:set" ||
		e.Decision != "allow" || e.Code != "rule" || e.Rule != "ok" || e.Policy != "local/a" || !e.Time.Equal(g.clock.now()) {
		t.Errorf("entry %+v", e)
	}
	if got := g.log.body(t, "request.data.path").Text(); got != "/srv/a" {
		t.Errorf("request.data.path is %q", got)
	}
	recorded, err := abi.VerdictOf(g.log.body(t, "verdict"))
	if err != nil || recorded.ID != v.ID || !recorded.Enforced {
		t.Errorf("verdict %+v, %v", recorded, err)
	}
	if got := string(abi.AppendJSON(nil, g.log.body(t, "limits"))); got != `[{"policy":"local/a","rule":"ok","limit":"3/hour","used":1}]` {
		t.Errorf("limits %s", got)
	}
}

func TestARateLimitDenies(t *testing.T) {
	g := newGate(t, gate.Options{}, allowing("local/a", limit("ok", "2/hour")), allowing("local/b", limit("ok", "5/day")))
	c := call(t, plainRequest)
	for i := range 2 {
		if v := g.Decide(t.Context(), c); v.Decision != abi.Allow {
			t.Fatalf("call %d: %s", i, brief(&v))
		}
		g.clock.add(10 * time.Minute)
	}
	v := g.Decide(t.Context(), c)
	if brief(&v) != "deny rate_limited local/a ok" || v.RetryAfter != 40*60 {
		t.Errorf("got %s, retry after %d s", brief(&v), v.RetryAfter)
	}
	if got := string(abi.AppendJSON(nil, g.log.body(t, "limits"))); !strings.Contains(got, `"used":2`) {
		t.Errorf("limits %s", got)
	}
	other := call(t, strings.Replace(plainRequest, "local", "other", 1))
	if v := g.Decide(t.Context(), other); v.Decision != abi.Allow {
		t.Errorf("another agent: %s", brief(&v))
	}
	g.clock.add(40*time.Minute - 1)
	if v := g.Decide(t.Context(), c); v.RetryAfter != 1 {
		t.Errorf("a nanosecond early: %s, retry after %d s", brief(&v), v.RetryAfter)
	}
	g.clock.add(1)
	if v := g.Decide(t.Context(), c); v.Decision != abi.Allow {
		t.Errorf("after the window: %s", brief(&v))
	}
}

func TestOnlyWhatWouldBeAllowedIsCounted(t *testing.T) {
	deny := true
	other := &judge{name: "b", evaluate: func(*abi.Request) ([]abi.Finding, error) {
		if deny {
			return []abi.Finding{rule(abi.Deny, "no")}, nil
		}
		return nil, nil
	}}
	g := newGate(t, gate.Options{}, allowing("a", limit("ok", "1/hour")), other)
	c := call(t, plainRequest)
	for range 3 {
		g.Decide(t.Context(), c)
	}
	deny = false
	if v := g.Decide(t.Context(), c); v.Decision != abi.Allow {
		t.Errorf("denials were counted: %s", brief(&v))
	}
	if v := g.Decide(t.Context(), c); v.Code != abi.CodeRateLimited {
		t.Errorf("an allow was not counted: %s", brief(&v))
	}
}

func TestMonitoredLimitsCountApartAndDenyNothing(t *testing.T) {
	watch := allowing("m", limit("ok", "1/hour"))
	watch.monitored = true
	g := newGate(t, gate.Options{}, allowing("a"), watch)
	c := call(t, plainRequest)
	first, second := g.Decide(t.Context(), c), g.Decide(t.Context(), c)
	if first.Decision != abi.Allow || second.Decision != abi.Allow {
		t.Fatalf("got %s, then %s", brief(&first), brief(&second))
	}
	if first.Judges[1].Decision != abi.Allow || second.Judges[1].Decision != abi.Deny || second.Judges[1].Rule != "ok" {
		t.Errorf("recorded %+v, then %+v", first.Judges[1], second.Judges[1])
	}
	watch.monitored = false
	if v := g.Decide(t.Context(), c); v.Decision != abi.Allow {
		t.Errorf("what was counted while monitored denies when enforced: %s", brief(&v))
	}
}

type brokenLimits struct{ gate.Limits }

func (brokenLimits) Consume(context.Context, string, time.Time, []gate.Counter) error {
	return errors.New("disk I/O error")
}

func TestStateThatFailsDenies(t *testing.T) {
	l := &log{}
	g, err := gate.New(newSet(allowing("a", limit("ok", "9/day"))).acquire(), l, brokenLimits{}, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v := g.Decide(t.Context(), call(t, plainRequest))
	if v.Decision != abi.Deny || v.Code != abi.CodeStateFailed {
		t.Errorf("got %s", brief(&v))
	}
	if strings.Contains(string(l.last(t).Body), `"limits"`) {
		t.Error("counters were recorded that nobody read")
	}
}

func TestTheBreakerIsPerJudgeAndAgent(t *testing.T) {
	asked, broken := 0, true
	frail := &judge{name: "frail", evaluate: func(q *abi.Request) ([]abi.Finding, error) {
		asked++
		if broken && q.Agent.Get("name").Text() == "bad" {
			return nil, errors.New("unreachable")
		}
		return []abi.Finding{rule(abi.Allow, "ok")}, nil
	}}
	g := newGate(t, gate.Options{}, frail)
	bad, good := call(t, `{"agent":{"name":"bad"}}`), call(t, `{"agent":{"name":"good"}}`)
	codes := map[abi.Code]int{}
	for range 20 {
		v := g.Decide(t.Context(), bad)
		codes[v.Code]++
	}
	if asked != 5 || codes[abi.CodeTrap] != 5 || codes[abi.CodeBreakerOpen] != 15 {
		t.Errorf("asked %d times, codes %v", asked, codes)
	}
	if v := g.Decide(t.Context(), good); v.Decision != abi.Allow {
		t.Errorf("the other agent: %s", brief(&v))
	}
	g.clock.add(11 * time.Second)
	if v := g.Decide(t.Context(), bad); v.Code != abi.CodeTrap {
		t.Errorf("after the pause it is asked once: %s", brief(&v))
	}
	if v := g.Decide(t.Context(), bad); v.Code != abi.CodeBreakerOpen {
		t.Errorf("and not twice: %s", brief(&v))
	}
	g.clock.add(11 * time.Second)
	broken = false
	for range 2 {
		if v := g.Decide(t.Context(), bad); v.Decision != abi.Allow {
			t.Errorf("a judge that is well again: %s", brief(&v))
		}
	}
}

func TestRefuse(t *testing.T) {
	g := newGate(t, gate.Options{Monitor: true}, allowing("a"))
	v := g.Refuse(t.Context(), gate.Refusal{Subject: gate.Subject{Agent: "local", Method: "tools/call"}, Reason: `"name" stands twice`, Bytes: 99})
	if v.Decision != abi.Deny || v.Code != abi.CodeMalformed || gate.Permits(&v) {
		t.Errorf("got %s", brief(&v))
	}
	e := g.log.last(t)
	if e.Kind != "refused" || e.ID != v.ID || e.Method != "tools/call" {
		t.Errorf("recorded %+v", e)
	}
	if n, _ := g.log.body(t, "bytes").Int(); n != 99 {
		t.Errorf("bytes %d", n)
	}
}

func TestReportNoteAndAdopt(t *testing.T) {
	g := newGate(t, gate.Options{}, allowing("a"))
	if err := g.Report(abi.Outcome{DecisionID: "d", Status: abi.OutcomeOK, Bytes: 3}, gate.Subject{Tool: "t"}); err != nil {
		t.Fatal(err)
	}
	if e := g.log.last(t); e.Kind != "outcome" || e.ID != "d" || e.Tool != "t" {
		t.Errorf("recorded %+v", e)
	}
	if err := g.Note(t.Context(), "tools", gate.Subject{Server: "fs"}, abi.StringValue("x")); err != nil || g.log.last(t).Kind != "tools" {
		t.Errorf("note: %v, %+v", err, g.log.last(t))
	}
	set := g.set.acquire()()
	if err := g.Adopt(t.Context(), gate.Describe(set, "sha256:config", []string{"unsigned"})); err != nil {
		t.Fatal(err)
	}
	want := `{"set":"sha256:set","config":"sha256:config","judges":[{"name":"a","version":"1.0.0","digest":"sha256:a","monitored":false}],"warnings":["unsigned"]}`
	if e := g.log.last(t); e.Kind != "set" || e.Set != "sha256:set" || string(e.Body) != want {
		t.Errorf("recorded %+v\n%s", e, e.Body)
	}
}
