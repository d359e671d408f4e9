package policy

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// The bits of a mode as they stand in a row.
const (
	rowIndeterminate = abi.ModeIndeterminate << rowShift
	rowUnknown       = abi.ModeUnknown << rowShift
)

// again(chunk, row): evaluates the function at that place of the table with the mode's bits cleared in turn. It is
// called when something in the chunk fired; so a chunk in which nothing fires, nearly every one, costs one pass.
func (e *emitter) again() {
	fn, c := e.sign(2)
	e.help.again = fn
	const chunk, row = 0, 1
	for _, bits := range []uint32{rowIndeterminate, rowUnknown, rowIndeterminate | rowUnknown} {
		c.Get(row).I32(bits).Op(wasm.OpI32And).I32(bits).Op(wasm.OpI32Eq)
		c.If()
		c.Get(row).I32(bits).Op(wasm.OpI32Xor).Get(chunk).CallIndirect(e.help.chunkType).End()
	}
}

// run(chunk, row): evaluates the function at that place of the table, and again where something fired.
func (e *emitter) run() {
	fn, c := e.sign(2)
	e.help.run = fn
	const chunk, row = 0, 1
	before := c.Local(wasm.I32)
	c.GlobalGet(e.help.fired).Set(before)
	c.Get(row).Get(chunk).CallIndirect(e.help.chunkType)
	e.whereFired(c, before, func() { c.Get(chunk).Get(row) })
}

// whereFired calls again for the chunk and row that push pushes, if more has fired than the local says.
func (e *emitter) whereFired(c *wasm.Code, before uint32, push func()) {
	c.Get(before).GlobalGet(e.help.fired).Op(wasm.OpI32Ne)
	c.If()
	push()
	c.Call(e.help.again).End()
}

// dispatch(slot, map, first, n, row): runs the chunk that the map of u16 gives for the slot's id, place 0 being none.
// Where the slot's value cannot be told, and counts as any, all n chunks from the first on are run.
func (e *emitter) dispatch() {
	fn, c := e.sign(5)
	e.help.dispatch = fn
	const slot, chunks, first, n, row = 0, 1, 2, 3, 4
	chunk := c.Local(wasm.I32)
	tag := tagOf(c, slot)
	counts := func(t, bit uint32) {
		c.Get(tag).I32(t).Op(wasm.OpI32Eq).Get(row).I32(bit).Op(wasm.OpI32And).I32(0).Op(wasm.OpI32Ne, wasm.OpI32And)
	}
	counts(abi.SlotUnknown, rowUnknown)
	counts(abi.SlotMistyped, rowIndeterminate)
	c.Op(wasm.OpI32Or)
	c.If()
	again := c.Loop()
	c.Get(first).Get(row).Call(e.help.run)
	advance(c, first, 1)
	c.Get(n).I32(1).Op(wasm.OpI32Sub).Tee(n).BrIf(again).End()
	c.Return().End()
	c.Get(slot).Load(wasm.OpI32Load, atID).I32(1).Op(wasm.OpI32Shl).Get(chunks).Op(wasm.OpI32Add)
	c.Load(wasm.OpI32Load16U, 0).Tee(chunk)
	c.If()
	c.Get(chunk).Get(row).Call(e.help.run).End()
}

// evaluate generates the export: resets the counters, then runs the stage's chunks.
func (e *emitter) evaluate(stages [2][]group) {
	ft := wasm.FuncType{Params: []wasm.ValueType{wasm.I32}, Results: []wasm.ValueType{wasm.I32}}
	places := e.places(stages)
	fn := e.b.Func(ft)
	c := wasm.NewCode(ft)
	const mode = 0
	row := c.Local(wasm.I32)
	c.I32(0).GlobalSet(e.help.fired).I32(workPerCall).GlobalSet(e.help.work)
	c.Get(mode).I32(abi.ModeIndeterminate | abi.ModeUnknown).Op(wasm.OpI32And).I32(rowShift).Op(wasm.OpI32Shl).Set(row)
	c.Get(mode).I32(abi.ModePost).Op(wasm.OpI32And)
	c.If()
	e.runAll(c, row, stages[PostTool], places)
	c.Else()
	e.runAll(c, row, stages[PreTool], places)
	c.End()
	c.GlobalGet(e.help.fired)
	e.b.Body(fn, c)
	e.b.Export("evaluate", wasm.ExportFunc, fn)
}

// placed is where a chunk's function stands, among the functions and in the table.
type placed struct {
	fn, table uint32
}

// places generates the chunks of all groups and puts them into the table, whose place 0 no map leads to.
func (e *emitter) places(stages [2][]group) map[*chunk]placed {
	nothing := e.b.Func(chunkType())
	e.b.Body(nothing, wasm.NewCode(chunkType()))
	e.b.Table(nothing)
	places := map[*chunk]placed{}
	for _, groups := range stages {
		for _, g := range groups {
			for _, x := range g.chunks {
				fn := e.chunk(x.rules)
				places[x] = placed{fn, e.b.Table(fn)}
			}
		}
	}
	return places
}

// runAll runs a stage's groups: chunks without a pivot by themselves, called straight, the others as the pivot says.
func (e *emitter) runAll(c *wasm.Code, row uint32, groups []group, places map[*chunk]placed) {
	before := c.Local(wasm.I32)
	for _, g := range groups {
		if g.pivot != nil {
			first := places[g.chunks[0]].table
			c.I32(slotBase + e.root.offset(g.pivot)).I32(e.pool.chunkMap(g, places, e.strings))
			c.I32(first).I32(uint32(len(g.chunks))).Get(row).Call(e.help.dispatch)
			continue
		}
		for _, x := range g.chunks {
			c.GlobalGet(e.help.fired).Set(before).Get(row).Call(places[x].fn)
			e.whereFired(c, before, func() { c.I32(places[x].table).Get(row) })
		}
	}
}

// chunkMap is the address of the place in the table for each id.
func (p *pool) chunkMap(g group, places map[*chunk]placed, strings *interner) uint32 {
	all := make([]byte, 2*(int(abi.IDFirst)+len(strings.list)))
	for _, x := range g.chunks {
		for _, id := range x.ids {
			at := places[x].table
			all[2*id], all[2*id+1] = byte(at), byte(at>>8)
		}
	}
	return p.text(string(all))
}
