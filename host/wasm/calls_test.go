package wasm_test

import (
	"math"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/wasm"
)

// changing is a module with a global of every type that may change: "evaluate" changes all and gives 7, "silent" changes them and gives
// nothing, "trapping" changes them and traps, "takes" takes something.
func changing(more int) []byte {
	globals := [][]byte{
		{0x7f, 1, 0x41, 1, 0x0b},
		{0x7e, 1, 0x42, 2, 0x0b},
		{0x7d, 1, 0x43, 0, 0, 0x40, 0x40, 0x0b},             // 3
		{0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0x10, 0x40, 0x0b}, // 4
		{0x7f, 0, 0x41, 9, 0x0b},                            // one that does not change
	}
	for range more {
		globals = append(globals, []byte{0x7f, 1, 0x41, 1, 0x0b})
	}
	change := []byte{
		0x41, 0x7f, 0x24, 0, 0x42, 0x7f, 0x24, 1, 0x43, 0, 0, 0, 0, 0x24, 2, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x24, 3,
	}
	body := func(end ...byte) []byte {
		b := append(append([]byte{0}, change...), end...)
		return append([]byte{byte(len(b) + 1)}, append(b, 0x0b)...)
	}
	export := func(name string, fn byte) []byte { return append(wasm.AppendName(nil, name), 0, fn) }
	return wasm.Join([]wasm.Section{
		{ID: wasm.SectionType, Body: []byte{3, 0x60, 0, 1, 0x7f, 0x60, 0, 0, 0x60, 1, 0x7f, 0}},
		{ID: wasm.SectionFunction, Body: []byte{4, 0, 1, 0, 2}},
		{ID: wasm.SectionMemory, Body: []byte{1, 1, 1, 1}},
		{ID: wasm.SectionGlobal, Body: items(globals...)},
		{ID: wasm.SectionExport, Body: items(export("evaluate", 0), export("silent", 1), export("trapping", 2), export("takes", 3))},
		{ID: wasm.SectionCode, Body: items(body(0x41, 7), body(), body(0), body())},
	})
}

func TestCallsPutGlobalsBack(t *testing.T) {
	r := newRuntimes(t)
	names := []string{"evaluate", "silent", "trapping"}
	out, layout := instrumented(t, changing(0), wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 1, Calls: names})
	if len(layout.Calls) != len(names) {
		t.Fatalf("calls %q", layout.Calls)
	}
	for name, engine := range map[string]wazero.Runtime{"compiler": r.compiler, "interpreter": r.interpreter} {
		g := instance(t, engine, out, layout)
		defer g.close()
		values := func() (out []uint64) {
			for _, name := range layout.Globals {
				out = append(out, g.mod.ExportedGlobal(name).Get())
			}
			return out
		}
		before := values()
		for i, c := range []struct {
			result uint64
			traps  bool
		}{{7, false}, {0, false}, {0, true}} {
			g.refuel(plenty) // the rest as well
			stack := []uint64{1000, 99}
			err := g.mod.ExportedFunction(layout.Calls[i]).CallWithStack(t.Context(), stack)
			if c.traps != (err != nil) {
				t.Fatalf("%s: %s: %v", name, names[i], err)
			}
			if left := g.mod.ExportedGlobal(layout.FuelGlobal).Get(); left != 999 {
				t.Errorf("%s: %s leaves %d units", name, names[i], left)
			}
			after := values()
			if c.traps {
				if after[1] != math.MaxUint32 {
					t.Errorf("%s: %s put globals back: %v", name, names[i], after)
				}
				continue
			}
			if uint64(uint32(stack[0])) != c.result || stack[1] != 999 {
				t.Errorf("%s: %s gives %v", name, names[i], stack)
			}
			for at := range before {
				if after[at] != before[at] {
					t.Errorf("%s: %s: %s is %v, was %v", name, names[i], layout.Globals[at], api.DecodeU32(after[at]), before[at])
				}
			}
		}
	}
}

func TestCallsAreAllOrNone(t *testing.T) {
	for name, c := range map[string]struct {
		module []byte
		o      wasm.Instrumentation
		calls  int
	}{
		"all":                     {changing(59), wasm.Instrumentation{Fuel: true, Barrier: true, Calls: []string{"evaluate", "silent"}}, 2},
		"too many globals":        {changing(60), wasm.Instrumentation{Fuel: true, Barrier: true, Calls: []string{"evaluate"}}, 0},
		"one of another type":     {changing(0), wasm.Instrumentation{Fuel: true, Barrier: true, Calls: []string{"evaluate", "takes"}}, 0},
		"one that is not there":   {changing(0), wasm.Instrumentation{Fuel: true, Barrier: true, Calls: []string{"evaluate", "score"}}, 0},
		"without the barrier":     {changing(0), wasm.Instrumentation{Fuel: true, Calls: []string{"evaluate"}}, 0},
		"where fuel is not taken": {changing(0), wasm.Instrumentation{Barrier: true, Calls: []string{"evaluate"}}, 0},
	} {
		c.o.MaxPages = 1
		if _, layout := instrumented(t, c.module, c.o); len(layout.Calls) != c.calls {
			t.Errorf("%s: calls %q", name, layout.Calls)
		}
	}
}
