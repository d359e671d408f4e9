package gate_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// version is a judge of a name that has several.
type version struct {
	*judge
	version string
}

func (v version) Info() abi.Judged {
	info := v.judge.Info()
	info.Version, info.Digest = v.version, "sha256:"+v.version
	return info
}

// versions is a set of them, in the order given.
type versions []version

func (s *versions) Digest() string      { return "sha256:set" }
func (s *versions) Len() int            { return len(*s) }
func (s *versions) Judge(i int) version { return (*s)[i] }
func (s *versions) Release()            {}

// seen is an observer that writes down what it is told.
type seen struct {
	mu    sync.Mutex
	said  []string
	panic bool
}

func (s *seen) Judged(j *abi.Judged, failure abi.Code) {
	if s.panic {
		panic("the observer")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, strings.TrimSpace(j.Name+" "+j.Version+" "+j.Decision.String()+" "+string(failure)))
}

func (s *seen) Differed(name, monitored, deciding string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, name+" "+monitored+" against "+deciding)
}

func newVersions(t *testing.T, o gate.Options, vs ...version) (*gate.Gate, *log, *clock) {
	t.Helper()
	set := versions(vs)
	l, c := &log{}, newClock()
	o.Now = c.now
	g, err := gate.New(gate.From(func() *versions { return &set }), l, openLimits(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return g, l, c
}

func TestACandidatesFailuresOpenNoOthersBreaker(t *testing.T) {
	broken := &judge{name: "rules", monitored: true, err: &abi.Failure{Code: abi.CodeTrap, Detail: "it broke"}}
	watch := &seen{}
	g, _, _ := newVersions(t, gate.Options{Observer: watch}, version{allowing("rules"), "1.0.0"}, version{broken, "2.0.0"})
	for range 20 {
		if v := g.Decide(t.Context(), call(t, plainRequest)); v.Decision != abi.Allow {
			t.Fatalf("got %s %s: %s", v.Decision, v.Code, v.Reason)
		}
	}
	last := watch.said[len(watch.said)-3:]
	if diff := cmp.Diff([]string{"rules 1.0.0 allow", "rules 2.0.0 deny breaker_open", "rules 2.0.0 against 1.0.0"}, last); diff != "" {
		t.Errorf("told (-want +got)\n%s", diff)
	}
}

func TestAnAbsentOrLapsedJudgeSaysSoEveryTime(t *testing.T) {
	for _, code := range []abi.Code{abi.CodeAbsent, abi.CodeLapsed} {
		gone := &judge{name: "rules", err: &abi.Failure{Code: code, Detail: "gone"}}
		g, _, _ := newVersions(t, gate.Options{}, version{gone, "1.0.0"})
		for range 10 {
			if v := g.Decide(t.Context(), call(t, plainRequest)); v.Decision != abi.Deny || v.Code != code {
				t.Fatalf("got %s %s, want deny %s", v.Decision, v.Code, code)
			}
		}
	}
}

func TestDifferencesBetweenVersionsAreRecorded(t *testing.T) {
	beside := func(fs ...abi.Finding) *judge { return &judge{name: "rules", monitored: true, findings: fs} }
	decides := allowing("rules")
	for _, c := range []struct {
		name string
		set  []version
		want string
	}{
		{
			"another decision",
			[]version{{decides, "1.0.0"}, {beside(rule(abi.Deny, "no")), "2.0.0"}},
			`[{"name":"rules","version":"2.0.0","decision":"deny","rule":"no","against":{"version":"1.0.0","decision":"allow","rule":"ok"}}]`,
		},
		{
			"another rule",
			[]version{{decides, "1.0.0"}, {beside(rule(abi.Allow, "fine")), "2.0.0"}},
			`[{"name":"rules","version":"2.0.0","decision":"allow","rule":"fine","against":{"version":"1.0.0","decision":"allow","rule":"ok"}}]`,
		},
		{
			"a failure",
			[]version{{decides, "1.0.0"}, {&judge{name: "rules", monitored: true, err: &abi.Failure{Code: abi.CodeTrap}}, "2.0.0"}},
			`[{"name":"rules","version":"2.0.0","decision":"deny","rule":"","against":{"version":"1.0.0","decision":"allow","rule":"ok"}}]`,
		},
		{
			"silence",
			[]version{{beside(), "0.9.0"}, {decides, "1.0.0"}},
			`[{"name":"rules","version":"0.9.0","decision":"abstain","rule":"","against":{"version":"1.0.0","decision":"allow","rule":"ok"}}]`,
		},
		{
			"two candidates",
			[]version{{decides, "1.0.0"}, {beside(), "2.0.0"}, {beside(rule(abi.Deny, "no")), "3.0.0"}},
			`[{"name":"rules","version":"2.0.0","decision":"abstain","rule":"","against":{"version":"1.0.0","decision":"allow","rule":"ok"}},` +
				`{"name":"rules","version":"3.0.0","decision":"deny","rule":"no","against":{"version":"1.0.0","decision":"allow","rule":"ok"}}]`,
		},
		{"agreement", []version{{decides, "1.0.0"}, {beside(rule(abi.Allow, "ok")), "2.0.0"}}, ""},
		{"another name", []version{{&judge{name: "other", monitored: true, findings: []abi.Finding{rule(abi.Deny, "no")}}, "1.0.0"}, {decides, "1.0.0"}}, ""},
		{"both monitored", []version{{allowing("base"), "1.0.0"}, {beside(), "1.0.0"}, {beside(rule(abi.Deny, "no")), "2.0.0"}}, ""},
		// The limit of the version that decides is used up, that of the one beside counts apart: the rules agree.
		{"a limit", []version{{allowing("rules", limit("ok", "1/hour")), "1.0.0"}, {beside(rule(abi.Allow, "ok", limit("ok", "5/hour"))), "2.0.0"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			watch := &seen{}
			g, l, _ := newVersions(t, gate.Options{Observer: watch}, c.set...)
			g.Decide(t.Context(), call(t, plainRequest))
			v := g.Decide(t.Context(), call(t, plainRequest))
			got := ""
			if d := l.body(t, "differences"); d.Exists() {
				got = string(abi.AppendJSON(nil, d))
			}
			if got != c.want {
				t.Errorf("recorded %s, want %s", got, c.want)
			}
			if c.name == "a limit" {
				if v.Code != abi.CodeRateLimited || v.Judges[0].Decision != abi.Deny || v.Judges[1].Decision != abi.Allow {
					t.Errorf("the limit is laid to the wrong version: %s %+v", v.Code, v.Judges)
				}
			}
			told := strings.Contains(strings.Join(watch.said, "\n"), "against")
			if told != (c.want != "") {
				t.Errorf("told %q", watch.said)
			}
		})
	}
}

func TestAnObserverChangesNoVerdict(t *testing.T) {
	g, _, _ := newVersions(t, gate.Options{Observer: &seen{panic: true}}, version{allowing("rules"), "1.0.0"})
	if v := g.Decide(t.Context(), call(t, plainRequest)); v.Decision != abi.Allow {
		t.Errorf("got %s %s: %s", v.Decision, v.Code, v.Reason)
	}
	watch := &seen{}
	g, l, _ := newVersions(t, gate.Options{Observer: watch}, version{allowing("rules"), "1.0.0"})
	l.err = errors.New("the disk is full")
	if v := g.Decide(t.Context(), call(t, plainRequest)); v.Code != abi.CodeLedgerFailed || len(watch.said) > 0 {
		t.Errorf("what was not recorded is told: %s %q", v.Code, watch.said)
	}
}

func TestASetsEntrySaysWhoVouchesAndWhatIsPlanned(t *testing.T) {
	beside := &judge{name: "rules", monitored: true}
	set := versions{{allowing("rules"), "1.0.0"}, {beside, "1.0.0"}, {beside, "2.0.0"}}
	g, l, _ := newVersions(t, gate.Options{}, set...)
	info := gate.Describe(gate.As[version](&set), "", nil)
	info.Plan = abi.ListValue(abi.StringValue("plan"))
	if err := g.Adopt(t.Context(), info); err != nil {
		t.Fatal(err)
	}
	want := `[{"name":"rules","version":"1.0.0","digest":"sha256:1.0.0","monitored":false},{"name":"rules","version":"2.0.0","digest":"sha256:2.0.0","monitored":true}]`
	if got := string(abi.AppendJSON(nil, l.body(t, "judges"))); got != want {
		t.Errorf("judges %s, want %s", got, want)
	}
	if got := l.body(t, "plan"); got.Len() != 1 {
		t.Errorf("plan %v", got)
	}
	if got := l.body(t, "provenances"); got.Exists() {
		t.Errorf("provenances %v", got)
	}
}
