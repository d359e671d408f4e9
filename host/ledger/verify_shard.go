package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// shardVerifier checks one shard.
type shardVerifier struct {
	*verifier
	shard    int
	dir      string
	report   *Report
	result   ShardReport
	signed   Checkpoint
	view     *view
	segments []segment      // of the journal, open
	tree     tree           // of the entries as they are
	broken   bool           // a bundle is missing or cut: tree says nothing
	bad      map[int64]bool // entries that are named already
	odd      []int64        // what does not even read as an entry
	broke    int64          // entry where the journal is damaged; -1 when it is not
	refs     map[int64]bodyRef
	said     []claim
	copies   map[int64]tlog.Hash // what the journal has; made when needed
}

// bodyRef is what an entry says of a body that stands apart.
type bodyRef struct {
	sum    [32]byte
	length int64
}

func (s *shardVerifier) add(index int64, file, format string, args ...any) {
	if index >= 0 {
		s.bad[index] = true
	}
	if file != "" {
		file = filepath.Join(strconv.Itoa(s.shard), file)
	}
	s.report.add(s.shard, index, file, format, args...)
}

func (s *shardVerifier) run(ctx context.Context) error {
	s.bad, s.refs, s.broke = make(map[int64]bool), make(map[int64]bodyRef), -1
	s.result = ShardReport{Shard: s.shard, Retired: exists(filepath.Join(s.dir, retiredFile))}
	if !exists(s.dir) {
		s.add(0, "", "the shard's folder is missing")
		return nil
	}
	defer func() { closeSegments(s.segments) }()
	if !s.checkpoint() {
		return nil
	}
	if err := s.entries(ctx); err != nil {
		return err
	}
	switch root, err := s.tree.root(); {
	case s.broken, err != nil, root != s.signed.Root && s.signed.Note != nil:
		if err := s.locate(ctx); err != nil {
			return err
		}
	default:
		s.tiles()
	}
	for _, index := range s.odd {
		if !s.bad[index] {
			s.add(index, "", "it is %v", errEntry)
		}
	}
	s.journal()
	s.bodies()
	return nil
}

// checkpoint reads what was signed, and opens the files of the journal so that a live writer does not take them away;
// false when there is nothing to go on with.
func (s *shardVerifier) checkpoint() bool {
	journal := filepath.Join(s.dir, journalDir)
	// Before the checkpoint for what it may drop, after it for what it covers; a missing folder is journal's to report.
	s.segments, _ = openSegments(journal, nil)
	view, err := openView(s.verifier.dir, s.shard)
	s.segments, _ = openSegments(journal, s.segments)
	if err == nil {
		s.view = view
		s.signed = view.signed
		if view.signed.Note != nil {
			s.signed, err = s.key.OpenCheckpoint(s.shard, view.signed.Note)
		}
	}
	if err != nil { // what was signed is not known, so nothing can be held against it
		s.add(-1, checkpointFile, "%v", err)
		return false
	}
	if s.signed.Note == nil && !view.unsigned() {
		s.add(0, checkpointFile, "it is missing, though %d entries are here", len(view.tail))
	}
	s.result.Entries, s.result.Root = s.signed.Size, s.signed.Root
	return true
}

// entries reads all bundles and computes the tree of what they hold.
func (s *shardVerifier) entries(ctx context.Context) error {
	for n := int64(0); n*tileWidth < s.signed.Size; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.options.Progress(n*tileWidth, s.signed.Size)
		entries, width := s.bundle(n)
		s.broken = s.broken || len(entries) < width
		for i, entry := range entries {
			s.tree.add(tlog.RecordHash(entry), func(int, int64, []byte) {})
			s.read(n*tileWidth+int64(i), entry)
		}
	}
	s.options.Progress(s.signed.Size, s.signed.Size)
	for i, entry := range s.view.tail {
		s.read(s.signed.Size+int64(i), entry)
	}
	return nil
}

// bundle returns what is readable of a bundle, and how many entries it should have.
func (s *shardVerifier) bundle(n int64) (entries [][]byte, width int) {
	width = s.width(entriesLevel, n)
	data, err := readTile(s.dir, entriesLevel, n, width)
	if isMissing(err) {
		data, _ = s.narrower(entriesLevel, n, width)
	}
	entries, _ = splitBundle(data)
	return entries[:min(len(entries), width)], width
}

// width is how many hashes or entries tile n of a level has under the checkpoint.
func (s *shardVerifier) width(level int, n int64) int {
	return int(min(tileWidth, s.signed.Size>>(tileHeight*max(level, 0))-n*tileWidth))
}

// narrower returns the widest partial file there is, when the one that should be there is not: a cut log.
func (s *shardVerifier) narrower(level int, n int64, width int) (data []byte, err error) {
	for w := width - 1; w > 0; w-- {
		if data, err = os.ReadFile(filepath.Join(s.dir, tilePath(level, n, w))); err == nil {
			return data, nil
		}
	}
	return nil, os.ErrNotExist
}

// read takes from an entry what is checked later.
func (s *shardVerifier) read(index int64, entry []byte) {
	e, err := DecodeEntry(entry)
	if err != nil {
		s.odd = append(s.odd, index)
		return
	}
	if sum, length, apart := reference(e.Body); apart {
		s.refs[index] = bodyRef{sum, length}
	}
	if e.Kind != KindStart && e.Kind != KindStop {
		return
	}
	var body struct {
		Shards []struct {
			Shard int
			Size  int64
			Root  string
		}
	}
	if json.Unmarshal(e.Body, &body) != nil {
		return
	}
	for _, c := range body.Shards {
		by := fmt.Sprintf("the %s entry %d of shard %d", e.Kind, index, s.shard)
		s.said = append(s.said, claim{c.Shard, c.Size, c.Root, by})
	}
}

// tiles compares the tiles with the entries, which are as they were signed.
func (s *shardVerifier) tiles() {
	var t tree
	compare := func(level int, n int64, want []byte) {
		width := len(want) / tlog.HashSize
		path := tilePath(level, n, width)
		got, err := readHashes(s.dir, level, n, width)
		if err != nil {
			s.add(n*tileWidth<<(tileHeight*level), path, "the tile cannot be read: %v", err)
			return
		}
		if i := firstDifference(got, want); i >= 0 {
			s.add((n*tileWidth+i)<<(tileHeight*level), path, "its hash in the tile was changed; the entry itself is as it was signed")
		}
	}
	for n := int64(0); n*tileWidth < s.signed.Size; n++ {
		entries, _ := s.bundle(n)
		for _, entry := range entries {
			t.add(tlog.RecordHash(entry), compare)
		}
	}
	for level, edge := range t.edges {
		if len(edge) > 0 {
			compare(level, t.size>>(tileHeight*(level+1)), edge)
		}
	}
}

// firstDifference returns the first hash that differs, -1 for none; both are equally long.
func firstDifference(a, b []byte) int64 {
	for i := 0; i < len(a); i += tlog.HashSize {
		if !bytes.Equal(a[i:i+tlog.HashSize], b[i:i+tlog.HashSize]) {
			return int64(i / tlog.HashSize)
		}
	}
	return -1
}
