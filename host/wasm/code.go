package wasm

import (
	"encoding/binary"
	"math"
)

// Code assembles one function's body. Its methods append one instruction each and return the Code, so that a line can
// hold what belongs together. Blocks are left by the Label they were opened with.
type Code struct {
	buf    []byte
	depth  int
	params int
	locals []ValueType
}

// Label names an open block, loop or if.
type Label int

// NewCode begins a body of a function of that type; locals 0 … are its parameters.
func NewCode(ft FuncType) *Code { return &Code{params: len(ft.Params)} }

// Local adds a local of that type, which is zero at entry, and returns its index.
func (c *Code) Local(t ValueType) uint32 {
	c.locals = append(c.locals, t)
	return uint32(c.params + len(c.locals) - 1)
}

// Op appends instructions that have no immediates.
func (c *Code) Op(ops ...Op) *Code {
	for _, o := range ops {
		c.buf = append(c.buf, byte(o))
	}
	return c
}

func (c *Code) indexed(o Op, i uint32) *Code {
	c.buf = AppendU32(append(c.buf, byte(o)), i)
	return c
}

// Get pushes a local.
func (c *Code) Get(local uint32) *Code { return c.indexed(OpLocalGet, local) }

// Set pops into a local.
func (c *Code) Set(local uint32) *Code { return c.indexed(OpLocalSet, local) }

// Tee copies the top of the stack into a local.
func (c *Code) Tee(local uint32) *Code { return c.indexed(OpLocalTee, local) }

// GlobalGet pushes a global.
func (c *Code) GlobalGet(global uint32) *Code { return c.indexed(OpGlobalGet, global) }

// GlobalSet pops into a global.
func (c *Code) GlobalSet(global uint32) *Code { return c.indexed(OpGlobalSet, global) }

// Call calls a function.
func (c *Code) Call(fn uint32) *Code { return c.indexed(OpCall, fn) }

// CallIndirect calls the function of that type at the popped index of table 0.
func (c *Code) CallIndirect(typeIndex uint32) *Code {
	c.indexed(OpCallIndirect, typeIndex)
	c.buf = append(c.buf, 0)
	return c
}

// I32 pushes a constant; addresses and ids are given as they are, unsigned.
func (c *Code) I32(n uint32) *Code {
	c.buf = AppendS64(append(c.buf, byte(OpI32Const)), int64(int32(n)))
	return c
}

// I64 pushes a constant.
func (c *Code) I64(n uint64) *Code {
	c.buf = AppendS64(append(c.buf, byte(OpI64Const)), int64(n))
	return c
}

// F64 pushes a constant.
func (c *Code) F64(f float64) *Code {
	c.buf = binary.LittleEndian.AppendUint64(append(c.buf, byte(OpF64Const)), math.Float64bits(f))
	return c
}

// Load appends a load at the popped address plus offset, promising natural alignment.
func (c *Code) Load(o Op, offset uint32) *Code { return c.memory(o, o.accessSize(), offset) }

// LoadAny is Load from any address.
func (c *Code) LoadAny(o Op, offset uint32) *Code { return c.memory(o, 0, offset) }

// Store appends a naturally aligned store.
func (c *Code) Store(o Op, offset uint32) *Code { return c.memory(o, o.accessSize(), offset) }

func (c *Code) memory(o Op, align, offset uint32) *Code {
	c.buf = AppendU32(AppendU32(append(c.buf, byte(o)), align), offset)
	return c
}

const voidBlock = 0x40

// Block opens a block without result; Br to its label leaves it.
func (c *Code) Block() Label { return c.open(OpBlock, voidBlock) }

// BlockOf opens a block that leaves one value.
func (c *Code) BlockOf(t ValueType) Label { return c.open(OpBlock, byte(t)) }

// Loop opens a loop without result; Br to its label begins it anew.
func (c *Code) Loop() Label { return c.open(OpLoop, voidBlock) }

// If opens an if without result.
func (c *Code) If() Label { return c.open(OpIf, voidBlock) }

// IfOf opens an if that leaves one value, and so needs an Else.
func (c *Code) IfOf(t ValueType) Label { return c.open(OpIf, byte(t)) }

func (c *Code) open(o Op, blockType byte) Label {
	c.buf = append(c.buf, byte(o), blockType)
	c.depth++
	return Label(c.depth)
}

// Else begins an if's other branch.
func (c *Code) Else() *Code { return c.Op(OpElse) }

// End closes what was opened last.
func (c *Code) End() *Code {
	c.depth--
	return c.Op(OpEnd)
}

// Br leaves (or repeats) the block of that label.
func (c *Code) Br(l Label) *Code { return c.indexed(OpBr, uint32(c.depth-int(l))) }

// BrIf is Br when the popped value is not zero.
func (c *Code) BrIf(l Label) *Code { return c.indexed(OpBrIf, uint32(c.depth-int(l))) }

// Return leaves the function.
func (c *Code) Return() *Code { return c.Op(OpReturn) }

// appendBody appends size, locals and instructions as the code section holds them.
func (c *Code) appendBody(dst []byte) []byte {
	var head []byte
	groups := uint32(0)
	for i := 0; i < len(c.locals); {
		j := i
		for j < len(c.locals) && c.locals[j] == c.locals[i] {
			j++
		}
		head = append(AppendU32(head, uint32(j-i)), byte(c.locals[i]))
		groups++
		i = j
	}
	count := AppendU32(nil, groups)
	dst = AppendU32(dst, uint32(len(count)+len(head)+len(c.buf)+1))
	dst = append(append(append(dst, count...), head...), c.buf...)
	return append(dst, byte(OpEnd))
}
