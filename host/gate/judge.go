package gate

import (
	"context"

	"agentmesh/pdk/abi"
)

// Judge answers requests by rules of its own, knowing nothing of other judges. It is safe for concurrent use.
type Judge interface {
	// Info names the judge: Name, Version, Digest, SettingsDigest and Monitored are set, the rest is the gate's.
	Info() abi.Judged
	// Applies reports whether the judge is asked about the request at all: it speaks at the stage that action.stage
	// names, and its selector takes the agent.
	Applies(q *abi.Request) bool
	// Evaluate appends what the judge finds, in file order among equal priorities, and says what it cost in fuel (0 where
	// that is not counted). Limits that count the request and approvals it needs are obligations of its findings; a
	// finding that abstains may carry them too. An error that is no *abi.Failure counts as a trap.
	Evaluate(ctx context.Context, q *abi.Request, found []abi.Finding) (_ []abi.Finding, fuel int64, err error)
	// Possible is the set of decisions, abstaining included, that the judge could still give when what is unknown in q
	// becomes known.
	Possible(ctx context.Context, q *abi.Request) (abi.DecisionSet, error)
	// Redacts are the paths kept out of ledger and logs of every request the judge applies to.
	Redacts() [][]abi.Step
}

// Set is the judges in force at one moment, sorted by name. It stays whole until released.
type Set interface {
	// Digest covers all judges, settings and configuration.
	Digest() string
	Len() int
	Judge(i int) Judge
	// Release gives the set back; it must not be used afterwards.
	Release()
}

// Judges hands out the set in force. The caller releases it.
type Judges func() Set

// SetOf is a set of judges of any one type: what From adapts.
type SetOf[J Judge] interface {
	comparable
	Digest() string
	Len() int
	Judge(i int) J
	Release()
}

// From makes Judges of a function that hands out sets of some package's own type; its zero value is no set.
func From[J Judge, S SetOf[J]](acquire func() S) Judges {
	return func() Set { return As[J](acquire()) }
}

// As makes a Set of some package's own; its zero value is no set.
func As[J Judge, S SetOf[J]](s S) Set {
	var none S
	if s == none {
		return nil
	}
	return adapted[J, S]{s}
}

// adapted holds nothing but S, so that an S which is a pointer becomes a Set without allocating.
type adapted[J Judge, S SetOf[J]] struct{ set S }

func (a adapted[J, S]) Digest() string    { return a.set.Digest() }
func (a adapted[J, S]) Len() int          { return a.set.Len() }
func (a adapted[J, S]) Judge(i int) Judge { return a.set.Judge(i) }
func (a adapted[J, S]) Release()          { a.set.Release() }
