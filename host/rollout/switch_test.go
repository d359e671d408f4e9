package rollout_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// TestTheSwitchAtADate is two versions of a rule that differ by their effective date alone: the later one takes over when the
// clock comes to it, nothing is loaded for that, and the ledger names the one before it and the other after it.
func TestTheSwitchAtADate(t *testing.T) {
	const same = "[{name: no-export, condition: action.type == 'export', action: deny}]"
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0", rules: same}, toActive)
	m.stage(edition{version: "2.0.0", rules: same, from: "2027-02-01T00:00:00Z"}, toActive)
	before := len(m.entries(ledger.KindSet))
	for _, step := range []struct{ at, version string }{
		{"2026-11-23T08:00:00Z", "1.0.0"},
		{"2027-01-31T23:59:59.999Z", "1.0.0"},
		{"2027-02-01T00:00:00Z", "2.0.0"},
		{"2027-02-01T00:00:00.001Z", "2.0.0"},
		{"2031-01-01T00:00:00Z", "2.0.0"},
		{"2027-01-31T23:59:59.999Z", "1.0.0"}, // a clock that is set back
	} {
		m.clock.set(t, step.at)
		v := m.decide("a")
		want := []string{step.version + " deny no-export"}
		if diff := cmp.Diff(want, took(&v)); diff != "" || v.Decision != abi.Deny {
			t.Errorf("at %s: %s (-want +got)\n%s", step.at, v.Decision, diff)
		}
		recorded := m.entries(ledger.KindDecision)
		last := recorded[len(recorded)-1]
		if body := string(last.Body); !strings.Contains(body, `"version":"`+step.version+`"`) || last.Set != m.watcher.Status().Set {
			t.Errorf("at %s: the entry names set %s and reads %s", step.at, last.Set, body)
		}
	}
	sets := m.entries(ledger.KindSet)
	last := string(sets[len(sets)-1].Body)
	for _, want := range []string{`"version":"1.0.0"`, `"version":"2.0.0"`, `"effective_from":"2027-02-01T00:00:00Z"`} {
		if !strings.Contains(last, want) {
			t.Errorf("the set's entry lacks %s: %s", want, last)
		}
	}
	if len(sets) != before {
		t.Errorf("%d sets came into force at the dates", len(sets)-before)
	}
}

func TestWhenNoVersionIsInEffect(t *testing.T) {
	const before, during, after = "2026-11-23T08:00:00Z", "2027-03-01T00:00:00Z", "2028-01-01T00:00:00Z"
	dated := edition{version: "1.0.0", from: "2027-01-01T00:00:00Z", until: "2028-01-01T00:00:00Z"}
	for _, c := range []struct {
		name, lapse, at string
		editions        []edition
		want            string // took
		code            abi.Code
	}{
		{"before the first date", "", before, []edition{dated}, "1.0.0 log not_effective", abi.CodeRule},
		{"within", "", during, []edition{dated}, "1.0.0 deny no-export-1.0.0", abi.CodeRule},
		{"lapsed", "", after, []edition{dated}, "1.0.0 deny", abi.CodeLapsed},
		{"lapsed, and told to deny", "deny", after, []edition{dated}, "1.0.0 deny", abi.CodeLapsed},
		{"lapsed, and told to abstain", "abstain", after, []edition{dated}, "1.0.0 log lapsed", abi.CodeRule},
		{
			"in a gap", "", "2028-02-01T00:00:00Z",
			[]edition{dated, {version: "2.0.0", from: "2028-03-01T00:00:00Z"}},
			"2.0.0 deny", abi.CodeLapsed,
		},
		{
			"a later version that lapsed leaves the one before", "", "2028-02-01T00:00:00Z",
			[]edition{{version: "0.9.0"}, dated},
			"0.9.0 deny no-export-0.9.0", abi.CodeRule,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t, meshOptions{setUp: func(m *mesh) {
				for _, e := range c.editions {
					m.stage(e, toActive)
				}
			}, plugins: map[string]sandbox.PluginOptions{name: {OnLapse: c.lapse}}})
			m.clock.set(t, c.at)
			for range 7 { // more often than a breaker would stand
				v := m.decide("a")
				if diff := cmp.Diff([]string{c.want}, took(&v)); diff != "" || v.Code != c.code {
					t.Fatalf("code %s, want %s (-want +got)\n%s\n%v", v.Code, c.code, diff, v.Warnings)
				}
			}
		})
	}
}

// TestNoDecisionIsLostOverSwaps decides without a pause while the lock changes: every decision is made, by a version that was
// in the lock, and stands in the ledger with a set that the ledger knows.
func TestNoDecisionIsLostOverSwaps(t *testing.T) {
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0"}, toActive)
	stop := make(chan struct{})
	var made [4]int
	var wg sync.WaitGroup
	for g := range made {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if v := m.decide("agent"); v.Decision != abi.Deny || v.Code != abi.CodeRule || v.ID == "" {
					t.Errorf("got %s %s: %s", v.Decision, v.Code, v.Reason)
					return
				}
				made[g]++
			}
		})
	}
	m.stage(edition{version: "2.0.0"}, toShadow, toCanary(50), toActive)
	m.edit(func(l *rollout.Lock, now time.Time) (rollout.Change, error) { return l.Rollback(name, "", "", now) })
	m.stage(edition{version: "3.0.0"}, toShadow, toCanary(1), toCanary(100), toActive)
	close(stop)
	wg.Wait()
	sets := map[string]bool{}
	for _, s := range m.entries(ledger.KindSet) {
		sets[s.Set] = true
	}
	recorded := m.entries(ledger.KindDecision)
	if total := made[0] + made[1] + made[2] + made[3]; len(recorded) != total || total == 0 {
		t.Errorf("%d decisions were made, %d are recorded", total, len(recorded))
	}
	versions := map[string]bool{}
	for _, d := range recorded {
		if !sets[d.Set] {
			t.Fatalf("decision %s names a set that the ledger does not know", d.ID)
		}
		for _, v := range []string{"1.0.0", "2.0.0", "3.0.0"} {
			versions[v] = versions[v] || d.Rule == "no-export-"+v
		}
	}
	if !versions["1.0.0"] || len(sets) < 7 {
		t.Errorf("decided by %v, %d sets", versions, len(sets))
	}
}

func TestToolsAreListedByWhatMayYetDecide(t *testing.T) {
	const deny, some = "[{name: none, action: deny}]", "[{name: some, condition: data.contains_pii, action: deny}]"
	for _, c := range []struct {
		name     string
		editions []edition
		want     bool // hidden
	}{
		{"denied now, allowed from a date on", []edition{{version: "1.0.0", rules: deny}, {version: "2.0.0", rules: some, from: "2027-01-01T00:00:00Z"}}, false},
		{"denied now and later", []edition{{version: "1.0.0", rules: deny}, {version: "2.0.0", rules: deny, from: "2027-01-01T00:00:00Z"}}, true},
		{"allowed until a date that is past", []edition{{version: "1.0.0", rules: some}, {version: "2.0.0", rules: deny, from: "2026-01-01T00:00:00Z", until: "2099-01-01T00:00:00Z"}}, false},
		{"a version that can never decide again", []edition{
			{version: "1.0.0", rules: some, until: "2026-06-01T00:00:00Z"}, {version: "2.0.0", rules: deny},
		}, true},
		{"lapsed for good", []edition{{version: "1.0.0", rules: some, until: "2026-06-01T00:00:00Z"}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMesh(t, meshOptions{})
			m.clock.set(t, "2026-03-01T00:00:00Z")
			for _, e := range c.editions {
				m.stage(e, toActive)
			}
			m.clock.set(t, "2026-11-23T08:00:00Z")
			l := m.list("a")
			if l != c.want {
				t.Errorf("hidden %v, want %v", l, c.want)
			}
		})
	}
}

func TestAsOf(t *testing.T) {
	m := newMesh(t, meshOptions{})
	m.stage(edition{version: "1.0.0"}, toActive)
	m.clock.set(t, "2026-11-24T08:00:00Z")
	m.stage(edition{version: "2.0.0", from: "2027-02-01T00:00:00Z"}, toShadow, toCanary(25), toActive)
	r := ledger.NewReader(m.ledgerDir(), nil)
	for _, c := range []struct {
		at   string
		want []string
	}{
		{"2026-11-22T00:00:00Z", nil},
		{"2026-11-23T12:00:00Z", []string{"1.0.0 active true"}},
		{"2026-12-01T00:00:00Z", []string{"2.0.0 active false", "1.0.0 active true"}},
		{"2027-02-01T00:00:00Z", []string{"2.0.0 active true", "1.0.0 active false"}},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		m.must(err)
		past, err := rollout.ActiveAt(t.Context(), r, at)
		m.must(err)
		var got []string
		for _, p := range past {
			for _, j := range p.Judges {
				if j.Name == name {
					text := j.Version + " " + string(j.Stage) + " false"
					if j.InEffect {
						text = j.Version + " " + string(j.Stage) + " true"
					}
					got = append(got, text)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("at %s: got %q, want %q", c.at, got, c.want)
		}
	}
	m.watcher.Close()
	m.must(m.ledger.Close())
	past, err := rollout.ActiveAt(t.Context(), ledger.NewReader(m.ledgerDir(), nil), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || len(past) > 0 {
		t.Errorf("after the writer stopped: %v %v", past, err)
	}
}

func TestChangesAreReadBackFromTheLedger(t *testing.T) {
	m := newMesh(t, meshOptions{})
	want := []rollout.Change{
		{Action: "stage", Name: name, Version: "1.0.0", To: rollout.Staged, Reason: "ticket", Revision: 1, By: "ann"},
		{Action: "promote", Name: name, Version: "2.0.0", From: rollout.Shadow, To: rollout.Canary, Percent: 10, Revision: 2},
		{Action: "promote", Name: "acme/other", Version: "2.0.0", From: rollout.Canary, To: rollout.Active, Retired: []string{"1.0.0", "1.1.0"}, Revision: 3},
	}
	for _, c := range want {
		m.must(m.gate.Note(t.Context(), ledger.KindTrust, gate.Subject{}, c.Value()))
	}
	m.must(m.gate.Note(t.Context(), ledger.KindTrust, gate.Subject{}, abi.ObjectValue(abi.Member{Name: "event", Value: abi.StringValue("module_refused")})))
	r := ledger.NewReader(m.ledgerDir(), nil)
	for _, c := range []struct {
		name string
		want []rollout.Change
	}{{"", want}, {name, want[:2]}, {"acme/none", nil}} {
		events, err := rollout.Events(t.Context(), r, c.name)
		m.must(err)
		var got []rollout.Change
		for _, e := range events {
			got = append(got, e.Change)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("of %q (-want +got)\n%s", c.name, diff)
		}
	}
}
