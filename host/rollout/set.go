package rollout

import (
	"sync/atomic"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// Set is a sandbox's set whose judges take part as a plan says. It is immutable and shares its holders with the set that it
// wraps; gate.As[sandbox.Judge] makes a gate's set of it.
type Set struct {
	inner  *sandbox.Set
	plan   Plan
	judges []sandbox.Judge
}

// Wrap lets the judges of a set take part as a plan says. now tells, while tools are listed, which dates are still to come; nil:
// time.Now. Decisions go by the request's context.time alone. Entries of the plan that the set has no judge for stand for
// nothing.
func Wrap(s *sandbox.Set, plan Plan, now func() time.Time) *Set {
	if now == nil {
		now = time.Now
	}
	out := &Set{inner: s, plan: plan}
	for from := 0; from < s.Len(); {
		to := from + 1
		name := s.Judge(from).Info().Name
		for to < s.Len() && s.Judge(to).Info().Name == name {
			to++
		}
		versions := make([]sandbox.Judge, 0, to-from)
		for i := from; i < to; i++ {
			versions = append(versions, s.Judge(i))
		}
		out.judges = append(out.judges, seats(name, versions, plan, now)...)
		from = to
	}
	return out
}

// Digest is that of the set. It covers the tags, and with them the plan that the set was loaded by (PlanOf).
func (s *Set) Digest() string { return s.inner.Digest() }

// Len is the number of seats: a version may have two, one to decide and one beside.
func (s *Set) Len() int { return len(s.judges) }

// Judge is the i-th seat, by the judge's name.
func (s *Set) Judge(i int) sandbox.Judge { return s.judges[i] }

// Release lets go of the set.
func (s *Set) Release() { s.inner.Release() }

// Plan is the plan, as the ledger has it.
func (s *Set) Plan() abi.Value { return s.plan.Value() }

// Inner is the set that is wrapped.
func (s *Set) Inner() *sandbox.Set { return s.inner }

// Wrapper wraps sets by their own plans, each once. It is safe for concurrent use; the zero Wrapper is ready.
type Wrapper struct {
	// Now is what Wrap takes.
	Now  func() time.Time
	last atomic.Pointer[Set]
}

// Wrap is the set by its own plan; nil for none.
func (w *Wrapper) Wrap(s *sandbox.Set) *Set {
	if s == nil {
		return nil
	}
	if last := w.last.Load(); last != nil && last.inner == s {
		return last
	}
	next := Wrap(s, PlanOf(s), w.Now)
	w.last.Store(next)
	return next
}
