package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

func TestRunRefusesWhatItCannotDo(t *testing.T) {
	r := newRig(t, gate.Options{})
	r.rules(house)
	r.decide(request("read", "alice"))
	r.close()
	reader := ledger.NewReader(r.ledgerDir(), nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("the disk is on fire")
	for name, c := range map[string]struct {
		ctx  context.Context
		o    replay.Options
		want string
	}{
		"no ledger":             {t.Context(), replay.Options{Judges: r.past}, "a ledger and judges are needed"},
		"no judges":             {t.Context(), replay.Options{Reader: reader}, "a ledger and judges are needed"},
		"a folder without one":  {t.Context(), replay.Options{Reader: ledger.NewReader(t.TempDir(), nil), Judges: r.past}, "no ledger in"},
		"a caller that left":    {gone, replay.Options{Reader: reader, Judges: r.past}, "canceled"},
		"judges out of reach":   {t.Context(), replay.Options{Reader: reader, Judges: func(context.Context, string) (gate.Set, error) { return nil, broken }}, "on fire"},
		"a caller that leaves":  {leaving(t), replay.Options{Reader: reader, Judges: r.past}, "had enough"},
		"a judge that is slow":  {t.Context(), replay.Options{Reader: reader, Judges: slow(t)}, "deadline"},
		"a set that disappears": {t.Context(), replay.Options{Reader: reader, Judges: func(context.Context, string) (gate.Set, error) { return nil, os.ErrNotExist }}, "not exist"},
	} {
		if _, err := replay.Run(c.ctx, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want …%s…", name, err, c.want)
		}
	}
}

func leaving(t *testing.T) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("had enough"))
	return ctx
}

// slow judges end when the caller's time is up.
func slow(t *testing.T) replay.Judges {
	return func(ctx context.Context, _ string) (gate.Set, error) {
		ctx, cancel := context.WithDeadline(ctx, time.Now())
		defer cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
}

// TestTheLedgerIsReadAsFarAsItCanBe loses a body and a bundle, and counts what is left.
func TestTheLedgerIsReadAsFarAsItCanBe(t *testing.T) {
	r := newRig(t, gate.Options{})
	r.rules(house)
	large := `"blob":[` + strings.Repeat(`"`+strings.Repeat("y", 200)+`",`, 400) + `1]`
	for i := range 600 {
		if i == 500 {
			r.decide(strings.Replace(request("read", "alice"), `"n":1`, large, 1))
			continue
		}
		r.decide(request("read", "alice"))
	}
	r.close()
	for _, pattern := range []string{"journal/*", "tile/entries/000"} {
		files, err := filepath.Glob(filepath.Join(r.ledgerDir(), "0", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing at %s: %v", pattern, err)
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	report := r.replay(replay.Options{})
	reasons := map[string]int64{}
	for _, n := range report.NotReplayed {
		reasons[n.Reason] = n.Count
	}
	if reasons[replay.ReasonBodyLost] != 1 || reasons[replay.ReasonUnreadable] != 1 || report.Replayed != report.Identical || report.Replayed < 340 {
		t.Errorf("got %s", asJSON(t, report))
	}
}

// TestTheReportDoesNotDependOnTheWorkers replays one past by one worker and by eight.
func TestTheReportDoesNotDependOnTheWorkers(t *testing.T) {
	r := newRig(t, gate.Options{})
	c := chance{rand.New(rand.NewPCG(5, 9))}
	for i := range 1500 {
		if i%500 == 0 {
			r.rules(c.policy(0), c.policy(1))
		}
		if i%3 == 0 { // of one time
			r.pass(-time.Second)
		}
		r.decide(c.request())
	}
	other := r.policies(c.policy(0), c.policy(1))
	defer other.Release()
	var want string
	for _, workers := range []int{1, 8, 3} {
		var told [2]int64
		report := r.replay(replay.Options{
			Workers: workers, Judges: always(other), Candidates: []replay.Candidate{{Name: "local/p0"}}, Samples: 7,
			Now: func() time.Time { return noon }, Progress: func(done, total int64) { told = [2]int64{done, total} },
		})
		got := asJSON(t, report)
		if want == "" {
			want = got
		}
		if got != want || report.Changed == 0 {
			t.Errorf("%d workers come to another report:\n%s\nthan one:\n%s", workers, got, want)
		}
		if told[0] == 0 || told[0] > told[1] {
			t.Errorf("progress was told to be %d of %d", told[0], told[1])
		}
	}
}

func TestFiltersChooseWhatIsReplayed(t *testing.T) {
	r := newRig(t, gate.Options{})
	r.rules(house)
	for i := range 20 {
		r.decide(request([]string{"read", "delete"}[i%2], []string{"alice", "bob", "carol"}[i%3]))
	}
	for name, c := range map[string]struct {
		f    ledger.Filter
		want int64
	}{
		"all":                               {ledger.Filter{}, 20},
		"an agent":                          {ledger.Filter{Agent: "bob"}, 7},
		"denied":                            {ledger.Filter{Decision: "deny"}, 10},
		"since":                             {ledger.Filter{Since: noon.Add(16 * time.Second)}, 5},
		"another kind, which is not heeded": {ledger.Filter{Kind: ledger.KindOutcome, Limit: 1}, 20},
	} {
		report := r.replay(replay.Options{Filter: c.f})
		if report.Decisions != c.want || report.Identical != c.want {
			t.Errorf("%s: %d decisions, %d identical, want %d", name, report.Decisions, report.Identical, c.want)
		}
	}
}

// dated is a policy as a module of its own name, in effect within dates.
func dated(t testing.TB, version, from, until, action string) []byte {
	t.Helper()
	text := fmt.Sprintf("version: \"1.0\"\nname: transparency\nrules:\n  - name: of-%s\n    action: %s\n", strings.ReplaceAll(version, ".", "-"), action)
	m, err := policy.CompileAs(parse(t, text)[0], policy.Packaging{Manifest: &abi.Manifest{
		Name: "eu.example/transparency", Version: version, Kind: abi.KindPolicy, EffectiveFrom: from, EffectiveUntil: until,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m.Wasm
}

// TestDatesHoldInAReplay has two versions that differ by their dates, a canary beside them, and something kept out of the
// record: each decision comes out by the version of its time.
func TestDatesHoldInAReplay(t *testing.T) {
	const change = "2026-11-23T12:00:20Z"
	s := newSite(t, sandbox.Options{})
	s.load([]sandbox.Module{
		{Path: "v1.wasm", Wasm: dated(t, "1.0.0", "2026-01-01T00:00:00Z", change, "allow"), Tag: "active"},
		{Path: "v2.wasm", Wasm: dated(t, "2.0.0", change, "", "deny"), Tag: "active"},
		{Path: "v3.wasm", Wasm: dated(t, "3.0.0", "", "", "warn"), Tag: "canary 50"},
	}, house)
	for i := range 40 {
		q := request("read", fmt.Sprint("agent-", i%8))
		if i%2 == 0 {
			q = strings.Replace(q, `"n":1`, fmt.Sprintf(`"token":%q`, secret()), 1)
		}
		s.decide(q)
	}
	report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{})})
	if report.Replayed != 40 || report.Identical != 40 {
		t.Fatalf("got %s", asJSON(t, report))
	}
	candidate := load(t, newEngine(t, sandbox.Options{}), []sandbox.Module{{Path: "v4.wasm", Wasm: dated(t, "4.0.0", "2027-01-01T00:00:00Z", "", "deny")}})
	defer candidate.Release()
	candidates, instead, err := replay.Try(candidate, "v4.wasm")
	if err != nil {
		t.Fatal(err)
	}
	for _, heed := range []bool{false, true} {
		candidates[0].DatesHeeded = heed
		report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{Instead: instead, HeedDates: heed}), Candidates: candidates})
		if c := report.Changes; report.Replayed != 40 || (c.NewlyDenied == 0) != heed || heed == (c.NewlyAllowed == 0) {
			t.Errorf("dates heeded: %v: got %s", heed, asJSON(t, report))
		}
		if !strings.Contains(strings.Join(report.Candidates[0].Replaces, " "), "1.0.0 2.0.0 3.0.0") {
			t.Errorf("it replaces %v", report.Candidates[0].Replaces)
		}
		var page bytes.Buffer
		if err := report.WriteHTML(&page); err != nil || !strings.Contains(page.String(), "2027-01-01T00:00:00Z") {
			t.Errorf("the page does not tell the date: %v", err)
		}
	}
}

// TestManySetsAreNotAllKeptOpen decides by more sets than stay open, back and forth.
func TestManySetsAreNotAllKeptOpen(t *testing.T) {
	s := newSite(t, sandbox.Options{})
	for i := range 60 {
		s.load(nil, strings.Replace(house, "3/minute", fmt.Sprintf("%d/minute", 1+i%30), 1))
		s.decide(request("write", "alice"))
	}
	report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{}), Workers: 4})
	if report.Identical != 60 || report.Sets != 30 {
		t.Errorf("got %s", asJSON(t, report))
	}
}
