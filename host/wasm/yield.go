package wasm

// Slice is how much fuel a guest uses before it yields: it leaves its machine code for a moment, so that whoever waits
// for the goroutine that runs it (Go's garbage collector waits for all) gets on. A guest that calls nothing of the host
// would otherwise hold up the whole process for as long as its fuel lasts.
const Slice = 10_000

// yield takes the next slice, or traps when nothing is left to take. In between it asks the engine for no more memory,
// which every engine does outside machine code.
func (r *rewriter) yield(c *Code) {
	take := c.Local(I64)
	c.I64(Slice).GlobalGet(r.fuel).Op(OpI64Sub).Set(take)
	c.GlobalGet(r.rest).Get(take).GlobalGet(r.rest).Get(take).Op(OpI64LtS, OpSelect).Set(take)
	c.GlobalGet(r.rest).Get(take).Op(OpI64Sub).GlobalSet(r.rest)
	c.GlobalGet(r.fuel).Get(take).Op(OpI64Add).Tee(take).GlobalSet(r.fuel)
	c.Get(take).I64(0).Op(OpI64LtS)
	trapIf(c)
	c.I32(0).Op(OpMemoryGrow)
	c.buf = append(c.buf, 0)
	c.Op(OpDrop)
}
