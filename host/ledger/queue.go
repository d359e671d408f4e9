package ledger

import (
	"context"
	"errors"
	"fmt"
)

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

// flush makes everything that was queued durable, whatever the mode.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	if j.err != nil {
		defer j.mu.Unlock()
		return j.err
	}
	c := j.barrier()
	j.mu.Unlock()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// barrier makes what is pending urgent and its commit a synced one; mu is held.
func (j *journal) barrier() *commit {
	c := j.pending
	c.barrier, c.urgent = true, true
	j.signal()
	return c
}

// syncWritten makes durable what mode OS has acknowledged, and returns how many entries that is. It works on a file of its
// own: nobody who appends waits for it.
func (j *journal) syncWritten() (int64, error) {
	j.mu.Lock()
	written, current, err := j.written, j.current, j.err
	j.mu.Unlock()
	if err != nil {
		return 0, err
	}
	file, err := j.open(segmentPath(j.dir, current)) // those before it were synced when they were left
	if err != nil {
		return 0, err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		return 0, j.stop(fmt.Errorf("sync the journal: %w", err))
	}
	return written, nil
}
