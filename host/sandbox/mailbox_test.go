package sandbox_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// box is a guest's mailbox: room, size, given, answer, length.
type box [5]uint32

// Where a hand-made guest has its mailbox, and a text of its own.
const (
	boxAt   = 1024
	boxText = 1100
	boxRoom = 2048
)

// boxed is a guest with a mailbox at an address; answer says what evaluate does with what it was given.
func boxed(b box, at uint32, answer func(m *wasm.Builder, c *wasm.Code)) []byte {
	var m wasm.Builder
	fn := m.Func(status())
	m.Body(fn, wasm.NewCode(status()).I32(at))
	m.Export("agentmesh_mailbox", wasm.ExportFunc, fn)
	var numbers []byte
	for _, n := range b {
		numbers = binary.LittleEndian.AppendUint32(numbers, n)
	}
	m.Data(boxAt, numbers)
	m.Data(boxText, []byte("too long"))
	evaluate := m.Func(status())
	c := wasm.NewCode(status())
	answer(&m, c)
	m.Body(evaluate, c.I32(0))
	m.Memory(1, 4)
	m.Export("evaluate", wasm.ExportFunc, evaluate)
	return m.Module()
}

// answers stores where the answer stands, and the length that is pushed by length.
func answers(c *wasm.Code, at uint32, length func()) {
	c.I32(boxAt).I32(at).Store(wasm.OpI32Store, 12)
	c.I32(boxAt)
	length()
	c.Store(wasm.OpI32Store, 16)
}

// echo answers what it was given, or that it was given nothing.
func echo(_ *wasm.Builder, c *wasm.Code) {
	c.I32(boxAt).Load(wasm.OpI32Load, 8)
	c.If()
	answers(c, boxRoom, func() { c.I32(boxAt).Load(wasm.OpI32Load, 8).I32(1).Op(wasm.OpI32Sub) })
	c.Else()
	answers(c, boxText, func() { c.I32(8) })
	c.End()
}

func TestMailboxesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		box  box
		at   uint32
	}{
		{"at the end of the memory", box{boxRoom, 64}, 1<<16 - 19},
		{"beyond it", box{boxRoom, 64}, 1<<32 - 1},
		{"without room", box{boxRoom, 0}, boxAt},
		{"with room that ends outside", box{1<<16 - 63, 64}, boxAt},
		{"with room that wraps around", box{1<<32 - 1, 1<<32 - 1}, boxAt},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, newEngine(t, sandbox.Options{}), boxed(c.box, c.at, echo), "", sandbox.PluginOptions{})
			if codeOf(t, err) != abi.CodeTrap || !strings.Contains(err.Error(), "mailbox") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnswersByMailboxAreRefused(t *testing.T) {
	for _, c := range []struct {
		name       string
		at, length uint32
		code       abi.Code
	}{
		{"that end outside", 1<<16 - 7, 8, abi.CodeTrap},
		{"that wrap around", 1<<32 - 1, 8, abi.CodeTrap},
		{"that are too long", 1, abi.DefaultOutputBytes + 1, abi.CodeOutputTooLarge},
		{"of no end", 1, 1<<32 - 1, abi.CodeOutputTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustOpen(t, newEngine(t, sandbox.Options{}), boxed(box{boxRoom, 64}, boxAt, func(_ *wasm.Builder, code *wasm.Code) {
				answers(code, c.at, func() { code.I32(c.length) })
			}), "")
			for range 2 {
				if out, _, err := p.Call(t.Context(), "evaluate", []byte("x"), nil); codeOf(t, err) != c.code || len(out) > 0 {
					t.Errorf("got %q, %v, want %s", out, err, c.code)
				}
			}
		})
	}
}

func TestMailboxesCarryWhatFits(t *testing.T) {
	for name, o := range map[string]sandbox.Options{"compiler": {}, "interpreter": {Interpreter: true}} {
		p := mustOpen(t, newEngine(t, o), boxed(box{boxRoom, 64}, boxAt, echo), "")
		var fuel []int64
		for _, n := range []int{0, 1, 63, 64, 65, 300, 64, 0} {
			in := strings.Repeat("x", n)
			want := in
			if n > 64 {
				want = "too long"
			}
			out, used, err := p.Call(t.Context(), "evaluate", []byte(in), nil)
			if err != nil || string(out) != want {
				t.Errorf("%s, %d bytes: got %q, %v", name, n, out, err)
			}
			fuel = append(fuel, used)
		}
		if slices.Max(fuel) != slices.Min(fuel) {
			t.Errorf("%s: the same way costs %v", name, fuel)
		}
		if s := p.Stats(); s.Instances != 1 || s.Dropped != 0 {
			t.Errorf("%s: stats %+v", name, s)
		}
	}
}

// TestAnotherFunctionOfTheMailboxsNameIsNone leaves a guest that happens to have one to Extism's functions.
func TestAnotherFunctionOfTheMailboxsNameIsNone(t *testing.T) {
	h := newHand()
	fn := h.Func(takes(wasm.I32))
	h.Body(fn, wasm.NewCode(takes(wasm.I32)).Op(wasm.OpUnreachable))
	h.Export("agentmesh_mailbox", wasm.ExportFunc, fn)
	p := mustOpen(t, newEngine(t, sandbox.Options{}), h.evaluate(func(c *wasm.Code) { h.answer(c, allowing) }), "")
	if out, _, err := p.Call(t.Context(), "evaluate", []byte("x"), nil); err != nil || string(out) != allowing {
		t.Errorf("got %q, %v", out, err)
	}
}

// TestGlobalsOfTheWarmUpStay counts calls in a global and grows at the first one: what the warm-up did stays, what later
// calls do does not.
func TestGlobalsOfTheWarmUpStay(t *testing.T) {
	module := boxed(box{boxRoom, 64}, boxAt, func(m *wasm.Builder, c *wasm.Code) {
		calls := m.Global()
		c.GlobalGet(calls).Op(wasm.OpI32Eqz)
		c.If()
		c.I32(1).Op(wasm.OpMemoryGrow, 0, wasm.OpDrop).End()
		c.GlobalGet(calls).I32(1).Op(wasm.OpI32Add).GlobalSet(calls)
		c.I32(boxRoom).GlobalGet(calls).I32('0').Op(wasm.OpI32Add).Store(wasm.OpI32Store8, 0)
		c.I32(boxRoom+1).Op(wasm.OpMemorySize, 0).I32('0').Op(wasm.OpI32Add).Store(wasm.OpI32Store8, 0)
		answers(c, boxRoom, func() { c.I32(2) })
	})
	p := mustOpen(t, newEngine(t, sandbox.Options{Instances: 2}), module, "")
	for range 5 {
		if out, _, err := p.Call(t.Context(), "evaluate", []byte("x"), nil); err != nil || string(out) != "32" { // third call, two pages
			t.Errorf("got %q, %v", out, err)
		}
	}
	if s := p.Stats(); s.Dropped != 0 {
		t.Errorf("stats %+v", s)
	}
}
