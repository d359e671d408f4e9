package replay_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/testdata/usual"
)

// TestGrowth replays a long past and holds what it takes of memory on the way: SOAK=1 makes it a million decisions.
func TestGrowth(t *testing.T) {
	n := 20_000
	if os.Getenv("SOAK") != "" {
		n = 1_000_000
	}
	if testing.Short() {
		n = 2_000
	}
	r := decided(t, n, nil, usual.House)
	other := load(t, newEngine(t, sandbox.Options{}), nil, house)
	defer other.Release()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most, next := uint64(0), int64(0)
	begun := time.Now()
	report := r.replay(replay.Options{
		Judges: always(other), Candidates: []replay.Candidate{{Name: "local/house"}},
		Progress: func(done, total int64) {
			if done < next { // looking stops the world
				return
			}
			next = done + total/50
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc)
		},
	})
	took := time.Since(begun)
	if report.Replayed != int64(n) || report.Changed == 0 {
		t.Fatalf("%d replayed, %d changed", report.Replayed, report.Changed)
	}
	const allowed = 32 << 20
	if most > before.HeapAlloc+allowed {
		t.Errorf("%d decisions took %d bytes more than before, want at most %d", n, most-before.HeapAlloc, allowed)
	}
	t.Logf("%d decisions in %v, at most %.1f MiB more than before", n, took, float64(int64(most)-int64(before.HeapAlloc))/(1<<20))
}
