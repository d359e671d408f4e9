package wasm

// Op is an instruction without immediates, or the code of one that has them.
type Op byte

// Control, parametric and variable instructions.
const (
	OpUnreachable  Op = 0x00
	OpNop          Op = 0x01
	OpBlock        Op = 0x02
	OpLoop         Op = 0x03
	OpIf           Op = 0x04
	OpElse         Op = 0x05
	OpEnd          Op = 0x0b
	OpBr           Op = 0x0c
	OpBrIf         Op = 0x0d
	OpBrTable      Op = 0x0e
	OpReturn       Op = 0x0f
	OpCall         Op = 0x10
	OpCallIndirect Op = 0x11
	OpDrop         Op = 0x1a
	OpSelect       Op = 0x1b
	OpSelectType   Op = 0x1c
	OpLocalGet     Op = 0x20
	OpLocalSet     Op = 0x21
	OpLocalTee     Op = 0x22
	OpGlobalGet    Op = 0x23
	OpGlobalSet    Op = 0x24
	OpTableGet     Op = 0x25
	OpTableSet     Op = 0x26
	OpRefNull      Op = 0xd0
	OpRefIsNull    Op = 0xd1
	OpRefFunc      Op = 0xd2
)

// Memory instructions.
const (
	OpI32Load    Op = 0x28
	OpI64Load    Op = 0x29
	OpF64Load    Op = 0x2b
	OpI32Load8U  Op = 0x2d
	OpI32Load16U Op = 0x2f
	OpI64Load32U Op = 0x35
	OpI32Store   Op = 0x36
	OpI64Store   Op = 0x37
	OpF32Store   Op = 0x38
	OpF64Store   Op = 0x39
	OpI32Store8  Op = 0x3a
	OpI32Store16 Op = 0x3b
	OpI64Store8  Op = 0x3c
	OpI64Store16 Op = 0x3d
	OpI64Store32 Op = 0x3e
	OpMemorySize Op = 0x3f
	OpMemoryGrow Op = 0x40
)

// Numeric instructions. Suffixes U and S say unsigned and signed.
const (
	OpI32Const Op = 0x41
	OpI64Const Op = 0x42
	OpF32Const Op = 0x43
	OpF64Const Op = 0x44

	OpI32Eqz Op = 0x45
	OpI32Eq  Op = 0x46
	OpI32Ne  Op = 0x47
	OpI32LtU Op = 0x49
	OpI32GtU Op = 0x4b
	OpI32LeU Op = 0x4d
	OpI32GeU Op = 0x4f
	OpI64Eqz Op = 0x50
	OpI64Eq  Op = 0x51
	OpI64Ne  Op = 0x52
	OpI64LtS Op = 0x53
	OpI64LtU Op = 0x54
	OpI64GtS Op = 0x55
	OpF64Eq  Op = 0x61
	OpF64Ne  Op = 0x62
	OpF64Lt  Op = 0x63
	OpF64Gt  Op = 0x64
	OpF64Le  Op = 0x65
	OpF64Ge  Op = 0x66

	OpI32Add  Op = 0x6a
	OpI32Sub  Op = 0x6b
	OpI32Mul  Op = 0x6c
	OpI32And  Op = 0x71
	OpI32Or   Op = 0x72
	OpI32Xor  Op = 0x73
	OpI32Shl  Op = 0x74
	OpI32ShrU Op = 0x76
	OpI64Add  Op = 0x7c
	OpI64Sub  Op = 0x7d
	OpI64And  Op = 0x83
	OpI64ShrU Op = 0x88
	OpI64Xor  Op = 0x85

	OpF64Trunc       Op = 0x9d
	OpI32WrapI64     Op = 0xa7
	OpI64TruncF64S   Op = 0xb0
	OpI64ExtendI32U  Op = 0xad
	OpI64Extend32S   Op = 0xc4
	OpF64ConvertI64S Op = 0xb9
)

// Prefixes of instructions that have a second code. Of OpPrefixMisc 0 to 7 are saturating conversions and the rest
// work on memory and tables in bulk.
const (
	OpPrefixMisc   Op = 0xfc
	OpPrefixVector Op = 0xfd
	OpPrefixAtomic Op = 0xfe
)

// Codes behind OpPrefixMisc.
const (
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

// accessSize is the natural alignment of a memory instruction, as a power of two.
func (o Op) accessSize() uint32 {
	switch o {
	case OpI32Load8U, OpI32Store8, OpI64Store8:
		return 0
	case OpI32Load16U, OpI32Store16, OpI64Store16:
		return 1
	case OpI64Load, OpF64Load, OpI64Store, OpF64Store:
		return 3
	default:
		return 2
	}
}
