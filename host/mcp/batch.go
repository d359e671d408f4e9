package mcp

import (
	"bytes"
	"sync"
)

// batch gathers the answers to the requests of one batch, which go out together.
type batch struct {
	mu    sync.Mutex
	left  int // answers to come, and one while the batch is still being read
	parts [][]byte
}

// maxBatch is how many messages a batch may have.
const maxBatch = 100

// expect notes that an answer will come.
func (b *batch) expect() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left++
}

// answer takes an answer, or nil where none will come. It gives the whole once all are there.
func (b *batch) answer(line []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if line != nil {
		b.parts = append(b.parts, bytes.TrimSpace(line))
	}
	if b.left--; b.left > 0 || len(b.parts) == 0 {
		return nil
	}
	return append(append([]byte{'['}, bytes.Join(b.parts, []byte{','})...), ']')
}

// isBatch reports whether a line holds a list.
func isBatch(line []byte) bool {
	line = bytes.TrimLeft(line, " \t\r")
	return len(line) > 0 && line[0] == '['
}

// split takes a batch apart; nil when it is none.
func split(line []byte) [][]byte {
	parts := [][]byte{}
	ok := elements(line, func(item span) bool {
		parts = append(parts, item.of(line))
		return true
	})
	if !ok {
		return nil
	}
	return parts
}
