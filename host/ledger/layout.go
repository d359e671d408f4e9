package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// The tiles of C2SP tlog-tiles have height 8.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// entriesLevel stands for the entry bundles among the levels of tiles.
	entriesLevel = -1
)

// tilePath is the path, in the shard, of tile n of a level, partial when width is below 256: "tile/0/x001/x234/067.p/8".
func tilePath(level int, n int64, width int) string {
	p := tlog.Tile{H: tileHeight, L: max(level, 0), N: n, W: width}.Path() // tile/8/L/N
	p = strings.TrimPrefix(p, "tile/8/")
	if level == entriesLevel {
		p = "entries" + strings.TrimPrefix(p, "0")
	}
	return filepath.FromSlash("tile/" + p)
}

// readTile returns a tile file at least width wide: that very width, a wider partial one, or the full tile. Full ones come
// last because they are synced last: after a power cut a partial one is the safer.
func readTile(dir string, level int, n int64, width int) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, tilePath(level, n, width)))
	if !errors.Is(err, fs.ErrNotExist) || width == tileWidth {
		return data, err
	}
	full := filepath.Join(dir, tilePath(level, n, tileWidth))
	for range 3 { // a live writer may replace what was just listed
		names, _ := os.ReadDir(full + ".p")
		for _, name := range names {
			if w, err := strconv.Atoi(name.Name()); err == nil && w > width {
				if data, err := os.ReadFile(filepath.Join(full+".p", name.Name())); err == nil {
					return data, nil
				}
			}
		}
		if data, fullErr := os.ReadFile(full); !errors.Is(fullErr, fs.ErrNotExist) {
			return data, fullErr
		}
	}
	return nil, err
}

// readHashes returns exactly the first width hashes of a tile.
func readHashes(dir string, level int, n int64, width int) ([]byte, error) {
	data, err := readTile(dir, level, n, width)
	if err != nil {
		return nil, err
	}
	if len(data) < width*tlog.HashSize {
		return nil, fmt.Errorf("%s is too short: %d bytes, %d hashes have %d", tilePath(level, n, width), len(data),
			width, width*tlog.HashSize)
	}
	return data[:width*tlog.HashSize], nil
}

// splitBundle returns the entries of a bundle; the rest that is no entry is an error.
func splitBundle(data []byte) ([][]byte, error) {
	var list [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return list, fmt.Errorf("entry bundle ends inside entry %d", len(list))
		}
		n := 2 + int(binary.BigEndian.Uint16(data))
		list = append(list, data[2:n])
		data = data[n:]
	}
	return list, nil
}

// readBundle returns the first width entries of bundle n.
func readBundle(dir string, n int64, width int) ([][]byte, error) {
	data, err := readTile(dir, entriesLevel, n, width)
	if err != nil {
		return nil, err
	}
	list, err := splitBundle(data)
	if len(list) >= width {
		return list[:width], nil
	}
	if err == nil {
		err = fmt.Errorf("%s has %d entries", tilePath(entriesLevel, n, width), len(list))
	}
	return list, err
}

// diskTiles reads the tiles of a shard for tlog, which checks them against a root.
type diskTiles struct{ dir string }

var _ tlog.TileReader = diskTiles{}

func (d diskTiles) Height() int                     { return tileHeight }
func (d diskTiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (d diskTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		var err error
		if data[i], err = readHashes(d.dir, t.L, t.N, t.W); err != nil {
			return nil, err
		}
	}
	return data, nil
}
