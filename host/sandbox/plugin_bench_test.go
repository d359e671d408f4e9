package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
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

// benchRow is one way of asking a plugin.
type benchRow struct {
	name    string
	call    func() error
	workers int // callers at once; 0: one
	fuel    int64
	memory  uint64
}

// benchGroup is a guest, and the ways it is asked: none where it cannot be built.
type benchGroup struct {
	name string
	rows func(b testing.TB) []*benchRow
}

// benchGroups are the guests that are measured.
func benchGroups() []benchGroup {
	return []benchGroup{
		{"empty", func(b testing.TB) []*benchRow {
			full := wasm.Instrumentation{Fuel: true, Barrier: true, Arena: sharedArena()}
			return []*benchRow{bareRow(b, emptyModule()), ourRow(b, "ours", emptyModule(), "", full, restoreMarked)}
		}},
		{"ten rules in Go", func(b testing.TB) []*benchRow { return tenRules(b, goRules(b)) }},
		{"ten rules in Rust", func(b testing.TB) []*benchRow { return tenRules(b, rustRules(b)) }},
	}
}

// tenRules are all ways of asking a plugin of ten rules.
func tenRules(b testing.TB, module []byte) []*benchRow {
	if module == nil {
		return nil
	}
	full := wasm.Instrumentation{Fuel: true, Barrier: true, Arena: sharedArena()}
	return []*benchRow{
		ourRow(b, "plain", module, benchRequest, wasm.Instrumentation{}, restoreNothing),
		ourRow(b, "fuelled", module, benchRequest, wasm.Instrumentation{Fuel: true}, restoreNothing),
		ourRow(b, "fuelled, full copy", module, benchRequest, wasm.Instrumentation{Fuel: true}, restoreCopied),
		ourRow(b, "fuelled, restored", module, benchRequest, full, restoreMarked),
		judgeRow(b, module, full),
		parallelRow(b, module, full),
		stockRow(b, "stock SDK", module, 0),
		stockRow(b, "stock SDK with its timeout", module, 1000),
	}
}

// BenchmarkPlugin prints what each part of running a plugin costs. TestPluginTable prints the same side by side.
func BenchmarkPlugin(b *testing.B) {
	for _, g := range benchGroups() {
		b.Run(g.name, func(b *testing.B) {
			for _, r := range g.rows(b) {
				b.Run(r.name, func(b *testing.B) {
					b.ReportAllocs()
					b.ReportMetric(float64(r.fuel), "fuel")
					b.ReportMetric(float64(r.memory), "guest-bytes")
					if err := r.times(b.N); err != nil {
						b.Fatal(err)
					}
				})
			}
		})
	}
}

// times makes n calls, shared out among the workers.
func (r *benchRow) times(n int) error {
	if r.workers == 0 {
		for range n {
			if err := r.call(); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, r.workers)
	var wait sync.WaitGroup
	for w := range r.workers {
		wait.Go(func() { errs[w] = (&benchRow{call: r.call}).times((n + w) / r.workers) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// benchPlugin compiles a module with one way of running it.
func benchPlugin(b testing.TB, module []byte, how wasm.Instrumentation, mode restoring) *Plugin {
	b.Helper()
	ctx := context.Background()
	e, err := NewEngine(ctx, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close(ctx) })
	module = wasm.AppendCustom(module, abi.SectionCases, []byte(`[{"name":"a","request":`+benchRequest+`,"want":{"decision":"allow"}}]`))
	f, err := NewPluginFile("bench.wasm", wasm.AppendCustom(module, abi.SectionManifest,
		[]byte(`{"name":"test/bench","version":"1.0.0","kind":"policy","abi":1,"effects":["allow","deny","require_approval","warn","log"]}`)))
	if err != nil {
		b.Fatal(err)
	}
	how.MaxPages = DefaultMemoryPages
	pm, err := e.compilePlugin(ctx, f, PluginOptions{}, how)
	if err != nil {
		b.Fatal(err)
	}
	p, err := pm.restoring(abi.Value{}, mode)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// asking is a call of a plugin, JSON in and out.
func asking(p *Plugin, in []byte) func() error {
	var out []byte
	ctx := context.Background()
	return func() (err error) {
		out, _, err = p.Call(ctx, "evaluate", in, out[:0])
		return err
	}
}

func ourRow(b testing.TB, name string, module []byte, in string, how wasm.Instrumentation, mode restoring) *benchRow {
	p := benchPlugin(b, module, how, mode)
	_, fuel, err := p.Call(context.Background(), "evaluate", []byte(in), nil)
	if err != nil {
		b.Fatal(err)
	}
	return &benchRow{name: name, call: asking(p, []byte(in)), fuel: fuel, memory: p.pool.size}
}

// parallelRow has two callers, each with a buffer of its own.
func parallelRow(b testing.TB, module []byte, how wasm.Instrumentation) *benchRow {
	p := benchPlugin(b, module, how, restoreMarked)
	ctx, in := context.Background(), []byte(benchRequest)
	buffers := sync.Pool{New: func() any { return new([]byte) }}
	return &benchRow{name: "two workers", workers: 2, call: func() error {
		out := buffers.Get().(*[]byte)
		defer buffers.Put(out)
		var err error
		*out, _, err = p.Call(ctx, "evaluate", in, (*out)[:0])
		return err
	}}
}

// judgeRow asks as the gate does: a request in, findings out.
func judgeRow(b testing.TB, module []byte, how wasm.Instrumentation) *benchRow {
	q, err := abi.ReadRequest(benchRequest)
	if err != nil {
		b.Fatal(err)
	}
	j := benchPlugin(b, module, how, restoreMarked).Judge(false)
	ctx := context.Background()
	var found []abi.Finding
	return &benchRow{name: "as a judge", call: func() (err error) {
		found, _, err = j.Evaluate(ctx, &q, found[:0])
		return err
	}}
}

func bareRow(b testing.TB, module []byte) *benchRow {
	ctx := context.Background()
	r := wazero.NewRuntime(ctx)
	b.Cleanup(func() { r.Close(ctx) })
	m, err := r.Instantiate(ctx, module)
	if err != nil {
		b.Fatal(err)
	}
	f := m.ExportedFunction("evaluate")
	var stack [1]uint64
	return &benchRow{name: "bare wazero", call: func() error { return f.CallWithStack(ctx, stack[:]) }}
}

// stockRow is the official SDK, with a timeout in milliseconds or none.
func stockRow(b testing.TB, name string, module []byte, timeout uint64) *benchRow {
	ctx := context.Background()
	manifest := extism.Manifest{
		Wasm: []extism.Wasm{extism.WasmData{Data: module}}, Timeout: timeout, Config: map[string]string{settingsKey: "{}"},
	}
	p, err := extism.NewPlugin(ctx, manifest, extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close(ctx) })
	in := []byte(benchRequest)
	return &benchRow{name: name, call: func() error {
		rc, _, err := p.Call("evaluate", in)
		if err == nil && rc != 0 {
			err = fmt.Errorf("status %d", rc)
		}
		return err
	}}
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

// goRules builds the ten-rule plugin of the Go kit's own tests.
func goRules(b testing.TB) []byte {
	b.Helper()
	out := filepath.Join(b.TempDir(), "plugin.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "agentmesh/pdk/go/testdata/tenrules")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		b.Fatalf("building the plugin: %v\n%s", err, text)
	}
	return moduleOf(b, out)
}

// rustRules builds the Rust kit's; nil where no Rust is there.
func rustRules(b testing.TB) []byte {
	b.Helper()
	if !hasRust() {
		return nil
	}
	dir := filepath.Join("..", "..", "pdk", "rust")
	c := exec.Command("../../.ci/rust", "build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown", "--examples")
	c.Dir = dir
	if text, err := c.CombinedOutput(); err != nil {
		b.Fatalf("building the plugin: %v\n%s", err, text)
	}
	return moduleOf(b, filepath.Join(dir, "target", "wasm32-unknown-unknown", "release", "examples", "ten_rules.wasm"))
}

func hasRust() bool {
	return exec.Command(filepath.Join("..", "..", ".ci", "rust"), "--ready").Run() == nil
}

func moduleOf(b testing.TB, file string) []byte {
	b.Helper()
	module, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	return module
}
