package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agentmesh/host/ledger"

	"github.com/google/go-cmp/cmp"
)

// inBatches reads everything that f chooses by batches, and what could not be read.
func inBatches(t testing.TB, dir string, f ledger.Filter) (list []string, errs []error, total int64) {
	t.Helper()
	batches, total, err := ledger.NewReader(dir, nil).Batches(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var count int64
	for b := range batches {
		count += int64(b.Len())
		for r, err := range b.Records() {
			if err != nil {
				errs = append(errs, fmt.Errorf("%v: %w", r.At, err))
				continue
			}
			list = append(list, fmt.Sprintf("%v %s %d", r.At, r.ID, len(r.Body)))
		}
	}
	if count != total {
		t.Errorf("the batches have %d entries, %d were announced", count, total)
	}
	return list, errs, total
}

func TestBatchesOfNoLedger(t *testing.T) {
	if _, _, err := ledger.NewReader(t.TempDir(), nil).Batches(t.Context(), ledger.Filter{}); err == nil {
		t.Error("an empty folder was read")
	}
}

func TestABundleThatIsGone(t *testing.T) {
	c := config(t)
	c.Mode = ledger.OS
	l := open(t, c)
	fill(t, l, 600)
	closeLedger(t, l)
	if err := os.Remove(filepath.Join(c.Dir, "0", "tile", "entries", "001")); err != nil {
		t.Fatal(err)
	}
	list, errs, total := inBatches(t, c.Dir, ledger.Filter{})
	if len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), "0/256: ") || int64(len(list)) != total-256 {
		t.Errorf("%d entries of %d and errors %v, want those of one bundle missing", len(list), total, errs)
	}
}

func TestABodyThatIsGone(t *testing.T) {
	c := config(t).WithPace(time.Hour, 1<<10)
	l := open(t, c)
	for i := range 5 {
		e := decision(i)
		e.Body = []byte(`"` + strings.Repeat("x", 70_000+i) + `"`)
		if _, err := l.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	closeLedger(t, l)
	files, err := filepath.Glob(filepath.Join(c.Dir, "0", "journal", "*.bodies"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no bodies stand apart: %v, %v", files, err)
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	list, errs, _ := inBatches(t, c.Dir, ledger.Filter{Kind: ledger.KindDecision})
	if len(errs) == 0 || len(list)+len(errs) != 5 || !strings.Contains(errs[0].Error(), "its body") {
		t.Errorf("read %v; errors %v, want each lost body and every other entry", list, errs)
	}
}

// TestBatchesAreRecords holds both ways to read against each other, for entries in bundles, in the journal and in several
// shards.
func TestBatchesAreRecords(t *testing.T) {
	closed := config(t)
	closed.Mode = ledger.OS
	twoShards(t, closed, 700)
	live := config(t).WithPace(time.Hour, 1<<20)
	live.Mode = ledger.OS
	l := open(t, live)
	defer closeLedger(t, l)
	fill(t, l, 300)
	if err := l.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	fill(t, l, 400) // in the journal alone
	list := slices.Clone(filters)
	list = append(list, filters[0], filters[0])
	list[len(list)-1].f, list[len(list)-2].f = ledger.Filter{}, ledger.Filter{Kind: ledger.KindStart}
	for _, dir := range []string{closed.Dir, live.Dir} {
		for _, c := range list {
			f := c.f
			f.Limit, f.OldestFirst = 0, true
			var want []string
			for r, err := range ledger.NewReader(dir, nil).Records(t.Context(), f) {
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, fmt.Sprintf("%v %s %d", r.At, r.ID, len(r.Body)))
			}
			got, errs, _ := inBatches(t, dir, f)
			slices.Sort(want)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" || len(errs) > 0 {
				t.Errorf("%+v: %v\n-want +got\n%s", f, errs, diff)
			}
		}
	}
}

func TestBatchesEndWithTheContext(t *testing.T) {
	c := config(t)
	c.Mode = ledger.OS
	l := open(t, c)
	fill(t, l, 600)
	closeLedger(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	batches, _, err := ledger.NewReader(c.Dir, nil).Batches(ctx, ledger.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for range batches {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d batches after the caller went away, want 1", n)
	}
}

// BenchmarkBatches reads entries of about 1 KiB, one goroutine.
func BenchmarkBatches(b *testing.B) {
	c := config(b)
	c.Mode = ledger.OS
	l := open(b, c)
	const n = 10_000
	for i := range n {
		e := decision(i)
		e.Body = []byte(`{"request":{"data":{"text":"` + strings.Repeat("some argument ", 60) + `"}},"verdict":{"decision":"allow"}}`)
		if err := l.AppendAsync(e); err != nil {
			b.Fatal(err)
		}
	}
	closeLedger(b, l)
	b.ResetTimer()
	for range b.N {
		list := 0
		batches, _, err := ledger.NewReader(c.Dir, nil).Batches(b.Context(), ledger.Filter{Kind: ledger.KindDecision})
		if err != nil {
			b.Fatal(err)
		}
		for batch := range batches {
			for _, err := range batch.Records() {
				if err != nil {
					b.Fatal(err)
				}
				list++
			}
		}
		if list != n {
			b.Fatalf("%d entries, want %d", list, n)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
