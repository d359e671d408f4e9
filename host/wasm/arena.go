package wasm

import "slices"

// Arena is memory below the guest's own that the host fills and reads directly, and that the guest reaches only by
// calling functions of the host which read or write a few bytes. Where such a call stays within what the host has given,
// it becomes a load or store; else the host's function is called as ever.
type Arena struct {
	// Bytes is its size, rounded up to 64 KiB; 0: there is none. At most 16 MiB.
	Bytes uint32
	Calls []ArenaCall
}

// ArenaCall is a function of the host that reads (i64) -> (i32 or i64) or writes (i64, i32 or i64) -> () one or eight
// bytes of the arena.
type ArenaCall struct {
	Module, Name string
	// Width is 1, with i32, or 8, with i64.
	Width int
	Store bool
	// Input tells that the address is an offset into the input; else it is an arena's, whose first byte has ArenaFirst.
	Input bool
}

// ArenaFirst is the address of the first byte that is given; the input begins there.
const ArenaFirst = 8

const maxArena = 16 << 20

func (a ArenaCall) funcType() FuncType {
	value := I32
	if a.Width == 8 {
		value = I64
	}
	if a.Store {
		return FuncType{Params: []ValueType{I64, value}}
	}
	return FuncType{Params: []ValueType{I64}, Results: []ValueType{value}}
}

func (a ArenaCall) op() Op {
	switch {
	case a.Store && a.Width == 8:
		return OpI64Store
	case a.Store:
		return OpI32Store8
	case a.Width == 8:
		return OpI64Load
	default:
		return OpI32Load8U
	}
}

// arenaCall is the entry for a function, if it is one of the arena's with that type.
func (r *rewriter) arenaCall(fn uint32) (ArenaCall, bool) {
	if r.layout.ArenaBytes == 0 || fn >= uint32(len(r.m.Imports)) {
		return ArenaCall{}, false
	}
	i := r.m.Imports[fn]
	for _, a := range r.o.Arena.Calls {
		if a.Module == i.Module && a.Name == i.Name && slices.Equal(a.funcType().Params, r.m.Types[i.Type].Params) &&
			slices.Equal(a.funcType().Results, r.m.Types[i.Type].Results) {
			return a, true
		}
	}
	return ArenaCall{}, false
}

func (r *rewriter) inArena(fn uint32) bool {
	_, ok := r.arenaCall(fn)
	return ok
}

// arena is an access of the arena: within what is given if neither its first nor its last byte lies behind the end. The
// first is compared by itself because the last's address may wrap around.
func (r *rewriter) arena(c *Code, fn uint32) {
	a, _ := r.arenaCall(fn)
	end, at := r.layout.CellBase+cellInput, c.Local(I64)
	c.Get(0)
	if !a.Input {
		end = r.layout.CellBase + cellGiven
		c.I64(ArenaFirst).Op(OpI64Sub)
	}
	if r.o.Fuel {
		c.Set(at).GlobalGet(r.fuel).I64(1)
		r.spend(c, c.Local(I64))
		c.Get(at)
	}
	c.Tee(at).I32(0).Load(OpI64Load32U, end).Op(OpI64LtU)
	c.Get(at).I64(uint64(a.Width-1)).Op(OpI64Add).I32(0).Load(OpI64Load32U, end).Op(OpI64LtU, OpI32And)
	c.If()
	c.Get(at).Op(OpI32WrapI64)
	if a.Store {
		c.Get(1)
	}
	c.LoadAny(a.op(), r.layout.ArenaBase+ArenaFirst).Return().End()
	c.Get(0)
	if a.Store {
		c.Get(1)
	}
	c.Call(fn)
}
