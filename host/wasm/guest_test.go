package wasm_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/wasm"
)

// goGuest builds testdata/guest, once.
func goGuest(t testing.TB) []byte {
	t.Helper()
	module, err := builtGuest()
	if err != nil {
		t.Fatal(err)
	}
	return module
}

var builtGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s", "-trimpath", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, text)
	}
	return os.ReadFile(out)
})

// compiledOnce keeps what start compiles.
var compiledOnce = sync.OnceValue(wazero.NewCompilationCache)

// plenty is more fuel than any test uses.
const plenty = 1 << 40

// guest is an instance with its layout.
type guest struct {
	t      testing.TB
	mod    api.Module
	layout wasm.Layout
	memory []byte
	kept   []byte
	zeros  []byte // as many as memory has beyond kept
	saved  []uint64
	close  func()
}

// start instantiates a module on an engine of its own.
func start(t testing.TB, module []byte, layout wasm.Layout, config wazero.RuntimeConfig) *guest {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithCompilationCache(compiledOnce()))
	t.Cleanup(func() { r.Close(ctx) })
	g := &guest{t: t, layout: layout}
	compiled, err := r.CompileModule(ctx, module)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	hosts := map[string]wazero.HostModuleBuilder{}
	for _, f := range compiled.ImportedFunctions() {
		from, name, _ := f.Import()
		if hosts[from] == nil {
			hosts[from] = r.NewHostModuleBuilder(from)
		}
		hosts[from].NewFunctionBuilder().WithGoModuleFunction(g.wasi(name), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	for _, h := range hosts {
		if _, err := h.Instantiate(ctx); err != nil {
			t.Fatal(err)
		}
	}
	g.mod, err = r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatalf("instantiate: %v", err)
	}
	g.memory, _ = g.mod.Memory().Read(0, g.mod.Memory().Size())
	g.refuel(plenty)
	for _, f := range []string{layout.Start, "_initialize"} {
		if g.mod.ExportedFunction(f) != nil {
			if _, err := g.call(f); err != nil {
				t.Fatalf("%s: %v", f, err)
			}
		}
	}
	return g
}

// wasi is enough of WASI for a Go guest: sizes are 0, times 1, random bytes 7.
func (g *guest) wasi(name string) api.GoModuleFunc {
	return func(_ context.Context, mod api.Module, stack []uint64) {
		put := func(p uint64, v uint64, n int) {
			a := uint32(p)
			b, ok := mod.Memory().Read(a+g.layout.Shift, uint32(n))
			if !ok {
				g.t.Fatalf("%s: bad pointer %#x", name, a)
			}
			full := binary.LittleEndian.AppendUint64(nil, v)
			copy(b, full)
			memory, _ := mod.Memory().Read(0, mod.Memory().Size())
			g.layout.Mark(memory, a, uint32(n))
		}
		switch name {
		case "args_sizes_get", "environ_sizes_get":
			put(stack[0], 0, 4)
			put(stack[1], 0, 4)
		case "clock_time_get":
			put(stack[2], 1, 8) // Go refuses 0
		case "random_get":
			for i := range uint64(uint32(stack[1])) {
				put(stack[0]+i, 7, 1)
			}
		case "fd_prestat_get":
			stack[0] = 8
			return
		case "fd_write": // what a Go guest says before it gives up
			p, _ := mod.Memory().ReadUint32Le(uint32(stack[1]) + g.layout.Shift)
			n, _ := mod.Memory().ReadUint32Le(uint32(stack[1]) + 4 + g.layout.Shift)
			b, _ := mod.Memory().Read(p+g.layout.Shift, n)
			g.t.Logf("guest: %s", b)
			put(stack[3], uint64(n), 4)
		case "proc_exit":
			panic("exit")
		}
		if len(stack) > 0 {
			stack[0] = 0
		}
	}
}

func (g *guest) global(name string) api.MutableGlobal {
	return g.mod.ExportedGlobal(name).(api.MutableGlobal)
}

func (g *guest) refuel(n int64) {
	if g.layout.FuelGlobal != "" {
		g.global(g.layout.FuelGlobal).Set(uint64(n))
		g.global(g.layout.DepthGlobal).Set(0)
	}
}

func (g *guest) fuel() int64 { return int64(g.global(g.layout.FuelGlobal).Get()) }

func (g *guest) call(name string, args ...uint64) ([]uint64, error) {
	return g.mod.ExportedFunction(name).Call(context.Background(), args...)
}

// snapshot keeps the state that restore brings back.
func (g *guest) snapshot() {
	g.kept, g.zeros = g.layout.Snapshot(g.memory), nil
	g.saved = g.saved[:0]
	for _, name := range g.layout.Globals {
		g.saved = append(g.saved, g.global(name).Get())
	}
}

func (g *guest) restore() int {
	for i, name := range g.layout.Globals {
		g.global(name).Set(g.saved[i])
	}
	return g.layout.Restore(g.memory, g.kept)
}

func (g *guest) put(address uint64, b []byte) {
	copy(g.memory[uint64(g.layout.Shift)+address:], b)
	g.layout.Mark(g.memory, uint32(address), uint32(len(b)))
}

func (g *guest) bytes(address uint64, n int32) []byte {
	from := uint64(g.layout.Shift) + address
	return g.memory[from : from+uint64(n)]
}

// instrumented scans and instruments a module.
func instrumented(t testing.TB, module []byte, o wasm.Instrumentation) ([]byte, wasm.Layout) {
	t.Helper()
	m, err := wasm.Scan(module, wasm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out, layout, err := wasm.Instrument(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return out, *layout
}

// again has the Go guest parse JSON and write it.
func (g *guest) again(in string) (string, error) {
	at, err := g.call("address")
	if err != nil {
		return "", err
	}
	g.memory, _ = g.mod.Memory().Read(0, g.mod.Memory().Size())
	g.put(at[0], []byte(in))
	n, err := g.call("again", uint64(len(in)))
	if err != nil {
		return "", err
	}
	g.memory, _ = g.mod.Memory().Read(0, g.mod.Memory().Size())
	if length := int32(n[0]); length < 0 {
		return "error: " + string(g.bytes(at[0], -length)), nil
	}
	return string(g.bytes(at[0], int32(n[0]))), nil
}

func TestGoGuest(t *testing.T) {
	module := goGuest(t)
	ways := ways()
	if race {
		ways = ways[len(ways)-1:]
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			out, layout := instrumented(t, module, way.o)
			g := start(t, out, layout, wazero.NewRuntimeConfigCompiler())
			for in, want := range map[string]string{
				`{"b":[1,2,{"x":null}],"a":"é"}`: `{"a":"é","b":[1,2,{"x":null}]}`,
				`{"a":`:                          "error: unexpected end of JSON input",
				`[]`:                             "", // a panic, recovered
			} {
				if got, err := g.again(in); got != want || err != nil {
					t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
				}
			}
		})
	}
}

func TestGoGuestIsRestored(t *testing.T) {
	out, layout := instrumented(t, goGuest(t), wasm.Instrumentation{MaxPages: 256, Fuel: true, Barrier: true})
	var used []int64
	for range 2 {
		g := start(t, out, layout, wazero.NewRuntimeConfigCompiler())
		for range 2 { // warm-up
			if _, err := g.again(`{"a":1}`); err != nil {
				t.Fatal(err)
			}
		}
		g.snapshot()
		for i := range 100 {
			g.refuel(plenty)
			if got, err := g.again(`{"a":[true,1.5e3]}`); got != `{"a":[true,1500]}` || err != nil {
				t.Fatalf("call %d: got %s, %v", i, got, err)
			}
			used = append(used, plenty-g.fuel())
			if n := g.restore(); n == 0 || n > 200 {
				t.Fatalf("%d pages restored", n)
			}
			g.same(i)
		}
	}
	for i, n := range used {
		if n != used[0] {
			t.Fatalf("call %d used %d of fuel, the first one %d", i, n, used[0])
		}
	}
	t.Logf("fuel of each call: %d", used[0])
}

// same fails unless the state is what the snapshot kept.
func (g *guest) same(call int) {
	g.t.Helper()
	memory := g.memory[g.layout.Shift:]
	if g.zeros == nil {
		g.zeros = make([]byte, len(memory)-len(g.kept))
	}
	if !bytes.HasPrefix(memory, g.kept) || !bytes.Equal(memory[len(g.kept):], g.zeros) {
		g.t.Fatalf("call %d: memory differs from the snapshot", call)
	}
	for i, name := range g.layout.Globals {
		if got := g.global(name).Get(); got != g.saved[i] {
			g.t.Fatalf("call %d: %s is %d, was %d", call, name, got, g.saved[i])
		}
	}
}

func TestGoGuestIsStopped(t *testing.T) {
	out, layout := instrumented(t, goGuest(t), wasm.Instrumentation{MaxPages: 256, Fuel: true, Barrier: true})
	g := start(t, out, layout, wazero.NewRuntimeConfigCompiler())
	g.snapshot()
	for _, c := range []struct {
		name     string
		arg      []uint64
		fuel     int64
		outOf    bool
		tooDeep  bool
		contains string
	}{
		{"spin", nil, 1_000_000, true, false, "unreachable"},
		{"deep", []uint64{1000}, 10, true, false, "unreachable"},
		{"deep", []uint64{1 << 30}, plenty, false, true, "unreachable"},
		{"grow", []uint64{1000}, plenty, false, false, ""},
	} {
		g.refuel(c.fuel)
		_, err := g.call(c.name, c.arg...)
		if err == nil || !strings.Contains(err.Error(), c.contains) {
			t.Fatalf("%s: got %v", c.name, err)
		}
		if out, deep := g.fuel() < 0, uint32(g.global(layout.DepthGlobal).Get()) > wasm.MaxDepth; out != c.outOf || deep != c.tooDeep {
			t.Errorf("%s: out of fuel %v, too deep %v; fuel %d, depth %d", c.name, out, deep, g.fuel(), g.global(layout.DepthGlobal).Get())
		}
		g.restore()
		g.same(0)
		g.refuel(plenty)
		if got, err := g.again(`[1]`); got != `[1]` || err != nil {
			t.Errorf("after %s: got %s, %v", c.name, got, err)
		}
		g.restore()
	}
}
