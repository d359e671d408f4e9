package sandbox_test

import (
	"fmt"
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// TestTheArenaEndsWhereItEnds asks for bytes at its edges and where addresses wrap around. The input has 20 bytes, from
// address 8 on, and what is allocated behind it 16, from 32 on.
func TestTheArenaEndsWhereItEnds(t *testing.T) {
	const host = "extism:host/env"
	input := []byte("0123456789abcdefghij")
	for _, large := range []bool{false, true} { // more than is shared with the guest lies elsewhere
		for _, c := range []struct {
			name    string
			address uint64
			ok      bool
		}{
			{"load_u8", 8, true},
			{"load_u8", 7, false},
			{"load_u8", 0, false},
			{"load_u8", 47, true},
			{"load_u8", 48, false},
			{"load_u8", 1<<32 + 8, false},
			{"load_u8", 1<<64 - 1, false},
			{"load_u64", 8, true},
			{"load_u64", 1, false},
			{"load_u64", 40, true},
			{"load_u64", 41, false},
			{"load_u64", 1<<64 - 8, false},
			{"load_u64", 1<<64 - 4, false},
			{"load_u64", 1<<32 + 16, false},
			{"load_u64", 1 << 31, false},
			{"input_load_u8", 0, true},
			{"input_load_u8", 19, true},
			{"input_load_u8", 20, false},
			{"input_load_u8", 1 << 32, false},
			{"input_load_u64", 0, true},
			{"input_load_u64", 12, true},
			{"input_load_u64", 13, false},
			{"input_load_u64", 1<<64 - 1, false},
			{"input_load_u64", 1<<64 - 8, false},
			{"store_u8", 32, true},
			{"store_u8", 47, true},
			{"store_u8", 48, false},
			{"store_u8", 7, false},
			{"store_u64", 32, true},
			{"store_u64", 40, true},
			{"store_u64", 44, false},
			{"store_u64", 3, false},
			{"store_u64", 1<<64 - 7, false},
		} {
			t.Run(fmt.Sprintf("%s at %#x, large %v", c.name, c.address, large), func(t *testing.T) {
				var b wasm.Builder
				value, store := wasm.I32, len(c.name) > 5 && c.name[:5] == "store"
				if c.name[len(c.name)-2:] == "64" {
					value = wasm.I64
				}
				ft := gives(takes(wasm.I64), value)
				if store {
					ft = takes(wasm.I64, value)
				}
				fn := b.Import(host, c.name, ft)
				length := b.Import(host, "input_length", gives(plain(), wasm.I64))
				alloc := b.Import(host, "alloc", gives(takes(wasm.I64), wasm.I64))
				evaluate := b.Func(status())
				code := wasm.NewCode(status())
				code.Call(length).I64(uint64(len(input))).Op(wasm.OpI64Eq)
				code.If()
				code.I64(16).Call(alloc).Op(wasm.OpDrop)
				if large {
					code.I64(1 << 20).Call(alloc).Op(wasm.OpDrop)
				}
				code.I64(c.address)
				switch {
				case store && value == wasm.I64:
					code.I64(1).Call(fn)
				case store:
					code.I32(1).Call(fn)
				default:
					code.Call(fn).Op(wasm.OpDrop)
				}
				code.End().I32(0)
				b.Body(evaluate, code)
				b.Memory(1, 1)
				b.Export("evaluate", wasm.ExportFunc, evaluate)
				p := mustOpen(t, newEngine(t, sandbox.Options{}), b.Module(), "")
				want := abi.Code("")
				// What lies behind the first 16 bytes is given too when there is more.
				if inside := large && c.address >= 8 && c.address < 1<<20; !c.ok && (!inside || c.name[0] == 'i') {
					want = abi.CodeTrap
				}
				if _, _, err := p.Call(t.Context(), "evaluate", input, nil); codeOf(t, err) != want {
					t.Errorf("got %v, want %q", err, want)
				}
			})
		}
	}
}

// TestTheArenaCarriesBytes reads the input in words and bytes and answers it, shorter and longer than what is shared.
func TestTheArenaCarriesBytes(t *testing.T) {
	const host = "extism:host/env"
	var b wasm.Builder
	load := b.Import(host, "input_load_u64", gives(takes(wasm.I64), wasm.I64))
	length := b.Import(host, "input_length", gives(plain(), wasm.I64))
	alloc := b.Import(host, "alloc", gives(takes(wasm.I64), wasm.I64))
	store := b.Import(host, "store_u64", takes(wasm.I64, wasm.I64))
	output := b.Import(host, "output_set", takes(wasm.I64, wasm.I64))
	fn := b.Func(status())
	c := wasm.NewCode(status())
	handle, at := c.Local(wasm.I64), c.Local(wasm.I64)
	c.Call(length).Call(alloc).Set(handle)
	done := c.Block()
	loop := c.Loop()
	c.Get(at).I64(8).Op(wasm.OpI64Add).Call(length).Op(wasm.OpI64GtS).BrIf(done)
	c.Get(handle).Get(at).Op(wasm.OpI64Add).Get(at).Call(load).Call(store)
	c.Get(at).I64(8).Op(wasm.OpI64Add).Set(at).Br(loop).End().End()
	c.Get(handle).Call(length).Call(output).I32(0)
	b.Body(fn, c)
	b.Memory(1, 1)
	b.Export("evaluate", wasm.ExportFunc, fn)
	p := mustOpen(t, newEngine(t, sandbox.Options{}), b.Module(), "")
	for _, n := range []int{8, 64, 128 << 10, 200 << 10, 300 << 10, 1 << 20, 16} {
		in := make([]byte, n)
		for i := range in {
			in[i] = byte(i * 7)
		}
		out, _, err := p.Call(t.Context(), "evaluate", in, nil)
		if err != nil || string(out) != string(in) {
			t.Errorf("%d bytes: %d came back, %v", n, len(out), err)
		}
	}
}
