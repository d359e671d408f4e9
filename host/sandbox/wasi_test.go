package sandbox_test

import (
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// TestWASIAnswersAreFixed asks each function from inside a guest, which traps where an answer is another.
func TestWASIAnswersAreFixed(t *testing.T) {
	var b wasm.Builder
	const module = "wasi_snapshot_preview1"
	named := map[string]uint32{}
	for _, f := range []struct {
		name   string
		params []wasm.ValueType
	}{
		{"args_sizes_get", []wasm.ValueType{wasm.I32, wasm.I32}},
		{"environ_sizes_get", []wasm.ValueType{wasm.I32, wasm.I32}},
		{"clock_res_get", []wasm.ValueType{wasm.I32, wasm.I32}},
		{"clock_time_get", []wasm.ValueType{wasm.I32, wasm.I64, wasm.I32}},
		{"poll_oneoff", []wasm.ValueType{wasm.I32, wasm.I32, wasm.I32, wasm.I32}},
		{"fd_write", []wasm.ValueType{wasm.I32, wasm.I32, wasm.I32, wasm.I32}},
		{"fd_read", []wasm.ValueType{wasm.I32, wasm.I32, wasm.I32, wasm.I32}},
		{"fd_close", []wasm.ValueType{wasm.I32}},
		{"fd_fdstat_get", []wasm.ValueType{wasm.I32, wasm.I32}},
		{"fd_prestat_get", []wasm.ValueType{wasm.I32, wasm.I32}},
		{"random_get", []wasm.ValueType{wasm.I32, wasm.I32}},
	} {
		named[f.name] = b.Import(module, f.name, wasm.FuncType{Params: f.params, Results: []wasm.ValueType{wasm.I32}})
	}
	fn := b.Func(status())
	c := wasm.NewCode(status())
	trapUnless := func(want uint32) {
		c.I32(want).Op(wasm.OpI32Ne)
		c.If()
		c.Op(wasm.OpUnreachable).End()
	}
	errno := func(want uint32, name string, args ...uint32) {
		for _, a := range args {
			c.I32(a)
		}
		c.Call(named[name])
		trapUnless(want)
	}
	word := func(address, want uint32) {
		c.I32(address).Load(wasm.OpI32Load, 0)
		trapUnless(want)
	}
	clock := func(id, at uint32) {
		c.I32(id).I64(0).I32(at).Call(named["clock_time_get"])
		trapUnless(0)
	}
	const (
		fault, invalid, badFD = 21, 28, 8
		end                   = 1 << 16
	)
	for _, name := range []string{"args_sizes_get", "environ_sizes_get"} {
		c.I32(100).I32(9).Store(wasm.OpI32Store, 0)
		errno(0, name, 100, 104)
		word(100, 0)
		word(104, 0)
		errno(fault, name, end-4, end-3)
	}
	errno(0, "clock_res_get", 0, 96)
	// The clocks differ by 2022-01-01T00:00:00Z.
	clock(0, 200)
	clock(1, 208)
	c.I32(0).Load(wasm.OpI64Load, 200).I32(0).Load(wasm.OpI64Load, 208).Op(wasm.OpI64Sub).I64(1_640_995_200_000_000_000 - 1).Op(wasm.OpI64Ne)
	trapUnless(0)
	// Two clocks and a stream: the earlier clock strikes, and time has passed.
	for _, sub := range []struct{ at, timeout uint32 }{{300, 5000}, {348, 7000}} {
		c.I32(sub.at).I32(sub.at).Store(wasm.OpI32Store, 0)
		c.I32(sub.at+24).I32(sub.timeout).Store(wasm.OpI32Store, 0)
	}
	c.I32(396+8).I32(1).Store(wasm.OpI32Store, 0)
	errno(0, "poll_oneoff", 300, 600, 3, 800)
	word(800, 2)
	word(600, 300)
	word(632, 0)
	word(632+8, badFD|1<<16)
	clock(1, 216)
	c.I32(216).Load(wasm.OpI32Load, 0).I32(208).Load(wasm.OpI32Load, 0).Op(wasm.OpI32Sub)
	trapUnless(5000)
	errno(invalid, "poll_oneoff", 300, 600, 0, 800)
	errno(invalid, "poll_oneoff", 300, 600, 1<<20, 800)
	errno(fault, "poll_oneoff", end-8, 600, 1, 800)
	// Streams.
	errno(0, "fd_fdstat_get", 1, 900)
	word(900, 2)
	errno(badFD, "fd_fdstat_get", 3, 900)
	errno(badFD, "fd_prestat_get", 3, 900)
	errno(badFD, "fd_close", 1)
	errno(badFD, "fd_read", 0, 0, 0, 0)
	c.I32(1000).I32(2000).Store(wasm.OpI32Store, 0)
	c.I32(1004).I32(2).Store(wasm.OpI32Store, 0)
	c.I32(2000).I32('h'|'i'<<8).Store(wasm.OpI32Store, 0)
	errno(0, "fd_write", 2, 1000, 1, 1008)
	word(1008, 2)
	errno(badFD, "fd_write", 3, 1000, 1, 1008)
	errno(fault, "fd_write", 1, end-4, 1, 1008)
	errno(fault, "fd_write", 1, 1000, 1, end)
	errno(0, "random_get", 1100, 8)
	errno(fault, "random_get", end-4, 1<<32-4)
	b.Body(fn, c.I32(0))
	b.Memory(1, 1)
	b.Export("memory", wasm.ExportMemory, 0)
	b.Export("evaluate", wasm.ExportFunc, fn)

	var said string
	e := newEngine(t, sandbox.Options{Guest: func(l sandbox.GuestLog) { said = l.Text }})
	p, err := open(t, e, b.Module(), "", sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := p.Call(t.Context(), "evaluate", nil, nil); codeOf(t, err) != abi.Code("") {
			t.Fatal(err)
		}
		if said != "hihi" { // the second time before the host noticed that it cannot say how much was written
			t.Errorf("it said %q", said)
		}
	}
}
