package wasm_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/wasm"
)

// runtimes are both of wazero's engines, with what generated modules import.
type runtimes struct{ compiler, interpreter wazero.Runtime }

func newRuntimes(t testing.TB) runtimes {
	ctx := context.Background()
	with := func(c wazero.RuntimeConfig) wazero.Runtime {
		r := wazero.NewRuntimeWithConfig(ctx, c)
		t.Cleanup(func() { r.Close(ctx) })
		tick := api.GoModuleFunc(func(_ context.Context, _ api.Module, s []uint64) { s[0] = s[0]*31 + 1 })
		i64 := []api.ValueType{api.ValueTypeI64}
		if _, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().WithGoModuleFunction(tick, i64, i64).Export("tick").Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
		return r
	}
	return runtimes{with(wazero.NewRuntimeConfigCompiler()), with(wazero.NewRuntimeConfigInterpreter())}
}

// instance instantiates a module of the generator's; it is closed by the caller. It is nil if the start function traps.
func instance(t testing.TB, r wazero.Runtime, module []byte, layout wasm.Layout) *guest {
	t.Helper()
	ctx := context.Background()
	compiled, err := r.CompileModule(ctx, module)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	mod, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil && strings.HasPrefix(err.Error(), "start ") {
		compiled.Close(ctx)
		return nil
	}
	if err != nil {
		t.Fatalf("instantiate: %v", err)
	}
	g := &guest{t: t, mod: mod, layout: layout, close: func() { mod.Close(ctx); compiled.Close(ctx) }}
	g.see()
	if layout.MapBytes > 0 {
		g.snapshot()
	}
	return g
}

// see looks at the memory anew, which moves when it grows.
func (g *guest) see() { g.memory, _ = g.mod.Memory().Read(0, g.mod.Memory().Size()) }

// outcome is what one call did.
type outcome struct {
	values  string
	trapped bool
	fuel    int64
	memory  []byte
}

// play calls the start function and then every function, each with that much fuel, and tells what came of it.
func (g *guest) play(exports []wasm.FuncType, fuel int64) []outcome {
	var all []outcome
	play := func(name string, args ...uint64) {
		g.refuel(fuel)
		g.global("budget").Set(genBudget)
		got, err := g.call(name, args...)
		if err != nil && strings.Contains(err.Error(), "stack overflow") {
			g.t.Fatalf("%s: %v", name, err)
		}
		o := outcome{values: fmt.Sprint(got), trapped: err != nil}
		if g.layout.FuelGlobal != "" {
			o.fuel = g.fuel()
			if depth := g.global(g.layout.DepthGlobal).Get(); err == nil && depth != 0 {
				g.t.Fatalf("%s: depth %d after it", name, depth)
			}
		}
		g.see()
		o.memory = bytes.Clone(g.memory[g.layout.Shift:])
		all = append(all, o)
	}
	if g.layout.Start != "" {
		play(g.layout.Start)
	}
	for i, ft := range exports {
		args := make([]uint64, len(ft.Params))
		for k := range args {
			args[k] = []uint64{5, 0x40490fdb, 1 << 40}[k%3]
			if ft.Params[k] == wasm.I32 || ft.Params[k] == wasm.F32 {
				args[k] &= 1<<32 - 1
			}
		}
		play(fmt.Sprintf("f%d", i), args...)
	}
	return all
}

// differs tells the first difference, of the guest's memory as far as both have it.
func differs(a, b []outcome, fuel bool) string {
	for i := range a {
		x, y := a[i], b[i]
		n := min(len(x.memory), len(y.memory))
		switch {
		case x.trapped != y.trapped || x.values != y.values:
			return fmt.Sprintf("call %d: %s trapped %v, and %s trapped %v", i, x.values, x.trapped, y.values, y.trapped)
		case fuel && x.fuel != y.fuel:
			return fmt.Sprintf("call %d: fuel %d and %d", i, x.fuel, y.fuel)
		case !bytes.Equal(x.memory[:n], y.memory[:n]):
			return fmt.Sprintf("call %d: memory differs", i)
		}
	}
	return ""
}

// check runs a generated module in every way and holds the results against each other. It returns how many calls trapped
// and how many there were.
func check(t testing.TB, r runtimes, in []byte) (trapped, calls int) {
	t.Helper()
	module, exports := generate(in)
	m, err := wasm.Scan(module, wasm.Limits{})
	if err != nil {
		t.Fatalf("scan: %v\n%x", err, module)
	}
	play := func(engine wazero.Runtime, o wasm.Instrumentation, fuel int64) []outcome {
		o.MaxPages = 16
		out, layout, err := wasm.Instrument(m, o)
		if err != nil {
			t.Fatal(err)
		}
		g := instance(t, engine, out, *layout)
		defer g.close()
		all := g.play(exports, fuel)
		if o.Barrier {
			g.restore()
			g.same(len(all))
			g.fresh(all, exports, fuel)
		}
		return all
	}
	plain := original(t, r.compiler, module, m.HasStart, exports)
	full := wasm.Instrumentation{Fuel: true, Barrier: true}
	ours := play(r.compiler, full, plenty)
	for name, other := range map[string][]outcome{
		"nothing": play(r.compiler, wasm.Instrumentation{}, plenty),
		"barrier": play(r.compiler, wasm.Instrumentation{Barrier: true}, plenty),
		"fuel":    play(r.compiler, wasm.Instrumentation{Fuel: true}, plenty),
		"both":    ours,
	} {
		if d := differs(plain, other, false); d != "" {
			t.Fatalf("plain and with %s: %s\n%x", name, d, module)
		}
	}
	if d := differs(ours, play(r.interpreter, full, plenty), true); d != "" {
		t.Fatalf("compiler and interpreter: %s\n%x", d, module)
	}
	some := int64(0)
	for _, o := range ours {
		some = max(some, (plenty-o.fuel)/2)
		calls++
		if o.trapped {
			trapped++
		}
	}
	if d := differs(play(r.compiler, full, some), play(r.interpreter, full, some), true); d != "" {
		t.Fatalf("compiler and interpreter with %d of fuel: %s\n%x", some, d, module)
	}
	return trapped, calls
}

// original plays the module as it is. Its start function runs at instantiation; if that traps there is nothing more to
// hold against others, which are then to trap there as well.
func original(t testing.TB, r wazero.Runtime, module []byte, starts bool, exports []wasm.FuncType) []outcome {
	t.Helper()
	g := instance(t, r, module, wasm.Layout{})
	if g == nil {
		return []outcome{{values: "[]", trapped: true}}
	}
	defer g.close()
	var all []outcome
	if starts {
		all = append(all, outcome{values: "[]", memory: bytes.Clone(g.memory)})
	}
	return append(all, g.play(exports, plenty)...)
}

// fresh plays once more: a restored instance does what it did when it was new.
func (g *guest) fresh(before []outcome, exports []wasm.FuncType, fuel int64) {
	g.t.Helper()
	if d := differs(before, g.play(exports, fuel), g.layout.FuelGlobal != ""); d != "" {
		g.t.Fatalf("a restored instance: %s", d)
	}
}

func TestGeneratedModules(t *testing.T) {
	r := newRuntimes(t)
	trapped, calls := 0, 0
	modules := 150
	if race {
		modules = 20
	}
	for seed := range modules {
		rnd := rand.New(rand.NewPCG(uint64(seed), 1))
		in := make([]byte, 2000)
		for i := range in {
			in[i] = byte(rnd.Uint32())
		}
		a, b := check(t, r, in)
		trapped, calls = trapped+a, calls+b
	}
	t.Logf("%d of %d calls trapped", trapped, calls)
	if trapped == 0 || trapped > calls*3/4 {
		t.Errorf("%d of %d calls trapped: the generator has gone stale", trapped, calls)
	}
}

func FuzzInstrument(f *testing.F) {
	f.Add([]byte{})
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 8 {
		in := make([]byte, 600)
		for i := range in {
			in[i] = byte(rnd.Uint32())
		}
		f.Add(in)
	}
	r := newRuntimes(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 4000 {
			return
		}
		check(t, r, in)
	})
}
