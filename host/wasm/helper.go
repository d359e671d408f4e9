package wasm

// helper is a function that stands for an instruction and takes its operands. Bulk instructions are long to charge for,
// shift and mark, and for an engine to compile; where they stand a call is enough.
type helper struct {
	helperKey
	typ  uint32
	code *Code
}

type helperKey struct {
	op      byte   // memory.grow's code, the second one of a bulk instruction, or one of ours
	segment uint32 // of memory.init; of opArena and opCall the function that is called
}

// What stands for no instruction.
const (
	opYield byte = 0xf0 + iota
	opArena
	opCall
)

// helper is the index of the function that stands for an instruction.
func (r *rewriter) helper(op byte, segment uint32) uint32 {
	key := helperKey{op, segment}
	if i, ok := r.helperAt[key]; ok {
		return i
	}
	ft := r.helperType(key)
	h := helper{helperKey: key, typ: r.typeOf(ft), code: NewCode(ft)}
	switch op {
	case byte(OpMemoryGrow):
		r.grow(h.code)
	case opYield:
		r.yield(h.code)
	case opArena:
		r.arena(h.code, segment)
	case opCall:
		r.call(h.code, segment)
	default:
		r.bulk(h)
	}
	i := uint32(r.m.functionCount() + len(r.helpers))
	r.helpers = append(r.helpers, h)
	r.helperAt[key] = i
	return i
}

func (r *rewriter) helperType(key helperKey) FuncType {
	switch key.op {
	case byte(OpMemoryGrow):
		return FuncType{Params: []ValueType{I32}, Results: []ValueType{I32}}
	case opYield:
		return FuncType{}
	case opCall:
		return FuncType{Params: []ValueType{I64}, Results: []ValueType{I32, I64}}
	case opArena:
		ft, _ := r.m.FuncType(key.segment)
		return ft
	default:
		return FuncType{Params: []ValueType{I32, I32, I32}}
	}
}

func (r *rewriter) helperTypes() [][]byte {
	return each(r.helpers, func(dst []byte, h helper) []byte { return AppendU32(dst, h.typ) })
}

// call is one of Layout.Calls.
func (r *rewriter) call(c *Code, fn uint32) {
	type kept struct{ global, local uint32 }
	globals := []kept{{r.size, c.Local(I32)}}
	for i, g := range r.m.Globals {
		if g.Mutable {
			globals = append(globals, kept{uint32(i), c.Local(g.Type)})
		}
	}
	for _, k := range globals {
		c.GlobalGet(k.global).Set(k.local)
	}
	c.Get(0).GlobalSet(r.fuel).Call(fn)
	if ft, _ := r.m.FuncType(fn); len(ft.Results) == 0 {
		c.I32(0)
	}
	for _, k := range globals {
		c.Get(k.local).GlobalSet(k.global)
	}
	c.GlobalGet(r.fuel)
}

// grow is memory.grow on the guest's size: -1 if it would be more than MaxPages, else the size before.
func (r *rewriter) grow(c *Code) {
	c.Get(0).I32(r.layout.MaxPages).GlobalGet(r.size).Op(OpI32Sub, OpI32GtU)
	c.If()
	c.I32(0).I32(1).Store(OpI32Store, r.layout.CellBase+cellRefused).I32(1<<32 - 1).Return().End()
	c.I32(0).I32(1).Store(OpI32Store, r.layout.CellBase+cellGrown)
	c.GlobalGet(r.size).GlobalGet(r.size).Get(0).Op(OpI32Add).GlobalSet(r.size)
}

// The operands of bulk instructions: an address, then an address, a value or a place in a segment, then a length.
const (
	bulkAddress = iota
	bulkSource
	bulkLength
)

// bulk charges for the length, does the instruction, and marks what it wrote behind it: if it traps it has written
// nothing.
func (r *rewriter) bulk(h helper) {
	c := h.code
	if r.o.Fuel {
		left := c.Local(I64)
		c.GlobalGet(r.fuel).Get(bulkLength).I32(fuelBulkShift).Op(OpI32ShrU, OpI64ExtendI32U).I64(1).Op(OpI64Add)
		r.spend(c, left)
	}
	r.shifted(c, bulkAddress)
	if h.op == miscMemoryCopy {
		r.shifted(c, bulkSource)
	} else {
		c.Get(bulkSource)
	}
	c.Get(bulkLength)
	c.buf = append(c.buf, byte(OpPrefixMisc), h.op)
	switch h.op {
	case miscMemoryInit:
		c.buf = append(AppendU32(c.buf, h.segment), 0)
	case miscMemoryCopy:
		c.buf = append(c.buf, 0, 0)
	default:
		c.buf = append(c.buf, 0)
	}
	if r.o.Barrier {
		r.markBulk(c)
	}
}

// markBulk marks every page from the one of the address on to the one of the last byte.
func (r *rewriter) markBulk(c *Code) {
	c.Get(bulkAddress).I32(pageShift).Op(OpI32ShrU).I32(1)
	c.Get(bulkAddress).I32(PageBytes - 1).Op(OpI32And).Get(bulkLength).Op(OpI32Add).I32(PageBytes - 1).Op(OpI32Add).I32(pageShift).Op(OpI32ShrU)
	c.buf = append(c.buf, byte(OpPrefixMisc), miscMemoryFill, 0)
}

// shifted pushes a guest's address as the instance's, and traps where the sum would wrap around into the page map.
func (r *rewriter) shifted(c *Code, local uint32) {
	c.Get(local)
	if !r.o.Barrier {
		return
	}
	c.I32(-r.layout.Shift).Op(OpI32GeU)
	trapIf(c)
	c.Get(local).I32(r.layout.Shift).Op(OpI32Add)
}
