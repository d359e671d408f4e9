package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/ledger"
)

// config is a ledger in a state folder of its own.
func config(t testing.TB) ledger.Config {
	dir := t.TempDir()
	return ledger.Config{
		Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys"),
		Report: func(err error) { t.Errorf("in the background: %v", err) },
	}
}

func open(t testing.TB, c ledger.Config) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func decision(n int) ledger.Entry {
	return ledger.Entry{
		Kind: ledger.KindDecision, ID: fmt.Sprintf("d-%d", n), Agent: fmt.Sprintf("agent-%d", n%3), Tool: "read_file",
		Decision: "allow", Code: "rule", Rule: "reads", Body: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func fill(t testing.TB, l *ledger.Ledger, n int) {
	t.Helper()
	for i := range n {
		if _, err := l.Append(t.Context(), decision(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func closeLedger(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func itoa(n int) string { return fmt.Sprint(n) }

func TestAppendRefuses(t *testing.T) {
	l := open(t, config(t))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		e    ledger.Entry
		want error
	}{
		{"body that is no JSON", t.Context(), ledger.Entry{Kind: "set", Body: []byte("{")}, ledger.ErrBody},
		{"body that closes the entry", t.Context(), ledger.Entry{Kind: "set", Body: []byte(`{},"decision":"allow"`)}, ledger.ErrBody},
		{"two bodies", t.Context(), ledger.Entry{Kind: "set", Body: []byte(`{} {}`)}, ledger.ErrBody},
		{"body that is no UTF-8", t.Context(), ledger.Entry{Kind: "set", Body: []byte("\"\xff\"")}, ledger.ErrBody},
		{"fields beyond all measure", t.Context(), ledger.Entry{Kind: "set", Tool: strings.Repeat("x", 70_000)}, ledger.ErrTooLarge},
		{"body beyond all measure", t.Context(), ledger.Entry{Kind: "set", Body: make([]byte, ledger.MaxBody+1)}, ledger.ErrTooLarge},
		{"cancelled", cancelled, ledger.Entry{Kind: "set"}, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := l.Append(c.ctx, c.e); !errors.Is(err, c.want) {
				t.Errorf("Append = %v, want %v", err, c.want)
			}
		})
	}
	closeLedger(t, l)
	if _, err := l.Append(t.Context(), decision(0)); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Append after Close = %v, want %v", err, ledger.ErrClosed)
	}
	if err := l.AppendAsync(decision(0)); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("AppendAsync after Close = %v, want %v", err, ledger.ErrClosed)
	}
	if err := l.Flush(t.Context()); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("Flush after Close = %v, want %v", err, ledger.ErrClosed)
	}
	if err := l.Close(); err != nil {
		t.Errorf("a second Close = %v", err)
	}
}

func TestAppendAndRead(t *testing.T) {
	for _, mode := range []ledger.Mode{ledger.Sync, ledger.OS} {
		t.Run(mode.String(), func(t *testing.T) {
			c := config(t)
			c.Mode = mode
			l := open(t, c)
			fill(t, l, 600)
			big := ledger.Entry{Kind: ledger.KindOutcome, ID: "big", Body: fmt.Appendf(nil, "%q", strings.Repeat("x", 70_000))}
			if err := l.AppendAsync(big); err != nil {
				t.Fatal(err)
			}
			closeLedger(t, l)
			closeLedger(t, open(t, c))
			count := 0
			for r, err := range ledger.NewReader(c.Dir, nil).Records(t.Context(), ledger.Filter{OldestFirst: true}) {
				if err != nil {
					t.Fatal(err)
				}
				if r.At.Index != int64(count) {
					t.Fatalf("entry %d at %v", count, r.At)
				}
				count++
			}
			if count != 605 {
				t.Fatalf("%d entries, want 605", count)
			}
			r, err := ledger.NewReader(c.Dir, nil).Show(t.Context(), "big")
			if err != nil || string(r.Body) != string(big.Body) {
				t.Fatalf("Show(big): %v, %d bytes", err, len(r.Body))
			}
		})
	}
}

// TestSegments rotates and drops segments, and keeps the bodies that stand apart in them.
func TestSegments(t *testing.T) {
	c := config(t).WithPace(time.Millisecond, 32<<10)
	l := open(t, c)
	for i := range 40 {
		fill(t, l, 50)
		e := decision(i)
		e.ID, e.Body = fmt.Sprint("big-", i), fmt.Appendf(nil, "%q", strings.Repeat(itoa(i%10), 61_000))
		if _, err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(filepath.Join(c.Dir, "0", "journal"))
	if err != nil {
		t.Fatal(err)
	}
	plain := 0
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".bodies") {
			plain++
		}
	}
	if plain > 2 || len(names) < 20 {
		t.Errorf("%d plain segments of %d; want all but the last dropped", plain, len(names))
	}
	reader := ledger.NewReader(c.Dir, nil)
	for _, i := range []int{0, 17, 39} {
		r, err := reader.Show(t.Context(), fmt.Sprint("big-", i))
		if err != nil || len(r.Body) != 61_002 || r.Body[1] != itoa(i % 10)[0] {
			t.Errorf("body %d: %d bytes, %v", i, len(r.Body), err)
		}
	}
	closeLedger(t, l)
	r := verify(t, c, l.Key())
	if !r.OK() || r.Shards[0].Bodies != 40 || r.Shards[0].Entries != 2042 {
		t.Errorf("verify: %+v", r)
	}
	remove(t, c, filepath.Join("0/journal", names[3].Name()))
	if r := verify(t, c, l.Key()); r.OK() || !strings.Contains(r.Problems[0].Reason, "its body is missing") {
		t.Errorf("without %s: %v", names[3].Name(), r.Problems)
	}
}

func TestShards(t *testing.T) {
	c := config(t)
	var all []*ledger.Ledger
	for n := range 3 {
		l := open(t, c)
		if l.Shard() != n {
			t.Fatalf("process %d has shard %d", n, l.Shard())
		}
		all = append(all, l)
	}
	closeLedger(t, all[1])
	all[1] = open(t, c)
	if all[1].Shard() != 1 {
		t.Errorf("the lowest free shard is 1, taken was %d", all[1].Shard())
	}
	r, err := ledger.NewReader(c.Dir, nil).Show(t.Context(), "1/2")
	if err != nil || r.Kind != ledger.KindStart || !strings.Contains(string(r.Body), `{"shard":2,"size":1,"root":"`) {
		t.Errorf("opening entry %s, %v; want its siblings named", r.Body, err)
	}
	for _, l := range all {
		closeLedger(t, l)
	}
	if r := verify(t, c, all[0].Key()); !r.OK() || len(r.Shards) != 3 {
		t.Errorf("verify: %+v", r)
	}
}

func TestManyCallers(t *testing.T) {
	c := config(t).WithPace(2*time.Millisecond, 64<<10)
	l := open(t, c)
	var wg sync.WaitGroup
	var seen sync.Map
	for range 16 {
		wg.Go(func() {
			for n := range 50 {
				id, err := l.Append(t.Context(), decision(n))
				if err != nil {
					t.Error(err)
					return
				}
				if _, twice := seen.LoadOrStore(id, n); twice {
					t.Errorf("place %v was given twice", id)
				}
			}
		})
	}
	wg.Wait()
	closeLedger(t, l)
	if r := verify(t, c, l.Key()); !r.OK() || r.Shards[0].Entries != 802 {
		t.Errorf("verify: %+v", r)
	}
}

func TestPrivateFiles(t *testing.T) {
	c := config(t)
	closeLedger(t, open(t, c))
	for _, dir := range []string{c.Dir, c.Keys} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestHMAC(t *testing.T) {
	c := config(t)
	l := open(t, c)
	first := l.HMAC("secret")
	closeLedger(t, l)
	l = open(t, c)
	defer closeLedger(t, l)
	other := open(t, config(t))
	defer closeLedger(t, other)
	if again := l.HMAC("secret"); again != first || len(first) != 64 {
		t.Errorf("HMAC is %q, then %q", first, again)
	}
	if other.HMAC("secret") == first || l.HMAC("other") == first {
		t.Error("HMAC does not depend on the key and the data")
	}
}

func TestAnchors(t *testing.T) {
	c := config(t)
	path := filepath.Join(t.TempDir(), "anchored")
	var mu sync.Mutex
	var reports []error
	c.Report = func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, err)
	}
	c.Anchors = []ledger.Anchor{
		ledger.FileAnchor(path),
		ledger.CommandAnchor("sh", "-c", "cat >"+path+".copy"),
		ledger.CommandAnchor("sh", "-c", "echo no room >&2; exit 3"),
		func(context.Context, []byte) error { return errors.New("on purpose") },
	}
	l := open(t, c)
	fill(t, l, 3)
	closeLedger(t, l)
	for _, p := range []string{path, path + ".copy"} {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		notes, err := ledger.SplitCheckpoints(data)
		if err != nil || len(notes) == 0 {
			t.Fatalf("%s: %d checkpoints, %v", p, len(notes), err)
		}
		last, err := l.Key().OpenCheckpoint(0, notes[len(notes)-1])
		if err != nil || last.Size != 5 {
			t.Errorf("%s: last checkpoint of size %d, %v; want 5", p, last.Size, err)
		}
	}
	all := errors.Join(reports...)
	if all == nil || !strings.Contains(all.Error(), "no room") || !strings.Contains(all.Error(), "on purpose") {
		t.Errorf("reported: %v; want both failures", all)
	}
}

// TestOpeningIsSigned waits for the checkpoint over the opening entry, which nothing but Open asks for: in a new shard it is
// there when Open returns, in one that has been written before it follows.
func TestOpeningIsSigned(t *testing.T) {
	c := config(t)
	signed := make(chan []byte, 16)
	c.Anchors = []ledger.Anchor{func(_ context.Context, note []byte) error {
		signed <- note
		return nil
	}}
	l := open(t, c)
	if note, err := os.ReadFile(filepath.Join(c.Dir, "0", "checkpoint")); err != nil {
		t.Error("a new shard stands without a checkpoint:", err)
	} else if got, err := l.Key().OpenCheckpoint(0, note); err != nil || got.Size != 1 {
		t.Errorf("the checkpoint of a new shard has size %d, %v; want 1", got.Size, err)
	}
	closeLedger(t, l) // which waits for anchors
	again := open(t, c)
	defer closeLedger(t, again)
	for {
		select {
		case note := <-signed:
			got, err := again.Key().OpenCheckpoint(0, note)
			if err != nil {
				t.Fatal(err)
			}
			if got.Size == 3 { // start, stop, start
				return
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the opening entry is not signed")
		}
	}
}

// TestCloseUnderLoad closes a ledger while callers append: each append is either there or was refused, and none hangs.
func TestCloseUnderLoad(t *testing.T) {
	for _, mode := range []ledger.Mode{ledger.Sync, ledger.OS} {
		for range 5 {
			c := config(t)
			c.Mode = mode
			l := open(t, c)
			var wg sync.WaitGroup
			var acked sync.Map
			begun := make(chan struct{}, 1000)
			for range 8 {
				wg.Go(func() {
					for n := 0; ; n++ {
						id, err := l.Append(t.Context(), decision(n))
						if err != nil {
							if !errors.Is(err, ledger.ErrClosed) {
								t.Error(err)
							}
							return
						}
						acked.Store(id.Index, true)
						select {
						case begun <- struct{}{}:
						default:
						}
					}
				})
			}
			for range 20 {
				<-begun
			}
			closeLedger(t, l)
			wg.Wait()
			r := verify(t, c, l.Key())
			if !r.OK() || r.Shards[0].Uncovered != 0 {
				t.Errorf("verify: %+v", r)
			}
			acked.Range(func(index, _ any) bool {
				if index.(int64) >= r.Shards[0].Entries {
					t.Errorf("entry %v was acknowledged and is not there", index)
				}
				return true
			})
		}
	}
}
