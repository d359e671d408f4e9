package ledger

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// locate finds which entries are not those that were signed. The hashes in the tiles say so wherever they add up to the
// signed root; where they do not, the journal's copy is the next witness.
func (s *shardVerifier) locate(ctx context.Context) error {
	before := len(s.report.Problems)
	wrong := make(map[int64]tlog.Hash) // the hash an entry has, where another was signed
	signed := make(map[tlog.Hash]int64)
	for n := int64(0); n*tileWidth < s.signed.Size; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, width := s.bundle(n)
		if want, err := s.signedHashes(n, width); err == nil {
			for i, hash := range want {
				index := n*tileWidth + int64(i)
				signed[hash] = index
				if i < len(entries) && tlog.RecordHash(entries[i]) != hash {
					wrong[index] = tlog.RecordHash(entries[i])
				}
			}
		} else {
			s.witness(n, entries, width, err)
		}
		if len(entries) < width {
			s.add(n*tileWidth+int64(len(entries)), tilePath(entriesLevel, n, width), "it is missing: the checkpoint covers %d"+
				" entries, its bundle ends before this one", s.signed.Size)
		}
	}
	s.name(wrong, signed)
	if len(s.report.Problems) == before {
		s.add(-1, checkpointFile, "the entries do not have the root that was signed, and nothing says which one was changed")
	}
	return nil
}

// signedHashes returns the leaf hashes of a bundle, proven against the signed root.
func (s *shardVerifier) signedHashes(n int64, width int) ([]tlog.Hash, error) {
	indexes := make([]int64, width)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, n*tileWidth+int64(i))
	}
	tree := tlog.Tree{N: s.signed.Size, Hash: s.signed.Root}
	return tlog.TileHashReader(tree, diskTiles{s.dir}).ReadHashes(indexes)
}

// maxNamed is how many wrong entries of a shard are named one by one.
const maxNamed = 10

// name reports the wrong entries, the first of them one by one.
func (s *shardVerifier) name(wrong map[int64]tlog.Hash, signed map[tlog.Hash]int64) {
	order := slices.Sorted(maps.Keys(wrong))
	for i, n := range order {
		s.bad[n] = true
		if i >= maxNamed {
			continue
		}
		hash := wrong[n]
		path := tilePath(entriesLevel, n/tileWidth, s.width(entriesLevel, n/tileWidth))
		if other, known := signed[hash]; known {
			s.add(n, path, "it holds what was signed as entry %d", other)
		} else {
			s.add(n, path, "it is not what was signed")
		}
	}
	if more := len(order) - maxNamed; more > 0 {
		s.add(order[maxNamed], "", "it and %d more entries are not what was signed", more-1)
	}
}

// witness looks for the changed entry of a bundle whose tiles do not add up either: the first that differs from its hash
// in the tile, or from the journal.
func (s *shardVerifier) witness(n int64, entries [][]byte, width int, cause error) {
	path := tilePath(entriesLevel, n, width)
	hashes, err := readHashes(s.dir, 0, n, min(width, len(entries)))
	for i, entry := range entries {
		index := n*tileWidth + int64(i)
		hash := tlog.RecordHash(entry)
		switch copied, known := s.journalHash(index); {
		case known && copied != hash:
			s.add(index, path, "it is not what the journal has, and the tiles do not add up to the signed root either")
			return
		case known || err != nil:
		case tlog.Hash(hashes[i*tlog.HashSize:]) != hash:
			s.add(index, path, "it does not have its hash in the tile, and the tiles do not add up to the signed root either")
			return
		}
	}
	if len(entries) < width {
		return // the missing ones are named anyway
	}
	first, last := n*tileWidth, n*tileWidth+int64(width)-1
	// The path to the root leads through other tiles: this one may be right and the broken one elsewhere.
	if err == nil && s.parentAgrees(n, width, hashes) {
		return
	}
	for _, index := range s.odd {
		if index >= first && index <= last {
			s.add(index, path, "it is %v, and the tiles do not add up to the signed root either", errEntry)
			return
		}
	}
	s.add(first, path, "this entry or another up to entry %d was changed together with its hash (%v)", last, cause)
}

// parentAgrees says whether the tile above holds the hash of a full tile 0/n.
func (s *shardVerifier) parentAgrees(n int64, width int, hashes []byte) bool {
	if width < tileWidth {
		return false
	}
	above, err := readHashes(s.dir, 1, n/tileWidth, int(n%tileWidth)+1)
	if err != nil {
		return false
	}
	own := foldTile(append([]byte(nil), hashes...))
	return tlog.Hash(above[n%tileWidth*tlog.HashSize:]) == own
}

// journalHash returns the hash of the journal's copy of an entry, when there is an intact one.
func (s *shardVerifier) journalHash(index int64) (tlog.Hash, bool) {
	if s.copies == nil {
		s.copies = make(map[int64]tlog.Hash)
		s.walkJournal(func(index int64, entry []byte) { s.copies[index] = tlog.RecordHash(entry) })
	}
	hash, known := s.copies[index]
	return hash, known
}
