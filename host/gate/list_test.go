package gate_test

import (
	"errors"
	"fmt"
	"testing"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

func tools(t *testing.T, names ...string) []gate.Call {
	t.Helper()
	calls := make([]gate.Call, len(names))
	for i, n := range names {
		calls[i] = *call(t, fmt.Sprintf(`{"agent":{"name":"local"},"action":{"tool":%q}}`, n))
	}
	return calls
}

func TestListHidesOnlyWhatCannotBe(t *testing.T) {
	can := func(ds ...abi.Decision) *judge { return &judge{possible: abi.SetOf(ds...)} }
	watching := func(j *judge) *judge { j.monitored = true; return j }
	for _, c := range []struct {
		name   string
		judges []*judge
		hidden bool
	}{
		{"no judges", nil, true},
		{"abstaining alone", []*judge{can(abi.Abstain)}, true},
		{"a sure deny", []*judge{can(abi.Allow), can(abi.Deny)}, true},
		{"a judge that fails", []*judge{can(abi.Allow), {err: errors.New("trap"), possible: abi.SetOf(abi.Allow)}}, true},
		{"only a monitored allow", []*judge{watching(can(abi.Allow)), can(abi.Abstain)}, true},
		{"a possible allow", []*judge{can(abi.Allow, abi.Deny), can(abi.Abstain, abi.Deny)}, false},
		{"a possible approval", []*judge{can(abi.RequireApproval), can(abi.Allow)}, false},
		{"a monitored deny", []*judge{can(abi.Allow), watching(can(abi.Deny))}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, j := range c.judges {
				j.name = fmt.Sprint("j", i)
			}
			g := newGate(t, gate.Options{}, c.judges...)
			l := g.List(t.Context(), gate.Subject{Agent: "local", Server: "fs"}, tools(t, "one"))
			if l.Hidden[0] != c.hidden || l.Code != "" {
				t.Errorf("hidden %v, code %q", l.Hidden, l.Code)
			}
			want := `{"hidden":[],"listed":1,"enforced":true}`
			if c.hidden {
				want = `{"hidden":["one"],"listed":1,"enforced":true}`
			}
			if e := g.log.last(t); e.Kind != "list" || e.ID != l.ID || e.Server != "fs" || e.Set != "sha256:set" || string(e.Body) != want {
				t.Errorf("recorded %+v %s", e, e.Body)
			}
		})
	}
}

func TestListAsksAboutWhatIsUnknown(t *testing.T) {
	var seen abi.Request
	j := &judge{name: "a", possible: abi.SetOf(abi.Allow), look: func(q *abi.Request) { seen = *q }}
	g := newGate(t, gate.Options{}, j)
	g.List(t.Context(), gate.Subject{}, tools(t, "one"))
	if seen.Data.Kind() != abi.Unknown || seen.Resource.Kind() != abi.Unknown || seen.Context.Get("time").Kind() != abi.Unknown {
		t.Errorf("asked about %+v", seen)
	}
	if seen.Action.Get("stage").Text() != abi.StagePreTool || seen.Action.Get("tool").Text() != "one" {
		t.Errorf("asked about the action %+v", seen.Action)
	}
}

func TestAMonitoringGateHidesNothingAndSaysWhatItWould(t *testing.T) {
	g := newGate(t, gate.Options{Monitor: true}, &judge{name: "a", possible: abi.SetOf(abi.Deny)})
	l := g.List(t.Context(), gate.Subject{}, tools(t, "one", "two"))
	if l.Hidden[0] || l.Hidden[1] {
		t.Errorf("hidden %v", l.Hidden)
	}
	if got := string(g.log.last(t).Body); got != `{"hidden":["one","two"],"listed":2,"enforced":false}` {
		t.Errorf("recorded %s", got)
	}
}

func TestAListingThatCannotBeRecordedHidesAll(t *testing.T) {
	g := newGate(t, gate.Options{Monitor: true}, allowing("a"))
	g.log.err = errors.New("no space left on device")
	l := g.List(t.Context(), gate.Subject{}, tools(t, "one"))
	if !l.Hidden[0] || l.Code != abi.CodeLedgerFailed {
		t.Errorf("hidden %v, code %q", l.Hidden, l.Code)
	}
}
