package policy

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// helpers are the functions that every module has, whether or not its rules call them: they are small, and one shape
// for all modules is easier to trust.
type helpers struct {
	spend, fire                  uint32
	memEqual, memCompare, search uint32
	compareMixed, compareNumbers uint32
	equal, order, member, has    uint32
	text, matches, again         uint32
	run, dispatch                uint32
	fired, work                  uint32 // globals
	chunkType                    uint32 // the type of what run calls
}

// workPerCall bounds what the values of one request may make a module do, in steps of about a byte looked at or an item
// visited. Nested quantifiers and searches for caller's strings would otherwise take time that grows as a product.
const workPerCall = 1 << 28

// sign declares a function of i32 parameters and one i32 result.
func (e *emitter) sign(params int, results ...wasm.ValueType) (uint32, *wasm.Code) {
	ft := wasm.FuncType{Results: results}
	for range params {
		ft.Params = append(ft.Params, wasm.I32)
	}
	fn := e.b.Func(ft)
	c := wasm.NewCode(ft)
	e.b.Body(fn, c)
	return fn, c
}

// helpers generates the functions, in the order in which they need each other.
func (e *emitter) helpers(resultBase uint32) {
	e.help.fired, e.help.work = e.b.Global(), e.b.Global()
	e.help.chunkType = e.b.Type(chunkType())
	e.spend()
	e.fire(resultBase)
	e.memEqual()
	e.memCompare()
	e.search()
	e.compareMixed()
	e.compareNumbers()
	e.equal()
	e.order()
	e.member()
	e.has()
	e.text()
	e.matches()
	e.again()
	e.run()
	e.dispatch()
}

// spendOver spends the work in a local where it is more than some that need not be counted, since it is done at most once
// for each thing that is, or that stands in the rules.
func (e *emitter) spendOver(c *wasm.Code, free, n uint32) {
	c.Get(n).I32(free).Op(wasm.OpI32GtU)
	c.If()
	c.Get(n).Call(e.help.spend).End()
}

// spend(n): takes n from the work that may still be done, and traps where there is less.
func (e *emitter) spend() {
	fn, c := e.sign(1)
	e.help.spend = fn
	c.GlobalGet(e.help.work).Get(0).Op(wasm.OpI32LtU)
	c.If()
	c.Op(wasm.OpUnreachable).End()
	c.GlobalGet(e.help.work).Get(0).Op(wasm.OpI32Sub).GlobalSet(e.help.work)
}

// fire(word): appends to the result area.
func (e *emitter) fire(resultBase uint32) {
	fn, c := e.sign(1)
	e.help.fire = fn
	c.GlobalGet(e.help.fired).I32(2).Op(wasm.OpI32Shl).Get(0).Store(wasm.OpI32Store, resultBase)
	c.GlobalGet(e.help.fired).I32(1).Op(wasm.OpI32Add).GlobalSet(e.help.fired)
}

// advance adds to a local.
func advance(c *wasm.Code, local, by uint32) {
	c.Get(local).I32(by).Op(wasm.OpI32Add).Set(local)
}

// memEqual(p, q, n): whether n bytes are the same.
func (e *emitter) memEqual() {
	fn, c := e.sign(3, wasm.I32)
	e.help.memEqual = fn
	const p, q, n = 0, 1, 2
	e.spendOver(c, 64, n)
	differ := c.Block()
	for _, step := range []struct {
		bytes uint32
		load  wasm.Op
		ne    wasm.Op
	}{{8, wasm.OpI64Load, wasm.OpI64Ne}, {1, wasm.OpI32Load8U, wasm.OpI32Ne}} {
		done := c.Block()
		again := c.Loop()
		c.Get(n).I32(step.bytes).Op(wasm.OpI32LtU).BrIf(done)
		c.Get(p).LoadAny(step.load, 0).Get(q).LoadAny(step.load, 0).Op(step.ne).BrIf(differ)
		advance(c, p, step.bytes)
		advance(c, q, step.bytes)
		c.Get(n).I32(step.bytes).Op(wasm.OpI32Sub).Set(n)
		c.Br(again).End().End()
	}
	c.I32(1).Return().End()
	c.I32(0)
}

// Outcomes of a comparison, as bit numbers of an orderMask.
const (
	isLess    = 0
	isEqual   = 1
	isGreater = 2
)

// memCompare(p, m, q, n): how m bytes at p stand to n bytes at q.
func (e *emitter) memCompare() {
	fn, c := e.sign(4, wasm.I32)
	e.help.memCompare = fn
	const p, m, q, n = 0, 1, 2, 3
	i, x, y := c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32)
	shorter := c.Local(wasm.I32)
	c.Get(m).Get(n).Get(m).Get(n).Op(wasm.OpI32LtU, wasm.OpSelect).Tee(shorter).Call(e.help.spend)
	ended := c.Block()
	again := c.Loop()
	c.Get(i).Get(shorter).Op(wasm.OpI32Eq).BrIf(ended)
	c.Get(p).Get(i).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, 0).Set(x)
	c.Get(q).Get(i).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, 0).Set(y)
	c.Get(x).Get(y).Op(wasm.OpI32Ne)
	c.If()
	c.Get(x).Get(y).Op(wasm.OpI32GtU).I32(1).Op(wasm.OpI32Shl).Return().End()
	advance(c, i, 1)
	c.Br(again).End().End()
	threeWay(c, func() { c.Get(m).Get(n) }, wasm.OpI32LtU, wasm.OpI32GtU)
}

// threeWay pushes isLess, isEqual or isGreater of the two values that operands pushes.
func threeWay(c *wasm.Code, operands func(), lt, gt wasm.Op) {
	c.I32(1)
	operands()
	c.Op(gt, wasm.OpI32Add)
	operands()
	c.Op(lt, wasm.OpI32Sub)
}

// search(p, n, q, k): whether k bytes at q stand somewhere in n bytes at p.
func (e *emitter) search() {
	fn, c := e.sign(4, wasm.I32)
	e.help.search = fn
	const p, n, q, k = 0, 1, 2, 3
	last, j, first := c.Local(wasm.I32), c.Local(wasm.I32), c.Local(wasm.I32)
	c.Get(k).Op(wasm.OpI32Eqz)
	c.If()
	c.I32(1).Return().End()
	c.Get(n).Get(k).Op(wasm.OpI32LtU)
	c.If()
	c.I32(0).Return().End()
	e.spendOver(c, 64, n)
	c.Get(p).Get(n).Op(wasm.OpI32Add).Get(k).Op(wasm.OpI32Sub).Set(last)
	c.Get(q).Load(wasm.OpI32Load8U, 0).Set(first)

	scan := c.Loop()
	differ := c.Block()
	c.Get(p).Load(wasm.OpI32Load8U, 0).Get(first).Op(wasm.OpI32Ne).BrIf(differ)
	c.I32(1).Set(j)
	inner := c.Loop()
	c.Get(j).Get(k).Op(wasm.OpI32Eq)
	c.If()
	c.I32(1).Return().End()
	c.Get(p).Get(j).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, 0)
	c.Get(q).Get(j).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, 0).Op(wasm.OpI32Eq)
	c.If()
	advance(c, j, 1)
	c.Br(inner).End().End()
	e.spendOver(c, 4, j)
	c.End()
	advance(c, p, 1)
	c.Get(p).Get(last).Op(wasm.OpI32LeU).BrIf(scan).End()
	c.I32(0)
}

// whenTag returns an answer when one of the tags in the locals is the one given.
func whenTag(c *wasm.Code, tag uint32, answer truth, locals ...uint32) {
	for i, x := range locals {
		c.Get(x).I32(tag).Op(wasm.OpI32Eq)
		if i > 0 {
			c.Op(wasm.OpI32Or)
		}
	}
	c.If()
	c.I32(uint32(answer)).Return().End()
}

// tagOf loads the tag of the slot whose address is in a local.
func tagOf(c *wasm.Code, slot uint32) uint32 {
	tag := c.Local(wasm.I32)
	c.Get(slot).Load(wasm.OpI32Load, atTag).Set(tag)
	return tag
}

// isNumber pushes whether a tag is that of an integer or a float: they differ in the lowest bit.
func isNumber(c *wasm.Code, tag uint32) {
	c.Get(tag).I32(1).Op(wasm.OpI32Or).I32(abi.SlotFloat).Op(wasm.OpI32Eq)
}

// text2 pushes the addresses and lengths of two strings' bytes: p, m, q, n.
func text2(c *wasm.Code, a, b uint32) {
	for _, slot := range []uint32{a, b} {
		c.Get(slot).Load(wasm.OpI32Load, atPtr).Get(slot).Load(wasm.OpI32Load, atLen)
	}
}
