package wasm_test

import (
	"agentmesh/host/wasm"
)

// generator writes random valid modules: every choice is a byte of its input, and past its end the simplest is chosen.
// Modules end by themselves: each call and each round of a loop takes one from a global, and at 0 traps.
type generator struct {
	in    []byte
	size  int // how many more instructions of weight to write
	exact bool

	out     []byte
	types   []wasm.FuncType
	funcs   []uint32 // types
	tick    uint32   // type of the imported function
	labels  [][]wasm.ValueType
	locals  []wasm.ValueType
	results []wasm.ValueType
}

const (
	genBudget = 200
	genGlobal = 4 // globals 1 to 4 hold an i32, i64, f32, f64 that guest code sets; 0 is the budget
)

func (g *generator) byte() byte {
	if len(g.in) == 0 {
		return 0
	}
	b := g.in[0]
	g.in = g.in[1:]
	return b
}

func (g *generator) pick(n int) int { return int(g.byte()) % n }

func (g *generator) op(ops ...byte) { g.out = append(g.out, ops...) }

func (g *generator) u(n uint32) { g.out = wasm.AppendU32(g.out, n) }

func (g *generator) i32(n uint32) {
	g.op(0x41)
	g.out = wasm.AppendS64(g.out, int64(int32(n)))
}

func (g *generator) i64(n uint64) {
	g.op(0x42)
	g.out = wasm.AppendS64(g.out, int64(n))
}

// generate writes a module. Exact ones have a memory that cannot grow, and use any address; others grow and use addresses
// that are always within. It returns the module, and the types of its functions, exported as f0, f1 …
func generate(in []byte) (module []byte, exports []wasm.FuncType) {
	g := &generator{in: in}
	g.exact = g.pick(3) != 1
	i, l, f, d := wasm.I32, wasm.I64, wasm.F32, wasm.F64
	g.types = []wasm.FuncType{
		{},
		{Params: []wasm.ValueType{i, l}, Results: []wasm.ValueType{i}},
		{Params: []wasm.ValueType{l}, Results: []wasm.ValueType{l, i}},
		{Results: []wasm.ValueType{d, i, l}},
		{Params: []wasm.ValueType{i}, Results: []wasm.ValueType{i, i}},
		{Params: []wasm.ValueType{i, f, d}, Results: []wasm.ValueType{f}},
		{Params: []wasm.ValueType{l}, Results: []wasm.ValueType{l}},
	}
	g.tick = 6
	if g.pick(2) == 1 {
		g.types = append(g.types, wasm.FuncType{Params: []wasm.ValueType{i}, Results: []wasm.ValueType{i}})
	}
	g.funcs = []uint32{0} // the start function, if there is one
	for range 1 + g.pick(5) {
		g.funcs = append(g.funcs, uint32(g.pick(6)))
	}
	for _, t := range g.funcs[1:] {
		exports = append(exports, g.types[t])
	}
	return g.module(), exports
}

func items(list ...[]byte) []byte {
	out := wasm.AppendU32(nil, uint32(len(list)))
	for _, x := range list {
		out = append(out, x...)
	}
	return out
}

func (g *generator) module() []byte {
	var types, funcs, exports, bodies [][]byte
	for _, t := range g.types {
		b := []byte{0x60}
		for _, list := range [][]wasm.ValueType{t.Params, t.Results} {
			b = wasm.AppendU32(b, uint32(len(list)))
			for _, v := range list {
				b = append(b, byte(v))
			}
		}
		types = append(types, b)
	}
	for i, t := range g.funcs {
		funcs = append(funcs, wasm.AppendU32(nil, t))
		if i > 0 {
			exports = append(exports, append(wasm.AppendName(nil, "f"+string(rune('0'+i-1))), 0, byte(i+1)))
		}
	}
	exports = append(exports, append(wasm.AppendName(nil, "budget"), 3, 0))
	start := g.pick(3) == 2
	for i := range g.funcs {
		body := g.body(i)
		bodies = append(bodies, append(wasm.AppendU32(nil, uint32(len(body))), body...))
	}
	n := byte(len(g.funcs))
	var elements []byte
	for i := range n + 1 {
		elements = append(elements, i)
	}
	s := []wasm.Section{
		{ID: wasm.SectionType, Body: items(types...)},
		{ID: wasm.SectionImport, Body: append([]byte{1, 3, 'e', 'n', 'v', 4, 't', 'i', 'c', 'k', 0}, byte(g.tick))},
		{ID: wasm.SectionFunction, Body: items(funcs...)},
		{ID: wasm.SectionTable, Body: []byte{1, 0x70, 0, n + 2}},
		{ID: wasm.SectionMemory, Body: g.memory()},
		{ID: wasm.SectionGlobal, Body: items(
			append(wasm.AppendS64([]byte{0x7f, 1, 0x41}, genBudget), 0x0b), []byte{0x7f, 1, 0x41, 3, 0x0b}, []byte{0x7e, 1, 0x42, 0x7e, 0x0b},
			[]byte{0x7d, 1, 0x43, 0, 0, 0x80, 0x3f, 0x0b}, []byte{0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0xbf, 0x0b}, []byte{0x7f, 0, 0x41, 9, 0x0b},
		)},
		{ID: wasm.SectionExport, Body: items(exports...)},
	}
	if start {
		s = append(s, wasm.Section{ID: wasm.SectionStart, Body: []byte{1}})
	}
	return wasm.Join(append(
		s,
		wasm.Section{ID: wasm.SectionElement, Body: append([]byte{1, 0, 0x41, 0, 0x0b, n + 1}, elements...)},
		wasm.Section{ID: wasm.SectionDataCount, Body: []byte{2}},
		wasm.Section{ID: wasm.SectionCode, Body: items(bodies...)},
		wasm.Section{ID: wasm.SectionData, Body: items(
			append([]byte{0, 0x41, 0xfb, 0x1f, 0x0b, 10}, "0123456789"...), append([]byte{1, 16}, "passive, 16 long"...),
		)},
	))
}

func (g *generator) memory() []byte {
	if g.exact {
		return []byte{1, 1, 1, 1}
	}
	return []byte{1, 1, 1, 3}
}

// body writes function i: locals, a charge on the budget, statements, results.
func (g *generator) body(i int) []byte {
	ft := g.types[g.funcs[i]]
	g.out, g.size = nil, 60+g.pick(200)
	g.locals = append(append([]wasm.ValueType(nil), ft.Params...), wasm.I32, wasm.I32, wasm.I64, wasm.F32, wasm.F64)
	g.results = ft.Results
	g.labels = [][]wasm.ValueType{ft.Results}
	g.op(4, 2, 0x7f, 1, 0x7e, 1, 0x7d, 1, 0x7c)
	g.spend()
	g.statements()
	g.values(ft.Results)
	g.op(0x0b)
	return g.out
}

// spend traps when the budget is used up.
func (g *generator) spend() {
	g.op(0x23, 0, 0x45, 0x04, 0x40, 0x00, 0x0b, 0x23, 0, 0x41, 1, 0x6b, 0x24, 0)
}

func (g *generator) values(list []wasm.ValueType) {
	for _, t := range list {
		g.value(t)
	}
}

func (g *generator) statements() {
	for range 1 + g.pick(8) {
		g.statement()
	}
}

func (g *generator) statement() {
	if g.size -= 3; g.size < 0 {
		return
	}
	switch g.pick(16) {
	case 0, 1, 2:
		g.store()
	case 3, 4:
		i := g.pick(len(g.locals))
		g.value(g.locals[i])
		g.op(0x21, byte(i))
	case 5:
		i := g.pick(genGlobal)
		g.value([]wasm.ValueType{wasm.I32, wasm.I64, wasm.F32, wasm.F64}[i])
		g.op(0x24, byte(i+1))
	case 6, 7:
		g.block()
	case 8:
		g.loop()
	case 9:
		g.value(wasm.I32)
		g.op(0x04, 0x40)
		g.inside(nil, g.statements)
		if g.pick(2) == 1 {
			g.op(0x05)
			g.inside(nil, g.statements)
		}
		g.op(0x0b)
	case 10:
		g.branch()
	case 11, 12:
		g.bulk()
	case 13:
		g.call()
	default:
		g.value(wasm.I64)
		g.op(0x1a)
	}
}

// inside writes what stands in a block whose label takes values of those types.
func (g *generator) inside(label []wasm.ValueType, write func()) {
	g.labels = append(g.labels, label)
	write()
	g.labels = g.labels[:len(g.labels)-1]
}

func (g *generator) drop(n int) {
	for range n {
		g.op(0x1a)
	}
}

func (g *generator) block() {
	switch g.pick(4) {
	case 1: // takes a value and gives two
		g.value(wasm.I32)
		g.op(0x02, 4)
		g.inside(g.types[4].Results, func() {
			g.op(0x1a)
			g.statements()
			g.values(g.types[4].Results)
		})
		g.op(0x0b)
		g.drop(2)
	case 2:
		g.op(0x02, 3)
		g.inside(g.types[3].Results, func() {
			g.statements()
			g.values(g.types[3].Results)
		})
		g.op(0x0b)
		g.drop(3)
	default:
		g.op(0x02, 0x40)
		g.inside(nil, g.statements)
		g.op(0x0b)
	}
}

// loop writes a loop, with a parameter or without, that begins anew while a value says so.
func (g *generator) loop() {
	if g.pick(3) == 1 {
		g.value(wasm.I32)
		g.op(0x03, 4)
		g.inside(g.types[4].Params, func() {
			g.op(0x1a)
			g.spend()
			g.statements()
			g.value(wasm.I32)
			g.again() // keeps the value
			g.value(wasm.I32)
		})
		g.op(0x0b)
		g.drop(2)
		return
	}
	g.op(0x03, 0x40)
	g.inside(nil, func() {
		g.spend()
		g.statements()
		g.again()
	})
	g.op(0x0b)
}

// again begins the loop anew, for some rounds or for as long as a value says.
func (g *generator) again() {
	g.value(wasm.I32)
	if g.pick(8) != 1 {
		g.op(0x23, 0, 0x71, 0x41, 3, 0x71)
	}
	g.op(0x0d, 0)
}

// branch leaves a block, on a condition, by a table, or the function.
func (g *generator) branch() {
	to := g.pick(len(g.labels))
	types := g.labels[len(g.labels)-1-to]
	switch g.pick(5) {
	case 1:
		g.values(types)
		g.op(0x0c, byte(to))
	case 2:
		g.values(g.results)
		g.op(0x0f)
	case 3:
		if len(types) == 0 {
			g.value(wasm.I32)
			g.op(0x0e, 2, byte(to), byte(to), byte(to))
		}
	default:
		g.values(types)
		g.value(wasm.I32)
		g.op(0x0d, byte(to))
		g.drop(len(types))
	}
}

func (g *generator) call() {
	i := g.pick(len(g.funcs) + 1)
	t := g.tick
	if i > 0 {
		t = g.funcs[i-1]
	}
	ft := g.types[t]
	g.values(ft.Params)
	if g.pick(3) == 1 {
		g.i32(uint32(i + g.pick(8)/7)) // the wrong one now and then
		g.op(0x11, byte(t), 0)
	} else {
		g.op(0x10, byte(i))
	}
	g.drop(len(ft.Results))
}

// address pushes an address and returns the offset to use with it.
func (g *generator) address() uint32 {
	if !g.exact {
		g.value(wasm.I32)
		g.i32(0x7fff)
		g.op(0x71)
		return uint32(g.pick(256)) * 64
	}
	switch g.pick(4) {
	case 1:
		g.i32([]uint32{0, 4088, 4089, 4095, 4096, 8191, 65528, 65529, 65535, 65536, 1<<32 - 8, 1<<32 - 1, 1<<32 - 65536, 1<<32 - 65537}[g.pick(14)])
	case 2:
		g.value(wasm.I32)
		if g.pick(8) != 1 {
			g.i32(0xffff)
			g.op(0x71)
		}
	default:
		g.i32(uint32(g.byte())<<8 | uint32(g.byte()))
	}
	if g.pick(8) != 1 {
		return uint32(g.pick(3))
	}
	return []uint32{7, 8, 4095, 65535, 65536, 1<<32 - 65536, 1<<32 - 1, 1 << 31}[g.pick(8)]
}

func (g *generator) store() {
	o := byte(0x36 + g.pick(9))
	at := g.address()
	switch o {
	case 0x36, 0x3a, 0x3b:
		g.value(wasm.I32)
	case 0x38:
		g.value(wasm.F32)
	case 0x39:
		g.value(wasm.F64)
	default:
		g.value(wasm.I64)
	}
	g.op(o, 0)
	g.u(at)
}

func (g *generator) length() {
	if g.exact && g.pick(8) == 1 {
		g.value(wasm.I32)
		return
	}
	g.i32([]uint32{0, 1, 8, 100, 1, 8, 100, 700, 0, 100, 4095, 4096, 4097, 9000, 16384}[g.pick(15)])
}

func (g *generator) bulk() {
	g.address()
	switch g.pick(3) {
	case 0:
		g.value(wasm.I32)
		g.length()
		g.op(0xfc, 11, 0)
	case 1:
		g.address()
		g.length()
		g.op(0xfc, 10, 0, 0)
	default:
		g.i32(uint32(g.pick(18)))
		g.i32(uint32(g.pick(18)))
		g.op(0xfc, 8, 1, 0)
	}
}

// value pushes a value of that type.
func (g *generator) value(t wasm.ValueType) {
	if g.size--; g.size < 0 {
		g.constant(t)
		return
	}
	switch g.pick(8) {
	case 1, 2:
		g.local(t)
	case 3:
		g.load(t)
	case 4, 5:
		g.operation(t)
	case 6:
		g.op(0x02, byte(t))
		g.inside([]wasm.ValueType{t}, func() { g.statement(); g.value(t) })
		g.op(0x0b)
	case 7:
		g.value(wasm.I32)
		g.op(0x04, byte(t))
		g.inside([]wasm.ValueType{t}, func() { g.value(t) })
		g.op(0x05)
		g.inside([]wasm.ValueType{t}, func() { g.statement(); g.value(t) })
		g.op(0x0b)
	default:
		g.constant(t)
	}
}

func (g *generator) constant(t wasm.ValueType) {
	n := uint64(int8(g.byte()))
	switch t {
	case wasm.I32:
		g.i32(uint32(n))
	case wasm.I64:
		g.i64(n << 20)
	case wasm.F32:
		g.op(0x43, byte(n), 1, 0x80, 0x40)
	default:
		g.op(0x44, byte(n), 1, 2, 3, 4, 5, 0xf0, 0x40)
	}
}

func (g *generator) local(t wasm.ValueType) {
	if g.pick(4) == 1 {
		g.op(0x23, map[wasm.ValueType]byte{wasm.I32: 1, wasm.I64: 2, wasm.F32: 3, wasm.F64: 4}[t])
		return
	}
	first := g.pick(len(g.locals))
	for i := range g.locals {
		if l := (first + i) % len(g.locals); g.locals[l] == t {
			if g.pick(4) == 1 {
				g.value(t)
				g.op(0x22, byte(l))
			} else {
				g.op(0x20, byte(l))
			}
			return
		}
	}
}

func (g *generator) load(t wasm.ValueType) {
	at := g.address()
	switch t {
	case wasm.I32:
		g.op([]byte{0x28, 0x2c, 0x2d, 0x2e, 0x2f}[g.pick(5)], 0)
	case wasm.I64:
		g.op([]byte{0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35}[g.pick(7)], 0)
	case wasm.F32:
		g.op(0x2a, 0)
	default:
		g.op(0x2b, 0)
	}
	g.u(at)
}

// operation pushes what an instruction makes of values. Of floats only those that keep the bits of a NaN, which engines
// are free to choose otherwise.
func (g *generator) operation(t wasm.ValueType) {
	switch t {
	case wasm.I32:
		g.integer()
	case wasm.I64:
		switch g.pick(3) {
		case 0:
			g.value(wasm.I32)
			g.op(0xad)
		case 1:
			g.value(wasm.F64)
			g.op(0xbd)
		default:
			g.value(wasm.I64)
			g.value(wasm.I64)
			g.op([]byte{0x7c, 0x7d, 0x7e, 0x83, 0x85, 0x86, 0x80}[g.pick(7)])
		}
	case wasm.F32:
		g.value(wasm.F32)
		g.op([]byte{0x8b, 0x8c}[g.pick(2)])
	default:
		g.value(wasm.I64)
		g.op(0xbf)
	}
}

func (g *generator) integer() {
	switch g.pick(8) {
	case 0:
		g.op(0x3f, 0)
	case 1:
		g.value(wasm.I32)
		g.i32(3)
		g.op(0x71, 0x40, 0)
	case 2:
		g.value(wasm.I64)
		g.op(0xa7)
	case 3:
		g.value(wasm.I32)
		g.i32(7)
		g.op(0x71, 0x25, 0, 0xd1) // whether an element of the table is null
	case 4:
		g.value(wasm.F64)
		g.op(0xfc, 2) // saturating
	case 5:
		g.value(wasm.I32)
		g.value(wasm.I32)
		g.value(wasm.I32)
		g.op(0x1b)
	case 6:
		g.value(wasm.I64)
		g.value(wasm.I64)
		g.op(0x53)
	default:
		g.value(wasm.I32)
		g.value(wasm.I32)
		g.op([]byte{0x6a, 0x6b, 0x6c, 0x71, 0x73, 0x74, 0x76, 0x6e}[g.pick(8)])
	}
}
