package ledger

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Mode says when an append is acknowledged.
type Mode uint8

const (
	// Sync acknowledges when the entry is on the disk: it survives a power cut.
	Sync Mode = iota
	// OS acknowledges when the operating system has the entry: it survives a killed process.
	OS
)

// String gives "sync" or "os".
func (m Mode) String() string {
	if m == OS {
		return "os"
	}
	return "sync"
}

// ParseMode reads what String gives.
func ParseMode(s string) (Mode, error) {
	switch s {
	case "sync":
		return Sync, nil
	case "os":
		return OS, nil
	}
	return Sync, fmt.Errorf("ledger mode %q is unknown; write sync or os", s)
}

const (
	// maxPending bounds what waits for the disk; beyond it appends wait before they queue.
	maxPending = 8 << 20
	// lazyDelay is how long entries that nobody waits for may wait for a commit to ride on.
	lazyDelay = 100 * time.Millisecond
)

// commit is what one write and one sync make durable together.
type commit struct {
	buf     []byte
	first   int64
	entries int
	barrier bool          // sync whatever the mode
	urgent  bool          // somebody waits for it
	taken   chan struct{} // closed when the writer takes it
	done    chan struct{} // closed when err is set
	err     error
}

func newCommit(buf []byte) *commit {
	return &commit{buf: buf[:0], taken: make(chan struct{}), done: make(chan struct{})}
}

// seal sets flags, places and checksums of the frames.
func (c *commit) seal(mode Mode) {
	var flags byte
	if mode == OS && !c.barrier {
		flags = flagOS
	}
	nth := 0
	for b := c.buf; len(b) > 0; {
		f, _ := parseFrame(b)
		size := f.size()
		f.flags, f.nth, f.index = flags, uint32(nth), c.first+int64(nth)
		if size == int64(len(b)) {
			f.flags |= flagLast
		}
		seal(b[:size], f)
		if f.kind == frameEntry {
			nth++
		}
		b = b[size:]
	}
}

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
	j.written = j.next
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
		j.stop(err)
		c.err = j.err
	} else {
		j.written = c.first + int64(c.entries)
	}
	close(c.done)
	if j.moved != nil {
		j.moved()
	}
}

// stop refuses everything from now on, what is pending included. After a failed sync the kernel may have dropped the
// pages and call them clean, so trying again would lie.
func (j *journal) stop(cause error) {
	if j.err == nil {
		j.err = &StoppedError{Dir: filepath.Dir(j.dir), Cause: cause}
	}
	c := j.pending
	j.pending = newCommit(nil)
	j.next -= int64(c.entries)
	c.err = j.err
	close(c.taken)
	close(c.done)
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
	if err := errors.Join(j.file.Sync(), syncDir(j.dir)); err != nil {
		return fmt.Errorf("new segment of the journal: %w", err)
	}
	return nil
}

// room waits until there is room to queue and returns with mu held, or with an error and without it.
func (j *journal) room(ctx context.Context) error {
	for {
		j.mu.Lock()
		if j.err != nil {
			defer j.mu.Unlock()
			return j.err
		}
		c := j.pending
		if len(c.buf) < maxPending {
			return nil
		}
		c.urgent = true
		j.signal()
		j.mu.Unlock()
		select {
		case <-c.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add queues an entry; mu is held.
func (j *journal) add(entry, body []byte) (*commit, int64) {
	c := j.pending
	if body != nil {
		c.buf = appendFrame(c.buf, frameBody, body)
	}
	c.buf = appendFrame(c.buf, frameEntry, entry)
	c.entries++
	j.next++
	return c, j.next - 1
}

// append queues an entry and waits until it is acknowledged. When ctx ends first, the entry may still be written.
func (j *journal) append(ctx context.Context, entry, body []byte) (int64, error) {
	if err := j.room(ctx); err != nil {
		return 0, err
	}
	c, index := j.add(entry, body)
	c.urgent = true
	switch {
	case j.busy: // who writes now goes on with this
	case j.mode == OS:
		j.step() // a write is quick: handing it over would take longer
		j.handOver()
		j.mu.Unlock()
		return index, c.err
	default:
		j.signal()
	}
	j.mu.Unlock()
	select {
	case <-c.done:
		return index, c.err
	case <-ctx.Done():
		return index, ctx.Err()
	}
}

// handOver makes run go on when a caller that wrote for itself leaves others behind; mu is held.
func (j *journal) handOver() {
	if j.pending.urgent {
		j.signal()
	}
}

// appendLazy queues an entry that rides on the next commit, or makes one soon.
func (j *journal) appendLazy(ctx context.Context, entry, body []byte) (int64, error) {
	if err := j.room(ctx); err != nil {
		return 0, err
	}
	defer j.mu.Unlock()
	c, index := j.add(entry, body)
	if c.entries == 1 {
		j.lazy.Reset(lazyDelay)
	}
	return index, nil
}

// flush makes everything that was queued durable, whatever the mode, and returns how many entries are.
func (j *journal) flush(ctx context.Context) (int64, error) {
	j.mu.Lock()
	if j.err != nil {
		defer j.mu.Unlock()
		return 0, j.err
	}
	c := j.pending
	c.barrier, c.urgent = true, true
	if !j.busy {
		j.signal()
	}
	j.mu.Unlock()
	select {
	case <-c.done:
		return c.first + int64(c.entries), c.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
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

// close writes what is pending, ends run, and gives back the space that was reserved.
func (j *journal) close() error {
	_, err := j.flush(context.Background())
	j.mu.Lock()
	closed := j.err == ErrClosed
	if j.err == nil {
		j.err = ErrClosed
	}
	j.mu.Unlock()
	if closed {
		return nil
	}
	j.lazy.Stop()
	close(j.quit)
	<-j.stopped
	if err == nil {
		err = errors.Join(j.file.Truncate(j.off), j.file.Sync())
	}
	return errors.Join(err, j.file.Close())
}
