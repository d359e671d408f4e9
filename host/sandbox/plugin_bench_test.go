package sandbox

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// benchRequest is a decision's request of 408 bytes, give or take.
const benchRequest = `{"abi":1,"agent":{"did":"did:mesh:data-analyst:abcdefghijklmnopqrstuvwxyz","name":"data-analyst","trust_score":640,` +
	`"tier":"standard","asserted_by":"config"},"action":{"type":"read","tool":"read_file","server":"filesystem","protocol":"mcp",` +
	`"stage":"pre_tool"},"data":{"path":"/home/user/project/report.md","contains_pii":false},"resource":{"paths":` +
	`["/home/user/project/report.md"],"outside_roots":false,"sensitive":false},"context":{"time":"2026-01-01T00:00:00.000Z"}}`

// benchModule compiles a module with one way of running it.
func benchModule(b testing.TB, module []byte, how wasm.Instrumentation, mode restoring) *Plugin {
	b.Helper()
	e, err := NewEngine(b.Context(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close(b.Context()) })
	module = wasm.AppendCustom(module, abi.SectionCases, []byte(`[{"name":"a","request":`+benchRequest+`,"want":{"decision":"allow"}}]`))
	f, err := NewPluginFile("bench.wasm", wasm.AppendCustom(module, abi.SectionManifest,
		[]byte(`{"name":"test/bench","version":"1.0.0","kind":"policy","abi":1,"effects":["allow","deny","require_approval","warn"]}`)))
	if err != nil {
		b.Fatal(err)
	}
	how.MaxPages = DefaultMemoryPages
	pm, err := e.compilePlugin(b.Context(), f, PluginOptions{}, how)
	if err != nil {
		b.Fatal(err)
	}
	p, err := pm.restoring(abi.Value{}, mode)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// emptyModule answers nothing, which is no answer but a call.
func emptyModule() []byte {
	var m wasm.Builder
	status := wasm.FuncType{Results: []wasm.ValueType{wasm.I32}}
	fn := m.Func(status)
	m.Body(fn, wasm.NewCode(status).I32(0))
	m.Memory(1, 1)
	m.Export("memory", wasm.ExportMemory, 0)
	m.Export("evaluate", wasm.ExportFunc, fn)
	return m.Module()
}

// tenRules builds the ten-rule plugin of the Go kit's own tests.
func tenRules(b testing.TB) []byte {
	b.Helper()
	out := filepath.Join(b.TempDir(), "plugin.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "agentmesh/pdk/go/testdata/tenrules")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		b.Fatalf("building the plugin: %v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return module
}

// BenchmarkPlugin prints what each part of running a plugin costs.
func BenchmarkPlugin(b *testing.B) {
	b.Run("empty/bare wazero", func(b *testing.B) { benchBare(b, emptyModule()) })
	full := wasm.Instrumentation{Fuel: true, Barrier: true, Arena: sharedArena()}
	b.Run("empty/ours", func(b *testing.B) { benchCall(b, benchModule(b, emptyModule(), full, restoreMarked), nil) })
	module := tenRules(b)
	for _, c := range []struct {
		name string
		how  wasm.Instrumentation
		mode restoring
	}{
		{"plain", wasm.Instrumentation{}, restoreNothing},
		{"fuel", wasm.Instrumentation{Fuel: true}, restoreNothing},
		{"fuel and full copy", wasm.Instrumentation{Fuel: true}, restoreCopied},
		{"fuel and restore, calls for every byte", wasm.Instrumentation{Fuel: true, Barrier: true}, restoreMarked},
		{"fuel and restore", full, restoreMarked},
	} {
		b.Run("ten rules in Go/"+c.name, func(b *testing.B) { benchCall(b, benchModule(b, module, c.how, c.mode), []byte(benchRequest)) })
	}
	b.Run("ten rules in Go/as a judge", func(b *testing.B) { benchJudge(b, benchModule(b, module, full, restoreMarked)) })
	b.Run("ten rules in Go/two workers", func(b *testing.B) { benchParallel(b, benchModule(b, module, full, restoreMarked)) })
	b.Run("ten rules in Go/stock SDK", func(b *testing.B) { benchStock(b, module, 0) })
	b.Run("ten rules in Go/stock SDK with its timeout", func(b *testing.B) { benchStock(b, module, 1000) })
}

func benchBare(b *testing.B, module []byte) {
	r := wazero.NewRuntime(b.Context())
	defer r.Close(b.Context())
	m, err := r.Instantiate(b.Context(), module)
	if err != nil {
		b.Fatal(err)
	}
	f := m.ExportedFunction("evaluate")
	var stack [1]uint64
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := f.CallWithStack(ctx, stack[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func benchCall(b *testing.B, p *Plugin, input []byte) {
	var out []byte
	ctx := b.Context()
	var fuel int64
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, fuel, err = p.Call(ctx, "evaluate", input, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(fuel), "fuel")
	b.ReportMetric(float64(p.pool.size), "guest-bytes")
	if i := p.pool.hot.Load(); i != nil && p.mode == restoreMarked {
		i.arena.begin(append(i.arena.blank(), input...))
		if _, _, err := i.answer(0); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(i.restore(p.state)), "pages")
	}
}

func benchJudge(b *testing.B, p *Plugin) {
	q, err := abi.ReadRequest(benchRequest)
	if err != nil {
		b.Fatal(err)
	}
	j := p.Judge(false)
	var found []abi.Finding
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if found, _, err = j.Evaluate(ctx, &q, found[:0]); err != nil || len(found) == 0 {
			b.Fatal(found, err)
		}
	}
}

func benchParallel(b *testing.B, p *Plugin) {
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		var out []byte
		ctx := b.Context()
		for pb.Next() {
			var err error
			if out, _, err = p.Call(ctx, "evaluate", []byte(benchRequest), out[:0]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func benchStock(b *testing.B, module []byte, timeout uint64) {
	manifest := extism.Manifest{
		Wasm: []extism.Wasm{extism.WasmData{Data: module}}, Timeout: timeout, Config: map[string]string{settingsKey: "{}"},
	}
	p, err := extism.NewPlugin(b.Context(), manifest, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if rc, _, err := p.Call("evaluate", []byte(benchRequest)); err != nil || rc != 0 {
			b.Fatal(rc, err)
		}
	}
}
