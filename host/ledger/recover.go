package ledger

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// recovered is what opening a shard had to set right; the opening entry records it.
type recovered struct {
	cut       int64    // bytes of a commit that was not acknowledged
	rewritten []string // files that follow from the journal and were missing or different
}

// recovery brings a shard back to where its last process left it.
type recovery struct {
	dir    string
	shard  int
	keys   *keyring
	result recovered
}

func (r *recovery) damage(file string, index int64, format string, args ...any) error {
	return &DamageError{Shard: r.shard, Dir: r.dir, File: filepath.ToSlash(file), Index: index, Reason: fmt.Sprintf(format, args...)}
}

// run checks the journal's tail, cuts what was never acknowledged, and replays the rest against the checkpoint. Nothing is
// changed unless everything that is signed is there.
func (r *recovery) run(c Config) (*journal, *publisher, error) {
	journal := &journal{
		dir: filepath.Join(r.dir, journalDir), origin: r.keys.Origin(r.shard), mode: c.Mode, open: c.open, limit: c.segment,
	}
	if err := makeDir(journal.dir); err != nil {
		return nil, nil, err
	}
	signed, err := readCheckpoint(r.dir, r.keys.Key, r.shard)
	if err != nil {
		return nil, nil, r.damage(checkpointFile, -1, "%v", err)
	}
	list, err := r.segments(journal, signed)
	defer func() { closeSegments(list) }()
	if err != nil {
		return nil, nil, err
	}
	list = plainSegments(list)
	end, err := r.scan(list)
	if err != nil {
		return nil, nil, err
	}
	if end.next < signed.Size {
		return nil, nil, r.damage(journalDir, end.next, "the checkpoint covers %d entries, the journal ends before this one", signed.Size)
	}
	if signed.Note == nil {
		if v, err := openView(filepath.Dir(r.dir), r.shard); err != nil || !v.unsigned() {
			return nil, nil, r.damage(checkpointFile, 0, "it is missing, though %d entries are here", end.next)
		}
	}
	p, err := r.replay(list[0].first, end.next, signed)
	if err != nil {
		return nil, nil, err
	}
	return journal, p, r.resume(journal, end)
}

// segments opens the journal's files, and makes the first one of a shard that is new.
func (r *recovery) segments(j *journal, signed Checkpoint) ([]segment, error) {
	list, err := openSegments(j.dir, nil)
	if err != nil || len(plainSegments(list)) > 0 {
		return list, err
	}
	if signed.Size > 0 {
		return list, r.damage(journalDir, signed.Size-1, "its newest segment is missing")
	}
	if err := j.newSegment(0); err != nil {
		return list, err
	}
	j.file.Close()
	return openSegments(j.dir, list)
}

// journalEnd is where the intact frames of a journal end.
type journalEnd struct {
	segment segment
	off     int64
	next    int64
	newHead bool // the last segment was not even begun
}

// scan walks all frames of the plain segments.
func (r *recovery) scan(list []segment) (journalEnd, error) {
	end := journalEnd{next: list[0].first}
	for i, s := range list {
		if s.first != end.next {
			return end, r.damage(filepath.Join(journalDir, filepath.Base(s.path)), end.next, "the segment before it ends at entry %d: entries are missing", end.next)
		}
		limit := int64(math.MaxInt64) // where the next segment begins
		if i+1 < len(list) {
			limit = list[i+1].first
		}
		var err error
		if end, err = r.scanSegment(s, limit); err != nil {
			return end, err
		}
	}
	return end, nil
}

func (r *recovery) scanSegment(s segment, limit int64) (journalEnd, error) {
	end := journalEnd{segment: s, next: s.first}
	name := filepath.Join(journalDir, filepath.Base(s.path))
	w := segmentWalk{reader: frameReader{r: s.file}, origin: r.keys.Origin(r.shard), next: s.first}
	for {
		err := w.run()
		before := w.good
		end.off, end.next = w.good, w.next
		switch {
		case err != nil && !errors.Is(err, errBadFrame):
			return end, r.damage(name, w.next, "%v", err)
		case limit != math.MaxInt64 && (err != nil || w.next < limit):
			return end, r.damage(name, w.next, "at byte %d: a frame is damaged or missing, and later segments follow", w.good)
		case limit != math.MaxInt64:
			return end, nil
		}
		later, err := r.laterCommit(s, &w)
		if err != nil {
			return end, err
		}
		if later < 0 {
			break
		}
		// Who verifies a live log may have met a frame that was just being written.
		w.rewind()
		if err := w.run(); w.good == before || err != nil && !errors.Is(err, errBadFrame) {
			return end, r.damage(name, end.next, "at byte %d: the frame is damaged, and entry %d of a later commit follows", end.off, later)
		}
	}
	end.newHead = w.good == 0
	var err error
	r.result.cut, err = usedAfter(s.file, w.good)
	return end, err
}

// laterCommit returns an entry behind the last intact one that was written after it had been acknowledged, -1 if there is
// none: what follows the last intact entry may only be the commit that was being written.
func (r *recovery) laterCommit(s segment, w *segmentWalk) (int64, error) {
	later := int64(-1)
	err := laterFrames(s.file, w.reader.off, func(_ int64, g frame) bool {
		// A head is synced before anything follows it, a commit before the next one; in os mode nothing is.
		if w.good == 0 || g.flags&flagOS == 0 && (g.commit() != w.torn() || g.index < w.next) {
			later = g.index
		}
		return later < 0
	})
	return later, err
}

// segmentWalk reads the frames of a segment up to the first that is not intact.
type segmentWalk struct {
	reader frameReader
	origin string
	next   int64 // entry that comes next
	good   int64 // offset after the last entry, or after the head
	last   frame // the last entry's
	any    bool
	entry  func(off int64, f frame, payload []byte) error // told each frame after the head; may be nil
}

// torn is the commit that an unfinished write after the last entry belongs to.
func (w *segmentWalk) torn() int64 {
	if w.any && w.last.flags&flagLast == 0 {
		return w.last.commit()
	}
	return w.next
}

// rewind goes back to the end of the last entry.
func (w *segmentWalk) rewind() { w.reader.off, w.reader.buf = w.good, w.reader.buf[:0] }

func (w *segmentWalk) run() error {
	for {
		off := w.reader.off
		f, payload, err := w.reader.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if off == 0 {
			if f.kind != frameHead || string(payload) != w.origin || f.index != w.next {
				return fmt.Errorf("the segment is of %q, entry %d", payload, f.index)
			}
			w.good = w.reader.off
			continue
		}
		if f.kind == frameHead || f.index != w.next {
			return fmt.Errorf("at byte %d stands entry %d where entry %d belongs", off, f.index, w.next)
		}
		if w.entry != nil {
			if err := w.entry(off, f, payload); err != nil {
				return err
			}
		}
		if f.kind == frameEntry {
			w.next, w.good, w.last, w.any = w.next+1, w.reader.off, f, true
		}
	}
}

// usedAfter returns how many bytes from off on, up to the last that is not zero, a file has.
func usedAfter(f *os.File, off int64) (int64, error) {
	used := int64(0)
	buf := make([]byte, 256<<10)
	for at := off; ; {
		n, err := f.ReadAt(buf, at)
		for i := n - 1; i >= 0; i-- {
			if buf[i] != 0 {
				used = at + int64(i) + 1 - off
				break
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return used, nil
		}
		if err != nil {
			return used, err
		}
	}
}

// replay feeds the journal's entries to a publisher and holds the result against the signed checkpoint.
func (r *recovery) replay(start, end int64, signed Checkpoint) (*publisher, error) {
	if start > signed.Size {
		return nil, r.damage(journalDir, signed.Size, "the checkpoint covers %d entries, the journal begins at entry %d", signed.Size, start)
	}
	p, err := loadPublisher(r.dir, r.shard, r.keys, start)
	if err != nil {
		return nil, r.damage("tile", -1, "%v", err)
	}
	p.published, p.hold = signed, true
	if err := p.cursor.seek(start); err != nil {
		return nil, err
	}
	if err := p.advance(signed.Size); err != nil {
		return nil, r.damage(journalDir, p.tree.size, "%v", err)
	}
	root, err := p.tree.root()
	if err != nil {
		return nil, err
	}
	if signed.Note != nil && root != signed.Root {
		return nil, r.damage(checkpointFile, -1, "the first %d entries do not have the root that was signed;"+
			" verifying finds which one was changed", signed.Size)
	}
	p.hold = false
	if err := p.flush(); err != nil {
		return nil, err
	}
	for _, f := range p.edgeFiles() {
		if err := p.put(f, true); err != nil {
			return nil, err
		}
	}
	r.result.rewritten = p.rewritten
	return p, p.advance(end)
}

// resume opens the last segment for writing, without what was cut and without reserved space.
func (r *recovery) resume(j *journal, end journalEnd) error {
	j.next = end.next
	if end.newHead {
		return j.newSegment(end.segment.first)
	}
	file, err := j.open(end.segment.path)
	if err != nil {
		return err
	}
	// Cut bytes must not come back under later frames, so the cut is durable before anything is written there.
	if err := errors.Join(file.Truncate(end.off), file.Sync()); err != nil {
		file.Close()
		return fmt.Errorf("cut the journal's unfinished end: %w", err)
	}
	j.file, j.segment, j.off, j.reserved = file, end.segment.first, end.off, end.off
	return nil
}
