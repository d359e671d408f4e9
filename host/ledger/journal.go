package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"agentmesh/host/disk"
)

const (
	// maxPending bounds what waits for the disk; beyond it appends wait before they queue.
	maxPending = 8 << 20
	// lazyDelay is how long entries that nobody waits for may wait for a commit to ride on.
	lazyDelay = 100 * time.Millisecond
)

// journal is the writing end of a shard. Whoever sets busy writes; everybody else only queues, so nobody holds mu while
// the disk works.
type journal struct {
	dir    string // of the segments
	origin string
	mode   Mode
	open   opener
	limit  int64  // where a segment is full
	moved  func() // told after each commit

	mu      sync.Mutex
	pending *commit
	spare   []byte
	next    int64 // index of the next entry that queues
	written int64 // entries below it are acknowledged
	current int64 // the segment that the last commit went to
	busy    bool
	err     error // set once: nothing is appended any more
	lazy    *time.Timer
	wake    chan struct{}
	quit    chan struct{}
	stopped chan struct{}

	// Of the busy one.
	file     journalFile
	segment  int64
	off      int64
	reserved int64
}

// start begins to write; the journal stands at off of the segment that began with entry segment.
func (j *journal) start() {
	j.pending = newCommit(nil)
	j.written, j.current = j.next, j.segment
	j.wake = make(chan struct{}, 1)
	j.quit = make(chan struct{})
	j.stopped = make(chan struct{})
	j.lazy = time.AfterFunc(time.Hour, j.hurry)
	j.lazy.Stop()
	go j.run()
}

func (j *journal) run() {
	defer close(j.stopped)
	for {
		select {
		case <-j.wake:
		case <-j.quit:
			return
		}
		for {
			// Those whom the last commit let go are about to come back: let them, and one sync serves them all.
			runtime.Gosched()
			j.mu.Lock()
			if j.busy || !j.pending.urgent {
				break
			}
			j.step()
			j.mu.Unlock()
		}
		j.mu.Unlock()
	}
}

// hurry makes what is pending urgent.
func (j *journal) hurry() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending.entries > 0 {
		j.pending.urgent = true
		j.signal()
	}
}

// signal makes run look at what is pending.
func (j *journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// step writes what is pending. It is called with mu held and not busy, and gives mu up while it writes.
func (j *journal) step() {
	c := j.pending
	c.first = j.next - int64(c.entries)
	j.pending = newCommit(j.spare)
	j.spare = nil
	j.busy = true
	j.mu.Unlock()
	close(c.taken)
	err := j.write(c)
	j.mu.Lock()
	j.busy = false
	if cap(c.buf) <= 2*maxPending {
		j.spare = c.buf
	}
	if err != nil {
		c.err = j.stop(err)
	} else {
		j.written = c.first + int64(c.entries)
		j.current = j.segment
	}
	close(c.done)
	if j.moved != nil {
		j.moved()
	}
}

// stop refuses everything from now on, what is pending included; mu is held. After a failed sync the kernel may have
// dropped the pages and call them clean, so trying again would lie.
func (j *journal) stop(cause error) error {
	err := &StoppedError{Dir: filepath.Dir(j.dir), Cause: cause}
	if j.err == nil || errors.Is(j.err, ErrClosed) {
		j.err = err
	}
	c := j.pending
	j.pending = newCommit(nil)
	j.next -= int64(c.entries)
	c.err = j.err
	close(c.taken)
	close(c.done)
	return err
}

func (j *journal) write(c *commit) error {
	if c.entries > 0 && j.off >= j.limit {
		if err := j.rotate(c.first); err != nil {
			return err
		}
	}
	c.seal(j.mode)
	if err := j.reserve(j.off + int64(len(c.buf))); err != nil {
		return fmt.Errorf("reserve space for the journal: %w", err)
	}
	if _, err := j.file.WriteAt(c.buf, j.off); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.off += int64(len(c.buf))
	if j.mode == OS && !c.barrier {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync the journal: %w", err)
	}
	return nil
}

// reserve makes the file long enough, in steps that grow with it: small logs stay small, busy ones rarely wait.
func (j *journal) reserve(size int64) error {
	if size <= j.reserved {
		return nil
	}
	step := min(max(j.reserved, 256<<10), 4<<20)
	j.reserved = size + step
	return j.file.Extend(j.reserved)
}

// rotate goes on in a new segment.
func (j *journal) rotate(first int64) error {
	if j.mode == OS {
		if err := j.file.Sync(); err != nil {
			return fmt.Errorf("sync the journal: %w", err)
		}
	}
	if err := errors.Join(j.file.Truncate(j.off), j.file.Close()); err != nil {
		return fmt.Errorf("close the segment of the journal: %w", err)
	}
	return j.newSegment(first)
}

// newSegment makes the segment that starts with entry first, durable before anything is acknowledged in it.
func (j *journal) newSegment(first int64) error {
	file, err := j.open(segmentPath(j.dir, first))
	if err != nil {
		return fmt.Errorf("new segment of the journal: %w", err)
	}
	j.file, j.segment, j.off, j.reserved = file, first, 0, 0
	head := appendFrame(nil, frameHead, []byte(j.origin))
	seal(head, frame{index: first})
	if err := j.reserve(int64(len(head))); err != nil {
		return fmt.Errorf("new segment of the journal: %w", err)
	}
	if _, err := j.file.WriteAt(head, 0); err != nil {
		return fmt.Errorf("new segment of the journal: %w", err)
	}
	j.off = int64(len(head))
	if err := errors.Join(j.file.Sync(), disk.SyncDir(j.dir)); err != nil {
		return fmt.Errorf("new segment of the journal: %w", err)
	}
	return nil
}

// acknowledged returns how many entries are.
func (j *journal) acknowledged() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.written
}

// failure returns why the journal stopped.
func (j *journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// refuse takes nothing more and writes what is pending.
func (j *journal) refuse() error {
	j.mu.Lock()
	if err := j.err; err != nil {
		defer j.mu.Unlock()
		return err
	}
	j.err = ErrClosed
	c := j.barrier() // the last commit: nobody can queue behind it
	j.mu.Unlock()
	<-c.done
	return c.err
}

// close ends run and, when everything was written, gives back the space that was reserved. refuse comes before it, and err is
// what it returned.
func (j *journal) close(err error) error {
	j.lazy.Stop()
	close(j.quit)
	<-j.stopped
	if err == nil {
		err = errors.Join(j.file.Truncate(j.off), j.file.Sync())
	}
	return errors.Join(err, j.file.Close())
}
