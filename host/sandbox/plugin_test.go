package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// manifest is a plugin's manifest with more members.
func manifest(name, kind, more string) string {
	return `{"name":"` + name + `","version":"1.0.0","kind":"` + kind + `","abi":1` + more + `}`
}

// The types of guests' functions.
func plain() wasm.FuncType { return wasm.FuncType{} }

func status() wasm.FuncType { return wasm.FuncType{Results: []wasm.ValueType{wasm.I32}} }

func takes(params ...wasm.ValueType) wasm.FuncType { return wasm.FuncType{Params: params} }

func gives(ft wasm.FuncType, result wasm.ValueType) wasm.FuncType {
	ft.Results = []wasm.ValueType{result}
	return ft
}

// hand is a hand-made guest: the imports that most need, one page of memory, and its evaluate.
type hand struct {
	wasm.Builder
	alloc, storeU8, loadU8, outputSet, exit, random uint32
}

func newHand() *hand {
	h := &hand{}
	const host, wasi = "extism:host/env", "wasi_snapshot_preview1"
	h.alloc = h.Import(host, "alloc", gives(takes(wasm.I64), wasm.I64))
	h.storeU8 = h.Import(host, "store_u8", takes(wasm.I64, wasm.I32))
	h.loadU8 = h.Import(host, "load_u8", gives(takes(wasm.I64), wasm.I32))
	h.outputSet = h.Import(host, "output_set", takes(wasm.I64, wasm.I64))
	h.exit = h.Import(wasi, "proc_exit", takes(wasm.I32))
	h.random = h.Import(wasi, "random_get", gives(takes(wasm.I32, wasm.I32), wasm.I32))
	h.Memory(1, 4)
	h.Export("memory", wasm.ExportMemory, 0)
	return h
}

// evaluate gives the guest its evaluate, whose code writes what comes before the status.
func (h *hand) evaluate(code func(c *wasm.Code)) []byte {
	fn := h.Func(status())
	c := wasm.NewCode(status())
	code(c)
	c.I32(0)
	h.Body(fn, c)
	h.Export("evaluate", wasm.ExportFunc, fn)
	return h.Module()
}

// answer writes an answer into the arena, byte by byte, and names it.
func (h *hand) answer(c *wasm.Code, text string) {
	handle := c.Local(wasm.I64)
	c.I64(uint64(len(text))).Call(h.alloc).Set(handle)
	for i := range len(text) {
		c.Get(handle).I64(uint64(i)).Op(wasm.OpI64Add).I32(uint32(text[i])).Call(h.storeU8)
	}
	c.Get(handle).I64(uint64(len(text))).Call(h.outputSet)
}

// open compiles a module as a plugin and makes it ready.
func open(t testing.TB, e *sandbox.Engine, module []byte, more string, o sandbox.PluginOptions) (*sandbox.Plugin, error) {
	t.Helper()
	module = wasm.AppendCustom(module, abi.SectionManifest, []byte(manifest("test/guest", "policy", more)))
	f, err := sandbox.NewPluginFile("guest.wasm", module)
	if err != nil {
		return nil, err
	}
	pm, err := e.CompilePlugin(t.Context(), f, o)
	if err != nil {
		return nil, err
	}
	p, err := pm.New(o.Settings)
	if err != nil {
		return nil, errors.Join(err, pm.Close(t.Context()))
	}
	t.Cleanup(func() {
		p.Close()
		pm.Close(t.Context())
	})
	return p, nil
}

func mustOpen(t testing.TB, e *sandbox.Engine, module []byte, more string) *sandbox.Plugin {
	t.Helper()
	p, err := open(t, e, module, more, sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// codeOf is the code of a failure, "" of none.
func codeOf(t testing.TB, err error) abi.Code {
	t.Helper()
	var f *abi.Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("%T is no failure: %v", err, err)
	}
	if f == nil {
		return ""
	}
	return f.Code
}

// goPlugin builds a plugin of the main module, or of one of its own in a folder.
func goPlugin(t testing.TB, dir, pkg string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "plugin.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return module
}

const allowing = `{"abi":1,"findings":[{"decision":"allow","rule":"r"}]}`

func TestHandMadePlugin(t *testing.T) {
	h := newHand()
	p := mustOpen(t, newEngine(t, sandbox.Options{}), h.evaluate(func(c *wasm.Code) { h.answer(c, allowing) }), `,"effects":["allow"]`)
	found, fuel, err := p.Judge(false).Evaluate(t.Context(), &abi.Request{}, nil)
	if err != nil || len(found) != 1 || found[0].Decision != abi.Allow || found[0].Rule != "r" || fuel <= 0 {
		t.Errorf("got %v, fuel %d, %v", found, fuel, err)
	}
	if !strings.HasPrefix(p.Info().Digest, "sha256:") {
		t.Errorf("info %+v", p.Info())
	}
}

func TestAPluginOfTheOfficialKitRunsUnmodified(t *testing.T) {
	module := goPlugin(t, filepath.Join("testdata", "officialkit"), ".")
	var said []string
	e := newEngine(t, sandbox.Options{Guest: func(l sandbox.GuestLog) { said = append(said, l.Text) }})
	settings, err := abi.ReadValue(`{"denied":["delete"]}`)
	if err != nil {
		t.Fatal(err)
	}
	p, err := open(t, e, module, `,"effects":["deny"],"settings":{"type":"object"}`, sandbox.PluginOptions{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]int{"delete": 1, "read": 0} {
		q := abi.Request{Action: abi.ObjectValue(
			abi.Member{Name: "type", Value: abi.StringValue(kind)}, abi.Member{Name: "tool", Value: abi.StringValue("a-tool")},
		)}
		var costs []int64
		for range 3 {
			found, fuel, err := p.Judge(false).Evaluate(t.Context(), &q, nil)
			if err != nil || len(found) != want {
				t.Fatalf("%s: got %v, %v", kind, found, err)
			}
			costs = append(costs, fuel)
		}
		if costs[0] != costs[1] || costs[1] != costs[2] {
			t.Errorf("%s: fuel %v", kind, costs)
		}
	}
	if last := said[len(said)-1]; last != "info: asked about a-tool\n" {
		t.Errorf("it said %q", last)
	}
	if _, _, err := p.Call(t.Context(), "evaluate", []byte("no JSON"), nil); codeOf(t, err) != abi.CodeTrap || !strings.Contains(err.Error(), "status 1") {
		t.Errorf("no JSON: %v", err)
	}
}

func TestNothingIsKeptFromCallToCall(t *testing.T) {
	var b wasm.Builder
	length := b.Import("extism:host/env", "input_length", gives(plain(), wasm.I64))
	alloc := b.Import("extism:host/env", "alloc", gives(takes(wasm.I64), wasm.I64))
	load := b.Import("extism:host/env", "load_u8", gives(takes(wasm.I64), wasm.I32))
	random := b.Import("wasi_snapshot_preview1", "random_get", gives(takes(wasm.I32, wasm.I32), wasm.I32))
	global := b.Global()
	fn := b.Func(status())
	c := wasm.NewCode(status())
	// It traps if anything is other than it was: memory, a global, the random sequence, the host's memory.
	trapIf := func() {
		c.If()
		c.Op(wasm.OpUnreachable).End()
	}
	handle := c.Local(wasm.I64)
	c.GlobalGet(global)
	trapIf()
	c.I32(1000).Load(wasm.OpI32Load, 0)
	trapIf()
	c.I32(1<<16-4).Load(wasm.OpI32Load, 0)
	trapIf()
	c.I64(64).Call(alloc).Tee(handle).Call(load)
	trapIf()
	c.I32(2000).I32(4).Call(random)
	trapIf()
	c.Call(length).I64(1).Op(wasm.OpI64Eq)
	c.If()
	c.I32(7).GlobalSet(global)
	c.I32(1000).I32(7).Store(wasm.OpI32Store, 0)
	c.I32(1<<16-4).I32(7).Store(wasm.OpI32Store, 0)
	c.End()
	c.I32(0)
	b.Body(fn, c)
	b.Memory(1, 2)
	b.Export("memory", wasm.ExportMemory, 0)
	b.Export("evaluate", wasm.ExportFunc, fn)
	p := mustOpen(t, newEngine(t, sandbox.Options{Instances: 1}), b.Module(), "")
	for range 5 {
		if _, _, err := p.Call(t.Context(), "evaluate", []byte("x"), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRewardPlugins(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		delta        int64
		code         abi.Code
	}{
		{"a score", `{"delta":-5,"reasons":["a","b"]}`, -5, ""},
		{"too much", `{"delta":5000,"reasons":[]}`, 0, abi.CodeOutputInvalid},
		{"no reasons", `{"delta":5}`, 0, abi.CodeOutputInvalid},
		{"a finding", allowing, 0, abi.CodeOutputInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHand()
			fn := h.Func(status())
			code := wasm.NewCode(status())
			h.answer(code, c.answer)
			h.Body(fn, code.I32(0))
			h.Export("score", wasm.ExportFunc, fn)
			h.Custom(abi.SectionManifest, []byte(manifest("test/reward", "reward", "")))
			f, err := sandbox.NewPluginFile("reward.wasm", h.Module())
			if err != nil {
				t.Fatal(err)
			}
			pm, err := newEngine(t, sandbox.Options{}).CompilePlugin(t.Context(), f, sandbox.PluginOptions{})
			if err != nil {
				t.Fatal(err)
			}
			p, err := pm.New(abi.Value{})
			if err != nil {
				t.Fatal(err)
			}
			s, fuel, err := p.Score(t.Context(), &abi.ScoreRequest{Agent: abi.ObjectValue()})
			if codeOf(t, err) != c.code || s.Delta != c.delta || fuel <= 0 {
				t.Errorf("got %+v, fuel %d, %v", s, fuel, err)
			}
		})
	}
}

func TestAForeignModuleTakesItsManifestFromBeside(t *testing.T) {
	h := newHand()
	module := h.evaluate(func(c *wasm.Code) { h.answer(c, allowing) })
	files := map[string]string{
		"guest.wasm":          string(module),
		"guest.manifest.json": manifest("test/foreign", "policy", `,"effects":["allow"]`),
		"guest.cases.json":    `[{"name":"a","request":{"action":{"type":"read"}},"want":{"decision":"allow"}}]`,
	}
	s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if s.Len() != 1 || s.Judge(0).Info().Name != "test/foreign" || len(s.Files()) != 3 || len(s.Plugins()) != 1 {
		t.Errorf("%d judges, files %v", s.Len(), s.Files())
	}
	f, err := sandbox.ReadPlugin(filepath.Join(folder(t, files), "guest.wasm"))
	if err != nil || f.Digest != s.Judge(0).Info().Digest || !strings.Contains(f.Cases, "read") {
		t.Errorf("got %+v, %v", f, err)
	}
	delete(files, "guest.manifest.json")
	if _, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, files)); err == nil || !strings.Contains(err.Error(), "guest.manifest.json") {
		t.Errorf("without its manifest: %v", err)
	}
}

func TestManyCallersShareAPlugin(t *testing.T) {
	h := newHand()
	p := mustOpen(t, newEngine(t, sandbox.Options{Instances: 3}), h.onInput(func(c *wasm.Code) { c.Op(wasm.OpUnreachable) }), "")
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 200 {
				input, want := []byte("xy"), abi.Code("")
				if (worker+i)%5 == 0 {
					input, want = []byte("x"), abi.CodeTrap
				}
				if _, _, err := p.Call(t.Context(), "evaluate", input, nil); codeOf(t, err) != want {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
	wait.Wait()
	if st := p.Stats(); st.Instances > 3 || st.Dropped != 320 {
		t.Errorf("stats %+v", st)
	}
}

func TestTheMemoryBudgetBoundsInstances(t *testing.T) {
	h := newHand()
	module := h.evaluate(func(*wasm.Code) {})
	e := newEngine(t, sandbox.Options{MemoryBudget: 1 << 20})
	p := mustOpen(t, e, module, "")
	if st := p.Stats(); st.ReservedBytes <= 4<<16 || st.ReservedBytes > 1<<20 || st.MemoryBytes != 1<<16 {
		t.Errorf("stats %+v", st)
	}
	_, err := open(t, e, module, "", sandbox.PluginOptions{})
	if codeOf(t, err) != abi.CodeOutOfMemory {
		t.Errorf("beyond the budget: %v", err)
	}
	p.Close()
	if _, err := open(t, e, module, "", sandbox.PluginOptions{}); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

func TestACallAllocatesNothing(t *testing.T) {
	h := newHand()
	p := mustOpen(t, newEngine(t, sandbox.Options{}), h.evaluate(func(c *wasm.Code) { h.answer(c, allowing) }), `,"effects":["allow"]`)
	j, q := p.Judge(false), &abi.Request{Action: abi.ObjectValue(abi.Member{Name: "type", Value: abi.StringValue("read")})}
	var found []abi.Finding
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { found, _, _ = j.Evaluate(ctx, q, found[:0]) }); n != 0 || len(found) != 1 {
		t.Errorf("%v allocations, %v", n, found)
	}
}
