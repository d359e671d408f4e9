package mcp

import (
	"sync"
	"sync/atomic"
	"time"
)

// conveyor carries messages in one direction. What must be done about a message may take its time and is done beside that
// of others; what comes of it goes out in the order the messages came.
type conveyor struct {
	jobs    chan *job
	workers chan struct{}
	stopped chan struct{}
	room    *room
	moved   atomic.Int64 // how many messages have gone out
}

// job is one message: what to do about it, and how it goes out.
type job struct {
	ready chan struct{} // closed when the work is done; nil: there is none
	emit  func()
	size  int64
}

// How much a conveyor holds: messages, those worked on at once, and bytes. Beyond that its sender waits, as it would for a
// slow reader.
const (
	maxQueued  = 1024
	maxWorkers = 64
	maxHeld    = 64 << 20
)

func newConveyor() *conveyor {
	c := &conveyor{
		jobs: make(chan *job, maxQueued), workers: make(chan struct{}, maxWorkers), stopped: make(chan struct{}),
		room: newRoom(maxHeld),
	}
	go c.run()
	return c
}

func (c *conveyor) run() {
	for {
		select {
		case j := <-c.jobs:
			if j.ready != nil {
				<-j.ready
			}
			j.emit()
			c.moved.Add(1)
			c.room.leave(j.size)
		case <-c.stopped:
			return
		}
	}
}

// pass puts a message in the row that needs no work.
func (c *conveyor) pass(size int, emit func()) {
	c.room.enter(int64(size))
	c.put(&job{emit: emit, size: int64(size)})
}

// work puts a message in the row that goes out when work has been done.
func (c *conveyor) work(size int, work, emit func()) {
	j := &job{ready: make(chan struct{}), emit: emit, size: int64(size)}
	c.room.enter(j.size)
	select {
	case c.workers <- struct{}{}:
	case <-c.stopped:
		return
	}
	go func() {
		defer func() {
			<-c.workers
			close(j.ready)
		}()
		work()
	}()
	c.put(j)
}

func (c *conveyor) put(j *job) {
	select {
	case c.jobs <- j:
	case <-c.stopped:
	}
}

// drain waits until all that was put in before has gone out; false when that takes longer than limit.
func (c *conveyor) drain(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	out := make(chan struct{})
	select {
	case c.jobs <- &job{emit: func() { close(out) }}:
	case <-timer.C:
		return false
	}
	select {
	case <-out:
		return true
	case <-timer.C:
		return false
	}
}

// stop ends the row; what is in it, or is put in later, does not go out.
func (c *conveyor) stop() {
	close(c.stopped)
	c.room.open()
}

// room bounds how many bytes are held. One message always fits.
type room struct {
	mu   sync.Mutex
	less *sync.Cond
	held int64
	most int64
	free bool
}

func newRoom(most int64) *room {
	r := &room{most: most}
	r.less = sync.NewCond(&r.mu)
	return r
}

func (r *room) enter(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.free && r.held > 0 && r.held+n > r.most {
		r.less.Wait()
	}
	r.held += n
}

func (r *room) leave(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
	r.less.Broadcast()
}

// open lets everything in from now on.
func (r *room) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = true
	r.less.Broadcast()
}
