package ledger

import "fmt"

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
