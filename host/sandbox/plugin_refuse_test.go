package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// evaluateOf is a module of one function, without imports.
func evaluateOf(code func(b *wasm.Builder, c *wasm.Code)) []byte {
	var b wasm.Builder
	fn := b.Func(status())
	c := wasm.NewCode(status())
	code(&b, c)
	c.I32(0)
	b.Body(fn, c)
	b.Memory(1, 4)
	b.Export("memory", wasm.ExportMemory, 0)
	b.Export("evaluate", wasm.ExportFunc, fn)
	return b.Module()
}

func nothing(*wasm.Builder, *wasm.Code) {}

func importing(module, name string, ft wasm.FuncType) []byte {
	var b wasm.Builder
	b.Import(module, name, ft)
	fn := b.Func(status())
	b.Body(fn, wasm.NewCode(status()).I32(0))
	b.Memory(1, 1)
	b.Export("evaluate", wasm.ExportFunc, fn)
	return b.Module()
}

func forever(_ *wasm.Builder, c *wasm.Code) {
	l := c.Loop()
	c.Br(l).End()
}

// starting runs code in a function of its own before the first call.
func starting(export string, code func(*wasm.Builder, *wasm.Code)) []byte {
	return evaluateOf(func(b *wasm.Builder, _ *wasm.Code) {
		fn := b.Func(plain())
		c := wasm.NewCode(plain())
		code(b, c)
		b.Body(fn, c)
		if export == "" {
			b.Start(fn)
		} else {
			b.Export(export, wasm.ExportFunc, fn)
		}
	})
}

func TestPluginsAreRefusedWithACode(t *testing.T) {
	other := evaluateOf(nothing)
	var none wasm.Builder
	none.Memory(1, 1)
	var parameter wasm.Builder
	fn := parameter.Func(gives(takes(wasm.I32), wasm.I32))
	parameter.Body(fn, wasm.NewCode(takes(wasm.I32)).Get(0))
	parameter.Memory(1, 1)
	parameter.Export("evaluate", wasm.ExportFunc, fn)
	settings := `,"settings":{"type":"object","required":["level"]}`
	for _, c := range []struct {
		name    string
		module  []byte
		more    string
		options sandbox.PluginOptions
		code    abi.Code
		says    string
	}{
		{"three bytes", []byte("abc"), "", sandbox.PluginOptions{}, abi.CodePluginMalformed, ""},
		{"a component", []byte("\x00asm\x0d\x00\x01\x00"), "", sandbox.PluginOptions{}, abi.CodePluginMalformed, ""},
		{"a cut section", append(other[:len(other):len(other)], 1, 200), "", sandbox.PluginOptions{}, abi.CodePluginMalformed, ""},
		{"no memory", wasm.Join(nil), "", sandbox.PluginOptions{}, abi.CodePluginMalformed, "memory"},
		{"no export", none.Module(), "", sandbox.PluginOptions{}, abi.CodeExportMissing, "evaluate"},
		{"an export of another type", parameter.Module(), "", sandbox.PluginOptions{}, abi.CodeExportMissing, "evaluate"},
		{"files", importing("wasi_snapshot_preview1", "path_open", plain()), "", sandbox.PluginOptions{}, abi.CodeImportRefused, "path_open"},
		{"variables", importing("extism:host/env", "var_set", takes(wasm.I64, wasm.I64)), "", sandbox.PluginOptions{}, abi.CodeImportRefused, "extism:host/env.var_set"},
		{"HTTP", importing("extism:host/env", "http_request", gives(takes(wasm.I64, wasm.I64), wasm.I64)), "", sandbox.PluginOptions{}, abi.CodeImportRefused, "http_request"},
		{"a function of its own host", importing("env", "exec", plain()), "", sandbox.PluginOptions{}, abi.CodeImportRefused, "env.exec"},
		{"a function of another type", importing("extism:host/env", "alloc", plain()), "", sandbox.PluginOptions{}, abi.CodeImportRefused, "another type"},
		{"a manifest of another contract", other, `,"abi":2`, sandbox.PluginOptions{}, abi.CodeManifestInvalid, ""},
		{"direct without source", other, `,"entry":"direct"`, sandbox.PluginOptions{}, abi.CodeManifestInvalid, "direct"},
		{"settings that are no schema", other, `,"settings":{"type":7}`, sandbox.PluginOptions{}, abi.CodeManifestInvalid, "settings"},
		{"settings from elsewhere", other, `,"settings":{"$ref":"https://example.com/x.json"}`, sandbox.PluginOptions{}, abi.CodeManifestInvalid, "example.com"},
		{"settings that are wanted", other, settings, sandbox.PluginOptions{}, abi.CodeSettingsInvalid, "level"},
		{"settings that nobody takes", other, "", sandbox.PluginOptions{Settings: abi.ObjectValue(abi.Member{Name: "a", Value: abi.IntValue(1)})}, abi.CodeSettingsInvalid, "no settings"},
		{"a mode of no name", other, "", sandbox.PluginOptions{Mode: "shadow"}, abi.CodeSettingsInvalid, "shadow"},
		{"more memory than there may be", other, "", sandbox.PluginOptions{MemoryPages: 1 << 20}, abi.CodeSettingsInvalid, "memory_pages"},
		{"a start without end", starting("", forever), "", sandbox.PluginOptions{}, abi.CodeOutOfFuel, "start"},
		{"an initialisation without end", starting("_initialize", forever), "", sandbox.PluginOptions{}, abi.CodeOutOfFuel, "_initialize"},
		{"constructors without end", starting("__wasm_call_ctors", forever), "", sandbox.PluginOptions{}, abi.CodeOutOfFuel, "ctors"},
		{"a call without end", evaluateOf(forever), "", sandbox.PluginOptions{Fuel: 1000}, abi.CodeOutOfFuel, "warm-up"},
		{"a trap", evaluateOf(func(_ *wasm.Builder, c *wasm.Code) { c.Op(wasm.OpUnreachable) }), "", sandbox.PluginOptions{}, abi.CodeTrap, "unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, newEngine(t, sandbox.Options{}), c.module, c.more, c.options)
			if got := codeOf(t, err); got != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s that says %q", err, c.code, c.says)
			}
		})
	}
}

// onInput runs code only when the input is one byte, so that the warm-up passes.
func (h *hand) onInput(code func(c *wasm.Code)) []byte {
	length := h.Import("extism:host/env", "input_length", gives(plain(), wasm.I64))
	return h.evaluate(func(c *wasm.Code) {
		c.Call(length).I64(1).Op(wasm.OpI64Eq)
		c.If()
		code(c)
		c.End()
	})
}

func TestCallsFailWithACode(t *testing.T) {
	recursion := func(h *hand, c *wasm.Code, times int) {
		fn := h.Func(plain())
		body := wasm.NewCode(plain())
		for range times {
			body.Call(fn)
		}
		h.Body(fn, body)
		c.Call(fn)
	}
	for _, c := range []struct {
		name string
		code func(h *hand, c *wasm.Code)
		want abi.Code
	}{
		{"a trap", func(_ *hand, c *wasm.Code) { c.Op(wasm.OpUnreachable) }, abi.CodeTrap},
		{"a loop", func(_ *hand, c *wasm.Code) { l := c.Loop(); c.Br(l).End() }, abi.CodeOutOfFuel},
		{"deep recursion", func(h *hand, c *wasm.Code) { recursion(h, c, 1) }, abi.CodeTrap},
		{"an exit", func(h *hand, c *wasm.Code) { c.I32(0).Call(h.exit) }, abi.CodeTrap},
		{"a load from nowhere", func(h *hand, c *wasm.Code) { c.I64(1 << 40).Call(h.loadU8).Op(wasm.OpDrop) }, abi.CodeTrap},
		{"a load from handle 0", func(h *hand, c *wasm.Code) { c.I64(0).Call(h.loadU8).Op(wasm.OpDrop) }, abi.CodeTrap},
		{"a store behind the end", func(h *hand, c *wasm.Code) { c.I64(1 << 20).I32(1).Call(h.storeU8) }, abi.CodeTrap},
		{"an answer of negative length", func(h *hand, c *wasm.Code) { c.I64(8).I64(1<<64 - 1).Call(h.outputSet) }, abi.CodeTrap},
		{"an answer that wraps around", func(h *hand, c *wasm.Code) { c.I64(1<<64 - 8).I64(16).Call(h.outputSet) }, abi.CodeTrap},
		{"an answer of 2 MiB", func(h *hand, c *wasm.Code) { c.I64(2 << 20).Call(h.alloc).I64(2 << 20).Call(h.outputSet) }, abi.CodeOutputTooLarge},
		{"too much of the host's memory", func(h *hand, c *wasm.Code) { c.I64(1 << 40).Call(h.alloc).Op(wasm.OpDrop) }, abi.CodeOutOfMemory},
		{"the host's memory bit by bit", func(h *hand, c *wasm.Code) {
			l := c.Loop()
			c.I64(1).Call(h.alloc).Op(wasm.OpDrop).Br(l).End()
		}, abi.CodeOutOfMemory},
		{"a flood of host calls", func(h *hand, c *wasm.Code) {
			l := c.Loop()
			c.I64(8).Call(h.loadU8).Op(wasm.OpDrop).Br(l).End()
		}, abi.CodeOutOfFuel},
		{"random bytes beyond its memory", func(h *hand, c *wasm.Code) {
			c.I32(1<<32 - 4).I32(8).Call(h.random)
			c.If()
			c.Op(wasm.OpUnreachable).End()
		}, abi.CodeTrap},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHand()
			p, err := open(t, newEngine(t, sandbox.Options{}), h.onInput(func(code *wasm.Code) { c.code(h, code) }), "", sandbox.PluginOptions{Fuel: 20_000_000})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				_, fuel, err := p.Call(t.Context(), "evaluate", []byte("x"), nil)
				if got := codeOf(t, err); got != c.want {
					t.Fatalf("got %v, want %s", err, c.want)
				}
				if fuel <= 0 {
					t.Errorf("fuel %d", fuel)
				}
				if _, _, err := p.Call(t.Context(), "evaluate", []byte("xy"), nil); err != nil {
					t.Fatalf("the next call: %v", err)
				}
			}
		})
	}
}

func TestRecursionThatBranches(t *testing.T) {
	h := newHand()
	p, err := open(t, newEngine(t, sandbox.Options{}), h.onInput(func(c *wasm.Code) {
		var last uint32
		for level := range 40 { // each calls the next one twice
			fn := h.Func(plain())
			body := wasm.NewCode(plain())
			if level > 0 {
				body.Call(last).Call(last)
			}
			h.Body(fn, body)
			last = fn
		}
		c.Call(last)
	}), "", sandbox.PluginOptions{Fuel: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Call(t.Context(), "evaluate", []byte("x"), nil); codeOf(t, err) != abi.CodeOutOfFuel {
		t.Errorf("got %v", err)
	}
}

func TestTheWatchdogEndsWhatFuelDoesNot(t *testing.T) {
	h := newHand()
	e := newEngine(t, sandbox.Options{Watchdog: 20 * time.Millisecond})
	p, err := open(t, e, h.onInput(func(c *wasm.Code) { l := c.Loop(); c.Br(l).End() }), "", sandbox.PluginOptions{Fuel: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Call(t.Context(), "evaluate", []byte("x"), nil); codeOf(t, err) != abi.CodeWatchdog {
		t.Errorf("got %v", err)
	}
	if _, _, err := p.Call(t.Context(), "evaluate", []byte("xy"), nil); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestInputTooLarge(t *testing.T) {
	h := newHand()
	p := mustOpen(t, newEngine(t, sandbox.Options{}), h.evaluate(func(*wasm.Code) {}), "")
	_, fuel, err := p.Call(t.Context(), "evaluate", make([]byte, abi.DefaultInputBytes+1), nil)
	if codeOf(t, err) != abi.CodeInputTooLarge || fuel != 0 {
		t.Errorf("got fuel %d, %v", fuel, err)
	}
	if _, _, err := p.Call(t.Context(), "score", nil, nil); codeOf(t, err) != abi.CodeExportMissing {
		t.Errorf("an export of another kind: %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, answer, effects string }{
		{"nothing", "", `["allow"]`},
		{"no JSON", "allow", `["allow"]`},
		{"another contract", `{"abi":2,"findings":[]}`, `["allow"]`},
		{"no findings", `{"abi":1}`, `["allow"]`},
		{"an unknown member", `{"abi":1,"findings":[],"more":1}`, `["allow"]`},
		{"an unknown decision", `{"abi":1,"findings":[{"decision":"permit","rule":"r"}]}`, `["allow"]`},
		{"a decision that the manifest lacks", allowing, `["deny"]`},
		{"an allow where the manifest is silent", allowing, ""},
		{"not UTF-8", "{\"abi\":1,\"findings\":[{\"decision\":\"allow\",\"rule\":\"\xff\"}]}", `["allow"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			more := ""
			if c.effects != "" {
				more = `,"effects":` + c.effects
			}
			h := newHand()
			p := mustOpen(t, newEngine(t, sandbox.Options{}), h.evaluate(func(code *wasm.Code) { h.answer(code, c.answer) }), more)
			for range 2 { // the second time from what is remembered
				found, _, err := p.Judge(false).Evaluate(t.Context(), &abi.Request{}, nil)
				if codeOf(t, err) != abi.CodeOutputInvalid || len(found) != 0 {
					t.Errorf("got %v, %v", found, err)
				}
			}
		})
	}
}

func TestEveryRefusedPluginIsNamed(t *testing.T) {
	imports := func(name string) string {
		module := importing("env", name, plain())
		return string(wasm.AppendCustom(module, abi.SectionManifest, []byte(manifest("test/"+name, "policy", ""))))
	}
	dir := folder(t, map[string]string{"a.wasm": imports("first"), "b.wasm": imports("second"), "c.wasm": imports("third")})
	_, err := newEngine(t, sandbox.Options{}).Load(t.Context(), dir)
	for _, want := range []string{"a.wasm", "env.first", "b.wasm", "env.second", "c.wasm", "env.third"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}
