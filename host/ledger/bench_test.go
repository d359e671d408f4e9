package ledger_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"agentmesh/host/ledger"
)

// BenchmarkLedger appends entries of about 1 KiB from 1, 8 and 64 callers: to the ledger in both modes, and beside it to
// the floor, a bare file that does nothing but group commit of frames with a checksum. The floor is the file as it is
// plainly written, appending, and with its space reserved ahead, as the ledger's journal has it.
//
//	go test ./host/ledger -run '^$' -bench Ledger -benchtime 2s
func BenchmarkLedger(b *testing.B) {
	body := `{"request":{"agent":{"name":"bench"},"action":{"type":"read","tool":"read_file"},"data":{"text":"` +
		strings.Repeat("some argument ", 50) + `"}},"verdict":{"decision":"allow"}}`
	entry := ledger.Entry{
		Kind: ledger.KindDecision, ID: "0123456789abcdef0123456789abcdef", Agent: "bench", Server: "filesystem",
		Tool: "read_file", Method: "tools/call", Decision: "allow", Code: "rule", Rule: "reads", Policy: "bench",
		Set: "sha256:0123456789abcdef", Body: []byte(body),
	}
	frame := ledger.AppendEntry(nil, &entry)
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.Run("floor", func(b *testing.B) { benchFloor(b, callers, frame, false) })
			b.Run("floor-reserved", func(b *testing.B) { benchFloor(b, callers, frame, true) })
			b.Run("sync", func(b *testing.B) { benchLedger(b, callers, entry, ledger.Sync) })
			b.Run("os", func(b *testing.B) { benchLedger(b, callers, entry, ledger.OS) })
		})
	}
}

func benchLedger(b *testing.B, callers int, e ledger.Entry, mode ledger.Mode) {
	c := config(b)
	c.Mode = mode
	l := open(b, c)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	run(b, callers, func() error {
		_, err := l.Append(ctx, e)
		return err
	})
	closeLedger(b, l)
}

func benchFloor(b *testing.B, callers int, payload []byte, reserved bool) {
	f, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	g := &floor{file: f, reserve: reserved, done: make(chan struct{})}
	g.work = sync.NewCond(&g.mu)
	go g.write()
	run(b, callers, func() error { return g.append(payload) })
	g.close()
}

// run shares b.N calls among the callers.
func run(b *testing.B, callers int, call func() error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}

// floor is the least that a durable log has to do.
type floor struct {
	file    *os.File
	reserve bool
	done    chan struct{}

	mu      sync.Mutex
	work    *sync.Cond
	pending *floorCommit
	closed  bool
}

type floorCommit struct {
	buf  []byte
	done chan struct{}
	err  error
}

func (g *floor) append(payload []byte) error {
	g.mu.Lock()
	if g.pending == nil {
		g.pending = &floorCommit{done: make(chan struct{})}
		g.work.Signal()
	}
	c := g.pending
	c.buf = binary.BigEndian.AppendUint32(c.buf, uint32(len(payload)))
	c.buf = binary.BigEndian.AppendUint32(c.buf, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	c.buf = append(c.buf, payload...)
	g.mu.Unlock()
	<-c.done
	return c.err
}

func (g *floor) write() {
	defer close(g.done)
	var off, size int64
	for {
		g.mu.Lock()
		for g.pending == nil && !g.closed {
			g.work.Wait()
		}
		c := g.pending
		g.pending = nil
		g.mu.Unlock()
		if c == nil {
			return
		}
		if need := off + int64(len(c.buf)); g.reserve && need > size {
			size = need + 4<<20
			c.err = syscall.Fallocate(int(g.file.Fd()), 0, 0, size)
		}
		if c.err == nil {
			_, c.err = g.file.WriteAt(c.buf, off)
		}
		if c.err == nil {
			c.err = syscall.Fdatasync(int(g.file.Fd()))
		}
		off += int64(len(c.buf))
		close(c.done)
	}
}

func (g *floor) close() {
	g.mu.Lock()
	g.closed = true
	g.work.Signal()
	g.mu.Unlock()
	<-g.done
	g.file.Close()
}
