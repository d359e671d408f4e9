package wasm

// shape is what stands behind an instruction's code.
type shape uint8

const (
	shapeUnknown shape = iota
	shapePlain
	shapeBlock    // a block type
	shapeLabel    // a label
	shapeLabels   // a list of labels and one more
	shapeLocal    // an index, and so on
	shapeGlobal   //
	shapeFunc     //
	shapeTable    //
	shapeIndirect // a type and a table
	shapeAccess   // alignment and offset
	shapeMemory   // memory 0
	shapeI32
	shapeI64
	shapeF32
	shapeF64
	shapeTypes // a list of value types
	shapeRef   // a reference type
	shapeMisc  // a second code, then what it takes
)

// shapeOf tells the shape of every instruction of the specification's second version but vectors.
func shapeOf(o Op) shape {
	switch {
	case o >= OpI32Load && o <= OpI64Store32:
		return shapeAccess
	case o >= OpI32Eqz && o <= OpI64Extend32S:
		return shapePlain
	}
	switch o {
	case OpUnreachable, OpNop, OpElse, OpEnd, OpReturn, OpDrop, OpSelect, OpRefIsNull:
		return shapePlain
	case OpBlock, OpLoop, OpIf:
		return shapeBlock
	case OpBr, OpBrIf:
		return shapeLabel
	case OpBrTable:
		return shapeLabels
	case OpLocalGet, OpLocalSet, OpLocalTee:
		return shapeLocal
	case OpGlobalGet, OpGlobalSet:
		return shapeGlobal
	case OpCall, OpRefFunc:
		return shapeFunc
	case OpTableGet, OpTableSet:
		return shapeTable
	default:
		return shapeOfRest(o)
	}
}

func shapeOfRest(o Op) shape {
	switch o {
	case OpCallIndirect:
		return shapeIndirect
	case OpMemorySize, OpMemoryGrow:
		return shapeMemory
	case OpI32Const:
		return shapeI32
	case OpI64Const:
		return shapeI64
	case OpF32Const:
		return shapeF32
	case OpF64Const:
		return shapeF64
	case OpSelectType:
		return shapeTypes
	case OpRefNull:
		return shapeRef
	case OpPrefixMisc:
		return shapeMisc
	default:
		return shapeUnknown
	}
}

// instruction is one instruction of a body. Its immediates are bounded in number, not in meaning: whether an index
// exists is for the reader of it to see.
type instruction struct {
	op   Op
	misc uint32 // the second code, of OpPrefixMisc
	// a and b are the immediates: an index or label; alignment and offset; type and table; the length of a list and,
	// of labels, the greatest.
	a, b  uint32
	block int64 // the block type: negative a value type, else a type's index
	// start and end are offsets in the reader's bytes.
	start, end int
}

// next reads one instruction. Of a faulty one the reader's error tells.
func (r *Reader) next(in *instruction) {
	*in = instruction{start: r.off}
	in.op = Op(r.Byte())
	switch shapeOf(in.op) {
	case shapePlain:
	case shapeLocal, shapeLabel, shapeGlobal, shapeFunc, shapeTable:
		in.a = r.U32()
	case shapeAccess, shapeIndirect:
		in.a, in.b = r.U32(), r.U32()
	case shapeI32:
		r.signed(32)
	case shapeI64:
		r.signed(64)
	case shapeF32:
		r.Bytes(4)
	case shapeF64:
		r.Bytes(8)
	case shapeBlock:
		in.block = r.signed(33)
	case shapeLabels:
		r.labels(in)
	case shapeMemory:
		r.memoryZero()
	case shapeTypes:
		in.a = uint32(r.Count())
		r.Bytes(in.a)
	case shapeRef:
		r.refType()
	case shapeMisc:
		r.misc(in)
	default:
		r.unknown(in)
	}
	in.end = r.off
}

func (r *Reader) labels(in *instruction) {
	n := r.Count()
	in.a = uint32(n)
	for range n + 1 {
		in.b = max(in.b, r.U32())
	}
}

func (r *Reader) memoryZero() {
	if b := r.Byte(); b != 0 {
		r.fail("memory %d: there is one memory", b)
	}
}

func (r *Reader) refType() ValueType {
	t := ValueType(r.Byte())
	if t != FuncRef && t != ExternRef {
		r.fail("%#x is no reference type", byte(t))
	}
	return t
}

func (r *Reader) misc(in *instruction) {
	in.misc = r.U32()
	switch in.misc {
	case 0, 1, 2, 3, 4, 5, 6, 7:
	case miscMemoryInit:
		in.a = r.U32()
		r.memoryZero()
	case miscMemoryCopy:
		r.memoryZero()
		r.memoryZero()
	case miscMemoryFill:
		r.memoryZero()
	case miscDataDrop, miscElemDrop, miscTableGrow, miscTableSize, miscTableFill:
		in.a = r.U32()
	case miscTableInit, miscTableCopy:
		in.a, in.b = r.U32(), r.U32()
	default:
		r.fail("unknown instruction %#x %d", byte(in.op), in.misc)
	}
}

func (r *Reader) unknown(in *instruction) {
	if r.err != nil {
		return
	}
	switch in.op {
	case OpPrefixVector:
		r.fail("v128 instruction: build without SIMD")
	case OpPrefixAtomic:
		r.fail("atomic instruction: build without threads")
	default:
		r.fail("unknown instruction %#x", byte(in.op))
	}
}
