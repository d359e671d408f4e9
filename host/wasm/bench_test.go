package wasm_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

func BenchmarkScan(b *testing.B) {
	module := goGuest(b)
	b.SetBytes(int64(len(module)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wasm.Scan(module, wasm.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInstrument(b *testing.B) {
	module := goGuest(b)
	m, err := wasm.Scan(module, wasm.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(module)))
	b.ReportAllocs()
	for b.Loop() {
		out, _, err := wasm.Instrument(m, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 256})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(out))/float64(len(module)), "size-ratio")
	}
}

// BenchmarkCompile is what instrumentation costs wazero's compiler.
func BenchmarkCompile(b *testing.B) {
	module := goGuest(b)
	for _, c := range ways() {
		b.Run(c.name, func(b *testing.B) {
			out, _ := instrumented(b, module, c.o)
			ctx := context.Background()
			for b.Loop() {
				r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler())
				if _, err := r.CompileModule(ctx, out); err != nil {
					b.Fatal(err)
				}
				r.Close(ctx)
			}
		})
	}
}

type way struct {
	name string
	o    wasm.Instrumentation
}

func ways() []way {
	return []way{
		{"plain", wasm.Instrumentation{MaxPages: 256}},
		{"fuel", wasm.Instrumentation{MaxPages: 256, Fuel: true}},
		{"barrier", wasm.Instrumentation{MaxPages: 256, Barrier: true}},
		{"both", wasm.Instrumentation{MaxPages: 256, Fuel: true, Barrier: true}},
	}
}

// BenchmarkGuest is one call of the Go guest, encoding/json there and back, with restore where there is a barrier.
func BenchmarkGuest(b *testing.B) {
	module := goGuest(b)
	in := []byte(`{"abi":1,"agent":{"name":"a","trust_score":500},"action":{"type":"read"},"data":{"path":"/tmp/x","n":[1,2,3]}}`)
	for _, c := range ways() {
		b.Run(c.name, func(b *testing.B) {
			out, layout := instrumented(b, module, c.o)
			g := start(b, out, layout, wazero.NewRuntimeConfigCompiler())
			for range 2 {
				if _, err := g.again(string(in)); err != nil {
					b.Fatal(err)
				}
			}
			at, err := g.call("address")
			if err != nil {
				b.Fatal(err)
			}
			g.see()
			if c.o.Barrier {
				g.snapshot()
			}
			again, stack, ctx := g.mod.ExportedFunction("again"), make([]uint64, 1), context.Background()
			b.ReportAllocs()
			pages := 0
			for b.Loop() {
				g.refuel(plenty)
				if !c.o.Barrier {
					g.see()
				}
				g.put(at[0], in)
				stack[0] = uint64(len(in))
				if err := again.CallWithStack(ctx, stack); err != nil {
					b.Fatal(err)
				}
				if c.o.Barrier {
					pages = g.restore()
				}
			}
			b.ReportMetric(float64(pages), "pages")
		})
	}
}
