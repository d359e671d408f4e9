package policy

import (
	"encoding/binary"
	"math"

	"agentmesh/pdk/abi"
)

// The module's memory, from address 0: tables that turn what is known of an atom into its value, the slots, constants,
// then (from the next multiple of 8) the result area and the scratch that the host fills.
//
// A table has a row of 16 bytes for each mode, entered by a slot's tag or by a truth. A mode's row is mode<<4, which is
// how functions are given the mode.
const (
	rowSize   = 16
	rowShift  = 4
	tableSize = 4 * rowSize
)

// truth is what helper functions answer about an atom.
type truth uint32

const (
	truthFalse truth = iota
	truthTrue
	truthIndeterminate
	truthUnknown
	truthMissing // false, but only because a value is missing
)

// table names a table. Those by truth give an atom's value. Those by tag give what is or-ed to a comparison that came
// out false for want of a fitting value, or and-ed to one that came out true (names in And).
type table uint32

const (
	byTruth table = iota
	byTruthNot
	byTruthNotAllowing
	byTagSet
	byTagSetNotAnd
	byTagSetNotAndAllowing
	byTagNumber
	byTagText
	byTagTextNotAnd
	byTagContains
	byTagContainsNot
	byTagTruth
	byTagTruthNot
	byTagTruthNotAllowing
	byTagExists
	byTagExistsNot
	byTagList
	tableCount
)

// address is where the table stands.
func (t table) address() uint32 { return tableBase + uint32(t)*tableSize }

// tableBase leaves address 0 to strings that are not there.
const tableBase = 64

// slotBase is where the slots begin.
const slotBase = tableBase + uint32(tableCount)*tableSize

// cell is an entry of a table before the mode is known.
type cell uint8

const (
	no cell = iota
	yes
	ifIndeterminate
	ifUnknown
)

func (c cell) in(mode uint32) byte {
	switch c {
	case yes:
		return 1
	case ifIndeterminate:
		return byte(mode & abi.ModeIndeterminate)
	case ifUnknown:
		return byte(mode & abi.ModeUnknown >> 1)
	default:
		return 0
	}
}

// tables are the tables' bytes. Where a row's first cell is ifIndeterminate and its sibling's is not, it serves rules
// that allow: there, what is true only because a value is missing is indeterminate.
func tables() []byte {
	out := make([]byte, uint32(tableCount)*tableSize)
	put := func(t table, cells [rowSize]cell) {
		for mode := range uint32(4) {
			for i, c := range cells {
				out[uint32(t)*tableSize+mode*rowSize+uint32(i)] = c.in(mode)
			}
		}
	}
	put(byTruth, truths(no, yes, no))
	put(byTruthNot, truths(yes, no, yes))
	put(byTruthNotAllowing, truths(yes, no, ifIndeterminate))
	put(byTagSet, tags(no, no, no))
	put(byTagSetNotAnd, tags(yes, yes, yes))
	put(byTagSetNotAndAllowing, tags(ifIndeterminate, yes, yes))
	put(byTagNumber, tags(ifIndeterminate, ifIndeterminate, no, abi.SlotInt, abi.SlotFloat))
	put(byTagText, tags(ifIndeterminate, ifIndeterminate, no, abi.SlotString))
	put(byTagTextNotAnd, tags(ifIndeterminate, ifIndeterminate, yes, abi.SlotString))
	put(byTagContains, tags(ifIndeterminate, ifIndeterminate, no, abi.SlotString, abi.SlotList))
	put(byTagContainsNot, tags(ifIndeterminate, ifIndeterminate, yes, abi.SlotString, abi.SlotList))
	put(byTagTruth, tags(no, ifIndeterminate, no, abi.SlotBool))
	put(byTagTruthNot, tags(yes, ifIndeterminate, no, abi.SlotBool))
	put(byTagTruthNotAllowing, tags(ifIndeterminate, ifIndeterminate, no, abi.SlotBool))
	put(byTagExists, tags(no, yes, yes, abi.SlotMistyped))
	put(byTagExistsNot, tags(yes, no, no, abi.SlotMistyped))
	put(byTagList, tags(ifIndeterminate, ifIndeterminate, no, abi.SlotList))
	return out
}

func truths(whenFalse, whenTrue, whenMissing cell) [rowSize]cell {
	return [rowSize]cell{
		truthFalse: whenFalse, truthTrue: whenTrue, truthIndeterminate: ifIndeterminate, truthUnknown: ifUnknown,
		truthMissing: whenMissing,
	}
}

// tags are the cells for a missing value, for one whose tag is among fitting, and for any other; unknown and mistyped
// ones are what they are.
func tags(missing, other, fits cell, fitting ...uint32) [rowSize]cell {
	row := [rowSize]cell{abi.SlotMissing: missing, abi.SlotUnknown: ifUnknown, abi.SlotMistyped: ifIndeterminate}
	for tag := abi.SlotNull; tag <= abi.SlotObject; tag++ {
		row[tag] = other
	}
	for _, tag := range fitting {
		row[tag] = fits
	}
	return row
}

// pool collects the constants of a module, each once, from an address on.
type pool struct {
	base  uint32
	bytes []byte
	texts map[string]uint32
	slots map[string]uint32
}

func newPool(base uint32) *pool {
	return &pool{base: base, texts: map[string]uint32{}, slots: map[string]uint32{}}
}

// end is the first free address, a multiple of 8.
func (p *pool) end() uint32 {
	for len(p.bytes)%8 != 0 {
		p.bytes = append(p.bytes, 0)
	}
	return p.base + uint32(len(p.bytes))
}

// text is the address of a string's bytes.
func (p *pool) text(s string) uint32 {
	if at, ok := p.texts[s]; ok {
		return at
	}
	at := p.end()
	p.bytes = append(p.bytes, s...)
	p.texts[s] = at
	return at
}

// literal is the address of a slot that holds the literal, written whole.
func (p *pool) literal(v abi.Value) uint32 {
	key := string(abi.AppendCanonical(nil, v))
	if v.Kind() == abi.Int || v.Kind() == abi.Float {
		key += v.Kind().String()
	}
	if at, ok := p.slots[key]; ok {
		return at
	}
	slot := p.encode(v)
	at := p.end()
	p.bytes = append(p.bytes, slot[:]...)
	p.slots[key] = at
	return at
}

// encode is the slot of a literal. Strings have no id there: whoever compares with a whole slot compares bytes.
func (p *pool) encode(v abi.Value) [abi.SlotSize]byte {
	w := words{number: math.Float64bits(math.NaN())}
	switch v.Kind() {
	case abi.Null:
		w.tag, w.id = abi.SlotNull, abi.IDNull
	case abi.Bool:
		w.tag, w.id = abi.SlotBool, operand{lit: &v}.id(nil)
	case abi.Int:
		n, _ := v.Int()
		w.tag, w.number, w.extra = abi.SlotInt, math.Float64bits(float64(n)), uint64(n)
	case abi.Float:
		f, _ := v.Float()
		w.tag, w.number = abi.SlotFloat, math.Float64bits(f)
	case abi.String:
		w.tag, w.ptr, w.len = abi.SlotString, p.text(v.Text()), uint32(len(v.Text()))
		w.extra = abi.BigramMask(v.Text())
	case abi.List:
		w.tag, w.ptr, w.len = abi.SlotList, p.items(v), uint32(v.Len())
		w.extra = p.canonical(v)
	case abi.Object:
		w.tag, w.extra = abi.SlotObject, p.canonical(v)
	}
	return w.encode()
}

// items is the address of a literal list's items, records of one slot.
func (p *pool) items(v abi.Value) uint32 {
	var all []byte
	for _, item := range v.Items() {
		slot := p.encode(item.Value)
		all = append(all, slot[:]...)
	}
	at := p.end()
	p.bytes = append(p.bytes, all...)
	return at
}

func (p *pool) canonical(v abi.Value) uint64 {
	s := string(abi.AppendCanonical(nil, v))
	return uint64(p.text(s)) | uint64(len(s))<<32
}

// idMap is the address of a byte for each id: 1 for those given.
func (p *pool) idMap(ids []uint32, strings *interner) uint32 {
	all := make([]byte, int(abi.IDFirst)+len(strings.list))
	for _, id := range ids {
		all[id] = 1
	}
	return p.text(string(all))
}

// automaton is the address of a DFA: the column of each byte, then the table.
func (p *pool) automaton(d *automaton) uint32 {
	all := append([]byte(nil), d.classes[:]...)
	for _, next := range d.table {
		all = binary.LittleEndian.AppendUint16(all, next)
	}
	return p.text(string(all))
}

// words are the fields of a slot.
type words struct {
	tag, id, ptr, len uint32
	number, extra     uint64
}

func (w words) encode() [abi.SlotSize]byte {
	var b [abi.SlotSize]byte
	binary.LittleEndian.PutUint32(b[0:], w.tag)
	binary.LittleEndian.PutUint32(b[4:], w.id)
	binary.LittleEndian.PutUint32(b[8:], w.ptr)
	binary.LittleEndian.PutUint32(b[12:], w.len)
	binary.LittleEndian.PutUint64(b[16:], w.number)
	binary.LittleEndian.PutUint64(b[24:], w.extra)
	return b
}
