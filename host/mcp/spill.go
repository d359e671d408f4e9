package mcp

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Spill is a writer that never waits: it holds up to a MiB for a slow reader, and of more it drops the newest and says how
// much. A server that floods its stderr, or a client that does not read ours, stops nothing. It is safe for concurrent
// use.
type Spill struct {
	mu      sync.Mutex
	more    *sync.Cond
	held    []byte
	dropped int64
	closed  bool
	done    chan struct{}
}

const maxSpill = 1 << 20

// NewSpill makes a Spill before a writer.
func NewSpill(w io.Writer) *Spill {
	s := &Spill{done: make(chan struct{})}
	s.more = sync.NewCond(&s.mu)
	go s.run(w)
	return s
}

// Write takes everything at once.
func (s *Spill) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.held)+len(b) > maxSpill {
		s.dropped += int64(len(b))
	} else {
		s.held = append(s.held, b...)
	}
	s.more.Signal()
	return len(b), nil
}

func (s *Spill) run(w io.Writer) {
	defer close(s.done)
	var out []byte
	for {
		s.mu.Lock()
		for len(s.held) == 0 && !s.closed {
			s.more.Wait()
		}
		out, s.held = s.held, out[:0]
		if s.dropped > 0 && len(out) > 0 {
			out = fmt.Appendf(out, "\nagentmesh: %d bytes of stderr were dropped here; nobody read them in time\n", s.dropped)
			s.dropped = 0
		}
		end := s.closed
		s.mu.Unlock()
		if _, err := w.Write(out); err != nil {
			w = io.Discard
		}
		if end {
			return
		}
	}
}

// Close writes out what is held, for a moment at most, and drops what is written later.
func (s *Spill) Close() error {
	s.mu.Lock()
	s.closed = true
	s.more.Signal()
	s.mu.Unlock()
	select {
	case <-s.done:
	case <-time.After(lastWords):
	}
	return nil
}
