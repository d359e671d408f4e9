package wasm_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

// laid is the layout of a guest of so many pages of 64 KiB.
func laid(t testing.TB, pages uint32) *wasm.Layout {
	m, err := wasm.Scan(running(0x20, 0, 0x0b), wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, layout, err := wasm.Instrument(m, wasm.Instrumentation{Barrier: true, MaxPages: pages})
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

func TestLayout(t *testing.T) {
	for _, c := range []struct{ pages, shift, marks uint32 }{
		{1, 1 << 16, 16}, {256, 1 << 16, 4096}, {4094, 1 << 16, 4094 * 16}, {4096, 2 << 16, 1 << 16}, {4097, 2 << 16, 1<<16 + 16}, {32768, 9 << 16, 8 << 16},
	} {
		l := laid(t, c.pages)
		if l.MaxPages != c.pages || l.InitialPages != 1 || l.Shift != c.shift || l.MapBase != 0 || l.MapBytes != c.marks {
			t.Errorf("%d pages: got %+v", c.pages, *l)
		}
	}
}

func TestHostWritesAreRestored(t *testing.T) {
	l := laid(t, 3)
	size := int(l.MaxPages) << 16
	memory := make([]byte, int(l.Shift)+size)
	guest := memory[l.Shift:]
	guest[7], guest[size-1] = 1, 1
	l.Mark(memory, uint32(size-1), 1)
	snapshot := l.Snapshot(memory)
	if len(snapshot) != size || bytes.IndexByte(memory[:l.MapBytes], 1) >= 0 {
		t.Fatalf("a snapshot of %d bytes, marks %v", len(snapshot), memory[:l.MapBytes])
	}
	for _, c := range []struct {
		from, n, pages int
	}{{0, 1, 1}, {0, 0, 0}, {4095, 1, 1}, {4095, 2, 2}, {4096, 4096, 1}, {1, 8192, 3}, {size - 1, 1, 1}, {0, size, 48}} {
		for i := range c.n {
			guest[c.from+i] ^= 0xff
		}
		l.Mark(memory, uint32(c.from), uint32(c.n))
		if got := l.Restore(memory, snapshot); got != c.pages {
			t.Errorf("%+v: %d pages restored", c, got)
		}
		if !bytes.Equal(guest, snapshot) || bytes.IndexByte(memory[:l.MapBytes], 1) >= 0 {
			t.Errorf("%+v: something is left", c)
		}
	}
	// a snapshot ends where the zeros begin
	clear(guest)
	guest[5000] = 9
	l.Mark(memory, 5000, 1)
	snapshot = l.Snapshot(memory)
	guest[4999], guest[5001], guest[100_000] = 1, 1, 1
	l.Mark(memory, 4999, 3)
	l.Mark(memory, 100_000, 1)
	if l.Restore(memory, snapshot); len(snapshot) != 5001 || !bytes.Equal(bytes.TrimRight(guest, "\x00"), snapshot) {
		t.Errorf("a snapshot of %d bytes is not restored", len(snapshot))
	}
}

// TestProbe stores with every instruction at every place that is near an edge, and holds that the instrumented module
// traps where the plain one does, writes what it writes, and is restored.
func TestProbe(t *testing.T) {
	r := newRuntimes(t)
	offsets := []uint32{0, 1, 4095, 4096, 65528, 65535, 65536, 1 << 31, 1<<32 - 65537, 1<<32 - 65536, 1<<32 - 65535, 1<<32 - 1}
	var funcs, exports, bodies [][]byte
	for i := range 9 * len(offsets) {
		o := byte(0x36 + i%9)
		body := append([]byte{0, 0x20, 0}, map[bool][]byte{true: {0x42, 0x7f}, false: {0x41, 0x7f}}[o == 0x37 || o >= 0x3c]...)
		switch o {
		case 0x38:
			body = append(body, 0xbe)
		case 0x39:
			body = append(body[:3], 0x42, 0x7f, 0xbf)
		}
		body = append(wasm.AppendU32(append(body, o, 0), offsets[i/9]), 0x0b)
		funcs, bodies = append(funcs, []byte{0}), append(bodies, append([]byte{byte(len(body))}, body...))
		name := wasm.AppendName(nil, fmt.Sprintf("f%d", i))
		exports = append(exports, wasm.AppendU32(append(name, 0), uint32(i)))
	}
	module := wasm.Join([]wasm.Section{
		{ID: wasm.SectionType, Body: []byte{1, 0x60, 1, 0x7f, 0}},
		{ID: wasm.SectionFunction, Body: items(funcs...)},
		{ID: wasm.SectionMemory, Body: []byte{1, 1, 2, 2}},
		{ID: wasm.SectionExport, Body: items(exports...)},
		{ID: wasm.SectionCode, Body: items(bodies...)},
	})
	plain := instance(t, r.compiler, module, wasm.Layout{})
	defer plain.close()
	out, layout := instrumented(t, module, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 9})
	for name, engine := range map[string]wazero.Runtime{"compiler": r.compiler, "interpreter": r.interpreter} {
		if race && name == "interpreter" {
			continue
		}
		ours := instance(t, engine, out, layout)
		probe(t, name, plain, ours, len(funcs))
		ours.close()
	}
}

func probe(t *testing.T, engine string, plain, ours *guest, funcs int) {
	t.Helper()
	edges := []uint32{0, 4096, 8192, 65536, 131072, 1<<32 - 131072, 1<<32 - 65536}
	probes, stored := 0, 0
	for i := range funcs {
		for _, edge := range edges {
			for _, near := range []uint32{1<<32 - 9, 1<<32 - 8, 1<<32 - 7, 1<<32 - 4, 1<<32 - 1, 0, 1} {
				name, at := fmt.Sprintf("f%d", i), uint64(edge+near)
				_, want := plain.call(name, at)
				ours.refuel(plenty)
				_, got := ours.call(name, at)
				if (want == nil) != (got == nil) || !bytes.Equal(plain.memory, ours.memory[ours.layout.Shift:]) {
					t.Fatalf("%s: %s at %#x: plain %v, instrumented %v", engine, name, at, want, got)
				}
				if probes++; want == nil {
					stored++
				}
				clear(plain.memory)
				ours.restore()
				ours.same(i)
			}
		}
	}
	t.Logf("%s: %d stores, %d within the memory", engine, probes, stored)
	if stored == 0 || stored == probes {
		t.Errorf("%d of %d stores were within the memory", stored, probes)
	}
}

func BenchmarkRestore(b *testing.B) {
	l := laid(b, 256)
	memory := make([]byte, int(l.Shift)+256<<16)
	snapshot := make([]byte, 3<<20)
	b.ReportAllocs()
	for b.Loop() {
		for p := range uint32(6) {
			l.Mark(memory, p*50_000, 1)
		}
		l.Restore(memory, snapshot)
	}
}
