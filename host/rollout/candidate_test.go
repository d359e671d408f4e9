package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

const lenient = "[{name: no-export-of-pii, condition: action.type == 'export' and data.contains_pii, action: deny}]"

func TestAShadowDecidesNothing(t *testing.T) {
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0", rules: lenient}, toActive)
	m.stage(edition{version: "2.0.0", from: "2027-02-01T00:00:00Z"}, toShadow) // shows before its date what will be
	v := m.decide("a")
	if diff := cmp.Diff([]string{"1.0.0 abstain", "(2.0.0 deny no-export-2.0.0)"}, took(&v)); diff != "" || v.Decision != abi.Allow {
		t.Errorf("%s (-want +got)\n%s", v.Decision, diff)
	}
	last := m.entries(ledger.KindDecision)[0]
	want := `"differences":[{"name":"` + name + `","version":"2.0.0","decision":"deny","rule":"no-export-2.0.0","against":{"version":"1.0.0","decision":"abstain","rule":""}}]`
	if !strings.Contains(string(last.Body), want) {
		t.Errorf("the entry lacks %s: %s", want, last.Body)
	}
	v = m.gate.Decide(t.Context(), callOf(t, "a", "read"))
	if body := string(m.entries(ledger.KindDecision)[1].Body); v.Decision != abi.Allow || strings.Contains(body, "differences") {
		t.Errorf("%s, and the versions agree: %s", v.Decision, body)
	}
	if got, want := m.observe.Counts(name, "2.0.0"), (rollout.Counts{Decisions: 2, Differences: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

// TestACanaryIsForItsShareOfAgents holds which agents a canary decides for: the same ones every time, in each process, near the
// share that was asked for, and a larger share has them all.
func TestACanaryIsForItsShareOfAgents(t *testing.T) {
	const agents = 2000
	drawn := map[int]map[string]bool{}
	m := newMesh(t, meshOptions{setUp: func(m *mesh) {
		m.stage(edition{version: "1.0.0"}, toActive)
		m.stage(edition{version: "2.0.0"})
	}})
	for _, percent := range []int{1, 10, 50, 99, 100} {
		m.edit(func(l *rollout.Lock, now time.Time) (rollout.Change, error) {
			return l.Promote(rollout.Promotion{Name: name, Version: "2.0.0", To: rollout.Canary, Percent: percent}, now)
		})
		set := m.judges()
		drawn[percent] = map[string]bool{}
		for i := range agents {
			agent := fmt.Sprintf("agent-%d", i)
			q := request(t, agent, "export")
			q.Context = q.Context.With("time", abi.StringValue("2026-11-23T08:00:00.000Z"))
			for j := range set.Len() {
				judge := set.Judge(j)
				if info := judge.Info(); info.Version == "2.0.0" && !info.Monitored && judge.Applies(&q) {
					drawn[percent][agent] = true
				}
			}
		}
		set.Release()
		p := float64(percent) / 100
		slack := 4 * math.Sqrt(agents*p*(1-p)) // four standard deviations
		if n := float64(len(drawn[percent])); math.Abs(n-agents*p) > slack {
			t.Errorf("%d %%: %v of %d agents", percent, n, agents)
		}
	}
	for agent := range drawn[10] {
		if !drawn[50][agent] {
			t.Errorf("%s is among 10 %% and not among 50 %%", agent)
		}
	}
	// Fixed, so that another release does not draw others: these are the first of 10 %.
	var first []string
	for i := 0; len(first) < 5; i++ {
		if agent := fmt.Sprintf("agent-%d", i); drawn[10][agent] {
			first = append(first, agent)
		}
	}
	if diff := cmp.Diff([]string{"agent-9", "agent-25", "agent-29", "agent-33", "agent-37"}, first); diff != "" {
		t.Errorf("drawn (-want +got)\n%s", diff)
	}
}

func TestACanaryDecidesWithTheOtherVersionBeside(t *testing.T) {
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0", rules: lenient}, toActive)
	m.stage(edition{version: "2.0.0"}, toCanary(50))
	seen := map[string]bool{}
	for i := range 20 {
		v := m.decide(fmt.Sprintf("agent-%d", i))
		switch got := strings.Join(took(&v), ", "); got {
		case "2.0.0 deny no-export-2.0.0, (1.0.0 abstain)", "(1.0.0 abstain), 2.0.0 deny no-export-2.0.0":
			if seen["canary"] = true; v.Decision != abi.Deny {
				t.Errorf("the canary denies, and the verdict is %s", v.Decision)
			}
		case "1.0.0 abstain":
			if seen["others"] = true; v.Decision != abi.Allow {
				t.Errorf("the canary is not asked, and the verdict is %s", v.Decision)
			}
		default:
			t.Fatalf("took part: %s", got)
		}
	}
	if len(seen) != 2 {
		t.Errorf("seen %v of twenty agents", seen)
	}
	c := m.observe.Counts(name, "2.0.0")
	if c.Decisions == 0 || c.Decisions == 20 || c.Differences != c.Decisions {
		t.Errorf("counted %+v", c)
	}
}

func TestACanaryOutsideItsDatesDecidesNothing(t *testing.T) {
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0"}, toActive)
	m.stage(edition{version: "2.0.0", from: "2027-02-01T00:00:00Z"}, toCanary(100))
	v := m.decide("a")
	if diff := cmp.Diff([]string{"1.0.0 deny no-export-1.0.0", "(2.0.0 deny no-export-2.0.0)"}, took(&v)); diff != "" {
		t.Errorf("before its date (-want +got)\n%s", diff)
	}
	m.clock.set(t, "2027-02-01T00:00:00Z")
	v = m.decide("a")
	if diff := cmp.Diff([]string{"(1.0.0 deny no-export-1.0.0)", "2.0.0 deny no-export-2.0.0"}, took(&v)); diff != "" {
		t.Errorf("from its date on (-want +got)\n%s", diff)
	}
}

func ptr(n int) *int { return &n }

func TestGuardsSendCandidatesBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules string
		to    rollout.Promotion
		want  string
	}{
		{
			"a shadow that differs", "",
			rollout.Promotion{To: rollout.Shadow, Guard: &rollout.Guard{MaxDifferences: ptr(10), MinDecisions: 5}},
			"5 of 5 decisions differed, and 10 % may",
		},
		{
			"a canary that differs", "",
			rollout.Promotion{To: rollout.Canary, Percent: 100, Guard: &rollout.Guard{MaxDifferences: ptr(0)}},
			"1 of 1 decisions differed, and 0 % may",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t, meshOptions{})
			m.stage(edition{version: "1.0.0", rules: lenient}, toActive)
			m.stage(edition{version: "2.0.0"}, c.to)
			for range 5 {
				m.decide("a")
			}
			change := <-m.fired
			if change.Reason != c.want || change.To != rollout.Staged || change.From != c.to.To || change.Action != "guard" {
				t.Errorf("got %+v", change)
			}
			l, err := m.lock.Read()
			m.must(err)
			if v := l.Find(name).Find("2.0.0"); v.Stage != rollout.Staged || v.Reason != c.want || v.Guard != nil {
				t.Errorf("in the lock: %+v", v)
			}
			m.until("it takes part no more", func() bool {
				v := m.decide("a")
				return cmp.Equal(took(&v), []string{"1.0.0 abstain"}) && v.Decision == abi.Allow
			})
		})
	}
}

// until decides until something holds; the watcher looks for itself.
func (m *mesh) until(what string, holds func() bool) {
	m.t.Helper()
	for ctx := m.t.Context(); !holds(); {
		if ctx.Err() != nil {
			m.t.Fatalf("never: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestAGuardCountsFailures(t *testing.T) {
	s, err := rollout.Open(t.TempDir(), rollout.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fired := make(chan rollout.Change, 1)
	o := s.Observe(func(c rollout.Change, err error) {
		if err != nil {
			t.Error(err)
		}
		fired <- c
	})
	defer o.Close()
	b := &blobs{}
	n := newcomer(t, edition{version: "1.0.0"}, b)
	edit := func(f func(l *rollout.Lock) (rollout.Change, error)) {
		t.Helper()
		if _, err := s.Edit(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	s2, err := rollout.Open(s.Dir(), rollout.Options{Blob: b.get})
	if err != nil {
		t.Fatal(err)
	}
	o2 := s2.Observe(func(c rollout.Change, err error) { fired <- c })
	defer o2.Close()
	edit(func(l *rollout.Lock) (rollout.Change, error) { return l.Stage(n, time.Now()) })
	edit(func(l *rollout.Lock) (rollout.Change, error) {
		return l.Promote(rollout.Promotion{
			Name: name, Version: "1.0.0", To: rollout.Canary, Percent: 10, Guard: &rollout.Guard{MaxErrors: ptr(20), MinDecisions: 10},
		}, time.Now())
	})
	if _, err := s2.Modules(t.Context()); err != nil {
		t.Fatal(err)
	}
	judged := &abi.Judged{Name: name, Version: "1.0.0"}
	for _, code := range []abi.Code{abi.CodeCancelled, abi.CodeOverloaded, abi.CodeAbsent, "", "", "", "", "", "", abi.CodeTrap, abi.CodeOutOfFuel} {
		o2.Judged(judged, code)
	}
	if got, want := o2.Counts(name, "1.0.0"), (rollout.Counts{Decisions: 11, Errors: 2}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	o2.Judged(&abi.Judged{Name: name, Version: "9.9.9"}, abi.CodeTrap) // nobody's
	select {
	case c := <-fired:
		t.Fatalf("2 of 11 are less than 20 %%, and it fired: %+v", c)
	default:
	}
	o2.Judged(judged, abi.CodeTrap)
	if c := <-fired; c.Reason != "3 of 12 decisions failed, and 20 % may" || c.To != rollout.Staged {
		t.Errorf("got %+v", c)
	}
}

func TestWhatMustStopDenies(t *testing.T) {
	var revoked atomic.Bool // the watcher asks meanwhile
	trust := func(_ context.Context, f sandbox.Found) (sandbox.Provenance, error) {
		if revoked.Load() && f.Manifest.Version == "2.0.0" {
			return sandbox.Provenance{Trust: "eu"}, stopping{errors.New("key_revoked: the signer's key was revoked")}
		}
		return sandbox.Provenance{Trust: "eu", Signers: []string{"sha256:aa"}}, nil
	}
	m := newMesh(t, meshOptions{trust: trust})
	m.stage(edition{version: "1.0.0", rules: lenient}, toActive)
	m.stage(edition{version: "2.0.0", rules: lenient, from: "2026-11-23T09:00:00Z"}, toActive)
	if v := m.decide("a"); v.Decision != abi.Allow {
		t.Fatalf("got %+v", v)
	}
	before := m.watcher.Status().Set
	revoked.Store(true)
	m.must(m.watcher.Reload(t.Context()))
	if m.watcher.Status().Set == before {
		t.Error("a set with an absent judge has the digest of one without")
	}
	if v := m.decide("a"); v.Decision != abi.Allow {
		t.Errorf("the version that is stopped is not in effect yet: %+v", v)
	}
	m.clock.set(t, "2026-11-23T09:00:00Z")
	for range 7 {
		v := m.decide("a")
		if v.Decision != abi.Deny || v.Code != abi.CodeAbsent || !strings.Contains(v.Reason, "key_revoked") {
			t.Fatalf("got %s %s: %s", v.Decision, v.Code, v.Reason)
		}
	}
	if last := m.entries(ledger.KindSet); !strings.Contains(string(last[len(last)-1].Body), `"absent":"key_revoked`) {
		t.Errorf("the set's entry does not say so: %s", last[len(last)-1].Body)
	}
}

// stopping is a refusal of what runs already.
type stopping struct{ error }

func (stopping) Stops() bool { return true }

func TestAYankedVersionThatIsStoppedDenies(t *testing.T) {
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0", rules: lenient}, toActive)
	m.edit(func(l *rollout.Lock, now time.Time) (rollout.Change, error) {
		return l.Yank(name, "1.0.0", "it lets too much out", false, now)
	})
	if v := m.decide("a"); v.Decision != abi.Allow {
		t.Errorf("a yanked version goes on: %+v", v)
	}
	m.edit(func(l *rollout.Lock, now time.Time) (rollout.Change, error) {
		return l.Yank(name, "1.0.0", "it lets too much out", true, now)
	})
	if v := m.decide("a"); v.Decision != abi.Deny || v.Code != abi.CodeAbsent || !strings.Contains(v.Reason, "it lets too much out") {
		t.Errorf("got %s %s: %s", v.Decision, v.Code, v.Reason)
	}
	m.stage(edition{version: "1.0.1", rules: lenient}, toActive)
	if v := m.decide("a"); v.Decision != abi.Allow {
		t.Errorf("another version is active: %+v", v)
	}
}

func callOf(t testing.TB, agent, action string) *gate.Call {
	t.Helper()
	return &gate.Call{Request: request(t, agent, action)}
}
