package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"agentmesh/host/ledger"
)

// faultyFile fails as told.
type faultyFile struct {
	ledger.JournalFile
	fault *fault
}

type fault struct {
	write, sync, extend atomic.Pointer[error]
	syncs               atomic.Int64
	hold                atomic.Pointer[chan struct{}] // syncs wait for it
}

func (f *fault) open(path string) (ledger.JournalFile, error) {
	file, err := ledger.OpenDisk(path)
	return faultyFile{file, f}, err
}

func fail(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

func (f faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if err := fail(&f.fault.write); err != nil {
		n, _ := f.JournalFile.WriteAt(b[:len(b)/2], off) // as a full disk does: half of it
		return n, err
	}
	return f.JournalFile.WriteAt(b, off)
}

func (f faultyFile) Sync() error {
	f.fault.syncs.Add(1)
	if hold := f.fault.hold.Load(); hold != nil {
		<-*hold
	}
	if err := fail(&f.fault.sync); err != nil {
		return err
	}
	return f.JournalFile.Sync()
}

func (f faultyFile) Extend(size int64) error {
	if err := fail(&f.fault.extend); err != nil {
		return err
	}
	return f.JournalFile.Extend(size)
}

func TestFailedWriteStopsTheLedger(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*fault, error)
		err  error
		mend string
	}{
		{"write, disk full", func(f *fault, err error) { f.write.Store(&err) }, syscall.ENOSPC, "free space"},
		{"extend, disk full", func(f *fault, err error) { f.extend.Store(&err) }, syscall.ENOSPC, "free space"},
		{"sync, I/O error", func(f *fault, err error) { f.sync.Store(&err) }, syscall.EIO, "look after the disk"},
		{"write, read-only", func(f *fault, err error) { f.write.Store(&err) }, syscall.EROFS, "writable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f fault
			config := config(t).WithFiles(f.open)
			l := open(t, config)
			fill(t, l, 5)
			c.set(&f, c.err)
			big := decision(5) // large enough to need more space
			big.Body = []byte(`"` + strings.Repeat("x", 400_000) + `"`)
			_, err := l.Append(t.Context(), big)
			var stopped *ledger.StoppedError
			if !errors.As(err, &stopped) || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.mend) {
				t.Fatalf("Append = %v, want a StoppedError for %v that says %q", err, c.err, c.mend)
			}
			f.write.Store(nil)
			f.sync.Store(nil)
			f.extend.Store(nil)
			if _, err := l.Append(t.Context(), decision(6)); !errors.Is(err, c.err) {
				t.Errorf("Append after the disk recovered = %v, want the first error for good", err)
			}
			if err := l.AppendAsync(decision(6)); !errors.Is(err, c.err) {
				t.Errorf("AppendAsync = %v, want the first error", err)
			}
			if !errors.Is(l.Err(), c.err) {
				t.Errorf("Err = %v", l.Err())
			}
			if err := l.Close(); !errors.Is(err, c.err) {
				t.Errorf("Close = %v, want it to say so too", err)
			}
			l = open(t, config) // what was acknowledged is there, the rest is cut or kept whole
			fill(t, l, 1)
			closeLedger(t, l)
			if r := verify(t, config, l.Key()); !r.OK() {
				t.Errorf("after opening again: %v", r.Problems)
			}
		})
	}
}

func TestSlowDisk(t *testing.T) {
	var f fault
	l := open(t, config(t).WithFiles(f.open))
	hold := make(chan struct{})
	f.hold.Store(&hold)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := l.Append(ctx, decision(1))
		result <- err
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Append on a disk that hangs = %v, want the context's error", err)
	}
	// The queue is bounded: what nobody waits for waits itself in the end.
	large := decision(2)
	large.Body = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	queued, done := new(atomic.Int64), make(chan error)
	go func() {
		for range 30 {
			if err := l.AppendAsync(large); err != nil {
				done <- err
				return
			}
			queued.Add(1)
		}
		done <- nil
	}()
	select {
	case <-done:
		t.Error("30 MiB were queued while the disk hung")
	case <-time.After(50 * time.Millisecond):
	}
	if n := queued.Load(); n > 20 {
		t.Errorf("%d MiB are queued", n)
	}
	f.hold.Store(nil)
	close(hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
	closeLedger(t, l)
}

func TestAsyncRidesAlong(t *testing.T) {
	var f fault
	l := open(t, config(t).WithFiles(f.open).WithPace(time.Hour, 1<<20))
	before := f.syncs.Load()
	for i := range 10 {
		if err := l.AppendAsync(decision(i)); err != nil {
			t.Fatal(err)
		}
	}
	id, err := l.Append(t.Context(), decision(10))
	if err != nil || id.Index != 11 {
		t.Errorf("Append = %v, %v; want place 0/11, after what was queued", id, err)
	}
	if n := f.syncs.Load() - before; n > 2 {
		t.Errorf("%d syncs for eleven entries that were queued together", n)
	}
	closeLedger(t, l)
}

// TestRecovery damages a shard, and says what the next Open does about it.
func TestRecovery(t *testing.T) {
	at := func(change func(b []byte, last int) []byte) func(*testing.T, ledger.Config) {
		return func(t *testing.T, c ledger.Config) {
			edit(t, c, journalStart, func(b []byte) []byte { return change(b, frameAt(b, 639)) })
		}
	}
	for _, c := range []struct {
		name  string
		do    func(*testing.T, ledger.Config)
		wrong string // "" when it opens
		index int64
	}{
		{"nothing", func(*testing.T, ledger.Config) {}, "", 0},
		{"zeros after the end", at(func(b []byte, _ int) []byte { return append(b, make([]byte, 5000)...) }), "", 0},
		{"half a frame after the end", at(func(b []byte, last int) []byte { return append(b, b[last:last+30]...) }), "", 0},
		{"garbage after the end", at(func(b []byte, _ int) []byte { return append(b, bytes.Repeat([]byte("x"), 5000)...) }), "", 0},
		{"an old frame after the end", at(func(b []byte, last int) []byte { return append(b, b[last:]...) }), "stands entry 639 where", 640},
		{"an old commit after garbage", at(func(b []byte, last int) []byte {
			return append(append(b, "garbage"...), b[last:]...)
		}), "later commit follows", 640},
		{"the last frame torn", at(func(b []byte, last int) []byte { return b[:last+20] }), "ends before this one", 639},
		{"a bit in the middle", at(func(b []byte, _ int) []byte { b[frameAt(b, 100)+50] ^= 1; return b }), "later commit follows", 100},
		{"a bit in the head", at(func(b []byte, _ int) []byte { b[30] ^= 1; return b }), "later commit follows", 0},
		{"the segment of another shard", func(t *testing.T, c ledger.Config) {
			move(t, c, "1/"+journalStart[2:], journalStart)
		}, "the segment is of", 0},
		{"no journal", func(t *testing.T, c ledger.Config) { remove(t, c, "0/journal") }, "newest segment is missing", 639},
		{"no checkpoint", func(t *testing.T, c ledger.Config) { remove(t, c, "0/checkpoint") }, "it is missing, though 640", 0},
		{"no list of shards", func(t *testing.T, c ledger.Config) { remove(t, c, "shards"); remove(t, c, "0/checkpoint") }, "missing", 0},
		{"a byte of the checkpoint", func(t *testing.T, c ledger.Config) {
			edit(t, c, "0/checkpoint", func(b []byte) []byte { b[70] ^= 1; return b })
		}, "signature", -1},
		{"an entry of the journal, checksum mended", func(t *testing.T, c ledger.Config) { editFrame(t, c, 33, lie) }, "not have the root", -1},
		{"the folder of a shard", func(t *testing.T, c ledger.Config) { remove(t, c, "0") }, "missing", 0},
		{"a shard put aside", func(t *testing.T, c ledger.Config) {
			editFrame(t, c, 33, lie)
			if err := os.WriteFile(filepath.Join(c.Dir, "0", "retired"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, _ := story(t)
			c.do(t, config)
			before := snapshot(t, config)
			l, err := ledger.Open(t.Context(), config)
			if c.wrong == "" {
				if err != nil {
					t.Fatal(err)
				}
				fill(t, l, 3)
				closeLedger(t, l)
				if r := verify(t, config, l.Key()); !r.OK() && c.name != "a shard put aside" {
					t.Errorf("after it was set right: %v", r.Problems)
				}
				return
			}
			if err == nil {
				l.Close()
				t.Fatal("it opened")
			}
			var damage *ledger.DamageError
			if !strings.Contains(err.Error(), c.wrong) || errors.As(err, &damage) && damage.Index != c.index {
				t.Errorf("got %v\nwant entry %d, %q", err, c.index, c.wrong)
			}
			if after := snapshot(t, config); after != before {
				t.Error("files were changed")
			}
		})
	}
}

// snapshot sums up what is in a ledger folder.
func snapshot(t *testing.T, c ledger.Config) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(c.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %d %x\n", path, len(data), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDerivedFilesComeBack removes or spoils what follows from the journal: it is made again, and the opening entry says so.
func TestDerivedFilesComeBack(t *testing.T) {
	for _, path := range []string{fullBundle, partialBundle, "0/tile/0/001", "0/tile/0/002.p/128", "0/tile/1/000.p/2"} {
		for _, how := range []string{"removed", "empty", "changed"} {
			t.Run(path+" "+how, func(t *testing.T) {
				c, key := story(t)
				switch how {
				case "removed":
					remove(t, c, path)
				case "empty":
					edit(t, c, path, func([]byte) []byte { return nil })
				case "changed":
					edit(t, c, path, func(b []byte) []byte { b[40] ^= 1; return b })
				}
				l := open(t, c)
				closeLedger(t, l)
				if r := verify(t, c, key); !r.OK() {
					t.Errorf("verify: %v", r.Problems)
				}
				r, err := ledger.NewReader(c.Dir, nil).Show(t.Context(), "0/640")
				if want := strings.TrimPrefix(path, "0/"); err != nil || !strings.Contains(string(r.Body), want) {
					t.Errorf("the opening entry is %s, %v; want it to name %s", r.Body, err, want)
				}
			})
		}
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	c, _ := story(t)
	c.Keys = filepath.Join(t.TempDir(), "keys")
	if l, err := ledger.Open(t.Context(), c); err == nil {
		l.Close()
		t.Fatal("a ledger was opened with new keys")
	}
}
