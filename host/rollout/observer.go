package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"agentmesh/pdk/abi"
)

// leastWindow is how many decisions are counted together at least.
const leastWindow = 1000

// editPatience is how long a guard waits for others that edit the lock.
const editPatience = 10 * time.Second

// Observer counts how candidates do, and sends one back to staged when its guard says so. It is a gate.Observer; what it is
// told costs a look into a table while there are no guarded candidates that it is about.
type Observer struct {
	store      *Store
	tell       func(Change, error)
	candidates atomic.Pointer[map[candidate]*count]
	mu         sync.Mutex // guards closed and following
	closed     bool
	editing    sync.WaitGroup
}

type candidate struct{ name, version string }

// Counts are what was seen of a candidate in the present and the previous window.
type Counts struct {
	Decisions, Errors, Differences int
}

func (c *Counts) plus(d Counts) Counts {
	return Counts{c.Decisions + d.Decisions, c.Errors + d.Errors, c.Differences + d.Differences}
}

// count is one candidate's.
type count struct {
	stage  Stage
	since  time.Time
	guard  *Guard
	mu     sync.Mutex
	now    Counts
	before Counts
	fired  bool
}

// Observe makes the observer of the store, one at most. tell is told, on a goroutine of its own, of every candidate that was sent
// back, or why it could not be; the lock's change makes watchers load again. Close it before what tell uses.
func (s *Store) Observe(tell func(Change, error)) *Observer {
	s.observer = &Observer{store: s, tell: tell}
	return s.observer
}

// Close waits for edits under way; none begins any more.
func (o *Observer) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.editing.Wait()
}

// follow counts for the candidates of a lock. One that is where it was keeps its counts.
func (o *Observer) follow(l *Lock) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.candidates.Load()
	var next map[candidate]*count
	for _, r := range l.Running() {
		if r.Stage != Shadow && r.Stage != Canary {
			continue
		}
		if next == nil {
			next = map[candidate]*count{}
		}
		key := candidate{r.Name, r.Version.Version}
		c := &count{stage: r.Stage, since: r.Since, guard: r.Guard}
		if before != nil {
			if old := (*before)[key]; old != nil && old.since.Equal(c.since) && old.stage == c.stage {
				c = old
			}
		}
		next[key] = c
	}
	if next == nil {
		o.candidates.Store(nil)
		return
	}
	o.candidates.Store(&next)
}

// Counts are what was seen of a candidate; nothing of what is none.
func (o *Observer) Counts(name, version string) Counts {
	c := o.of(name, version)
	if c == nil {
		return Counts{}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now.plus(c.before)
}

func (o *Observer) of(name, version string) *count {
	all := o.candidates.Load()
	if all == nil {
		return nil
	}
	return (*all)[candidate{name, version}]
}

// Judged implements gate.Observer.
func (o *Observer) Judged(judge *abi.Judged, failure abi.Code) {
	if c := o.of(judge.Name, judge.Version); c != nil {
		seen := Counts{Decisions: 1}
		if failed(failure) {
			seen.Errors = 1
		}
		o.saw(judge.Name, judge.Version, c, seen)
	}
}

// failed reports whether a failure says something of the rules, and not of one request, the host, or who vouches for them.
func failed(code abi.Code) bool {
	switch code {
	case "", abi.CodeInputTooLarge, abi.CodeCancelled, abi.CodeOverloaded, abi.CodeAbsent, abi.CodeLapsed:
		return false
	default:
		return true
	}
}

// Differed implements gate.Observer: it counts for whichever of the two is a candidate.
func (o *Observer) Differed(name, monitored, deciding string) {
	for _, version := range [2]string{monitored, deciding} {
		if c := o.of(name, version); c != nil {
			o.saw(name, version, c, Counts{Differences: 1})
		}
	}
}

// saw counts, and acts on what the counts have come to.
func (o *Observer) saw(name, version string, c *count, seen Counts) {
	if why := c.add(seen); why != "" {
		o.sendBack(name, version, c, why)
	}
}

// add counts and says why the guard fires, once.
func (c *count) add(seen Counts) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.now.plus(c.before)
	c.now = c.now.plus(seen)
	why := ""
	if c.guard != nil && !c.fired {
		all := c.now.plus(c.before)
		compared := &all
		if seen.Decisions > 0 { // whether this one differs is told next, if it does
			compared = &before
		}
		why = cmp.Or(c.guard.failing(&all), c.guard.differing(compared))
		c.fired = why != ""
	}
	if c.now.Decisions >= c.window() {
		c.before, c.now = c.now, Counts{}
	}
	return why
}

func (c *count) window() int {
	if c.guard == nil {
		return leastWindow
	}
	return max(leastWindow, 10*c.guard.MinDecisions)
}

// failing says that too many decisions failed, or nothing.
func (g *Guard) failing(c *Counts) string {
	if !g.beyond(c.Errors, c, g.MaxErrors) {
		return ""
	}
	return fmt.Sprintf("%d of %d decisions failed, and %d %% may", c.Errors, c.Decisions, *g.MaxErrors)
}

// differing says that too many decisions differed, or nothing.
func (g *Guard) differing(c *Counts) string {
	if !g.beyond(c.Differences, c, g.MaxDifferences) {
		return ""
	}
	return fmt.Sprintf("%d of %d decisions differed, and %d %% may", c.Differences, c.Decisions, *g.MaxDifferences)
}

func (g *Guard) beyond(n int, c *Counts, percent *int) bool {
	return percent != nil && c.Decisions >= g.MinDecisions && n*100 > *percent*c.Decisions
}

// sendBack edits the lock, away from the decision that made it necessary. When that fails, the next decision tries again.
func (o *Observer) sendBack(name, version string, c *count, why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.editing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), editPatience)
		defer cancel()
		change, err := o.store.Edit(ctx, func(l *Lock) (Change, error) {
			return l.demote(name, version, c.since, why, o.store.options.Now())
		})
		if errors.Is(err, errMoved) { // somebody was quicker
			return
		}
		if err != nil {
			c.mu.Lock()
			c.fired = false
			c.mu.Unlock()
			change, err = Change{Name: name, Version: version}, fmt.Errorf("send %s %s back to staged, because %s: %w", name, version, why, err)
		}
		if o.tell != nil {
			o.tell(change, err)
		}
	})
}
