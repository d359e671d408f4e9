package ledger_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/ledger"

	"golang.org/x/mod/sumdb/tlog"
)

// story is a ledger of two shards: shard 0 has 640 entries and one body apart, shard 1 has 40. It is told once and copied.
func story(t *testing.T) (ledger.Config, ledger.Key) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(template(t))); err != nil {
		t.Fatal(err)
	}
	c := config(t).WithPace(time.Hour, 1<<20)
	c.Dir, c.Keys = filepath.Join(dir, "ledger"), filepath.Join(dir, "keys")
	key, err := ledger.ReadKey(c.Keys)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// told keeps the folder of the story.
var told struct {
	sync.Once
	dir string
}

func template(t *testing.T) string {
	told.Do(func() {
		dir, err := os.MkdirTemp("", "ledger-story")
		if err != nil {
			t.Fatal(err)
		}
		c := config(t).WithPace(time.Hour, 1<<20)
		c.Dir, c.Keys = filepath.Join(dir, "ledger"), filepath.Join(dir, "keys")
		tell(t, c)
		told.dir = dir
	})
	return told.dir
}

func tell(t *testing.T, c ledger.Config) {
	first, second := open(t, c), open(t, c)
	fill(t, first, 600)
	fill(t, second, 38)
	apart := ledger.Entry{Kind: ledger.KindDecision, ID: "big", Body: []byte(`"` + strings.Repeat("x", 70_000) + `"`)}
	if _, err := first.Append(t.Context(), apart); err != nil {
		t.Fatal(err)
	}
	fill(t, first, 37)
	closeLedger(t, first)
	closeLedger(t, second)
}

// TestMain removes the story in the end, and is the program that the crash test kills.
func TestMain(m *testing.M) {
	if os.Getenv("LEDGER_TEST_WRITER") != "" {
		os.Exit(crashWriter())
	}
	code := m.Run()
	os.RemoveAll(told.dir)
	os.Exit(code)
}

func verify(t *testing.T, c ledger.Config, key ledger.Key, against ...[]byte) *ledger.Report {
	t.Helper()
	r, err := ledger.Verify(t.Context(), c.Dir, key, ledger.VerifyOptions{Against: against})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// edit changes a file of the ledger.
func edit(t *testing.T, c ledger.Config, path string, change func([]byte) []byte) {
	t.Helper()
	path = filepath.Join(c.Dir, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, c ledger.Config, path string) {
	t.Helper()
	if !exists(filepath.Join(c.Dir, path)) {
		t.Fatalf("%s is not there to be removed", path)
	}
	if err := os.RemoveAll(filepath.Join(c.Dir, path)); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// bundle joins entries as an entry bundle.
func bundle(entries [][]byte) (b []byte) {
	for _, e := range entries {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
	}
	return b
}

// editEntries changes the entries of a bundle file.
func editEntries(t *testing.T, c ledger.Config, path string, change func([][]byte) [][]byte) {
	edit(t, c, path, func(b []byte) []byte {
		entries, err := ledger.SplitBundle(b)
		if err != nil {
			t.Fatal(err)
		}
		return bundle(change(entries))
	})
}

const (
	fullBundle    = "0/tile/entries/000"
	partialBundle = "0/tile/entries/002.p/128"
	journalStart  = "0/journal/00000000000000000000"
)

// editFrame changes the payload of the journal's frame of an entry, and makes its checksum fit.
func editFrame(t *testing.T, c ledger.Config, want int64, change func(payload []byte)) {
	edit(t, c, journalStart, func(b []byte) []byte {
		ledger.ReadFrames(bytes.Clone(b), func(off int64, kind byte, index int64, payload []byte) {
			if kind == 1 && index == want {
				change(b[off+24 : off+24+int64(len(payload))])
				ledger.Reseal(b[off:])
			}
		})
		return b
	})
}

// frameAt finds the frame of an entry in a segment.
func frameAt(b []byte, want int64) (at int) {
	ledger.ReadFrames(b, func(off int64, kind byte, index int64, _ []byte) {
		if kind == 1 && index == want {
			at = int(off)
		}
	})
	return at
}

// lie changes the body of an entry, {"n":16} for entry 17, and keeps it readable.
func lie(entry []byte) { entry[len(entry)-3] ^= 1 }

// rehash puts the hash of a changed entry into its tile.
func rehash(t *testing.T, c ledger.Config, n int) {
	data, err := os.ReadFile(filepath.Join(c.Dir, fullBundle))
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := ledger.SplitBundle(data)
	hash := tlog.RecordHash(entries[n])
	edit(t, c, "0/tile/0/000", func(b []byte) []byte { copy(b[n*32:], hash[:]); return b })
}

// cutTo cuts entries from n on out of every file of shard 0, as well as it can be done without the key.
func cutTo(t *testing.T, c ledger.Config, n int) {
	editEntries(t, c, partialBundle, func(e [][]byte) [][]byte { return e[:n-512] })
	move(t, c, partialBundle, filepath.Join(filepath.Dir(partialBundle), itoa(n-512)))
	tile := "0/tile/0/002.p/128"
	edit(t, c, tile, func(b []byte) []byte { return b[:(n-512)*32] })
	move(t, c, tile, filepath.Join(filepath.Dir(tile), itoa(n-512)))
	edit(t, c, journalStart, func(b []byte) []byte {
		cut := int64(len(b))
		ledger.ReadFrames(b, func(off int64, _ byte, index int64, _ []byte) {
			if index >= int64(n) {
				cut = min(cut, off)
			}
		})
		return b[:cut]
	})
}

// tamperings are what somebody may do to the files, and the first problem that must be named.
var tamperings = []struct {
	name  string
	do    func(*testing.T, ledger.Config)
	shard int
	index int64
	want  string
}{
	{"one byte of an entry", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { lie(e[17]); return e })
	}, 0, 17, "not what was signed"},
	{"one byte of an entry that makes it no entry", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { e[17][3] ^= 1; return e })
	}, 0, 17, "not what was signed"},
	{"one byte of the last bundle", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, partialBundle, func(e [][]byte) [][]byte { lie(e[100]); return e })
	}, 0, 612, "not what was signed"},
	{"one byte of an entry, in bundle and tile", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { lie(e[17]); return e })
		rehash(t, c, 17)
	}, 0, 17, "not what the journal has"},
	{"one byte of an entry, in bundle and journal", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { lie(e[17]); return e })
		editFrame(t, c, 17, lie)
	}, 0, 17, "not what was signed"},
	{"one byte of an entry, everywhere but in the signature", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { lie(e[17]); return e })
		editFrame(t, c, 17, lie)
		rehash(t, c, 17)
	}, 0, 0, "this entry or another up to entry 255"},
	{"two entries swapped", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { e[40], e[90] = e[90], e[40]; return e })
	}, 0, 40, "what was signed as entry 90"},
	{"an entry left out", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte { return append(e[:50:50], e[51:]...) })
	}, 0, 50, "what was signed as entry 51"},
	{"an entry put in", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, fullBundle, func(e [][]byte) [][]byte {
			return append(e[:50:50], append([][]byte{e[3]}, e[50:]...)...)
		})
	}, 0, 50, "what was signed as entry 3"},
	{"the last ten cut from everything", func(t *testing.T, c ledger.Config) { cutTo(t, c, 630) }, 0, 630, "missing"},
	{"the last ten cut from the bundle", func(t *testing.T, c ledger.Config) {
		editEntries(t, c, partialBundle, func(e [][]byte) [][]byte { return e[:118] })
	}, 0, 630, "missing"},
	{"the last ten cut from the journal", func(t *testing.T, c ledger.Config) {
		edit(t, c, journalStart, func(b []byte) []byte { return b[:frameAt(b, 638)+10] })
	}, 0, 638, "missing from the journal"},
	{"a byte of the journal", func(t *testing.T, c ledger.Config) {
		edit(t, c, journalStart, func(b []byte) []byte { b[frameAt(b, 78)+60] ^= 4; return b })
	}, 0, 78, "later commit follows"},
	{"an entry of the journal, checksum mended", func(t *testing.T, c ledger.Config) {
		editFrame(t, c, 33, lie)
	}, 0, 33, "journal holds other bytes"},
	{"a zero-filled page of the journal", func(t *testing.T, c ledger.Config) {
		edit(t, c, journalStart, func(b []byte) []byte { at := frameAt(b, 31); clear(b[at : at+4096]); return b })
	}, 0, 31, "later commit follows"},
	{"a duplicated page of the journal", func(t *testing.T, c ledger.Config) {
		edit(t, c, journalStart, func(b []byte) []byte {
			copy(b[frameAt(b, 31):][:4096], b[frameAt(b, 3):])
			return b
		})
	}, 0, 31, "stands entry 3"},
	{"a zero-filled page of a bundle", func(t *testing.T, c ledger.Config) {
		edit(t, c, fullBundle, func(b []byte) []byte {
			entries, _ := ledger.SplitBundle(b)
			at := len(bundle(entries[:18]))
			clear(b[at : at+4096])
			return b
		})
	}, 0, 18, "not what was signed"},
	{"a hash in a tile", func(t *testing.T, c ledger.Config) { edit(t, c, "0/tile/0/001", flip(5*32)) }, 0, 261, "hash in the tile"},
	{"a hash in an upper tile", func(t *testing.T, c ledger.Config) { edit(t, c, "0/tile/1/000.p/2", flip(32)) }, 0, 256, "hash in the tile"},
	{"bundles swapped", func(t *testing.T, c ledger.Config) {
		move(t, c, fullBundle, "x")
		move(t, c, "0/tile/entries/001", fullBundle)
		move(t, c, "x", "0/tile/entries/001")
	}, 0, 0, "what was signed as entry 256"},
	{"a bundle removed", func(t *testing.T, c ledger.Config) { remove(t, c, "0/tile/entries/001") }, 0, 256, "missing"},
	{"a tile removed", func(t *testing.T, c ledger.Config) { remove(t, c, "0/tile/0/001") }, 0, 256, "cannot be read"},
	{"the journal removed", func(t *testing.T, c ledger.Config) { remove(t, c, "0/journal") }, 0, 640, "journal is missing"},
	{"the checkpoint removed", func(t *testing.T, c ledger.Config) { remove(t, c, "0/checkpoint") }, 0, 0, "missing"},
	{"a byte of the checkpoint", func(t *testing.T, c ledger.Config) { edit(t, c, "0/checkpoint", flip(80)) }, 0, -1, "0/checkpoint"},
	{"checkpoints swapped", func(t *testing.T, c ledger.Config) {
		move(t, c, "0/checkpoint", "x")
		move(t, c, "1/checkpoint", "0/checkpoint")
		move(t, c, "x", "1/checkpoint")
	}, 0, -1, "checkpoint of shard 0"},
	{"a body apart", func(t *testing.T, c ledger.Config) {
		edit(t, c, journalStart, func(b []byte) []byte {
			ledger.ReadFrames(bytes.Clone(b), func(off int64, kind byte, _ int64, _ []byte) {
				if kind == 2 {
					b[off+100] ^= 1
					ledger.Reseal(b[off:])
				}
			})
			return b
		})
	}, 0, 601, "its body is not the one"},
	{"the first shard removed", func(t *testing.T, c ledger.Config) { remove(t, c, "0") }, 0, 0, "missing"},
	{"the last shard removed", func(t *testing.T, c ledger.Config) { remove(t, c, "1") }, 1, 0, "missing"},
	{"the list of shards removed", func(t *testing.T, c ledger.Config) { remove(t, c, "shards") }, -1, -1, "missing"},
	{"a shard put back to an empty one", func(t *testing.T, c ledger.Config) {
		other := config(t)
		other.Keys = c.Keys
		closeLedger(t, open(t, other))
		remove(t, c, "0")
		if err := os.CopyFS(filepath.Join(c.Dir, "0"), os.DirFS(filepath.Join(other.Dir, "0"))); err != nil {
			t.Fatal(err)
		}
	}, 0, 2, "says that the shard had 640 entries"},
}

// flip changes a bit.
func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 1; return b }
}

func TestVerifyNamesWhatWasDone(t *testing.T) {
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			config, key := story(t)
			if r := verify(t, config, key); !r.OK() {
				t.Fatalf("before anything was done: %v", r.Problems)
			}
			c.do(t, config)
			r := verify(t, config, key)
			if r.OK() {
				t.Fatal("nothing was found")
			}
			p := r.Problems[0]
			if p.Shard != c.shard || p.Index != c.index || !strings.Contains(p.String(), c.want) {
				t.Errorf("got %v\nwant shard %d, entry %d, %q", r.Problems, c.shard, c.index, c.want)
			}
		})
	}
}

func move(t *testing.T, c ledger.Config, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(c.Dir, from), filepath.Join(c.Dir, to)); err != nil {
		t.Fatal(err)
	}
}

// copyTree copies a ledger folder, as a backup would.
func copyTree(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestVerifyAgainst(t *testing.T) {
	c, key := story(t)
	old := copyTree(t, c.Dir)
	anchor := filepath.Join(t.TempDir(), "anchor")
	c.Anchors = []ledger.Anchor{ledger.FileAnchor(anchor)}
	l := open(t, c)
	fill(t, l, 10)
	closeLedger(t, l)
	saved, err := os.ReadFile(anchor)
	if err != nil {
		t.Fatal(err)
	}
	notes, err := ledger.SplitCheckpoints(saved)
	if err != nil || len(notes) < 2 {
		t.Fatalf("anchored %d checkpoints, %v; want one at start and one at the end", len(notes), err)
	}
	if r := verify(t, c, key, notes...); !r.OK() {
		t.Fatalf("the ledger as it is: %v", r.Problems)
	}
	rolled := c
	rolled.Dir = old
	if r := verify(t, rolled, key); !r.OK() {
		t.Fatalf("an old copy alone cannot be told: %v", r.Problems)
	}
	r := verify(t, rolled, key, notes...)
	if r.OK() || r.Problems[0].Index != 640 || !strings.Contains(r.Problems[0].Reason, "kept elsewhere") {
		t.Fatalf("a rolled-back folder: got %v, want entry 640 missing", r.Problems)
	}
	// And then grown again, with other entries.
	rolled.Anchors = nil
	l = open(t, rolled)
	fill(t, l, 50)
	closeLedger(t, l)
	r = verify(t, rolled, key, notes...)
	if r.OK() || !strings.Contains(r.Problems[0].Reason, "is not what a checkpoint kept elsewhere saw") {
		t.Fatalf("a rolled-back folder that grew again: got %v", r.Problems)
	}
}

func TestVerifyRefusesOtherKeys(t *testing.T) {
	c, _ := story(t)
	other := config(t)
	l := open(t, other)
	closeLedger(t, l)
	if r := verify(t, c, l.Key()); r.OK() {
		t.Error("another ledger's key verified this one")
	}
	signed, err := os.ReadFile(filepath.Join(other.Dir, "0", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	_, key := story(t)
	if r := verify(t, other, l.Key(), signed); !r.OK() {
		t.Errorf("its own checkpoint: %v", r.Problems)
	}
	if _, err := key.OpenCheckpoint(0, signed); err == nil {
		t.Error("a checkpoint of another log was opened")
	}
	if _, err := ledger.Verify(t.Context(), filepath.Join(c.Dir, "nowhere"), key, ledger.VerifyOptions{}); err == nil {
		t.Error("a folder that is not there was verified")
	}
}

// TestVerifyEveryByte changes every file of a small ledger in many places: nothing may go unnoticed but the lock files.
func TestVerifyEveryByte(t *testing.T) {
	c := config(t).WithPace(time.Hour, 1<<20)
	l := open(t, c)
	fill(t, l, 20)
	key := l.Key()
	closeLedger(t, l)
	err := filepath.WalkDir(c.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		good, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for at := 0; at < len(good); at += 1 + len(good)/97 {
			bad := bytes.Clone(good)
			bad[at] ^= 0x10
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				return err
			}
			if verify(t, c, key).OK() {
				t.Errorf("byte %d of %s was changed, and nothing was found", at, path)
			}
		}
		return os.WriteFile(path, good, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, c, key); !r.OK() {
		t.Errorf("after putting everything back: %v", r.Problems)
	}
}
