package policy

import (
	"encoding/binary"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// atom pushes an atom's value in the mode at hand. The quick ways compare a field with a constant; what the comparison
// cannot know (missing, unknown, mistyped) a table by tag adds. Everything else asks a helper for the truth.
func (f *function) atom(a *atom) {
	switch a.kind {
	case atomSet:
		f.set(a)
	case atomEqual:
		f.equal(a)
	case atomOrder:
		f.order(a)
	case atomMember:
		f.member(a)
	case atomText:
		f.text(a)
	case atomMatches:
		f.address(a.l)
		f.c.I32(f.pool.automaton(a.dfa)).I32(uint32(a.dfa.columns)).Call(f.help.matches)
		f.fromTruth(a)
	case atomExists:
		f.table(a.l, pick(a, byTagExists, byTagExistsNot, byTagExistsNot))
	case atomTruth:
		f.get(a.l, fieldID, 0)
		f.c.I32(pick(a, abi.IDTrue, abi.IDFalse, abi.IDFalse)).Op(wasm.OpI32Eq)
		f.table(a.l, pick(a, byTagTruth, byTagTruthNot, byTagTruthNotAllowing))
		f.c.Op(wasm.OpI32Or)
	}
}

// pick chooses by how the atom stands.
func pick[T any](a *atom, plain, negated, negatedAllowing T) T {
	switch {
	case !a.negated:
		return plain
	case a.allowing:
		return negatedAllowing
	default:
		return negated
	}
}

// fromTruth turns a helper's answer into the atom's value.
func (f *function) fromTruth(a *atom) {
	t := pick(a, byTruth, byTruthNot, byTruthNotAllowing)
	f.c.Get(rowLocal).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, t.address())
}

// address pushes where the operand's slot stands.
func (f *function) address(o operand) {
	if o.lit != nil {
		f.c.I32(f.pool.literal(*o.lit))
		return
	}
	if o.bind == nil {
		f.c.I32(slotBase + f.root.offset(o.slot))
		return
	}
	f.c.Get(o.bind.local)
	if at := o.bind.items.offset(o.slot); at > 0 {
		f.c.I32(at).Op(wasm.OpI32Add)
	}
}

// bySet combines a comparison that is true for values in the set (or, negated, for those outside) with what it cannot
// know.
func (f *function) bySet(a *atom) {
	f.table(a.l, pick(a, byTagSet, byTagSetNotAnd, byTagSetNotAndAllowing))
	f.c.Op(pick(a, wasm.OpI32Or, wasm.OpI32And, wasm.OpI32And))
}

// manyIDs is how many alternatives are looked up in a map rather than compared one by one.
const manyIDs = 8

func (f *function) set(a *atom) {
	switch {
	case len(a.ids) == 1:
		f.get(a.l, fieldID, 0)
		f.c.I32(a.ids[0]).Op(pick(a, wasm.OpI32Eq, wasm.OpI32Ne, wasm.OpI32Ne))
	case len(a.ids) <= manyIDs:
		for i, id := range a.ids {
			f.get(a.l, fieldID, 0)
			f.c.I32(id).Op(wasm.OpI32Eq)
			if i > 0 {
				f.c.Op(wasm.OpI32Or)
			}
		}
		f.flip(a)
	default:
		f.get(a.l, fieldID, 0)
		f.c.Load(wasm.OpI32Load8U, f.pool.idMap(a.ids, f.strings))
		f.flip(a)
	}
	f.bySet(a)
}

// flip negates a comparison's outcome where the atom is negated.
func (f *function) flip(a *atom) {
	if a.negated {
		f.c.Op(wasm.OpI32Eqz)
	}
}

func (f *function) equal(a *atom) {
	if n, ok := a.r.number(); ok && a.l.slot != nil {
		f.get(a.l, fieldNumber, 0)
		f.c.F64(n).Op(pick(a, wasm.OpF64Eq, wasm.OpF64Ne, wasm.OpF64Ne))
		f.bySet(a)
		return
	}
	f.address(a.l)
	f.address(a.r)
	f.c.Call(f.help.equal)
	f.fromTruth(a)
}

func (f *function) order(a *atom) {
	if n, ok := a.r.number(); ok && a.l.slot != nil {
		mask := a.order
		if a.negated {
			mask ^= less | equal | greater
		}
		f.get(a.l, fieldNumber, 0)
		f.c.F64(n).Op(mask.floatOp())
		f.table(a.l, byTagNumber)
		f.c.Op(wasm.OpI32Or)
		return
	}
	f.address(a.l)
	f.address(a.r)
	f.c.I32(uint32(a.order)).Call(f.help.order)
	f.fromTruth(a)
}

func (m orderMask) floatOp() wasm.Op {
	switch m {
	case less:
		return wasm.OpF64Lt
	case less | equal:
		return wasm.OpF64Le
	case greater:
		return wasm.OpF64Gt
	default:
		return wasm.OpF64Ge
	}
}

// stride is the size of the records of a list's items; a literal's hold nothing but the item.
func (o operand) stride() uint32 {
	if o.slot != nil && o.slot.items != nil {
		return o.slot.items.stride()
	}
	return newScope(false).stride()
}

func (f *function) member(a *atom) {
	if id := f.itemID(a.l, a.r); id != 0 {
		f.address(a.r)
		f.c.I32(a.r.stride()).I32(id).Call(f.help.has)
	} else {
		f.address(a.l)
		f.address(a.r)
		f.c.I32(a.r.stride()).Call(f.help.member)
	}
	f.fromTruth(a)
}

// itemID is the id by which x is found among a slot's items, or 0: then whole values must be compared.
func (f *function) itemID(x, list operand) uint32 {
	if list.slot == nil {
		return 0
	}
	return x.id(f.strings)
}

// longText is how long a literal may be to have its bytes compared in line.
const longText = 1 << 12

func (f *function) text(a *atom) {
	s, ok := a.r.text()
	quick := ok && a.l.slot != nil && s != "" && len(s) <= longText
	switch {
	case quick && a.text == Contains:
		f.contains(a, s)
	case quick && a.text == StartsWith:
		f.startsWith(a, s)
	case quick:
		f.endsWith(a, s)
	default:
		f.anyText(a)
	}
}

func (f *function) anyText(a *atom) {
	var id uint32
	if a.text == Contains {
		id = f.itemID(a.r, a.l)
	}
	f.c.I32(uint32(a.text))
	f.address(a.l)
	f.address(a.r)
	f.c.I32(a.l.stride()).I32(id).Call(f.help.text)
	f.fromTruth(a)
}

// contains searches only where the masks do not rule it out.
func (f *function) contains(a *atom, s string) {
	mask := abi.BigramMask(s)
	if mask == 0 {
		f.anyText(a)
		return
	}
	f.get(a.l, fieldMask, 0)
	f.c.I64(mask).Op(wasm.OpI64And).I64(mask).Op(wasm.OpI64Eq)
	f.c.IfOf(wasm.I32)
	f.anyText(a)
	f.c.Else()
	f.table(a.l, pick(a, byTagContains, byTagContainsNot, byTagContainsNot))
	f.c.End()
}

// byText combines a comparison that came out true or false for a string with what it cannot know.
func (f *function) byText(a *atom) {
	f.flip(a)
	f.table(a.l, pick(a, byTagText, byTagTextNotAnd, byTagTextNotAnd))
	f.c.Op(pick(a, wasm.OpI32Or, wasm.OpI32And, wasm.OpI32And))
}

func (f *function) atLeast(o operand, n int) {
	f.get(o, fieldTextLen, 0)
	f.c.I32(uint32(n)).Op(wasm.OpI32GeU)
}

// startsWith compares 8 telling bytes, and the whole only where they fit.
func (f *function) startsWith(a *atom, s string) {
	if len(s) <= 8 {
		f.get(a.l, fieldWindow, 0)
		if mask := uint64(1)<<(8*len(s)) - 1; len(s) < 8 {
			f.c.I64(mask).Op(wasm.OpI64And)
		}
		f.c.I64(littleEndian(s)).Op(wasm.OpI64Eq)
		f.atLeast(a.l, len(s))
		f.c.Op(wasm.OpI32And)
		f.byText(a)
		return
	}
	at := a.l.slot.telling(s)
	f.get(a.l, fieldWindow, uint32(at))
	f.c.I64(littleEndian(s[at : at+8])).Op(wasm.OpI64Eq).IfOf(wasm.I32)
	f.whole(a.l, s, false)
	f.c.Else().I32(0).End()
	f.byText(a)
}

func (f *function) endsWith(a *atom, s string) {
	f.get(a.l, fieldTail, 0)
	if len(s) <= 8 {
		if len(s) < 8 {
			f.c.I64(uint64(64 - 8*len(s))).Op(wasm.OpI64ShrU)
		}
		f.c.I64(littleEndian(s)).Op(wasm.OpI64Eq)
		f.atLeast(a.l, len(s))
		f.c.Op(wasm.OpI32And)
		f.byText(a)
		return
	}
	f.c.I64(littleEndian(s[len(s)-8:])).Op(wasm.OpI64Eq).IfOf(wasm.I32)
	f.whole(a.l, s, true)
	f.c.Else().I32(0).End()
	f.byText(a)
}

// whole pushes whether the string has all of the literal at its beginning or end.
func (f *function) whole(o operand, s string, atEnd bool) {
	f.atLeast(o, len(s))
	f.c.IfOf(wasm.I32)
	f.word(o, atPtr)
	if atEnd {
		f.word(o, atLen).Op(wasm.OpI32Add).I32(uint32(len(s))).Op(wasm.OpI32Sub)
	}
	f.c.I32(f.pool.text(s)).I32(uint32(len(s))).Call(f.help.memEqual)
	f.c.Else().I32(0).End()
}

// littleEndian is up to 8 bytes as a load reads them.
func littleEndian(s string) uint64 {
	var b [8]byte
	copy(b[:], s)
	return binary.LittleEndian.Uint64(b[:])
}
