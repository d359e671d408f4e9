package replay

import (
	"context"
	"sync"

	"agentmesh/host/gate"
)

// shelfSize is how many sets stay open at once beyond those in use: a ledger may have been decided by thousands.
const shelfSize = 16

// shelf keeps sets open between entries that name them.
type shelf struct {
	judges  Judges
	mu      sync.Mutex
	volumes map[string]*volume
	idle    []*volume       // the longest idle first
	opened  map[string]bool // by digest: had once, and whether it was compiled otherwise
}

// volume is one set, or why there is none.
type volume struct {
	digest string
	once   sync.Once
	set    gate.Set
	err    error
	users  int // guarded by shelf.mu
}

func newShelf(j Judges) *shelf {
	return &shelf{judges: j, volumes: make(map[string]*volume), opened: make(map[string]bool)}
}

// take gives the set of that digest, to be put back.
func (s *shelf) take(ctx context.Context, digest string) *volume {
	s.mu.Lock()
	v := s.volumes[digest]
	if v == nil {
		v = &volume{digest: digest}
		s.volumes[digest] = v
	}
	v.users++
	if v.users == 1 {
		s.unshelve(v)
	}
	s.mu.Unlock()
	v.once.Do(func() {
		v.set, v.err = s.judges(ctx, digest)
		if v.err == nil {
			s.mu.Lock()
			other, tells := v.set.(interface{ Recompiled() bool })
			s.opened[digest] = tells && other.Recompiled()
			s.mu.Unlock()
		}
	})
	return v
}

func (s *shelf) unshelve(v *volume) {
	for i, w := range s.idle {
		if w == v {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			return
		}
	}
}

// put gives a set back. The one that was not asked for longest is closed when there are many.
func (s *shelf) put(v *volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.users--; v.users > 0 {
		return
	}
	s.idle = append(s.idle, v)
	if len(s.idle) > shelfSize {
		s.drop(s.idle[0])
		s.idle = s.idle[1:]
	}
}

func (s *shelf) drop(v *volume) {
	delete(s.volumes, v.digest)
	if v.set != nil {
		v.set.Release()
	}
}

func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.idle {
		s.drop(v)
	}
	s.idle = nil
}
