package policy

import (
	"cmp"
	"slices"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// emitter generates one module.
type emitter struct {
	b       *wasm.Builder
	pool    *pool
	root    *scope
	strings *interner
	help    helpers
}

// rowLocal is the parameter of every function that evaluates rules: the mode's row in the tables.
const rowLocal = 0

func chunkType() wasm.FuncType { return wasm.FuncType{Params: []wasm.ValueType{wasm.I32}} }

// chunk generates the function that evaluates some rules, and returns its index.
func (e *emitter) chunk(rules []*plannedRule) uint32 {
	fn := e.b.Func(chunkType())
	probe := &function{emitter: e, c: wasm.NewCode(chunkType()), uses: map[field]int{}}
	probe.touch()
	probe.rules(rules)
	f := &function{emitter: e, c: wasm.NewCode(chunkType()), hoisted: map[field]uint32{}}
	f.touch()
	f.hoist(probe.uses)
	f.rules(rules)
	e.b.Body(fn, f.c)
	return fn
}

// function generates one function's code. It is gone through twice: first uses counts what is read of which slot, then
// what is read more than once is loaded once, at the beginning.
type function struct {
	*emitter
	c       *wasm.Code
	zero    uint32 // a local that stays 0
	uses    map[field]int
	hoisted map[field]uint32
}

// touch reads the end of the slots once, at address 0 and a constant offset: all reads of slots by the same local are
// known to lie below it then, and the engine leaves their bounds checks out.
func (f *function) touch() {
	f.zero = f.c.Local(wasm.I32)
	f.c.Get(f.zero).Load(wasm.OpI64Load, slotBase+abi.SlotSize*uint32(len(f.root.slots))).Op(wasm.OpDrop)
}

// field is something read of a slot of the root.
type field struct {
	slot *slot
	kind fieldKind
	at   uint32 // of fieldTable, the table; of fieldWindow, the offset
}

type fieldKind uint8

const (
	fieldTag fieldKind = iota
	fieldTextLen
	fieldID
	fieldNumber
	fieldMask
	fieldTable
	fieldWindow
	fieldTail
)

func (k fieldKind) valueType() wasm.ValueType {
	switch k {
	case fieldNumber:
		return wasm.F64
	case fieldMask, fieldWindow, fieldTail:
		return wasm.I64
	default:
		return wasm.I32
	}
}

func (f *function) hoist(uses map[field]int) {
	var often []field
	for x, n := range uses {
		if n > 1 {
			often = append(often, x)
		}
	}
	slices.SortFunc(often, func(a, b field) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.slot.index, b.slot.index), cmp.Compare(a.at, b.at))
	})
	for _, x := range often {
		f.load(operand{slot: x.slot}, x.kind, x.at)
		local := f.c.Local(x.kind.valueType())
		f.c.Set(local)
		f.hoisted[x] = local
	}
}

// get pushes a field of a slot.
func (f *function) get(o operand, kind fieldKind, at uint32) {
	if o.bind != nil {
		f.load(o, kind, at)
		return
	}
	x := field{o.slot, kind, at}
	if local, ok := f.hoisted[x]; ok {
		f.c.Get(local)
		return
	}
	if f.uses != nil {
		f.uses[x]++
		if f.uses[x] > 1 {
			return // will be hoisted: what it is made of is read once
		}
	}
	f.load(o, kind, at)
}

// base pushes the address that a slot's offset is added to, and returns that offset.
func (f *function) base(o operand) uint32 {
	if o.bind == nil {
		f.c.Get(f.zero)
		return slotBase + f.root.offset(o.slot)
	}
	f.c.Get(o.bind.local)
	return o.bind.items.offset(o.slot)
}

// The places of a slot's fields (pdk/abi, slots.go).
const (
	atTag    = 0
	atID     = 4
	atPtr    = 8
	atLen    = 12
	atNumber = 16
	atExtra  = 24
)

func (f *function) word(o operand, at uint32) *wasm.Code {
	return f.c.Load(wasm.OpI32Load, f.base(o)+at)
}

func (f *function) load(o operand, kind fieldKind, at uint32) {
	switch kind {
	case fieldTag:
		f.word(o, atTag)
	case fieldID:
		f.word(o, atID)
	case fieldNumber:
		f.c.Load(wasm.OpF64Load, f.base(o)+atNumber)
	case fieldTable:
		f.get(o, fieldTag, 0)
		f.c.Get(rowLocal).Op(wasm.OpI32Add).Load(wasm.OpI32Load8U, at)
	case fieldTextLen:
		f.word(o, atLen)
		f.c.I32(0)
		f.isTag(o, abi.SlotString)
		f.c.Op(wasm.OpSelect)
	case fieldMask:
		// a list always passes: its items decide
		f.c.I64(1<<64 - 1)
		f.c.Load(wasm.OpI64Load, f.base(o)+atExtra)
		f.isTag(o, abi.SlotList)
		f.c.Op(wasm.OpSelect)
	case fieldWindow:
		f.loadWindow(o, at)
	case fieldTail:
		f.loadTail(o)
	}
}

func (f *function) isTag(o operand, tag uint32) {
	f.get(o, fieldTag, 0)
	f.c.I32(tag).Op(wasm.OpI32Eq)
}

// loadWindow pushes the 8 bytes at an offset of a string; anything at all where it is shorter.
func (f *function) loadWindow(o operand, at uint32) {
	f.word(o, atPtr)
	if at > 0 {
		f.c.I32(0)
		f.get(o, fieldTextLen, 0)
		f.c.I32(at+8).Op(wasm.OpI32GeU, wasm.OpSelect)
	}
	f.c.LoadAny(wasm.OpI64Load, at)
}

// loadTail pushes the last 8 bytes of a string, of a shorter one with what stands before it.
func (f *function) loadTail(o operand) {
	f.word(o, atPtr)
	f.word(o, atLen).Op(wasm.OpI32Add).I32(8).Op(wasm.OpI32Sub)
	f.c.I32(0)
	f.isTag(o, abi.SlotString)
	f.c.Op(wasm.OpSelect).LoadAny(wasm.OpI64Load, 0)
}

func (f *function) table(o operand, t table) { f.get(o, fieldTable, t.address()) }

// rules generates the rules one after the other: each is a block that its first false conjunct leaves.
func (f *function) rules(rules []*plannedRule) {
	for _, r := range rules {
		out := f.c.Block()
		for _, k := range r.formula.conjuncts() {
			f.unless(k, out)
		}
		f.c.I32(uint32(r.index)).Get(rowLocal).I32(abi.ModeShift-rowShift).Op(wasm.OpI32Shl, wasm.OpI32Or)
		f.c.Call(f.help.fire).End()
	}
}

// unless leaves for the label when the formula is false.
func (f *function) unless(x *formula, to wasm.Label) {
	switch {
	case x.op == opAnd && x.cost > cheap:
		for _, k := range x.kids {
			f.unless(k, to)
		}
	case x.op == opOr && x.cost > cheap:
		yes := f.c.Block()
		for _, k := range x.kids {
			f.when(k, yes)
		}
		f.c.Br(to).End()
	default:
		f.value(x)
		f.c.Op(wasm.OpI32Eqz).BrIf(to)
	}
}

// when leaves for the label when the formula is true.
func (f *function) when(x *formula, to wasm.Label) {
	switch {
	case x.op == opOr && x.cost > cheap:
		for _, k := range x.kids {
			f.when(k, to)
		}
	case x.op == opAnd && x.cost > cheap:
		no := f.c.Block()
		for _, k := range x.kids {
			f.unless(k, no)
		}
		f.c.Br(to).End()
	default:
		f.value(x)
		f.c.BrIf(to)
	}
}

// value pushes 1 or 0.
func (f *function) value(x *formula) {
	switch x.op {
	case opTrue:
		f.c.I32(1)
	case opFalse:
		f.c.I32(0)
	case opAtom:
		f.atom(x.atom)
	case opLoop:
		f.loop(x.loop)
	default:
		f.joined(x)
	}
}

func (f *function) joined(x *formula) {
	if x.cost <= cheap {
		op := wasm.OpI32And
		if x.op == opOr {
			op = wasm.OpI32Or
		}
		f.value(x.kids[0])
		for _, k := range x.kids[1:] {
			f.value(k)
			f.c.Op(op)
		}
		return
	}
	out := f.c.BlockOf(wasm.I32)
	no := f.c.Block()
	f.unless(x, no)
	f.c.I32(1).Br(out).End()
	f.c.I32(0).End()
}
