package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"sync"
)

// floor is the least a durable log can do: frames of length and CRC in one file, callers that come while a sync runs
// share the next one. No hashing, no tree, no signature, no index. What a log reaches of it is what those cost.
type floor struct {
	file     *os.File
	durable  bool
	extended int64 // how far blocks are given ahead; 0: not at all
	size     int64

	mu      sync.Mutex
	more    *sync.Cond
	next    *batch
	spare   []byte
	closing bool
	ended   chan struct{}
}

// batch is what one write, and one sync, makes durable.
type batch struct {
	frames []byte
	done   chan struct{}
	err    error
}

// ahead is how much of a file is given blocks at a time.
const ahead = 64 << 20

// newFloor makes the file; durable asks for a sync of each batch, extending for blocks ahead of what is written.
func newFloor(name string, durable, extending bool) (*floor, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	f := &floor{file: file, durable: durable, next: &batch{done: make(chan struct{})}, ended: make(chan struct{})}
	if extending {
		f.extended = 1
	}
	f.more = sync.NewCond(&f.mu)
	go f.commit()
	return f, nil
}

// append returns when the entry is durable.
func (f *floor) append(entry []byte) error {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(entry)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(entry, crc32.MakeTable(crc32.Castagnoli)))
	f.mu.Lock()
	b := f.next
	b.frames = append(append(b.frames, head[:]...), entry...)
	f.mu.Unlock()
	f.more.Signal()
	<-b.done
	return b.err
}

func (f *floor) commit() {
	defer close(f.ended)
	for {
		f.mu.Lock()
		for len(f.next.frames) == 0 && !f.closing {
			f.more.Wait()
		}
		b := f.next
		f.next = &batch{frames: f.spare[:0], done: make(chan struct{})}
		f.mu.Unlock()
		if len(b.frames) == 0 {
			return
		}
		b.err = f.write(b.frames)
		f.spare = b.frames
		close(b.done)
	}
}

func (f *floor) write(frames []byte) error {
	f.size += int64(len(frames))
	if f.extended > 0 && f.size > f.extended {
		f.extended = f.size + ahead
		if err := extend(f.file, f.extended); err != nil {
			return err
		}
	}
	if _, err := f.file.Write(frames); err != nil || !f.durable {
		return err
	}
	return datasync(f.file)
}

func (f *floor) close() error {
	f.mu.Lock()
	f.closing = true
	f.mu.Unlock()
	f.more.Signal()
	<-f.ended
	return f.file.Close()
}
