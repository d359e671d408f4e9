package wasm

// bodyWriter writes one function after the other.
type bodyWriter struct {
	r    *rewriter
	b    *Body
	in   *Reader
	c    Code
	head []byte

	copied  int // how far the function's own bytes are written
	loop    int // which loop is next, in Module.loops
	nesting uint32
	wrapped bool // whether the function's instructions stand in a block of their own

	first   uint32 // the first scratch local
	scratch []ValueType
	locals  [scratchLocals]uint32 // indices of scratch locals plus 1
}

// The scratch locals that a function may need, each of its type.
type scratch int

const (
	scratchCharge scratch = iota
	scratchAddress
	scratchI32
	scratchI64
	scratchF32
	scratchF64
	scratchLocals
)

var scratchTypes = [scratchLocals]ValueType{
	scratchCharge: I64, scratchAddress: I32, scratchI32: I32, scratchI64: I64, scratchF32: F32, scratchF64: F64,
}

// local is the index of a scratch local, which the function has from then on.
func (w *bodyWriter) local(s scratch) uint32 {
	if w.locals[s] == 0 {
		w.scratch = append(w.scratch, scratchTypes[s])
		w.locals[s] = w.first + uint32(len(w.scratch))
	}
	return w.locals[s] - 1
}

// body appends function i, with its size before it.
func (w *bodyWriter) body(dst []byte, i int) []byte {
	b := &w.r.m.Bodies[i]
	*w = bodyWriter{r: w.r, b: b, c: Code{buf: w.c.buf[:0]}, head: w.head[:0], scratch: w.scratch[:0], first: b.locals, loop: b.firstLoop, copied: b.code}
	w.in = NewReader(b.Bytes, b.Offset)
	w.in.off = b.code
	if w.r.o.Fuel {
		w.enter(i)
	}
	var in instruction
	for w.in.Len() > 0 {
		w.in.next(&in)
		w.instruction(&in)
	}
	w.flush(w.in.off)
	if w.wrapped {
		w.leave()
	}
	w.locals0()
	dst = AppendU32(dst, uint32(len(w.head)+len(w.c.buf)))
	return append(append(dst, w.head...), w.c.buf...)
}

// locals0 writes the function's locals and the scratch ones.
func (w *bodyWriter) locals0() {
	r := NewReader(w.b.Bytes[:w.b.code], 0)
	groups := r.U32()
	w.head = AppendU32(w.head, groups+uint32(len(w.scratch)))
	w.head = append(w.head, r.buf[r.off:]...)
	for _, t := range w.scratch {
		w.head = append(w.head, 1, byte(t))
	}
}

// flush copies the function's own bytes up to there.
func (w *bodyWriter) flush(to int) {
	w.c.buf = append(w.c.buf, w.b.Bytes[w.copied:to]...)
	w.copied = to
}

// replace copies what stands before an instruction and leaves the instruction itself out.
func (w *bodyWriter) replace(in *instruction) *Code {
	w.flush(in.start)
	w.copied = in.end
	return &w.c
}

// enter charges for the function. One that calls is counted, and wrapped in a block that stands where its outermost one
// stood, so that a branch to that one's label ends there as a return does.
func (w *bodyWriter) enter(i int) {
	w.charge(uint64(1 + len(w.b.Bytes)/FuelBytes))
	if !w.b.calls {
		return
	}
	w.wrapped = true
	depth := w.local(scratchAddress)
	w.c.GlobalGet(w.r.depth).I32(w.units()).Op(OpI32Add).Tee(depth).GlobalSet(w.r.depth)
	w.c.Get(depth).I32(MaxDepth).Op(OpI32GtU)
	trapIf(&w.c)
	w.c.buf = w.r.resultBlock(append(w.c.buf, byte(OpBlock)), w.r.m.Types[w.r.m.Functions[i]].Results)
}

// leave takes the function off the depth, behind the block, and closes the function.
func (w *bodyWriter) leave() {
	w.c.GlobalGet(w.r.depth).I32(w.units()).Op(OpI32Sub).GlobalSet(w.r.depth).Op(OpEnd)
}

// units is what a call of the function counts for in depth.
func (w *bodyWriter) units() uint32 { return 1 + w.b.values/DepthValues }

// resultBlock appends the type of a block that takes nothing and gives a function's results.
func (r *rewriter) resultBlock(dst []byte, results []ValueType) []byte {
	switch len(results) {
	case 0:
		return append(dst, voidBlock)
	case 1:
		return append(dst, byte(results[0]))
	default:
		return AppendS64(dst, int64(r.typeOf(FuncType{Results: results})))
	}
}

// charge takes n units of fuel, and traps when fewer are left.
func (w *bodyWriter) charge(n uint64) {
	w.r.spend(w.c.GlobalGet(w.r.fuel).I64(n), w.local(scratchCharge))
}

// spend takes what is pushed from what is pushed below it, the fuel there is, and yields if that leaves less than none.
// The local is of i64.
func (r *rewriter) spend(c *Code, left uint32) {
	c.Op(OpI64Sub).Tee(left).GlobalSet(r.fuel).Get(left).I64(0).Op(OpI64LtS)
	c.If()
	c.Call(r.helper(opYield, 0)).End()
}

// trapIf traps if the popped value is not zero.
func trapIf(c *Code) {
	c.If()
	c.Op(OpUnreachable).End()
}

func (w *bodyWriter) instruction(in *instruction) {
	switch in.op {
	case OpBlock, OpIf:
		w.nesting++
	case OpLoop:
		w.nesting++
		w.enterLoop(in)
	case OpEnd:
		w.nesting--
	case OpReturn:
		if w.wrapped {
			w.replace(in).indexed(OpBr, w.nesting)
		}
	case OpPrefixMisc:
		w.bulk(in)
	case OpCall:
		if w.r.inArena(in.a) {
			w.replace(in).Call(w.r.helper(opArena, in.a))
		}
	default:
		if w.r.o.Barrier {
			w.access(in)
		}
	}
}

func (w *bodyWriter) enterLoop(in *instruction) {
	size := w.r.m.loops[w.loop]
	w.loop++
	if w.r.o.Fuel {
		w.flush(in.end)
		w.charge(uint64(1 + size/FuelBytes))
	}
}

func (w *bodyWriter) bulk(in *instruction) {
	bulk := in.misc == miscMemoryInit || in.misc == miscMemoryCopy || in.misc == miscMemoryFill
	if bulk && (w.r.o.Fuel || w.r.o.Barrier) {
		w.replace(in).Call(w.r.helper(byte(in.misc), in.a))
	}
}

const pageShift = 12

// access rewrites what reads or writes memory, or asks for its size.
func (w *bodyWriter) access(in *instruction) {
	switch {
	case in.op == OpMemorySize:
		w.replace(in).GlobalGet(w.r.size)
	case in.op == OpMemoryGrow:
		w.replace(in).Call(w.r.helper(byte(OpMemoryGrow), 0))
	case in.op < OpI32Load || in.op > OpI64Store32:
	case in.op < OpI32Store:
		w.replace(in).memory(in.op, in.a, w.offset(in))
	default:
		w.store(in)
	}
}

// offset is an access's offset for shifted memory. One that does not fit becomes the greatest, which traps like it: no
// memory reaches there.
func (w *bodyWriter) offset(in *instruction) uint32 {
	return uint32(min(uint64(in.b)+uint64(w.r.layout.Shift), 1<<32-1))
}

// store marks the page behind the store: if it traps it has written nothing, and if not its address is a good one.
func (w *bodyWriter) store(in *instruction) {
	address, value := w.local(scratchAddress), w.local(storedIn(in.op))
	c := w.replace(in).Set(value).Tee(address).Get(value).memory(in.op, in.a, w.offset(in))
	c.Get(address)
	if in.b != 0 {
		c.I32(in.b).Op(OpI32Add)
	}
	c.I32(pageShift).Op(OpI32ShrU).I32(1).memory(OpI32Store8, 0, w.r.layout.MapBase)
}

// storedIn is where the value of a store is kept meanwhile.
func storedIn(o Op) scratch {
	switch o {
	case OpI64Store, OpI64Store8, OpI64Store16, OpI64Store32:
		return scratchI64
	case OpF32Store:
		return scratchF32
	case OpF64Store:
		return scratchF64
	default:
		return scratchI32
	}
}
