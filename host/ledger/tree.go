package ledger

import (
	"bytes"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the right edge of the Merkle tree: of each level's tiles the hashes of the last, unfinished one. It is all that
// is needed to append and to compute the root.
type tree struct {
	size  int64
	edges [][]byte // by tile level; each at most 255 hashes
}

// add appends a leaf and hands every tile that became full to emit; data is emit's to keep.
func (t *tree) add(leaf tlog.Hash, emit func(level int, n int64, data []byte)) {
	n := t.size
	t.size++
	for level := 0; ; level++ {
		if level == len(t.edges) {
			t.edges = append(t.edges, make([]byte, 0, tileWidth*tlog.HashSize))
		}
		t.edges[level] = append(t.edges[level], leaf[:]...)
		if len(t.edges[level]) < tileWidth*tlog.HashSize {
			return
		}
		n >>= tileHeight
		emit(level, n, bytes.Clone(t.edges[level]))
		leaf = foldTile(t.edges[level])
		t.edges[level] = t.edges[level][:0]
	}
}

// foldTile computes the hash of a full tile in place, which destroys it.
func foldTile(b []byte) tlog.Hash {
	const size = tlog.HashSize
	for n := len(b) / size; n > 1; n /= 2 {
		for i := range n / 2 {
			h := tlog.NodeHash(tlog.Hash(b[2*i*size:]), tlog.Hash(b[(2*i+1)*size:]))
			copy(b[i*size:], h[:])
		}
	}
	return tlog.Hash(b)
}

// root computes the Merkle tree hash.
func (t *tree) root() (tlog.Hash, error) {
	return tlog.TreeHash(t.size, tlog.HashReaderFunc(t.readHashes))
}

// readHashes serves the hashes of the right edge, which are the only ones that TreeHash asks for.
func (t *tree) readHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		tile := tlog.TileForIndex(tileHeight, index)
		if tile.L >= len(t.edges) {
			return nil, fmt.Errorf("hash %d is beyond the tree's edge", index)
		}
		h, err := tlog.HashFromTile(tile, t.edges[tile.L], index)
		if err != nil {
			return nil, err
		}
		list[i] = h
	}
	return list, nil
}

// loadTree reads the right edge of a shard's tree of a size from its tiles.
func loadTree(dir string, size int64) (tree, error) {
	t := tree{size: size}
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		count := size >> (tileHeight * level)
		edge := make([]byte, 0, tileWidth*tlog.HashSize)
		if width := int(count % tileWidth); width > 0 {
			data, err := readHashes(dir, level, count/tileWidth, width)
			if err != nil {
				return t, err
			}
			edge = append(edge, data...)
		}
		t.edges = append(t.edges, edge)
	}
	return t, nil
}
