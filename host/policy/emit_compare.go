package policy

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// compareMixed(i, f): how the integer of slot i stands to the float of slot f, without rounding the integer: beyond
// ±2^63 the float decides, within it the float's whole part is an exact int64.
func (e *emitter) compareMixed() {
	fn, c := e.sign(2, wasm.I32)
	e.help.compareMixed = fn
	const i, f = 0, 1
	n, x, whole := c.Local(wasm.I64), c.Local(wasm.F64), c.Local(wasm.F64)
	w := c.Local(wasm.I64)
	c.Get(i).Load(wasm.OpI64Load, atExtra).Set(n)
	c.Get(f).Load(wasm.OpF64Load, atNumber).Set(x)
	c.Get(x).F64(1 << 63).Op(wasm.OpF64Ge)
	c.If()
	c.I32(isLess).Return().End()
	c.Get(x).F64(-(1 << 63)).Op(wasm.OpF64Lt)
	c.If()
	c.I32(isGreater).Return().End()
	c.Get(x).Op(wasm.OpF64Trunc).Tee(whole).Op(wasm.OpI64TruncF64S).Set(w)
	c.Get(n).Get(w).Op(wasm.OpI64Ne)
	c.If()
	c.Get(n).Get(w).Op(wasm.OpI64GtS).I32(1).Op(wasm.OpI32Shl).Return().End()
	threeWay(c, func() { c.Get(whole).Get(x) }, wasm.OpF64Lt, wasm.OpF64Gt)
}

// compareNumbers(a, b): how two slots with numbers stand to each other, exactly.
func (e *emitter) compareNumbers() {
	fn, c := e.sign(2, wasm.I32)
	e.help.compareNumbers = fn
	const a, b = 0, 1
	ta, tb := tagOf(c, a), tagOf(c, b)
	isInt := func(tag uint32) *wasm.Code { return c.Get(tag).I32(abi.SlotInt).Op(wasm.OpI32Eq) }
	isInt(ta)
	c.If()
	isInt(tb)
	c.If()
	threeWay(c, func() {
		c.Get(a).Load(wasm.OpI64Load, atExtra).Get(b).Load(wasm.OpI64Load, atExtra)
	}, wasm.OpI64LtS, wasm.OpI64GtS)
	c.Return().End()
	c.Get(a).Get(b).Call(e.help.compareMixed).Return().End()
	isInt(tb)
	c.If()
	c.I32(isGreater).Get(b).Get(a).Call(e.help.compareMixed).Op(wasm.OpI32Sub).Return().End()
	threeWay(c, func() {
		c.Get(a).Load(wasm.OpF64Load, atNumber).Get(b).Load(wasm.OpF64Load, atNumber)
	}, wasm.OpF64Lt, wasm.OpF64Gt)
}

// equal(a, b): the truth of a == b, for slots written whole.
func (e *emitter) equal() {
	fn, c := e.sign(2, wasm.I32)
	e.help.equal = fn
	const a, b = 0, 1
	ta, tb := tagOf(c, a), tagOf(c, b)
	whenTag(c, abi.SlotUnknown, truthUnknown, ta, tb)
	whenTag(c, abi.SlotMistyped, truthIndeterminate, ta, tb)
	whenTag(c, abi.SlotMissing, truthMissing, ta, tb)
	isNumber(c, ta)
	isNumber(c, tb)
	c.Op(wasm.OpI32And)
	c.If()
	c.Get(a).Get(b).Call(e.help.compareNumbers).I32(isEqual).Op(wasm.OpI32Eq).Return().End()
	c.Get(ta).Get(tb).Op(wasm.OpI32Ne)
	c.If()
	c.I32(uint32(truthFalse)).Return().End()
	c.Get(ta).I32(abi.SlotString).Op(wasm.OpI32Eq)
	c.If()
	e.sameBytes(c, atPtr, atLen)
	c.End()
	c.Get(ta).I32(abi.SlotList).Op(wasm.OpI32GeU)
	c.If()
	for _, slot := range []uint32{a, b} {
		c.Get(slot).Load(wasm.OpI32Load, atExtra+4).I32(abi.CanonicalUnknown).Op(wasm.OpI32Eq)
		c.If()
		c.I32(uint32(truthUnknown)).Return().End()
	}
	e.sameBytes(c, atExtra, atExtra+4)
	c.End()
	c.Get(a).Load(wasm.OpI32Load, atID).Get(b).Load(wasm.OpI32Load, atID).Op(wasm.OpI32Eq)
}

// sameBytes returns whether the bytes of slots 0 and 1 are the same, their address and length standing at those fields.
func (e *emitter) sameBytes(c *wasm.Code, ptr, length uint32) {
	const a, b = 0, 1
	c.Get(a).Load(wasm.OpI32Load, length).Get(b).Load(wasm.OpI32Load, length).Op(wasm.OpI32Ne)
	c.If()
	c.I32(uint32(truthFalse)).Return().End()
	c.Get(a).Load(wasm.OpI32Load, ptr).Get(b).Load(wasm.OpI32Load, ptr).Get(a).Load(wasm.OpI32Load, length)
	c.Call(e.help.memEqual).Return()
}

// order(a, b, mask): the truth of a comparison that holds for the outcomes in the mask.
func (e *emitter) order() {
	fn, c := e.sign(3, wasm.I32)
	e.help.order = fn
	const a, b, mask = 0, 1, 2
	ta, tb := tagOf(c, a), tagOf(c, b)
	outcome := c.Local(wasm.I32)
	whenTag(c, abi.SlotUnknown, truthUnknown, ta, tb)
	known := c.Block()
	numbers := c.Block()
	isNumber(c, ta)
	isNumber(c, tb)
	c.Op(wasm.OpI32And).BrIf(numbers)
	c.Get(ta).I32(abi.SlotString).Op(wasm.OpI32Eq).Get(tb).I32(abi.SlotString).Op(wasm.OpI32Eq, wasm.OpI32And)
	c.If()
	text2(c, a, b)
	c.Call(e.help.memCompare).Set(outcome).Br(known).End()
	c.I32(uint32(truthIndeterminate)).Return().End()
	c.Get(a).Get(b).Call(e.help.compareNumbers).Set(outcome).End()
	c.Get(mask).Get(outcome).Op(wasm.OpI32ShrU).I32(1).Op(wasm.OpI32And)
}

// member(x, list, stride): the truth of x in list, for slots written whole.
func (e *emitter) member() {
	fn, c := e.sign(3, wasm.I32)
	e.help.member = fn
	const x, list, stride = 0, 1, 2
	tx, tl := tagOf(c, x), tagOf(c, list)
	whenTag(c, abi.SlotUnknown, truthUnknown, tx, tl)
	whenTag(c, abi.SlotMistyped, truthIndeterminate, tx)
	e.mustBeList(c, tl)
	whenTag(c, abi.SlotMissing, truthMissing, tx)
	answer := c.Local(wasm.I32)
	e.eachItem(c, list, stride, answer, func(item uint32) {
		c.Get(x).Get(item).Call(e.help.equal).Tee(answer).I32(uint32(truthTrue)).Op(wasm.OpI32Eq)
		c.If()
		c.I32(uint32(truthTrue)).Return().End()
		c.Get(answer)
	})
}

// mustBeList returns what membership in something that is no list comes to.
func (e *emitter) mustBeList(c *wasm.Code, tag uint32) {
	whenTag(c, abi.SlotMissing, truthMissing, tag)
	c.Get(tag).I32(abi.SlotList).Op(wasm.OpI32Ne)
	c.If()
	c.I32(uint32(truthIndeterminate)).Return().End()
}

// eachItem goes through a list. look pushes the truth for an item unless it returns; what is left is the strongest of
// unknown and false (and indeterminate, for items that are mistyped).
func (e *emitter) eachItem(c *wasm.Code, list, stride, answer uint32, look func(item uint32)) {
	item, left, worst := c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32)
	c.Get(list).Load(wasm.OpI32Load, atPtr).Set(item)
	c.Get(list).Load(wasm.OpI32Load, atLen).Tee(left).Call(e.help.spend)
	done := c.Block()
	again := c.Loop()
	c.Get(left).Op(wasm.OpI32Eqz).BrIf(done)
	look(item)
	c.Set(answer)
	c.Get(answer).Get(worst).Get(answer).Get(worst).Op(wasm.OpI32GtU, wasm.OpSelect).Set(worst)
	c.Get(item).Get(stride).Op(wasm.OpI32Add).Set(item)
	c.Get(left).I32(1).Op(wasm.OpI32Sub).Set(left)
	c.Br(again).End().End()
	c.Get(worst)
}

// has(list, stride, id): the truth of x in list, where id says all about x.
func (e *emitter) has() {
	fn, c := e.sign(3, wasm.I32)
	e.help.has = fn
	const list, stride, id = 0, 1, 2
	tl := tagOf(c, list)
	item, end, tag, worst := c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32)
	c.Get(tl).I32(abi.SlotList).Op(wasm.OpI32Ne)
	c.If()
	whenTag(c, abi.SlotUnknown, truthUnknown, tl)
	e.mustBeList(c, tl)
	c.End()
	c.Get(list).Load(wasm.OpI32Load, atPtr).Set(item)
	c.Get(list).Load(wasm.OpI32Load, atLen).Set(end)
	e.spendOver(c, 64, end)
	c.Get(item).Get(end).Get(stride).Op(wasm.OpI32Mul, wasm.OpI32Add).Set(end)
	done := c.Block()
	again := c.Loop()
	c.Get(item).Get(end).Op(wasm.OpI32Eq).BrIf(done)
	c.Get(item).Load(wasm.OpI32Load, atID).Get(id).Op(wasm.OpI32Eq)
	c.If()
	c.I32(uint32(truthTrue)).Return().End()
	c.Get(item).Load(wasm.OpI32Load, atTag).Tee(tag).I32(abi.SlotMistyped).Op(wasm.OpI32Eq)
	c.If()
	raise(c, worst, truthIndeterminate)
	c.End()
	c.Get(tag).I32(abi.SlotUnknown).Op(wasm.OpI32Eq)
	c.If()
	raise(c, worst, truthUnknown)
	c.End()
	c.Get(item).Get(stride).Op(wasm.OpI32Add).Set(item)
	c.Br(again).End().End()
	c.Get(worst)
}

// raise makes a truth in a local at least t: unknown outweighs indeterminate, which outweighs false.
func raise(c *wasm.Code, local uint32, t truth) {
	c.Get(local).I32(uint32(t)).Op(wasm.OpI32Or).Set(local)
}
