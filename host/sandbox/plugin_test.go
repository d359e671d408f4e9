package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
