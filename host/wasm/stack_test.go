package wasm_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

// recursive is a module of one function, run, which calls itself. The body begins with its locals.
func recursive(ft wasm.FuncType, body ...byte) []byte {
	types := []byte{0x60}
	for _, list := range [][]wasm.ValueType{ft.Params, ft.Results} {
		types = wasm.AppendU32(types, uint32(len(list)))
		for _, v := range list {
			types = append(types, byte(v))
		}
	}
	return wasm.Join([]wasm.Section{
		{ID: wasm.SectionType, Body: items(types)},
		{ID: wasm.SectionFunction, Body: []byte{1, 0}},
		{ID: wasm.SectionMemory, Body: []byte{1, 0, 1}},
		{ID: wasm.SectionGlobal, Body: []byte{2, 0x7e, 1, 0x42, 7, 0x0b, 0x7e, 1, 0x42, 7, 0x0b}},
		{ID: wasm.SectionExport, Body: []byte{1, 3, 'r', 'u', 'n', 0, 0}},
		{ID: wasm.SectionCode, Body: items(append(wasm.AppendU32(nil, uint32(len(body))), body...))},
	})
}

func repeat(t wasm.ValueType, n int) []wasm.ValueType {
	out := make([]wasm.ValueType, n)
	for i := range out {
		out[i] = t
	}
	return out
}

// keeping calls itself with that many values from memory kept over the call.
func keeping(values int) []byte {
	b := []byte{0, 0x41, 0}
	for i := range values {
		b = wasm.AppendU32(append(b, 0x41, 0, 0x29, 0), uint32(i*8))
	}
	b = append(b, 0x10, 0)
	for range values - 1 {
		b = append(b, 0x85)
	}
	return recursive(wasm.FuncType{}, append(b, 0x37, 0, 0, 0x0b)...)
}

// calling calls itself that many times over, and keeps the 64 results of each.
func calling(times int) []byte {
	b := []byte{0}
	for range times + 1 {
		b = append(b, 0x10, 0)
	}
	for i := range times * 64 {
		b = append(b, 0x24, byte(i%2))
	}
	return recursive(wasm.FuncType{Results: repeat(wasm.I64, 64)}, append(b, 0x0b)...)
}

// passing calls itself with 64 parameters, which it keeps.
func passing() []byte {
	b := []byte{0}
	for i := range 64 {
		b = append(b, 0x20, byte(i))
	}
	b = append(b, 0x10, 0)
	for i := range 64 {
		b = append(b, 0x20, byte(i), 0x24, byte(i%2))
	}
	return recursive(wasm.FuncType{Params: repeat(wasm.I64, 64)}, append(b, 0x0b)...)
}

// TestDepth has functions of every shape call themselves for ever: always the guest's own count stops them, and never
// the engine's stack, which differs from engine to engine.
func TestDepth(t *testing.T) {
	type shape struct {
		name   string
		module []byte
		args   int
	}
	shapes := []shape{
		{"nothing", recursive(wasm.FuncType{}, 0, 0x10, 0, 0x0b), 0},
		{"results", recursive(wasm.FuncType{Results: repeat(wasm.I64, 64)}, 0, 0x10, 0, 0x0b), 0},
		{"parameters", passing(), 64},
	}
	for _, n := range []int{10, 63, 126, 250, 5000} {
		shapes = append(shapes, shape{fmt.Sprintf("%d values kept", n), keeping(n), 0})
	}
	for _, n := range []int{1, 3, 4, 20} {
		shapes = append(shapes, shape{fmt.Sprintf("%d calls' results kept", n), calling(n), 0})
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			out, layout := instrumented(t, s.module, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 2})
			g := start(t, out, layout, wazero.NewRuntimeConfigCompiler())
			_, err := g.call("run", make([]uint64, s.args)...)
			depth := uint32(g.global(layout.DepthGlobal).Get())
			if err == nil || strings.Contains(err.Error(), "stack overflow") || depth <= wasm.MaxDepth || g.fuel() < 0 {
				t.Errorf("got %v, depth %d", err, depth)
			}
		})
	}
}
