package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"agentmesh/host/disk"
)

// publisher makes tiles, entry bundles and checkpoints follow the journal. It belongs to one goroutine.
type publisher struct {
	dir    string // of the shard
	shard  int
	keys   *keyring
	tree   tree
	bundle []byte // the last, unfinished entry bundle
	cursor cursor // stands where tree ends

	files     []outFile       // full tiles and bundles still to be written
	unsynced  map[string]bool // written, not yet synced: the journal still has their entries
	partials  []string        // of the last checkpoint
	published Checkpoint
	rewritten []string // files below published that recovery had to write again
	hold      bool     // write nothing yet
}

type outFile struct {
	path string // in the shard
	data []byte
}

// flushEvery bounds the files that wait in memory.
const flushEvery = 64

// advance takes the entries below limit from the journal into the tree.
func (p *publisher) advance(limit int64) error {
	for p.tree.size < limit {
		_, entry, err := p.cursor.entry()
		if err != nil {
			return fmt.Errorf("read entry %d back from the journal: %w", p.tree.size, err)
		}
		p.take(entry)
		if len(p.files) >= flushEvery && !p.hold {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	if p.hold {
		return nil
	}
	return p.flush()
}

func (p *publisher) take(entry []byte) {
	p.bundle = binary.BigEndian.AppendUint16(p.bundle, uint16(len(entry)))
	p.bundle = append(p.bundle, entry...)
	n := p.tree.size / tileWidth
	p.tree.add(tlog.RecordHash(entry), func(level int, n int64, data []byte) {
		p.files = append(p.files, outFile{tilePath(level, n, tileWidth), data})
	})
	if p.tree.size%tileWidth == 0 {
		p.files = append(p.files, outFile{tilePath(entriesLevel, n, tileWidth), bytes.Clone(p.bundle)})
		p.bundle = p.bundle[:0]
	}
}

// flush writes the full tiles and bundles. They are not synced yet: until settle drops it, the journal has what they hold.
func (p *publisher) flush() error {
	for len(p.files) > 0 {
		f := p.files[0]
		if err := p.put(f, false); err != nil {
			return err
		}
		p.unsynced[f.path] = true
		p.files = p.files[1:]
	}
	return nil
}

// put writes a file unless it is there as it should be.
func (p *publisher) put(f outFile, durable bool) error {
	path := filepath.Join(p.dir, f.path)
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, f.data) {
		return nil
	}
	if p.tree.size <= p.published.Size {
		p.rewritten = append(p.rewritten, filepath.ToSlash(f.path))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replaceFile(path, f.data, durable)
}

// edgeFiles returns the partial tiles and the partial bundle of the tree as it is.
func (p *publisher) edgeFiles() []outFile {
	var files []outFile
	for level, edge := range p.tree.edges {
		if len(edge) > 0 {
			width := len(edge) / tlog.HashSize
			files = append(files, outFile{tilePath(level, p.tree.size>>(tileHeight*(level+1)), width), edge})
		}
	}
	if len(p.bundle) > 0 {
		width := int(p.tree.size % tileWidth)
		files = append(files, outFile{tilePath(entriesLevel, p.tree.size/tileWidth, width), p.bundle})
	}
	return files
}

// checkpoint signs the tree as it is; the entries in it must be durable in the journal. It returns nil when there is
// nothing new.
func (p *publisher) checkpoint() ([]byte, error) {
	if p.tree.size == p.published.Size {
		return nil, nil
	}
	root, err := p.tree.root()
	if err != nil {
		return nil, err
	}
	var partials []string
	for _, f := range p.edgeFiles() {
		if err := p.put(f, true); err != nil {
			return nil, err
		}
		partials = append(partials, f.path)
	}
	c := Checkpoint{Origin: p.keys.Origin(p.shard), Size: p.tree.size, Root: root}
	if c.Note, err = p.keys.sign(c.Origin, c.text()); err != nil {
		return nil, err
	}
	if err := replaceFile(filepath.Join(p.dir, checkpointFile), c.Note, true); err != nil {
		return nil, err
	}
	p.dropPartials(partials)
	p.partials, p.published = partials, c
	return c.Note, nil
}

// dropPartials removes partial tiles that a wider one of this checkpoint has replaced: a prefix of the wider file is all
// that they said. Those whose tile is full by now wait for settle, since the full file is not synced yet.
func (p *publisher) dropPartials(now []string) {
	kept := make(map[string]bool)
	for _, path := range now {
		kept[filepath.Dir(path)] = true
	}
	for _, path := range p.partials {
		if kept[filepath.Dir(path)] && !slices.Contains(now, path) {
			os.Remove(filepath.Join(p.dir, path)) // what stays is only untidy
		}
	}
}

// settle drops the segments whose entries all stand in synced tiles and bundles under a checkpoint. Bodies stay.
func (p *publisher) settle() error {
	list, err := listSegments(p.cursor.journal)
	if err != nil {
		return err
	}
	list = plainSegments(list)
	done := 0
	for done+1 < len(list) && list[done+1].first <= p.published.Size {
		done++
	}
	if done == 0 {
		return nil
	}
	if err := p.syncFiles(); err != nil {
		return err
	}
	for _, s := range list[:done] {
		if err := keepBodies(s); err != nil {
			return err
		}
		if err := os.Remove(s.path); err != nil {
			return err
		}
	}
	return disk.SyncDir(p.cursor.journal)
}

// syncFiles makes the full tiles and bundles durable, and then removes the partial ones before them.
func (p *publisher) syncFiles() error {
	dirs := make(map[string]bool)
	for path := range p.unsynced {
		path = filepath.Join(p.dir, path)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		for d := filepath.Dir(path); d != p.dir && !dirs[d]; d = filepath.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		if err := disk.SyncDir(d); err != nil {
			return err
		}
	}
	for path := range p.unsynced {
		os.RemoveAll(filepath.Join(p.dir, path+".p"))
	}
	clear(p.unsynced)
	return nil
}

// keepBodies copies the body frames of a plain segment to a bodies segment, if there are any.
func keepBodies(s segment) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head, bodies []byte
	for r := (frameReader{r: f}); ; {
		fr, _, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		switch fr.kind {
		case frameHead:
			head = bytes.Clone(r.last(fr))
		case frameBody:
			bodies = append(bodies, r.last(fr)...)
		}
	}
	if bodies == nil {
		return nil
	}
	return replaceFile(s.path+bodiesSuffix, append(head, bodies...), true)
}

// loadPublisher starts a publisher at entry start, whose tiles stand on the disk.
func loadPublisher(dir string, shard int, keys *keyring, start int64) (*publisher, error) {
	p := &publisher{dir: dir, shard: shard, keys: keys, unsynced: make(map[string]bool)}
	p.cursor = cursor{journal: filepath.Join(dir, journalDir), next: start}
	var err error
	if p.tree, err = loadTree(dir, start); err != nil {
		return nil, err
	}
	if width := int(start % tileWidth); width > 0 {
		entries, err := readBundle(dir, start/tileWidth, width)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p.bundle = append(binary.BigEndian.AppendUint16(p.bundle, uint16(len(e))), e...)
		}
	}
	p.partials = listPartials(dir, start)
	return p, nil
}

// listPartials finds the partial files at the edge of a tree of a size, so that they can be removed in time.
func listPartials(dir string, size int64) []string {
	var list []string
	for level := entriesLevel; level < 8; level++ {
		n := size >> (tileHeight * (max(level, 0) + 1))
		parent := tilePath(level, n, tileWidth) + ".p"
		names, err := os.ReadDir(filepath.Join(dir, parent))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		for _, name := range names {
			if w, err := strconv.Atoi(name.Name()); err == nil && w > 0 {
				list = append(list, filepath.Join(parent, name.Name()))
			}
		}
	}
	return list
}
