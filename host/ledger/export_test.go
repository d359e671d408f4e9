package ledger

import (
	"io"
	"time"
)

// JournalFile lets tests put faults under the writer.
type JournalFile = journalFile

// OpenDisk opens a segment as the ledger does.
func OpenDisk(path string) (JournalFile, error) { return openDisk(path) }

// WithFiles makes the writer use other files.
func (c Config) WithFiles(open func(path string) (JournalFile, error)) Config {
	c.open = open
	return c
}

// WithPace sets the time between checkpoints and the size of a segment.
func (c Config) WithPace(every time.Duration, segment int64) Config {
	c.every, c.segment = every, segment
	return c
}

// ValidJSON is the check of bodies.
func ValidJSON(b []byte) bool { return validJSON(b) }

// ReadFrames walks bytes as a segment and returns how many frames are intact.
func ReadFrames(b []byte, f func(off int64, kind byte, index int64, payload []byte)) int {
	r := frameReader{r: bytesAt(b)}
	for n := 0; ; n++ {
		off := r.off
		fr, payload, err := r.next()
		if err != nil {
			return n
		}
		if f != nil {
			f(off, fr.kind, fr.index, payload)
		}
	}
}

// Reseal gives a frame at the start of b a checksum that fits, as somebody would who covers his tracks.
func Reseal(b []byte) {
	f, _ := parseFrame(b)
	seal(b[:f.size()], f)
}

// SplitBundle takes an entry bundle apart.
func SplitBundle(b []byte) ([][]byte, error) { return splitBundle(b) }

// CheckTree computes the root of leaves by the ledger's own tree.
func CheckTree(leaves [][32]byte) ([32]byte, error) {
	var t tree
	for _, leaf := range leaves {
		t.add(leaf, func(int, int64, []byte) {})
	}
	root, err := t.root()
	return root, err
}

type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	n := copy(p, b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
