package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// journal checks the frames, and what they hold against the bundles.
func (s *shardVerifier) journal() {
	list := plainSegments(s.segments)
	if len(list) == 0 {
		s.broke = 0
		s.add(s.signed.Size, journalDir, "the journal is missing: what came after the checkpoint, if anything did, is lost")
		return
	}
	if first := list[0].first; first > s.signed.Size {
		s.add(s.signed.Size, journalDir, "it is missing: the checkpoint covers %d entries, the journal begins at entry %d", s.signed.Size, first)
	}
	r := recovery{dir: s.dir, shard: s.shard, keys: &keyring{Key: s.key}}
	end, err := r.scan(list)
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		s.broke = damage.Index
		s.add(damage.Index, damage.File, "%s", damage.Reason)
	case err != nil:
		s.add(-1, journalDir, "%v", err)
	case end.next < s.signed.Size:
		s.add(end.next, journalDir, "it is missing from the journal or damaged there: the checkpoint covers %d entries", s.signed.Size)
	}
	s.result.Uncovered = max(0, end.next-s.signed.Size)
	s.result.Unfinished = r.result.cut
	s.walkJournal(func(index int64, entry []byte) {
		if index >= s.signed.Size || s.bad[index] {
			return
		}
		stored, err := s.view.stored(index)
		if err == nil && !bytes.Equal(stored, entry) {
			s.add(index, journalDir, "the journal holds other bytes than the bundle, and those in the bundle were signed")
		}
	})
}

// walkJournal visits the intact entries of the plain segments.
func (s *shardVerifier) walkJournal(visit func(index int64, entry []byte)) {
	for _, seg := range plainSegments(s.segments) {
		w := segmentWalk{reader: frameReader{r: seg.file}, origin: s.key.Origin(s.shard), next: seg.first}
		w.entry = func(_ int64, f frame, payload []byte) error {
			if f.kind == frameEntry {
				visit(f.index, payload)
			}
			return nil
		}
		_ = w.run() // where it ends early, journal says why
	}
}

// bodies checks that every body that stands apart is there and has its digest.
func (s *shardVerifier) bodies() {
	found := make(map[int64]bodyRef)
	for _, seg := range s.segments {
		s.segmentBodies(seg, found)
	}
	for index := int64(0); len(s.refs) > 0 && index < s.signed.Size+int64(len(s.view.tail)); index++ {
		want, apart := s.refs[index]
		if !apart {
			continue
		}
		delete(s.refs, index)
		switch got, there := found[index]; {
		case !there && s.broke >= 0 && index >= s.broke: // beyond the damage nothing was read
		case !there:
			s.add(index, journalDir, "its body is missing from the journal")
		case got != want:
			s.add(index, journalDir, "its body is not the one that was signed")
		default:
			s.result.Bodies++
		}
	}
}

// segmentBodies collects the digests of the bodies in a segment.
func (s *shardVerifier) segmentBodies(seg segment, found map[int64]bodyRef) {
	file := seg.file
	if seg.bodies {
		var err error
		if file, err = os.Open(seg.path); err != nil {
			s.add(-1, filepath.Join(journalDir, filepath.Base(seg.path)), "%v", err)
			return
		}
		defer file.Close()
	}
	for r := (frameReader{r: file}); ; {
		fr, payload, err := r.next()
		if err != nil {
			if seg.bodies && !errors.Is(err, io.EOF) {
				s.add(-1, filepath.Join(journalDir, filepath.Base(seg.path)), "at byte %d: %v", r.off, err)
			}
			return
		}
		if fr.kind == frameBody {
			found[fr.index] = bodyRef{sha256.Sum256(payload), int64(len(payload))}
		}
	}
}
