package gate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/pdk/abi"
)

// told is a judge that tells what it reads.
type told struct {
	*judge
	slots []abi.Slot
}

func (j *told) Slots() ([]abi.Slot, bool) { return j.slots, false }

// tellers is judges, some of which tell what they read.
type tellers struct {
	*set
	judges []gate.Judge
}

func (s *tellers) Len() int               { return len(s.judges) }
func (s *tellers) Judge(i int) gate.Judge { return s.judges[i] }

func slotsOf(t testing.TB, paths ...string) []abi.Slot {
	t.Helper()
	var out []abi.Slot
	for _, p := range paths {
		path, err := abi.ParsePath(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, abi.Slot{Path: path})
	}
	return out
}

func recorded(t testing.TB, e ledger.Entry) *gate.Recorded {
	t.Helper()
	var d gate.Decoder
	r, err := d.Decode(&e)
	if err != nil {
		t.Fatalf("%v\n%s", err, e.Body)
	}
	return r
}

// again decides the last entry once more by the judges given.
func (b *bench) again(t testing.TB, judges ...gate.Judge) (gate.Redecided, string) {
	t.Helper()
	r := recorded(t, b.log.last(t))
	return gate.Redecide(t.Context(), &tellers{newSet(), judges}, r), string(r.Text)
}

func same(t testing.TB, b *bench) gate.Redecided {
	t.Helper()
	var judges []gate.Judge
	for _, j := range b.set.judges {
		judges = append(judges, j)
	}
	now, then := b.again(t, judges...)
	if got := string(abi.AppendVerdict(nil, &now.Verdict)); got != then {
		t.Errorf("comes out as\n%s\nand was\n%s", got, then)
	}
	return now
}

func TestWhatIsNoRecordedDecisionIsRefused(t *testing.T) {
	b := newGate(t, gate.Options{}, allowing("a"))
	b.Decide(t.Context(), call(t, plainRequest))
	whole := b.log.last(t)
	for name, change := range map[string]func(e *ledger.Entry){
		"another kind":   func(e *ledger.Entry) { e.Kind = ledger.KindOutcome },
		"no body":        func(e *ledger.Entry) { e.Body = nil },
		"no JSON":        func(e *ledger.Entry) { e.Body = e.Body[:len(e.Body)-1] },
		"no object":      func(e *ledger.Entry) { e.Body = []byte(`[]`) },
		"no verdict":     func(e *ledger.Entry) { e.Body = []byte(`{"request":{"abi":1}}`) },
		"no request":     func(e *ledger.Entry) { e.Body = edited(e.Body, `"request":`, `"requests":`) },
		"another abi":    func(e *ledger.Entry) { e.Body = edited(e.Body, `"abi":1`, `"abi":2`) },
		"an odd verdict": func(e *ledger.Entry) { e.Body = edited(e.Body, `"code":`, `"codes":`) },
		"an odd limit":   func(e *ledger.Entry) { e.Body = edited(e.Body, `{"request"`, `{"limits":[{"used":1}],"request"`) },
		"an unused limit": func(e *ledger.Entry) {
			e.Body = edited(e.Body, `{"request"`, `{"limits":[{"policy":"a","rule":"r","limit":"1/day"}],"request"`)
		},
	} {
		e := whole
		change(&e)
		if _, err := new(gate.Decoder).Decode(&e); err == nil {
			t.Errorf("%s: was read: %s", name, e.Body)
		}
	}
	e := whole
	e.Body = edited(e.Body, `{"request"`, `{"differences":[],"request"`)
	recorded(t, e) // says more, and changes nothing
}

func edited(body []byte, from, to string) []byte {
	return []byte(strings.Replace(string(body), from, to, 1))
}

// TestWhatNoJudgeDecidedStands makes verdicts again that were reached without judges.
func TestWhatNoJudgeDecidedStands(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	never := &judge{name: "a", evaluate: func(*abi.Request) ([]abi.Finding, error) { panic("asked") }}
	for name, decide := range map[string]func(b *bench){
		"protected": func(b *bench) {
			c := call(t, plainRequest)
			c.Protected = "the state folder"
			b.Decide(t.Context(), c)
		},
		"malformed": func(b *bench) { b.Decide(t.Context(), call(t, `{"agent":{"name":7}}`)) },
		"too large": func(b *bench) {
			b.Decide(t.Context(), call(t, `{"data":{"text":"`+strings.Repeat("x", 1<<16)+`"}}`))
		},
		"cancelled": func(b *bench) { b.Decide(gone, call(t, plainRequest)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newGate(t, gate.Options{MaxInput: 1 << 16, Monitor: true}, never)
			decide(b)
			if now := same(t, b); !now.Standing || !gate.Standing(&now.Verdict) {
				t.Errorf("got %+v", now)
			}
		})
	}
}

func TestNobodyAppliesIsDecidedAgain(t *testing.T) {
	b := newGate(t, gate.Options{}, &judge{name: "a", only: "somebody else"})
	b.Decide(t.Context(), call(t, plainRequest))
	if now := same(t, b); now.Standing {
		t.Error("no judge applied, which another set may change")
	}
	if now, _ := b.again(t, allowing("b")); now.Verdict.Decision != abi.Allow {
		t.Errorf("another judge was not asked: %+v", now.Verdict)
	}
}

// TestWhatTheHostDidIsTakenOver makes verdicts again in which the host kept a judge from answering.
func TestWhatTheHostDidIsTakenOver(t *testing.T) {
	for name, failure := range map[string]*abi.Failure{
		"overloaded": {Code: abi.CodeOverloaded, Detail: "no instance came free in time"},
		"watchdog":   {Code: abi.CodeWatchdog, Detail: "it ran longer than 5s"},
		"cancelled":  {Code: abi.CodeCancelled},
	} {
		for _, monitored := range []bool{false, true} {
			b := newGate(t, gate.Options{}, allowing("a"), &judge{name: "b", monitored: monitored, err: failure})
			b.Decide(t.Context(), call(t, plainRequest))
			b.set.judges[1].err, b.set.judges[1].findings = nil, []abi.Finding{rule(abi.Warn, "well-again")}
			if now := same(t, b); now.Host != 1 {
				t.Errorf("%s: %d of the host's failures, want 1", name, now.Host)
			}
		}
	}
	b := newGate(t, gate.Options{}, allowing("a"), &judge{name: "b", err: &abi.Failure{Code: abi.CodeTrap, Detail: "unreachable"}})
	for range 6 {
		b.Decide(t.Context(), call(t, plainRequest))
	}
	if v := recorded(t, b.log.last(t)).Verdict; v.Code != abi.CodeBreakerOpen {
		t.Fatalf("the breaker is closed: %+v", v)
	}
	b.set.judges[1].err = nil
	if now := same(t, b); now.Host != 1 {
		t.Errorf("%d of the host's failures, want 1", now.Host)
	}
	other := &judge{name: "b", findings: []abi.Finding{rule(abi.Warn, "well")}}
	other.version = "2.0.0"
	if now, _ := b.again(t, allowing("a"), other); now.Verdict.Decision != abi.Allow || now.Host != 0 {
		t.Errorf("another version was not asked: %+v", now)
	}
}

// TestARuleThatSaysAsMuchIsNoFailureOfTheHost has a judge warn in the words of a failure.
func TestARuleThatSaysAsMuchIsNoFailureOfTheHost(t *testing.T) {
	liar := &judge{name: "b", findings: []abi.Finding{{Decision: abi.Warn, Reason: "breaker_open: it failed repeatedly for this agent"}}}
	b := newGate(t, gate.Options{}, allowing("a"), liar)
	b.Decide(t.Context(), call(t, plainRequest))
	if now := same(t, b); now.Host != 0 {
		t.Error("what a judge says was taken for what the host did")
	}
}

func TestLimitsStandWhereTheyStood(t *testing.T) {
	b := newGate(t, gate.Options{}, allowing("a", limit("ok", "2/minute"), limit("ok", "3/hour")), allowing("b", limit("ok", "5/day")))
	for i := range 6 {
		b.clock.add(time.Second)
		v := b.Decide(t.Context(), call(t, plainRequest))
		if limited := i > 1; (v.Code == abi.CodeRateLimited) != limited {
			t.Fatalf("%d: %s", i, v.Code)
		}
		if now := same(t, b); now.Assumed != 0 {
			t.Errorf("%d: %d limits were taken for unused", i, now.Assumed)
		}
	}
	for name, c := range map[string]struct {
		limit   string
		code    abi.Code
		assumed int
	}{
		"wider":            {"3/minute", abi.CodeRule, 0},
		"narrower":         {"1/minute", abi.CodeRateLimited, 0},
		"as it was":        {"2/minute", abi.CodeRateLimited, 0},
		"another window":   {"1/second", abi.CodeRule, 1},
		"none where it is": {"", abi.CodeRule, 0},
	} {
		j := allowing("a")
		if c.limit != "" {
			j = allowing("a", limit("ok", c.limit))
		}
		now, _ := b.again(t, j)
		if now.Verdict.Code != c.code || now.Assumed != c.assumed {
			t.Errorf("%s: %s with %d assumed, want %s with %d", name, now.Verdict.Code, now.Assumed, c.code, c.assumed)
		}
	}
	if now, _ := b.again(t, allowing("new", limit("ok", "1/day"))); now.Verdict.Decision != abi.Allow || now.Assumed != 1 {
		t.Errorf("a limit nobody counted is taken for unused, and that is said: %+v", now)
	}
}

func TestStateThatFailedStaysFailed(t *testing.T) {
	b := newGate(t, gate.Options{}, allowing("a", limit("ok", "2/minute")))
	broken := &failingLimits{}
	g, err := gate.New(b.set.acquire(), b.log, broken, gate.Options{Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	if v := g.Decide(t.Context(), call(t, plainRequest)); v.Code != abi.CodeStateFailed {
		t.Fatalf("got %s", v.Code)
	}
	same(t, b)
}

type failingLimits struct{}

func (*failingLimits) Consume(context.Context, string, time.Time, []gate.Counter) error {
	return context.DeadlineExceeded
}

func (*failingLimits) Peek(context.Context, string, time.Time, []gate.Counter) error { return nil }

// TestWhatIsRedactedIsNotGuessed asks judges that tell what they read about requests of which something was kept out.
func TestWhatIsRedactedIsNotGuessed(t *testing.T) {
	key := "AKIA" + "IOSFODNN7" + "QWERTZX"
	long := strings.Repeat("long ", 1000)
	items := abi.Slot{Path: []abi.Step{{Name: "data"}, {Name: "rows"}}, HasItems: true, Item: &abi.Slot{}, Items: slotsOf(t, "a")}
	whole := abi.Slot{Path: []abi.Step{{Name: "data"}, {Name: "rows"}}, Canonical: true}
	deep := abi.Slot{Path: []abi.Step{{Name: "data"}, {Name: "rows"}}, HasItems: true, Item: &abi.Slot{Canonical: true}}
	for _, c := range []struct {
		name, data string
		slots      []abi.Slot
		blind      bool
	}{
		{"the very value", `{"a":"` + key + `"}`, slotsOf(t, "data.a"), true},
		{"a value below it", `{"a":"` + key + `"}`, slotsOf(t, "data.a.b"), true},
		{"a neighbour", `{"a":"` + key + `","b":1}`, slotsOf(t, "data.b"), false},
		{"what holds it, but not its inside", `{"a":{"c":"` + key + `"}}`, slotsOf(t, "data.a"), false},
		{"what holds it, compared whole", `{"rows":[{"b":"` + key + `"}]}`, []abi.Slot{whole}, true},
		{"a long string", `{"a":"` + long + `"}`, slotsOf(t, "data.a"), true},
		{"an item's member that is read", `{"rows":[{"a":"` + key + `"}]}`, []abi.Slot{items}, true},
		{"an item's member that is not", `{"rows":[{"b":"` + key + `"}]}`, []abi.Slot{items}, false},
		{"the item itself", `{"rows":[1,"` + key + `"]}`, []abi.Slot{items}, true},
		{"an item compared whole", `{"rows":[{"b":"` + key + `"}]}`, []abi.Slot{deep}, true},
		{"one item by its index", `{"rows":[1,"` + key + `"]}`, slotsOf(t, "data.rows[1]"), true},
		{"another item by its index", `{"rows":[1,"` + key + `"]}`, slotsOf(t, "data.rows[0]"), false},
		{"a name that was kept out", `{"` + key + `":1}`, slotsOf(t, `data["`+key+`"]`), true},
		{"another name beside it", `{"` + key + `":1}`, slotsOf(t, "data.b"), false},
		{"nothing was kept out", `{"a":1}`, slotsOf(t, "data.a"), false},
		{"an argument in the form of a redaction", `{"a":{"$redacted":"x"}}`, slotsOf(t, "data.a"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &told{allowing("a"), c.slots}
			b := newGate(t, gate.Options{}, j.judge)
			b.Decide(t.Context(), call(t, `{"agent":{"name":"x"},"data":`+c.data+`}`))
			now, then := b.again(t, j)
			if blind := now.Unreplayable == gate.UnreplayableRedacted; blind != c.blind || blind && now.Judge != "a" {
				t.Errorf("got %+v of\n%s", now, b.log.last(t).Body)
			}
			if !c.blind && string(abi.AppendVerdict(nil, &now.Verdict)) != then {
				t.Error("comes out otherwise")
			}
			if now, _ = b.again(t, j.judge); (now.Unreplayable != "") != recorded(t, b.log.last(t)).Redacted() {
				t.Error("a judge that does not tell what it reads was asked")
			}
		})
	}
}

func TestWhomItWasByIsNotGuessed(t *testing.T) {
	for _, path := range []string{"agent", "agent.name", "agent.did", "action.stage", "action"} {
		steps, err := abi.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		j := &told{allowing("a"), nil}
		j.redacts = [][]abi.Step{steps}
		b := newGate(t, gate.Options{}, j.judge)
		b.Decide(t.Context(), call(t, `{"agent":{"name":"x","did":"did:mesh:x"},"action":{"type":"read"}}`))
		if now, _ := b.again(t, j); now.Unreplayable != gate.UnreplayableRedacted {
			t.Errorf("%s: got %+v", path, now)
		}
	}
}

func TestTimeIsNeverLost(t *testing.T) {
	steps, _ := abi.ParsePath("context.time")
	j := &told{allowing("a"), slotsOf(t, "context.time")}
	j.redacts = [][]abi.Step{steps}
	j.evaluate = func(q *abi.Request) ([]abi.Finding, error) {
		return []abi.Finding{rule(abi.Allow, q.Context.Get("time").Text())}, nil
	}
	b := newGate(t, gate.Options{}, j.judge)
	b.Decide(t.Context(), call(t, plainRequest))
	now, then := b.again(t, j)
	if got := string(abi.AppendVerdict(nil, &now.Verdict)); got != then || now.Verdict.Rule != "2026-11-23T08:10:00.123Z" {
		t.Errorf("comes out as\n%s\nand was\n%s", got, then)
	}
}

func TestARequestThatWasHiddenIsNotGuessed(t *testing.T) {
	b := newGate(t, gate.Options{}, allowing("a"))
	b.Decide(t.Context(), call(t, plainRequest))
	e := b.log.last(t)
	from, to := strings.Index(string(e.Body), `{"abi":1`), strings.Index(string(e.Body), `,"verdict"`)
	e.Body = []byte(string(e.Body[:from]) + `{"abi":1}` + string(e.Body[to:]))
	r := recorded(t, e)
	if now := gate.Redecide(t.Context(), &tellers{newSet(), []gate.Judge{allowing("a")}}, r); now.Unreplayable != gate.UnreplayableHidden || !r.Hidden() {
		t.Errorf("got %+v", now)
	}
}

// TestResultsAndMonitoringComeOutAgain makes verdicts of results and of a monitoring gate again.
func TestResultsAndMonitoringComeOutAgain(t *testing.T) {
	b := newGate(t, gate.Options{Monitor: true}, allowing("a", limit("ok", "1/minute")), &judge{name: "m", monitored: true, findings: []abi.Finding{rule(abi.Allow, "x", limit("x", "1/day"))}})
	for range 3 {
		b.Decide(t.Context(), call(t, plainRequest))
		same(t, b)
	}
	withheld := newGate(t, gate.Options{}, &judge{name: "a", findings: []abi.Finding{rule(abi.Deny, "no")}})
	c := call(t, `{"agent":{"name":"x"},"result":{"text":"y"}}`)
	c.DecisionID = "d-1"
	withheld.DecideResult(t.Context(), c)
	if now := same(t, withheld); !strings.Contains(now.Verdict.Reason, "already happened") {
		t.Errorf("got %+v", now.Verdict)
	}
	if r := recorded(t, withheld.log.last(t)); r.DecisionID != "d-1" {
		t.Errorf("the decision's id is %q", r.DecisionID)
	}
}

func FuzzDecoder(f *testing.F) {
	b := newGate(f, gate.Options{}, allowing("a", limit("ok", "2/minute")))
	b.Decide(f.Context(), call(f, plainRequest))
	f.Add(b.log.entries[0].Body)
	f.Add([]byte(`{"request":{"abi":1,"data":{"$redacted 0":{"$redacted":"x"}}},"verdict":{"decision":"deny"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var d gate.Decoder
		r, err := d.Decode(&ledger.Entry{Kind: ledger.KindDecision, Body: body})
		if err != nil {
			return
		}
		now := gate.Redecide(t.Context(), &tellers{newSet(), []gate.Judge{allowing("a", limit("ok", "2/minute"))}}, r)
		if !now.Standing && now.Unreplayable == "" && now.Verdict.ID != r.Verdict.ID {
			t.Error("a verdict without its id")
		}
	})
}
