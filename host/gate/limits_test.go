package gate_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentmesh/host/gate"
)

func counter(t testing.TB, policy, limit string, monitored bool) gate.Counter {
	t.Helper()
	c, err := gate.NewCounter(policy, "r", limit, monitored)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLimitsThatAreNone(t *testing.T) {
	for _, s := range []string{"", "5", "/hour", "0/hour", "-1/hour", "5/week", "5/Hour", "1.5/hour", "5/hour ", "5 /hour", "99999999999999999999/day"} {
		if c, err := gate.NewCounter("p", "r", s, false); err == nil {
			t.Errorf("%q was read as %+v", s, c)
		}
	}
}

// TestWindowsAreExact holds the stored limits against the definition, on random hits with a clock that also goes back.
func TestWindowsAreExact(t *testing.T) {
	l := openLimits(t)
	rng := rand.New(rand.NewPCG(1, 2))
	const count, window = 5, time.Minute
	now := newClock().now()
	var hits []time.Time
	allowed := 0
	for i := range 1500 {
		step := time.Duration(rng.Int64N(int64(20 * time.Second)))
		if rng.IntN(8) == 0 {
			step = -3 * step
		}
		if rng.IntN(4) == 0 {
			step = 0
		}
		now = now.Add(step)
		used := 0
		for _, h := range hits {
			if h.After(now.Add(-window)) {
				used++
			}
		}
		cs := []gate.Counter{counter(t, "p", "5/minute", false)}
		if err := l.Consume(t.Context(), "a", now, cs); err != nil {
			t.Fatal(err)
		}
		// Hits beyond the newest count that left the window may have been pruned before the clock went back; only then may
		// fewer be seen, and never so few that more would be allowed.
		if cs[0].Over != (used >= count) || (used < count && cs[0].Used != int64(used)) {
			t.Fatalf("step %d at %v: used %d, over %v; by definition %d", i, now, cs[0].Used, cs[0].Over, used)
		}
		if !cs[0].Over {
			hits = append(hits, now)
			allowed++
			continue
		}
		again := []gate.Counter{counter(t, "p", "5/minute", false)}
		for _, c := range []struct {
			at   time.Duration
			over bool
		}{{cs[0].Retry - 1, true}, {cs[0].Retry, false}} {
			if err := l.Peek(t.Context(), "a", now.Add(c.at), again); err != nil || again[0].Over != c.over {
				t.Fatalf("step %d: retry after %v, at %v over is %v, %v", i, cs[0].Retry, c.at, again[0].Over, err)
			}
		}
	}
	if allowed < 100 || allowed > 1400 {
		t.Errorf("%d of 1500 were allowed: the test tests little", allowed)
	}
}

func TestAllLimitsOrNone(t *testing.T) {
	l, now := openLimits(t), newClock().now()
	narrow := func() []gate.Counter {
		return []gate.Counter{counter(t, "wide", "9/hour", false), counter(t, "narrow", "1/hour", false)}
	}
	for i, over := range []bool{false, true, true} {
		cs := narrow()
		if err := l.Consume(t.Context(), "a", now, cs); err != nil || cs[1].Over != over {
			t.Fatalf("call %d: %+v, %v", i, cs, err)
		}
		if cs[0].Used != int64(min(i, 1)) {
			t.Errorf("call %d: the wide limit had %d hits", i, cs[0].Used)
		}
	}
}

func TestTwoLimitsOfOneRuleShareACount(t *testing.T) {
	l, now := openLimits(t), newClock().now()
	for i := range 3 {
		cs := []gate.Counter{counter(t, "p", "9/minute", false), counter(t, "p", "3/hour", false)}
		if err := l.Consume(t.Context(), "a", now, cs); err != nil || cs[0].Used != int64(i) || cs[1].Over {
			t.Fatalf("call %d: %+v, %v", i, cs, err)
		}
	}
}

func TestAMonitoredCounterHindersNoOther(t *testing.T) {
	l, now := openLimits(t), newClock().now()
	for i := range 3 {
		cs := []gate.Counter{counter(t, "p", "9/hour", false), counter(t, "p", "1/hour", true)}
		if err := l.Consume(t.Context(), "a", now, cs); err != nil || cs[0].Used != int64(i) || cs[1].Over != (i > 0) || cs[1].Used != int64(min(i, 1)) {
			t.Fatalf("call %d: %+v, %v", i, cs, err)
		}
	}
}

func TestLimitsAreExactUnderConcurrency(t *testing.T) {
	l, now := openLimits(t), newClock().now()
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				cs := []gate.Counter{counter(t, "p", "50/hour", false)}
				if err := l.Consume(t.Context(), "a", now, cs); err != nil {
					t.Error(err)
				} else if !cs[0].Over {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if allowed.Load() != 50 {
		t.Errorf("%d of 160 calls passed a limit of 50", allowed.Load())
	}
}

func TestHitsThatLeftTheWindowAreRemoved(t *testing.T) {
	db := openStore(t)
	l, err := gate.NewLimits(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	now := newClock().now()
	for i := range 600 {
		cs := []gate.Counter{counter(t, "p", "5/second", false)}
		if err := l.Consume(t.Context(), "a", now.Add(time.Duration(i)*time.Second), cs); err != nil || cs[0].Over {
			t.Fatalf("%+v, %v", cs, err)
		}
	}
	if n := rows(t, db); n < 5 || n > 400 {
		t.Errorf("%d rows are kept of a limit of 5", n)
	}
	if err := l.Sweep(t.Context(), now.Add(30*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, db); n != 0 {
		t.Errorf("%d rows are left of a month ago", n)
	}
}

func BenchmarkConsume(b *testing.B) {
	for _, limit := range []string{"100/second", "10000/second"} {
		b.Run(limit, func(b *testing.B) {
			l, now := openLimits(b), newClock().now()
			cs := []gate.Counter{counter(b, "p", limit, false)}
			step := time.Duration(int64(time.Second) / 100)
			if limit == "10000/second" {
				step /= 100
			}
			for i := 0; b.Loop(); i++ {
				if err := l.Consume(b.Context(), "a", now.Add(time.Duration(i)*step), cs); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
