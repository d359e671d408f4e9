package sandbox

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// TestAdmissionRevision fails when the rewriter makes something else of the same module than it did: what was admitted
// before would then be run rewritten in a way that nobody tried.
func TestAdmissionRevision(t *testing.T) {
	module := fixedModule()
	const fixed = "3843bce33e36230b99d7c79caf97c17d8834afec6c5fea87aff385ca8aff22ad"
	if got := hashOf(module); got != fixed {
		t.Fatalf("fixedModule is another than it was (%s): the hash of what the rewriter makes of it says nothing; set both anew", got)
	}
	made := map[int]string{
		1: "cc5b6212b4c4ec1bfaa873c8d8a2e8468f6196fceda4ceea35e73904be8c2617",
		2: "5417ded73858a6c747922a2e0d64b24585c724bf47d7a1ec52be36e24e787184",
	}
	m, err := wasm.Scan(module, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out, layout, err := wasm.Instrument(m, wasm.Instrumentation{
		Fuel: true, Barrier: true, MaxPages: DefaultMemoryPages, Arena: sharedArena(), Calls: abi.Exports(abi.KindPolicy),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := hashOf(fmt.Appendf(out, "%+v", *layout)); got != made[admissionRevision] {
		t.Errorf("the rewriter makes another module (%s) than it did at admission revision %d (%s): count admissionRevision up, and add the new hash here",
			got, admissionRevision, made[admissionRevision])
	}
}

func hashOf(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// fixedModule has one of everything that the rewriter treats in its own way: each call of the arena, calls, loops, stores of
// each width, bulk instructions, a table, globals, growth, a start function.
func fixedModule() []byte {
	b := &wasm.Builder{}
	var calls []uint32
	arena := sharedArena().Calls
	for _, a := range arena {
		ft := wasm.FuncType{Params: []wasm.ValueType{wasm.I64}}
		value := map[int]wasm.ValueType{1: wasm.I32, 8: wasm.I64}[a.Width]
		if a.Store {
			ft.Params = append(ft.Params, value)
		} else {
			ft.Results = []wasm.ValueType{value}
		}
		calls = append(calls, b.Import(a.Module, a.Name, ft))
	}
	b.Memory(2, 8)
	b.Data(1024, []byte("data"))
	count := b.Global()
	none := wasm.FuncType{}
	start, leaf, main := b.Func(none), b.Func(none), b.Func(none)
	b.Table(leaf, main)
	b.Start(start)

	c := wasm.NewCode(none)
	c.I32(7).GlobalSet(count)
	b.Body(start, c)

	c = wasm.NewCode(none)
	c.GlobalGet(count).I32(1).Op(wasm.OpI32Add).GlobalSet(count)
	b.Body(leaf, c)

	c = wasm.NewCode(none)
	for i, a := range arena {
		switch {
		case a.Store && a.Width == 1:
			c.I64(wasm.ArenaFirst).I32(1).Call(calls[i])
		case a.Store:
			c.I64(wasm.ArenaFirst).I64(1).Call(calls[i])
		default:
			c.I64(wasm.ArenaFirst).Call(calls[i]).Op(wasm.OpDrop)
		}
	}
	at := c.Local(wasm.I32)
	l := c.Loop()
	for _, o := range []wasm.Op{wasm.OpI32Store8, wasm.OpI32Store16, wasm.OpI32Store} {
		c.Get(at).I32(9).Store(o, 2048)
	}
	for _, o := range []wasm.Op{wasm.OpI64Store8, wasm.OpI64Store16, wasm.OpI64Store32, wasm.OpI64Store} {
		c.Get(at).I64(9).Store(o, 4096)
	}
	c.Get(at).F64(1.5).Store(wasm.OpF64Store, 8192)
	c.Get(at).Load(wasm.OpI32Load, 2048).Op(wasm.OpDrop)
	c.Get(at).I32(8).Op(wasm.OpI32Add).Tee(at).I32(64).Op(wasm.OpI32LtU).BrIf(l).End()
	c.I32(0).I32(1).I32(100).Op(wasm.OpPrefixMisc, 11, 0)      // memory.fill
	c.I32(0).I32(512).I32(100).Op(wasm.OpPrefixMisc, 10, 0, 0) // memory.copy
	c.I32(1).Op(wasm.OpMemoryGrow, 0, wasm.OpDrop)
	c.Call(leaf).I32(0).CallIndirect(b.Type(none))
	b.Body(main, c)
	b.Export("memory", wasm.ExportMemory, 0)
	b.Export("evaluate", wasm.ExportFunc, main)
	return b.Module()
}
