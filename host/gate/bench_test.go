package gate_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/usual"
)

const benchRequest = `{"agent":{"did":"did:mesh:data-analyst:k7q2mxk7q2mxk7q2mxk7q2mx","name":"data-analyst","trust_score":520,"tier":"standard","asserted_by":"config"},
"action":{"type":"read","tool":"read_file","server":"server-filesystem","method":"tools/call","protocol":"mcp"},
"tool":{"annotations":{"readOnlyHint":true}},"data":{"path":"/srv/projects/atlas/notes/2026-11-20.md","head":40,"contains_pii":false,"contains_secret":false},
"resource":{"paths":["/srv/projects/atlas/notes/2026-11-20.md"],"outside_roots":false,"sensitive":false,"local":true},
"context":{"session":"01a20774-6c3b-774f-a49a-1bb54582d5a4","environment":"dev"}}`

// openBench is a gate over the real sandbox, store and ledger.
func openBench(t testing.TB, policies string) (*gate.Gate, *ledger.Ledger) {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Sources{{Name: "house.yaml", Text: policies}}, "house.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := engine.Policies(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.Open(ctx, ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys"), Mode: ledger.OS})
	if err != nil {
		t.Fatal(err)
	}
	acquire := func() *sandbox.Set { set.Acquire(); return set }
	g, err := gate.New(gate.From(acquire), log, openLimits(t), gate.Options{HMAC: log.HMAC})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		set.Release()
		if err := engine.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return g, log
}

// BenchmarkDecide is the whole decision, from the facts to a verdict in the ledger (os mode): a policy of ten rules, and the
// same with a limit. It reports the median and the 99th percentile of single decisions.
func BenchmarkDecide(b *testing.B) {
	limited := usual.House + "  - name: budget\n    limit: 1000000/day\n"
	for _, c := range []struct {
		name, policies string
		callers        int
	}{{"rules", usual.House, 1}, {"rules", usual.House, 8}, {"limit", limited, 1}, {"limit", limited, 8}} {
		b.Run(fmt.Sprintf("%s/%d", c.name, c.callers), func(b *testing.B) {
			g, _ := openBench(b, c.policies)
			q, err := abi.ReadRequest(benchRequest)
			if err != nil {
				b.Fatal(err)
			}
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for range c.callers {
				wg.Go(func() {
					call := &gate.Call{Request: q}
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						start := time.Now()
						if v := g.Decide(context.Background(), call); v.Decision != abi.Allow {
							b.Errorf("got %+v", v)
							return
						}
						took[i] = time.Since(start)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[b.N/2].Nanoseconds())/1e3, "p50-µs")
			b.ReportMetric(float64(took[b.N*99/100].Nanoseconds())/1e3, "p99-µs")
		})
	}
}

// buffers is what the ledger may hold of one second's entries, which it publishes together: the more, the faster it is.
const buffers = 32 << 20

// TestNoGrowth decides again and again and finds nothing that piles up: 1,000,000 times with SOAK set, where 32 bytes a
// decision would show, else 20,000, where a request kept would.
func TestNoGrowth(t *testing.T) {
	n := 20_000
	if os.Getenv(soakEnv) != "" {
		n = 1_000_000
	}
	g, log := openBench(t, usual.House)
	q, err := abi.ReadRequest(benchRequest)
	if err != nil {
		t.Fatal(err)
	}
	decide := func(n int) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range n / 4 {
					if v := g.Decide(context.Background(), &gate.Call{Request: q}); v.Decision != abi.Allow {
						t.Errorf("got %+v", v)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	held := func() (uint64, int) {
		if err := log.Flush(t.Context()); err != nil { // what waits to be published is no growth
			t.Fatal(err)
		}
		return heapHeld()
	}
	decide(n / 10)
	heap, goroutines := held()
	decide(n)
	if h, g := held(); h > heap+buffers || g > goroutines {
		t.Errorf("after %d decisions %d bytes and %d goroutines, after %d more %d and %d", n/10, heap, goroutines, n, h, g)
	} else {
		t.Logf("%d decisions: %d KiB held before, %d KiB after", n, heap>>10, h>>10)
	}
}

func heapHeld() (heap uint64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}
