package wasm

// Slice is how much fuel a guest uses before it yields: it leaves its machine code for a moment, so that whoever waits
// for the goroutine that runs it (Go's garbage collector waits for all) gets on. A guest that calls nothing of the host
// would otherwise hold up the whole process for as long as its fuel lasts.
const Slice = 10_000

// yield takes the next slice, or traps when nothing is left to take; without the barrier nothing ever is. In between it
// asks the engine for no more memory, which every engine does outside machine code.
func (r *rewriter) yield(c *Code) {
	if !r.o.Barrier {
		c.Op(OpUnreachable)
		return
	}
	rest := r.layout.CellBase + cellRest
	left, take := c.Local(I64), c.Local(I64)
	c.I32(0).Load(OpI64Load, rest).Set(left)
	c.I64(Slice).GlobalGet(r.fuel).Op(OpI64Sub).Set(take)
	c.Get(left).Get(take).Get(left).Get(take).Op(OpI64LtS, OpSelect).Set(take)
	c.I32(0).Get(left).Get(take).Op(OpI64Sub).Store(OpI64Store, rest)
	c.GlobalGet(r.fuel).Get(take).Op(OpI64Add).Tee(take).GlobalSet(r.fuel)
	c.Get(take).I64(0).Op(OpI64LtS)
	trapIf(c)
	c.I32(0).Op(OpMemoryGrow)
	c.buf = append(c.buf, 0)
	c.Op(OpDrop)
}
