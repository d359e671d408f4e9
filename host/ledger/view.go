package ledger

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// view is one shard as it stood at a moment: entries below published are read from bundles, the rest from the journal.
type view struct {
	dir       string
	shard     int
	signed    Checkpoint // as the shard has it, unchecked; zero when there is none
	origin    string     // signed's
	published int64      // signed's size
	tail      [][]byte
	tailEnd   error // what ended the tail, when it was not simply the end

	bundle  int64 // which one is cached
	entries [][]byte
}

// openPublished reads a shard as far as its checkpoint goes, and nothing of what its journal holds besides: while the disk is
// slow, that may be much.
func openPublished(dir string, shard int) (*view, error) {
	v := &view{dir: shardDir(dir, shard), shard: shard, bundle: -1}
	c, err := readUnchecked(v.dir)
	v.signed, v.origin, v.published = c, c.Origin, c.Size
	return v, err
}

// openView reads a shard that a process may be writing to. Reading checks nothing but what it needs to find the entries;
// signatures and hashes are for verifying.
func openView(dir string, shard int) (*view, error) {
	for {
		v, err := openPublished(dir, shard)
		if err != nil {
			return nil, err
		}
		if err = v.readTail(); err == nil {
			return v, nil
		}
		again, readErr := readUnchecked(v.dir)
		if !errors.Is(err, fs.ErrNotExist) || readErr != nil || again.Size == v.published {
			// The checkpoint stands, so nothing was dropped meanwhile: the journal is gone, and the bundles remain.
			v.tailEnd = err
			return v, nil
		}
	}
}

// readUnchecked reads a checkpoint without its signature; the zero Checkpoint when there is none.
func readUnchecked(folder string) (Checkpoint, error) {
	signed, err := os.ReadFile(filepath.Join(folder, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	c, err := parseCheckpointText(string(text) + "\n")
	if err != nil {
		return c, fmt.Errorf("%s: %w", filepath.Join(folder, checkpointFile), err)
	}
	c.Note = signed
	return c, nil
}

// readTail reads the entries that no bundle holds yet: at most what a second brings, or what a killed process left.
func (v *view) readTail() error {
	c := cursor{journal: filepath.Join(v.dir, journalDir)}
	defer c.close()
	v.tail, v.tailEnd = nil, nil
	if err := c.seek(v.published); err != nil {
		return err
	}
	for {
		_, entry, err := c.entry()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil { // the writer may be in the middle of it
			v.tailEnd = err
			return nil
		}
		v.tail = append(v.tail, bytes.Clone(entry))
	}
}

// size is the number of entries.
func (v *view) size() int64 { return v.published + int64(len(v.tail)) }

// unsigned says whether a shard without a checkpoint may be so: its first process was killed while it opened it, before it
// took any entry, perhaps several times over.
func (v *view) unsigned() bool {
	for _, entry := range v.tail {
		if e, err := DecodeEntry(entry); err != nil || e.Kind != KindStart {
			return false
		}
	}
	return true
}

// stored returns an entry in its stored form.
func (v *view) stored(index int64) ([]byte, error) {
	if index >= v.published {
		return v.tail[index-v.published], nil
	}
	if n := index / tileWidth; n != v.bundle {
		entries, err := readBundle(v.dir, n, int(min(tileWidth, v.published-n*tileWidth)))
		if err != nil {
			return nil, fmt.Errorf("ledger shard %d: %w", v.shard, err)
		}
		v.bundle, v.entries = n, entries
	}
	return v.entries[index%tileWidth], nil
}

// record returns an entry with its body.
func (v *view) record(index int64) (Record, error) {
	raw, err := v.stored(index)
	if err != nil {
		return Record{}, err
	}
	e, err := DecodeEntry(raw)
	if err != nil {
		return Record{}, fmt.Errorf("ledger entry %d/%d: %w", v.shard, index, err)
	}
	return Record{At: ID{v.shard, index}, Entry: e, Raw: raw}, nil
}

// resolve puts a body that stands elsewhere in its place.
func (v *view) resolve(r *Record) error {
	sum, length, apart := reference(r.Body)
	if !apart {
		return nil
	}
	body, err := findBody(filepath.Join(v.dir, journalDir), r.At.Index, length, sum)
	if err != nil {
		return fmt.Errorf("ledger entry %v: its body: %w", r.At, err)
	}
	r.Body = body
	return nil
}

// findBody looks in the journal for the body of an entry. The newest segment that begins at or before the entry has it.
func findBody(journal string, index, length int64, sum [sha256.Size]byte) ([]byte, error) {
	list, err := listSegments(journal)
	if err != nil {
		return nil, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].first > index {
			continue
		}
		body, err := bodyIn(list[i].path, index)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // settled meanwhile: its bodies are in the file listed after it
		case err != nil:
			return nil, err
		case body == nil && i > 0 && list[i-1].first == list[i].first:
			continue
		case body == nil:
			return nil, fmt.Errorf("it is missing in %s", filepath.Base(list[i].path))
		case int64(len(body)) != length || sha256.Sum256(body) != sum:
			return nil, fmt.Errorf("it does not have the digest that the entry names, in %s", filepath.Base(list[i].path))
		}
		return body, nil
	}
	return nil, errors.New("it is missing: no segment of the journal has it")
}

func bodyIn(path string, index int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := (frameReader{r: f}); ; {
		fr, payload, err := r.next()
		if errors.Is(err, io.EOF) || err == nil && fr.index > index {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s at byte %d: %w", filepath.Base(path), r.off, err)
		}
		if fr.kind == frameBody && fr.index == index {
			return bytes.Clone(payload), nil
		}
	}
}
