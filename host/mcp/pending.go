package mcp

import (
	"context"
	"sync"
	"time"

	"agentmesh/host/gate"
	"agentmesh/pdk/abi"
)

// stage says how far a request has come.
type stage uint8

const (
	deciding  stage = iota
	sent            // the server has it, or is about to
	cancelled       // the client called it off while it was decided
	settled         // refused, or answered
)

// entry is a request of the client that has no answer yet.
type entry struct {
	message
	route   route
	first   bool // of a listing: it asks for the first page
	call    gate.Call
	subject gate.Subject
	verdict abi.Verdict
	code    int       // of the error to refuse with; 0: as the route has it
	since   time.Time // when it was forwarded
	batch   *batch
	made    *entry             // of a request about a task: the call that made it
	cancel  context.CancelFunc // of its decision

	// Guarded by the table.
	stage   stage
	dropped bool // it was called off after it had been forwarded; no answer need come
}

// governed reports whether the entry was decided.
func (e *entry) governed() bool { return e.verdict.ID != "" }

// table holds the requests of the client that wait for an answer, by their ids.
type table struct {
	mu   sync.Mutex
	open map[string]*entry
	// dropped are the keys of requests called off, the oldest first: their answers may still come, and their ids stay
	// taken until maxDropped others were called off.
	dropped []string
}

const maxDropped = 1024

func newTable() *table { return &table{open: make(map[string]*entry)} }

// add notes a request; false when its id is taken.
func (t *table) add(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[e.key] != nil {
		return false
	}
	t.open[e.key] = e
	return true
}

// forward moves a request on its way to the server; false when it was called off.
func (t *table) forward(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.stage == cancelled || e.stage == settled {
		delete(t.open, e.key)
		return false
	}
	e.stage, e.since = sent, time.Now()
	return true
}

// settle removes a request that is not forwarded; false when it was called off, so that no answer is due.
func (t *table) settle(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, e.key)
	if e.stage == cancelled || e.stage == settled {
		return false
	}
	e.stage = settled
	return true
}

// callOff notes that the client no longer wants an answer. It gives the entry, if there is one.
func (t *table) callOff(key string) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.open[key]
	if e == nil || e.stage != deciding {
		return e
	}
	e.stage = cancelled
	if e.cancel != nil {
		e.cancel()
	}
	return e
}

// drop notes that a forwarded request was called off; false when that is known, or it was never forwarded.
func (t *table) drop(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.stage != sent || e.dropped || t.open[e.key] != e {
		return false
	}
	e.dropped = true
	t.dropped = append(t.dropped, e.key)
	if len(t.dropped) > maxDropped {
		oldest := t.open[t.dropped[0]]
		if oldest != nil && oldest.dropped {
			delete(t.open, oldest.key)
		}
		t.dropped = t.dropped[1:]
	}
	return true
}

// answered removes and gives the request that an answer of the server belongs to; nil when the server was never asked.
func (t *table) answered(key string) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.open[key]
	if e == nil || e.stage != sent {
		return nil
	}
	e.stage = settled
	delete(t.open, key)
	return e
}

// rest removes and gives all that is left.
func (t *table) rest() []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*entry
	for _, e := range t.open {
		if e.stage != cancelled {
			out = append(out, e)
		}
		e.stage = settled
	}
	clear(t.open)
	return out
}

// wasCalledOff reports whether a request was called off before it was forwarded.
func (t *table) wasCalledOff(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.stage == cancelled
}

// isDropped reports whether the client no longer waits.
func (t *table) isDropped(e *entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return e.dropped
}
