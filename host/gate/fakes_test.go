package gate_test

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// judge answers with what it was made with, or by its function.
type judge struct {
	name      string
	version   string // 1.0.0 where it is empty
	monitored bool
	findings  []abi.Finding
	err       error
	possible  abi.DecisionSet
	redacts   [][]abi.Step
	only      string // the one agent it applies to
	evaluate  func(q *abi.Request) ([]abi.Finding, error)
	look      func(q *abi.Request) // sees what Possible is asked about
}

func (j *judge) Info() abi.Judged {
	return abi.Judged{Name: j.name, Version: cmp.Or(j.version, "1.0.0"), Digest: "sha256:" + j.name, Monitored: j.monitored}
}

func (j *judge) Applies(q *abi.Request) bool {
	return j.only == "" || q.Agent.Get("name").Text() == j.only
}

func (j *judge) Evaluate(_ context.Context, q *abi.Request, found []abi.Finding) ([]abi.Finding, int64, error) {
	if j.evaluate != nil {
		fs, err := j.evaluate(q)
		return append(found, fs...), 0, err
	}
	return append(found, j.findings...), 7, j.err
}

func (j *judge) Possible(_ context.Context, q *abi.Request) (abi.DecisionSet, error) {
	if j.look != nil {
		j.look(q)
	}
	return j.possible, j.err
}

func (j *judge) Redacts() [][]abi.Step { return j.redacts }

// set is judges sorted by name.
type set struct {
	judges   []*judge
	mu       sync.Mutex
	released int
}

func newSet(js ...*judge) *set {
	slices.SortFunc(js, func(a, b *judge) int { return strings.Compare(a.name, b.name) })
	return &set{judges: js}
}

func (s *set) Digest() string     { return "sha256:set" }
func (s *set) Len() int           { return len(s.judges) }
func (s *set) Judge(i int) *judge { return s.judges[i] }
func (s *set) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released++
}

func (s *set) acquire() gate.Judges { return gate.From(func() *set { return s }) }

// log keeps entries in memory.
type log struct {
	mu      sync.Mutex
	entries []ledger.Entry
	err     error
}

func (l *log) Append(_ context.Context, e ledger.Entry) (ledger.ID, error) {
	return ledger.ID{}, l.keep(e)
}

func (l *log) AppendAsync(e ledger.Entry) error { return l.keep(e) }

func (l *log) keep(e ledger.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	e.Body = slices.Clone(e.Body)
	l.entries = append(l.entries, e)
	return nil
}

func (l *log) last(t testing.TB) ledger.Entry {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == 0 {
		t.Fatal("the ledger is empty")
	}
	return l.entries[len(l.entries)-1]
}

// body reads a part of the last entry.
func (l *log) body(t *testing.T, path string) abi.Value {
	t.Helper()
	v, err := abi.ReadValue(string(l.last(t).Body))
	if err != nil {
		t.Fatalf("body of the last entry: %v\n%s", err, l.last(t).Body)
	}
	steps, err := abi.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	return v.Lookup(steps)
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 8, 10, 0, 123456789, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func openStore(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openLimits(t testing.TB) *gate.StoredLimits {
	t.Helper()
	l, err := gate.NewLimits(t.Context(), openStore(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// bench is a gate over fakes.
type bench struct {
	*gate.Gate
	set   *set
	log   *log
	clock *clock
}

func newGate(t testing.TB, o gate.Options, js ...*judge) *bench {
	t.Helper()
	b := &bench{set: newSet(js...), log: &log{}, clock: newClock()}
	o.Now = b.clock.now
	g, err := gate.New(b.set.acquire(), b.log, openLimits(t), o)
	if err != nil {
		t.Fatal(err)
	}
	b.Gate = g
	return b
}

func call(t testing.TB, request string) *gate.Call {
	t.Helper()
	q, err := abi.ReadRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	return &gate.Call{Request: q}
}

const plainRequest = `{"agent":{"name":"local"},"action":{"type":"read","tool":"read_file","server":"fs"},"data":{"path":"/srv/a"}}`

func rule(d abi.Decision, name string, obligations ...abi.Obligation) abi.Finding {
	return abi.Finding{Decision: d, Rule: name, Reason: "because of " + name, Obligations: obligations}
}

func limit(rule, text string) abi.Obligation {
	return abi.Obligation{Kind: abi.ObligationLimit, Rule: rule, Limit: text}
}

func allowing(name string, obligations ...abi.Obligation) *judge {
	return &judge{name: name, findings: []abi.Finding{rule(abi.Allow, "ok", obligations...)}, possible: abi.SetOf(abi.Allow)}
}

func rows(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM gate_hits`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
