package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentmesh/host/ledger"
	"agentmesh/host/store"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// twoShards is a ledger whose shards were written in turns: entry n of the story stands in shard n%2, n seconds after noon.
func twoShards(t *testing.T, c ledger.Config, n int) {
	t.Helper()
	c.Clock = func() time.Time { return noon.Add(-time.Hour) } // opening entries come before all
	both := []*ledger.Ledger{open(t, c), open(t, c)}
	for i := range n {
		e := decision(i)
		e.Time = noon.Add(time.Duration(i) * time.Second)
		if i%5 == 0 {
			e.Decision, e.Rule = "deny", "no-writes"
		}
		if _, err := both[i%2].Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	closeLedger(t, both[0])
	closeLedger(t, both[1])
}

func ids(t *testing.T, r *ledger.Reader, f ledger.Filter) []string {
	t.Helper()
	var list []string
	for record, err := range r.Records(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, record.ID)
	}
	return list
}

func database(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

var filters = []struct {
	name string
	f    ledger.Filter
	want []string
}{
	{"nobody", ledger.Filter{Agent: "nobody"}, nil},
	{"part of a name", ledger.Filter{Agent: "agent"}, nil},
	{"denied", ledger.Filter{Decision: "deny"}, []string{"d-25", "d-20", "d-15", "d-10", "d-5", "d-0"}},
	{"denied, oldest first", ledger.Filter{Decision: "deny", OldestFirst: true}, []string{"d-0", "d-5", "d-10", "d-15", "d-20", "d-25"}},
	{"denied, two", ledger.Filter{Decision: "deny", Limit: 2}, []string{"d-25", "d-20"}},
	{"rule and agent", ledger.Filter{Rule: "no-writes", Agent: "agent-1"}, []string{"d-25", "d-10"}},
	{"since", ledger.Filter{Kind: "decision", Since: noon.Add(27 * time.Second)}, []string{"d-29", "d-28", "d-27"}},
	{"until", ledger.Filter{Tool: "read_file", Until: noon.Add(2 * time.Second)}, []string{"d-1", "d-0"}},
	{"between", ledger.Filter{
		Since: noon.Add(3 * time.Second), Until: noon.Add(5*time.Second + 1), OldestFirst: true,
	}, []string{"d-3", "d-4", "d-5"}},
}

func TestRecords(t *testing.T) {
	c, db := config(t), database(t)
	c.Index = db
	twoShards(t, c, 30)
	broken := database(t) // no tables: as if somebody had deleted the file
	lagging := database(t)
	for name, index := range map[string]*store.DB{"no index": nil, "index": db, "deleted index": broken, "lagging index": lagging} {
		if name == "lagging index" {
			if err := ledger.RebuildIndex(t.Context(), c.Dir, lagging); err != nil {
				t.Fatal(err)
			}
			if err := lagging.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(`DELETE FROM ledger_shards WHERE ref = 2`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c2 := range filters {
			t.Run(name+"/"+c2.name, func(t *testing.T) {
				if diff := cmp.Diff(c2.want, ids(t, ledger.NewReader(c.Dir, index), c2.f)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
}

// TestIndexOfAnotherLog gives a reader an index whose rows are of a ledger that was put back and grew again.
func TestIndexOfAnotherLog(t *testing.T) {
	c, db := config(t), database(t)
	c.Index = db
	closeLedger(t, open(t, c))
	old := copyTree(t, c.Dir)
	l := open(t, c)
	fill(t, l, 10)
	closeLedger(t, l)
	rolled := c
	rolled.Dir, rolled.Index = old, nil
	l = open(t, rolled)
	for range 30 {
		if _, err := l.Append(t.Context(), ledger.Entry{Kind: ledger.KindTools, ID: "t", Agent: "agent-1"}); err != nil {
			t.Fatal(err)
		}
	}
	closeLedger(t, l)
	got := ids(t, ledger.NewReader(old, db), ledger.Filter{Agent: "agent-1"})
	if len(got) != 30 {
		t.Errorf("%d entries by an index of what the ledger was, want 30", len(got))
	}
	rolled.Index = db
	closeLedger(t, open(t, rolled)) // indexes anew
	if got := ids(t, ledger.NewReader(old, db), ledger.Filter{Agent: "agent-1"}); len(got) != 30 {
		t.Errorf("%d entries after indexing anew, want 30", len(got))
	}
}

func TestShow(t *testing.T) {
	c, db := config(t), database(t)
	c.Index = db
	twoShards(t, c, 30)
	for name, index := range map[string]*store.DB{"log": nil, "index": db} {
		t.Run(name, func(t *testing.T) {
			r := ledger.NewReader(c.Dir, index)
			for id, want := range map[string]string{"d-7": "1/4", "1/4": "1/4", "d-0": "0/1"} {
				record, err := r.Show(t.Context(), id)
				if err != nil || record.At.String() != want {
					t.Errorf("Show(%s) = %v, %v; want %s", id, record.At, err, want)
				}
			}
			for _, id := range []string{"d-77", "2/0", "0/99", "", "0/-1"} {
				if _, err := r.Show(t.Context(), id); !errors.Is(err, ledger.ErrNotFound) {
					t.Errorf("Show(%q) = %v, want %v", id, err, ledger.ErrNotFound)
				}
			}
		})
	}
	if _, err := ledger.NewReader(t.TempDir(), nil).Show(t.Context(), "0/0"); err == nil {
		t.Error("an empty folder was read")
	}
}

// TestReadWhileOpen reads entries that no checkpoint covers yet.
func TestReadWhileOpen(t *testing.T) {
	c := config(t).WithPace(time.Hour, 1<<20)
	l := open(t, c)
	defer closeLedger(t, l)
	fill(t, l, 300)
	r := ledger.NewReader(c.Dir, nil)
	if got := ids(t, r, ledger.Filter{Kind: ledger.KindDecision, Limit: 1}); len(got) != 1 || got[0] != "d-299" {
		t.Errorf("the newest is %v, want d-299", got)
	}
	if _, err := r.Prove(t.Context(), "d-299"); !errors.Is(err, ledger.ErrUncovered) {
		t.Errorf("Prove = %v, want %v", err, ledger.ErrUncovered)
	}
	if rep := verify(t, c, l.Key()); !rep.OK() || rep.Shards[0].Uncovered != 300 {
		t.Errorf("verify: %+v, want 300 entries not yet covered", rep)
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rep := verify(t, c, l.Key()); !rep.OK() || rep.Shards[0].Uncovered != 0 {
		t.Errorf("verify after Flush: %+v", rep)
	}
	if _, err := r.Prove(t.Context(), "d-299"); err != nil {
		t.Errorf("Prove after Flush: %v", err)
	}
}

func TestTail(t *testing.T) {
	c := config(t).WithPace(time.Millisecond, 8<<10) // segments are dropped under the reader
	l := open(t, c)
	fill(t, l, 10)
	got := make(chan string, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	f := ledger.Filter{Kind: ledger.KindDecision, Limit: 2}
	go func() {
		done <- ledger.NewReader(c.Dir, nil).Tail(ctx, f, func(r ledger.Record) error {
			got <- r.At.String()
			return nil
		})
	}()
	want := []string{<-got, <-got}
	if diff := cmp.Diff([]string{"0/9", "0/10"}, want); diff != "" {
		t.Errorf("what was there (-want +got)\n%s", diff)
	}
	fill(t, l, 100)
	second := open(t, c) // a shard that did not exist
	fill(t, second, 1)
	next := map[string]int{"0": 11, "1": 1}
	for range 101 {
		shard, index, _ := strings.Cut(<-got, "/")
		if index != itoa(next[shard]) {
			t.Fatalf("shard %s: got entry %s, want %d", shard, index, next[shard])
		}
		next[shard]++
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Tail = %v", err)
	}
	closeLedger(t, second)
	stop := errors.New("enough")
	f.Limit = 1
	err := ledger.NewReader(c.Dir, nil).Tail(t.Context(), f, func(ledger.Record) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("Tail = %v, want the function's error", err)
	}
	closeLedger(t, l)
}

func TestExport(t *testing.T) {
	c := config(t)
	c.Clock = func() time.Time { return noon }
	l := open(t, c)
	e := decision(1)
	e.Decision = "deny"
	if _, err := l.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	closeLedger(t, l)
	f := ledger.Filter{Kind: ledger.KindDecision}
	const entry = `{"v":1,"kind":"decision","time":"2026-11-23T12:00:00.000000Z","id":"d-1","agent":"agent-1","tool":"read_file",` +
		`"decision":"deny","code":"rule","rule":"reads","body":{"n":1}}`
	for format, want := range map[string]string{
		"jsonl": `{"shard":0,"index":1,"entry":` + entry + `}`,
		"cloudevents": `{"specversion":"1.0","id":"0/1","source":"` + l.Key().Origin(0) + `","type":"ai.agentmesh.tool.blocked",` +
			`"time":"2026-11-23T12:00:00.000000Z","subject":"agent-1","sequence":"00000000000000000001",` +
			`"datacontenttype":"application/json","data":` + entry + `}`,
	} {
		form, err := ledger.ParseFormat(format)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := ledger.NewReader(c.Dir, nil).Export(t.Context(), &b, form, f); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want+"\n", b.String()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", format, diff)
		}
		if !json.Valid(b.Bytes()) {
			t.Errorf("%s is no JSON", format)
		}
	}
	if _, err := ledger.ParseFormat("xml"); err == nil {
		t.Error("xml was taken for a format")
	}
}

func TestEventTypes(t *testing.T) {
	for want, e := range map[string]ledger.Entry{
		"tool.invoked":      {Kind: "decision", Tool: "x", Decision: "allow"},
		"tool.blocked":      {Kind: "decision", Tool: "x", Decision: "deny"},
		"policy.evaluation": {Kind: "decision", Tool: "x", Decision: "require_approval"},
		"policy.violation":  {Kind: "refused"},
		"policy.set":        {Kind: "set"},
		"tool.completed":    {Kind: "outcome"},
		"tool.listed":       {Kind: "list"},
		"tool.announced":    {Kind: "tools"},
		"trust.changed":     {Kind: "trust"},
		"agent.registered":  {Kind: "agent"},
		"audit.start":       {Kind: "start"},
		"audit.stop":        {Kind: "stop"},
	} {
		if got := ledger.EventType(&e); got != "ai.agentmesh."+want {
			t.Errorf("%+v is %s, want %s", e, got, want)
		}
	}
}

func Example() {
	dir, _ := os.MkdirTemp("", "ledger")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	c := ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys")}
	l, err := ledger.Open(ctx, c)
	if err != nil {
		fmt.Println(err)
		return
	}
	at, err := l.Append(ctx, ledger.Entry{
		Kind: ledger.KindDecision, ID: "d-1", Agent: "data-analyst", Tool: "export", Decision: "deny",
		Rule: "no-pii-export", Body: []byte(`{"request":{},"verdict":{}}`),
	})
	fmt.Println(at, err)
	if err := l.Close(); err != nil {
		fmt.Println(err)
		return
	}
	for r := range ledger.NewReader(c.Dir, nil).Records(ctx, ledger.Filter{Agent: "data-analyst"}) {
		fmt.Println(r.At, r.Decision, r.Rule)
	}
	report, err := ledger.Verify(ctx, c.Dir, l.Key(), ledger.VerifyOptions{})
	fmt.Println(report.OK(), err)
	// Output:
	// 0/1 <nil>
	// 0/1 deny no-pii-export
	// true <nil>
}

func ExampleReader_Prove() {
	dir, _ := os.MkdirTemp("", "ledger")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	c := ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys")}
	l, err := ledger.Open(ctx, c)
	if err != nil {
		fmt.Println(err)
		return
	}
	l.Append(ctx, ledger.Entry{Kind: ledger.KindDecision, ID: "d-1", Decision: "allow"})
	l.Close()
	proof, err := ledger.NewReader(c.Dir, nil).Prove(ctx, "d-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := l.Key().CheckProof(proof)
	fmt.Println(r.At, r.Decision, err)
	// Output: 0/1 allow <nil>
}
