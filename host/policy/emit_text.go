package policy

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// text(op, a, b, stride, id): the truth of a string function. stride and id serve contains on a list: the size of its
// items' records, and the id that says all about b, or 0.
func (e *emitter) text() {
	fn, c := e.sign(5, wasm.I32)
	e.help.text = fn
	const op, a, b, stride, id = 0, 1, 2, 3, 4
	ta, tb := tagOf(c, a), tagOf(c, b)
	whenTag(c, abi.SlotUnknown, truthUnknown, ta, tb)
	whenTag(c, abi.SlotMistyped, truthIndeterminate, ta, tb)
	whenTag(c, abi.SlotMissing, truthIndeterminate, ta, tb)

	c.Get(ta).I32(abi.SlotList).Op(wasm.OpI32Eq).Get(op).I32(uint32(Contains)).Op(wasm.OpI32Eq, wasm.OpI32And)
	c.If()
	c.Get(id)
	c.If()
	c.Get(a).Get(stride).Get(id).Call(e.help.has).Return().End()
	c.Get(b).Get(a).Get(stride).Call(e.help.member).Return().End()

	c.Get(ta).I32(abi.SlotString).Op(wasm.OpI32Eq).Get(tb).I32(abi.SlotString).Op(wasm.OpI32Eq, wasm.OpI32And, wasm.OpI32Eqz)
	c.If()
	c.I32(uint32(truthIndeterminate)).Return().End()

	c.Get(op).I32(uint32(Contains)).Op(wasm.OpI32Eq)
	c.If()
	text2(c, a, b)
	c.Call(e.help.search).Return().End()
	e.edge(c, op, a, b)
}

// edge pushes whether string a begins or, with EndsWith, ends with string b.
func (e *emitter) edge(c *wasm.Code, op, a, b uint32) {
	m, n, p := c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32)
	c.Get(a).Load(wasm.OpI32Load, atLen).Set(m)
	c.Get(b).Load(wasm.OpI32Load, atLen).Set(n)
	c.Get(m).Get(n).Op(wasm.OpI32LtU)
	c.If()
	c.I32(uint32(truthFalse)).Return().End()
	c.Get(a).Load(wasm.OpI32Load, atPtr).Set(p)
	c.Get(op).I32(uint32(EndsWith)).Op(wasm.OpI32Eq)
	c.If()
	c.Get(p).Get(m).Op(wasm.OpI32Add).Get(n).Op(wasm.OpI32Sub).Set(p).End()
	c.Get(p).Get(b).Load(wasm.OpI32Load, atPtr).Get(n).Call(e.help.memEqual)
}

// matches(a, dfa, columns): the truth of a string matching an automaton, whose table begins after the 256 columns.
func (e *emitter) matches() {
	fn, c := e.sign(3, wasm.I32)
	e.help.matches = fn
	const a, dfa, columns = 0, 1, 2
	tag := tagOf(c, a)
	whenTag(c, abi.SlotUnknown, truthUnknown, tag)
	c.Get(tag).I32(abi.SlotString).Op(wasm.OpI32Ne)
	c.If()
	c.I32(uint32(truthIndeterminate)).Return().End()
	p, end, state := c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32)
	c.Get(a).Load(wasm.OpI32Load, atLen).Tee(end).Call(e.help.spend)
	c.Get(a).Load(wasm.OpI32Load, atPtr).Tee(p).Get(end).Op(wasm.OpI32Add).Set(end)
	c.Get(columns).I32(dfaStart).Op(wasm.OpI32Mul).Set(state)

	// next loads the state that follows by the column on the stack
	next := func() *wasm.Code {
		return c.Get(state).Op(wasm.OpI32Add).I32(1).Op(wasm.OpI32Shl).Get(dfa).Op(wasm.OpI32Add).Load(wasm.OpI32Load16U, 256)
	}
	ended := c.Block()
	again := c.Loop()
	c.Get(p).Get(end).Op(wasm.OpI32Eq).BrIf(ended)
	c.Get(dfa).Get(p).Load(wasm.OpI32Load8U, 0).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, 0)
	next().Tee(state).Op(wasm.OpI32Eqz)
	c.If()
	c.I32(uint32(truthTrue)).Return().End()
	c.Get(state).Get(columns).Op(wasm.OpI32Eq)
	c.If()
	c.I32(uint32(truthFalse)).Return().End()
	advance(c, p, 1)
	c.Br(again).End().End()
	c.Get(columns).I32(1).Op(wasm.OpI32Sub)
	next().Op(wasm.OpI32Eqz)
}
