package wasm_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

// charged is a module of functions () -> () exported as f0, f1 …, with a page of memory and a passive segment of 200 bytes.
func charged(bodies ...[]byte) []byte {
	var funcs, exports, code [][]byte
	for i, b := range bodies {
		funcs = append(funcs, []byte{0})
		exports = append(exports, []byte{2, 'f', byte('0' + i), 0, byte(i)})
		b = append(append([]byte{1, 1, 0x7f}, b...), 0x0b)
		code = append(code, append(wasm.AppendU32(nil, uint32(len(b))), b...))
	}
	return wasm.Join([]wasm.Section{
		{ID: wasm.SectionType, Body: []byte{1, 0x60, 0, 0}},
		{ID: wasm.SectionFunction, Body: items(funcs...)},
		{ID: wasm.SectionMemory, Body: []byte{1, 0, 1}},
		{ID: wasm.SectionExport, Body: items(exports...)},
		{ID: wasm.SectionDataCount, Body: []byte{1}},
		{ID: wasm.SectionCode, Body: items(code...)},
		{ID: wasm.SectionData, Body: append([]byte{1, 1, 0xc8, 1}, make([]byte, 200)...)},
	})
}

// bulk is an instruction at address 0, on that many bytes and 128.
func bulk(length byte, op ...byte) []byte {
	return append([]byte{0x41, 0, 0x41, 0, 0x41, length | 0x80, 1, 0xfc}, op...)
}

func TestCharges(t *testing.T) {
	nops := bytes.Repeat([]byte{0x01}, 5000)
	rounds := []byte{0x20, 0, 0x41, 1, 0x6a, 0x22, 0, 0x41, 10, 0x48, 0x0d, 0} // until the local is 10
	for _, c := range []struct {
		name string
		body []byte
		want int64
	}{
		{"nothing", nil, 1},
		{"1,023 bytes", nops[:1023-4], 1},
		{"1,024 bytes", nops[:1024-4], 2},
		{"4 KiB", nops[:4096-4], 5},
		{"a call", []byte{0x10, 0}, 1 + 1},
		{"ten rounds", slices.Concat([]byte{0x03, 0x40}, rounds, []byte{0x0b}), 1 + 10},
		{"ten rounds of 2 KiB", slices.Concat([]byte{0x03, 0x40}, nops[:2048-15], rounds, []byte{0x0b}), 1 + 2 + 10*3},
		{"a loop behind a branch", []byte{0x02, 0x40, 0x0c, 0, 0x03, 0x40, 0x0b, 0x0b}, 1},
		{"memory.fill of 192 bytes", bulk(64, 11, 0), 1 + 1 + 3},
		{"memory.fill of 191 bytes", bulk(63, 11, 0), 1 + 1 + 2},
		{"memory.copy of 192 bytes", bulk(64, 10, 0, 0), 1 + 1 + 3},
		{"memory.init of 192 bytes", bulk(64, 8, 0, 0), 1 + 1 + 3},
		{"memory.grow", []byte{0x41, 1, 0x40, 0, 0x1a}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, barrier := range []bool{false, true} {
				out, layout := instrumented(t, charged(nil, c.body), wasm.Instrumentation{Fuel: true, Barrier: barrier, MaxPages: 2})
				g := start(t, out, layout, wazero.NewRuntimeConfigCompiler())
				g.refuel(c.want)
				if _, err := g.call("f1"); err != nil || g.fuel() != 0 {
					t.Errorf("barrier %v, %d of fuel: %v, %d left", barrier, c.want, err, g.fuel())
				}
				g.refuel(c.want - 1)
				if _, err := g.call("f1"); err == nil || g.fuel() >= 0 {
					t.Errorf("barrier %v, %d of fuel: %v, %d left", barrier, c.want-1, err, g.fuel())
				}
			}
		})
	}
}

// TestBulkIsChargedBefore fills a page with less fuel than that takes, and finds nothing written.
func TestBulkIsChargedBefore(t *testing.T) {
	fill := []byte{0x41, 0, 0x41, 1, 0x41, 0x80, 0x80, 4, 0xfc, 11, 0}
	out, layout := instrumented(t, charged(fill), wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 1})
	g := start(t, out, layout, wazero.NewRuntimeConfigCompiler())
	g.snapshot()
	g.refuel(1024)
	if _, err := g.call("f0"); err == nil || g.fuel() >= 0 {
		t.Errorf("got %v, %d of fuel left", err, g.fuel())
	}
	g.same(0)
	g.refuel(1026)
	if _, err := g.call("f0"); err != nil || g.restore() != 16 {
		t.Errorf("with enough: %v", err)
	}
	g.same(1)
}
