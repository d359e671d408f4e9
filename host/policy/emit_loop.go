package policy

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// maxWeight bounds what one item counts for in a loop's work, so that the product with any list's length fits.
const maxWeight = 64

// loop pushes the value of any(…) or all(…): the list's items are gone through until one decides. What is no list is
// missing or mistyped, so indeterminate, or unknown.
func (f *function) loop(l *loop) {
	f.isTag(l.over, abi.SlotList)
	f.c.IfOf(wasm.I32)
	item, end := f.c.Local(wasm.I32), f.c.Local(wasm.I32)
	stride := l.bind.items.stride()
	f.word(l.over, atPtr).Tee(item)
	f.word(l.over, atLen).I32(uint32(min(l.body.cost, maxWeight))).Op(wasm.OpI32Mul).Call(f.help.spend)
	f.word(l.over, atLen).I32(stride).Op(wasm.OpI32Mul, wasm.OpI32Add).Set(end)
	l.bind.local = item

	out := f.c.BlockOf(wasm.I32)
	decided := f.c.Block()
	done := f.c.Block()
	again := f.c.Loop()
	f.c.Get(item).Get(end).Op(wasm.OpI32Eq).BrIf(done)
	if l.all {
		f.unless(l.body, decided)
	} else {
		f.when(l.body, decided)
	}
	f.c.Get(item).I32(stride).Op(wasm.OpI32Add).Set(item).Br(again).End()
	f.c.End()
	f.c.I32(boolWord(l.all)).Br(out).End()
	f.c.I32(boolWord(!l.all)).End()

	f.c.Else()
	f.table(l.over, byTagList)
	f.c.End()
}

func boolWord(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
