package mcp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"sync"
)

// DefaultMaxMessage is the size of a message at most, in bytes, its line end left out.
const DefaultMaxMessage = 16 << 20

// frame is one line as it came, without its line feed. A carriage return before that is part of it.
type frame struct {
	line []byte
	// size is the line's length; of an overlong line only what glimpse found is kept.
	size int64
	over bool
	seen glimpse
}

// frames reads newline-delimited messages. A line over the limit is passed by without being held, blank lines are left
// out, and what stands after the last line feed counts as a line.
type frames struct {
	r   *bufio.Reader
	max int
}

const readBuffer = 64 << 10

func newFrames(r io.Reader, limit int) *frames {
	if limit <= 0 {
		limit = DefaultMaxMessage
	}
	return &frames{bufio.NewReaderSize(r, readBuffer), limit}
}

// next is the next frame, whose bytes are the caller's; io.EOF when there is none.
func (f *frames) next() (frame, error) {
	for {
		fr, err := f.read()
		if err != nil || fr.over || !blank(fr.line) {
			return fr, err
		}
	}
}

func blank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

func (f *frames) read() (frame, error) {
	var line []byte
	for {
		part, err := f.r.ReadSlice('\n')
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		if line == nil && whole && len(part) <= f.max {
			return frame{line: bytes.Clone(part), size: int64(len(part))}, nil
		}
		if len(line)+len(part) > f.max {
			return f.skip(line, part, err)
		}
		line = append(line, part...)
		switch {
		case whole:
			return frame{line: line, size: int64(len(line))}, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case len(line) > 0 && errors.Is(err, io.EOF):
			return frame{line: line, size: int64(len(line))}, nil
		default:
			return frame{}, err
		}
	}
}

// skip passes by the rest of an overlong line, err being what ReadSlice said of part.
func (f *frames) skip(line, part []byte, err error) (frame, error) {
	fr := frame{over: true}
	fr.seen.write(line)
	fr.size = int64(len(line))
	for {
		fr.seen.write(part)
		fr.size += int64(len(part))
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return fr, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return fr, err
		}
		if part, err = f.r.ReadSlice('\n'); err == nil {
			part = part[:len(part)-1]
		}
	}
}

// lines writes frames to one side. It is safe for concurrent use; each frame goes out whole. After an error everything
// is dropped, and broken is called once.
type lines struct {
	mu     sync.Mutex
	w      io.Writer
	buf    []byte
	err    error
	broken func(error)
}

// keptFrame is the size from which on a frame's memory is not kept for the next.
const keptFrame = 1 << 20

// send writes a line and its line feed.
func (l *lines) send(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.buf = append(append(l.buf[:0], line...), '\n')
	_, l.err = l.w.Write(l.buf)
	if cap(l.buf) > keptFrame {
		l.buf = nil
	}
	if l.err != nil && l.broken != nil {
		l.broken(l.err)
	}
	return l.err
}
