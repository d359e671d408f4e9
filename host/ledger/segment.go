package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

const (
	// segmentSize is where the writer goes on to the next segment; small enough that replaying one at start is quick.
	segmentSize  = 4 << 20
	bodiesSuffix = ".bodies"
)

// segment is one file of the journal. A plain one holds whole commits; a bodies one what settle kept of it.
type segment struct {
	first  int64 // index of its first entry
	bodies bool
	path   string
	file   *os.File // of a plain one that openSegments opened
}

func segmentPath(journal string, first int64) string {
	return filepath.Join(journal, fmt.Sprintf("%020d", first))
}

// listSegments returns the files of a journal by first index; plain ones come before bodies of the same first index.
func listSegments(journal string) ([]segment, error) {
	names, err := os.ReadDir(journal)
	if err != nil {
		return nil, err
	}
	var list []segment
	for _, name := range names {
		number, bodies := strings.CutSuffix(name.Name(), bodiesSuffix)
		first, err := strconv.ParseInt(number, 10, 64)
		if len(number) != 20 || err != nil {
			continue // left over from a crash (.tmp), or not ours
		}
		list = append(list, segment{first: first, bodies: bodies, path: filepath.Join(journal, name.Name())})
	}
	sortSegments(list)
	return list, nil
}

func sortSegments(list []segment) {
	sort.SliceStable(list, func(i, j int) bool {
		return list[i].first < list[j].first || list[i].first == list[j].first && !list[i].bodies && list[j].bodies
	})
}

func plainSegments(list []segment) []segment {
	var plain []segment
	for _, s := range list {
		if !s.bodies {
			plain = append(plain, s)
		}
	}
	return plain
}

// openSegments lists a journal and opens its plain segments, so that none goes away while they are read: what a live writer
// drops later stays readable. Those that before already has are taken over. Bodies segments, of which there may be many,
// stay where they are.
func openSegments(journal string, before []segment) ([]segment, error) {
	for attempt := 0; ; attempt++ {
		list, err := listSegments(journal)
		if err != nil {
			return before, err
		}
		merged, err := openListed(before, list)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || attempt > 100 {
			return merged, err
		}
		before = merged
	}
}

func openListed(have, list []segment) ([]segment, error) {
	known := make(map[string]bool)
	for _, s := range have {
		known[s.path] = true
	}
	for _, s := range list {
		if known[s.path] {
			continue
		}
		if !s.bodies {
			f, err := os.Open(s.path)
			if err != nil {
				return have, err
			}
			s.file = f
		}
		have = append(have, s)
	}
	sortSegments(have)
	return have, nil
}

func closeSegments(list []segment) {
	for _, s := range plainSegments(list) {
		s.file.Close()
	}
}

// errBadFrame means bytes that are no frame and no end either.
var errBadFrame = errors.New("frame is damaged")

// frameReader reads the frames of one segment in order.
type frameReader struct {
	r    io.ReaderAt
	off  int64  // of the next frame
	buf  []byte // bytes from base on
	base int64
}

// at returns n bytes at off, or fewer at the end of the file.
func (r *frameReader) at(off int64, n int) ([]byte, error) {
	lo := off - r.base
	if lo >= 0 && lo+int64(n) <= int64(len(r.buf)) {
		return r.buf[lo : lo+int64(n)], nil
	}
	want := max(n, 256<<10)
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	got, err := r.r.ReadAt(r.buf[:want], off)
	r.buf, r.base = r.buf[:got], off
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return r.buf[:min(n, got)], nil
}

// next returns the next frame; payload is valid until the call after. At the end (of the file, or of its written part,
// which zeros follow) it gives io.EOF; bytes that are no frame give errBadFrame, and off stays.
func (r *frameReader) next() (f frame, payload []byte, err error) {
	fresh := len(r.buf) == 0
	f, payload, err = r.parse()
	if err != nil && !fresh {
		// A live segment grows behind what was read ahead.
		r.buf = r.buf[:0]
		f, payload, err = r.parse()
	}
	if err != nil {
		r.buf = r.buf[:0]
		return f, nil, err
	}
	r.off += f.size()
	return f, payload, nil
}

// last returns the whole bytes of the frame that next returned last.
func (r *frameReader) last(f frame) []byte {
	lo := r.off - f.size() - r.base
	return r.buf[lo : lo+f.size()]
}

func (r *frameReader) parse() (f frame, payload []byte, err error) {
	head, err := r.at(r.off, frameHeader)
	if err != nil {
		return f, nil, err
	}
	if len(bytes.Trim(head, "\x00")) == 0 {
		return f, nil, io.EOF
	}
	f, ok := parseFrame(head)
	if !ok {
		return f, nil, errBadFrame
	}
	whole, err := r.at(r.off, int(f.size()))
	if err != nil {
		return f, nil, err
	}
	if !f.intact(whole) {
		return f, nil, errBadFrame
	}
	return f, whole[frameHeader:], nil
}

// laterFrames finds intact frames anywhere from off on and hands their headers to found until it returns false.
func laterFrames(r io.ReaderAt, off int64, found func(off int64, f frame) bool) error {
	const window = 1 << 20
	zeros := make([]byte, window)
	fr := frameReader{r: r}
	for {
		b, err := fr.at(off, window)
		if err != nil {
			return err
		}
		if len(b) < frameHeader {
			return nil
		}
		if bytes.Equal(b, zeros[:len(b)]) {
			off += int64(len(b)) - frameHeader + 1
			if len(b) < window {
				return nil
			}
			continue
		}
		next, f, ok := scanFrame(&fr, b, off)
		if ok && !found(next-f.size(), f) {
			return nil
		}
		if !ok && len(b) < window {
			return nil
		}
		off = next
	}
}

// scanFrame looks for one intact frame that starts in b, which stands at off; it returns where to look on.
func scanFrame(fr *frameReader, b []byte, off int64) (next int64, f frame, ok bool) {
	b = bytes.Clone(b) // reading candidates moves the buffer
	for i := 0; i+frameHeader <= len(b); i++ {
		f, ok := parseFrame(b[i:])
		if !ok || f.index > math.MaxInt64/2 {
			continue
		}
		at := off + int64(i)
		whole, err := fr.at(at, int(f.size()))
		if err == nil && f.intact(whole) {
			return at + f.size(), f, true
		}
	}
	return off + int64(len(b)) - frameHeader + 1, frame{}, false
}

// cursor walks the entries of a journal over its plain segments. The frames may still be growing.
type cursor struct {
	journal string
	next    int64 // index of the next entry
	file    *os.File
	segment int64 // first index of the open segment
	reader  frameReader
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

func (c *cursor) openSegment(first int64) error {
	f, err := os.Open(segmentPath(c.journal, first))
	if err != nil {
		return err
	}
	c.close()
	c.file, c.segment = f, first
	c.reader = frameReader{r: f, buf: c.reader.buf[:0]}
	return nil
}

// seek opens the segment that holds entry index and stops before it.
func (c *cursor) seek(index int64) error {
	list, err := listSegments(c.journal)
	if err != nil {
		return err
	}
	list = plainSegments(list)
	i := sort.Search(len(list), func(i int) bool { return list[i].first > index }) - 1
	if i < 0 {
		return fmt.Errorf("entry %d is no longer in the journal: %w", index, fs.ErrNotExist)
	}
	if err := c.openSegment(list[i].first); err != nil {
		return err
	}
	for c.next = list[i].first; c.next < index; {
		if _, _, err := c.entry(); err != nil {
			return err
		}
	}
	return nil
}

// entry returns the next entry and its frame; io.EOF when there is none yet.
func (c *cursor) entry() (frame, []byte, error) {
	for {
		f, payload, err := c.reader.next()
		if errors.Is(err, io.EOF) && c.segment != c.next {
			if err := c.openSegment(c.next); errors.Is(err, fs.ErrNotExist) {
				return f, nil, io.EOF
			} else if err != nil {
				return f, nil, err
			}
			continue
		}
		if err != nil {
			return f, nil, err
		}
		if f.kind != frameEntry {
			continue
		}
		if f.index != c.next {
			c.reader.off -= f.size()
			return f, nil, fmt.Errorf("%w: it is entry %d where entry %d belongs", errBadFrame, f.index, c.next)
		}
		c.next++
		return f, payload, nil
	}
}
