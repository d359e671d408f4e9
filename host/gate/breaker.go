package gate

import (
	"sync"
	"sync/atomic"
	"time"

	"agentmesh/pdk/abi"
)

// The breaker's measures: after trips failures in a row a judge is not asked for an agent for open, then once more to see.
const (
	breakerTrips = 5
	breakerOpen  = 10 * time.Second
	// breakerPairs bounds the memory: beyond it the pair that failed longest ago is forgotten, which only means that it is
	// asked again.
	breakerPairs = 4096
)

// breaker spares the host judges that keep failing. It counts per judge and agent, so that one agent's inputs cannot deny
// the others, and for every version of a judge apart, monitored or not, so that a candidate's failures deny nobody. While
// nothing has failed it costs one atomic load.
type breaker struct {
	some  atomic.Bool
	mu    sync.Mutex
	pairs map[pair]failures
}

type pair struct {
	name, version string
	monitored     bool
	agent         string
}

func pairOf(judge *abi.Judged, agent string) pair {
	return pair{name: judge.Name, version: judge.Version, monitored: judge.Monitored, agent: agent}
}

type failures struct {
	inRow int
	last  time.Time
}

// closed reports whether the judge is to be asked.
func (b *breaker) closed(judge *abi.Judged, agent string, now time.Time) bool {
	if !b.some.Load() {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := pairOf(judge, agent)
	f := b.pairs[p]
	if f.inRow < breakerTrips {
		return true
	}
	if wait := now.Sub(f.last); wait >= 0 && wait < breakerOpen {
		return false
	}
	f.last = now // one call sees whether the judge is well again; the others wait for what comes of it
	b.pairs[p] = f
	return true
}

// report counts a failure, or forgets those before a success.
func (b *breaker) report(judge *abi.Judged, agent string, failed bool, now time.Time) {
	if !failed && !b.some.Load() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := pairOf(judge, agent)
	if !failed {
		delete(b.pairs, p)
		b.some.Store(len(b.pairs) > 0)
		return
	}
	if b.pairs == nil {
		b.pairs = make(map[pair]failures)
	}
	f, known := b.pairs[p]
	if !known && len(b.pairs) >= breakerPairs {
		b.forget()
	}
	b.pairs[p] = failures{inRow: f.inRow + 1, last: now}
	b.some.Store(true)
}

// forget drops the pair that failed longest ago.
func (b *breaker) forget() {
	var oldest pair
	var at time.Time
	for p, f := range b.pairs {
		if at.IsZero() || f.last.Before(at) {
			oldest, at = p, f.last
		}
	}
	delete(b.pairs, oldest)
}
