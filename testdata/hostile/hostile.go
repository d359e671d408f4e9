// Package hostile makes modules that mean harm, and says how each must end. They are generated, so that what they do can be
// read here.
package hostile

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// Trigger is the input on which a module misbehaves that behaves otherwise: so it comes through its warm-up.
const Trigger = "!"

// Allowing is what all of them answer to any other input.
const Allowing = `{"abi":1,"findings":[{"decision":"allow","rule":"r"}]}`

// Module is one of them.
type Module struct {
	Name string
	Wasm []byte
	// Code is how it must end: when it is loaded, or when it is asked Trigger.
	Code abi.Code
	// AtLoad: it never comes to be asked.
	AtLoad bool
}

// manifest makes a plugin of any of them.
const manifest = `{"name":"hostile/guest","version":"1.0.0","kind":"policy","abi":1,"effects":["allow"]}`

// guest is a module under construction, with the imports that most need.
type guest struct {
	wasm.Builder
	alloc, free, length, loadU8, storeU8, loadU64, storeU64, outputSet, inputLength, inputLoad, logInfo uint32
	exit, random, write                                                                                 uint32
}

// The modules that hosts offer functions by.
const (
	extism = "extism:host/env"
	wasi   = "wasi_snapshot_preview1"
)

func types(letters string) []wasm.ValueType {
	var out []wasm.ValueType
	for _, l := range letters {
		out = append(out, map[rune]wasm.ValueType{'i': wasm.I32, 'l': wasm.I64}[l])
	}
	return out
}

func plain() wasm.FuncType  { return wasm.FuncType{} }
func status() wasm.FuncType { return wasm.FuncType{Results: types("i")} }

func newGuest() *guest {
	g := &guest{}
	for _, f := range []struct {
		at                            *uint32
		module, name, params, results string
	}{
		{&g.alloc, extism, "alloc", "l", "l"},
		{&g.free, extism, "free", "l", ""},
		{&g.length, extism, "length", "l", "l"},
		{&g.loadU8, extism, "load_u8", "l", "i"},
		{&g.storeU8, extism, "store_u8", "li", ""},
		{&g.loadU64, extism, "load_u64", "l", "l"},
		{&g.storeU64, extism, "store_u64", "ll", ""},
		{&g.outputSet, extism, "output_set", "ll", ""},
		{&g.inputLength, extism, "input_length", "", "l"},
		{&g.inputLoad, extism, "input_load_u8", "l", "i"},
		{&g.logInfo, extism, "log_info", "l", ""},
		{&g.exit, wasi, "proc_exit", "i", ""},
		{&g.random, wasi, "random_get", "ii", "i"},
		{&g.write, wasi, "fd_write", "iiii", "i"},
	} {
		*f.at = g.Import(f.module, f.name, wasm.FuncType{Params: types(f.params), Results: types(f.results)})
	}
	g.Memory(1, 16)
	g.Export("memory", wasm.ExportMemory, 0)
	return g
}

// answer puts an answer together in the host's memory.
func (g *guest) answer(c *wasm.Code, text string) {
	handle := c.Local(wasm.I64)
	c.I64(uint64(len(text))).Call(g.alloc).Set(handle)
	for i := range len(text) {
		c.Get(handle).I64(uint64(i)).Op(wasm.OpI64Add).I32(uint32(text[i])).Call(g.storeU8)
	}
	c.Get(handle).I64(uint64(len(text))).Call(g.outputSet)
}

// fn adds a function without parameters and results.
func (g *guest) fn(code func(c *wasm.Code)) uint32 {
	fn := g.Func(plain())
	c := wasm.NewCode(plain())
	code(c)
	g.Body(fn, c)
	return fn
}

// module ends a guest that misbehaves on Trigger, or always where it is nil.
func (g *guest) module(misbehave func(c *wasm.Code)) []byte {
	fn := g.Func(status())
	c := wasm.NewCode(status())
	if misbehave != nil {
		c.Call(g.inputLength).I64(uint64(len(Trigger))).Op(wasm.OpI64Eq)
		c.If()
		misbehave(c)
		c.I32(0).Return().End()
	}
	g.answer(c, Allowing)
	c.I32(0)
	g.Body(fn, c)
	g.Export("evaluate", wasm.ExportFunc, fn)
	g.Custom(abi.SectionManifest, []byte(manifest))
	return g.Module()
}

// forever repeats code without end.
func forever(c *wasm.Code, code func()) {
	l := c.Loop()
	code()
	c.Br(l).End()
}

// Modules are those that come to run. Bombs are the others.
func Modules() []Module {
	var out []Module
	for _, list := range [][]trick{looping(), recursing(), hoarding(), answeringBadly(), forging(), flooding(), trapping()} {
		for _, t := range list {
			g := newGuest()
			out = append(out, Module{Name: t.name, Code: t.code, Wasm: g.module(func(c *wasm.Code) { t.do(g, c) })})
		}
	}
	return append(out, starting()...)
}

// trick is what a module does on Trigger.
type trick struct {
	name string
	code abi.Code
	do   func(g *guest, c *wasm.Code)
}

func looping() []trick {
	return []trick{
		{"infinite loop", abi.CodeOutOfFuel, func(_ *guest, c *wasm.Code) { forever(c, func() {}) }},
		{"infinite loop that writes memory", abi.CodeOutOfFuel, func(_ *guest, c *wasm.Code) {
			at := c.Local(wasm.I32)
			forever(c, func() {
				c.Get(at).I32(0xffff).Op(wasm.OpI32And).I32(0x55).Store(wasm.OpI32Store8, 0)
				c.Get(at).I32(64).Op(wasm.OpI32Add).Set(at)
			})
		}},
		{"infinite loop of large fills", abi.CodeOutOfFuel, func(_ *guest, c *wasm.Code) {
			forever(c, func() { c.I32(0).I32(7).I32(0x10000).Op(wasm.OpPrefixMisc, 11, 0) })
		}},
	}
}

func recursing() []trick {
	return []trick{
		{"loop-free exponential recursion", abi.CodeOutOfFuel, func(g *guest, c *wasm.Code) {
			next := g.fn(func(*wasm.Code) {})
			for range 40 {
				last := next
				next = g.fn(func(c *wasm.Code) { c.Call(last).Call(last) })
			}
			c.Call(next)
		}},
		{"deep recursion", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			self := g.Func(plain())
			g.Body(self, wasm.NewCode(plain()).Call(self))
			c.Call(self)
		}},
		{"deep recursion with many locals", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			self := g.Func(plain())
			body := wasm.NewCode(plain())
			for range 9_000 {
				body.Local(wasm.I64)
			}
			g.Body(self, body.Call(self))
			c.Call(self)
		}},
		{"two that call each other", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			a, b := g.Func(plain()), g.Func(plain())
			g.Body(a, wasm.NewCode(plain()).Call(b))
			g.Body(b, wasm.NewCode(plain()).Call(a))
			c.Call(a)
		}},
	}
}

func hoarding() []trick {
	return []trick{
		{"memory bomb", abi.CodeOutOfMemory, func(_ *guest, c *wasm.Code) {
			forever(c, func() {
				c.I32(16).Op(wasm.OpMemoryGrow, 0).I32(0xffffffff).Op(wasm.OpI32Eq)
				c.If()
				c.Op(wasm.OpUnreachable).End()
			})
		}},
		{"memory.grow for ever", abi.CodeOutOfFuel, func(_ *guest, c *wasm.Code) {
			forever(c, func() { c.I32(1).Op(wasm.OpMemoryGrow, 0, wasm.OpDrop) })
		}},
		{"a terabyte of the host's memory", abi.CodeOutOfMemory, func(g *guest, c *wasm.Code) {
			c.I64(1 << 40).Call(g.alloc).Op(wasm.OpDrop)
		}},
		{"the host's memory in small pieces", abi.CodeOutOfMemory, func(g *guest, c *wasm.Code) {
			forever(c, func() { c.I64(100).Call(g.alloc).Op(wasm.OpDrop) })
		}},
		{"the host's memory in large pieces", abi.CodeOutOfMemory, func(g *guest, c *wasm.Code) {
			forever(c, func() { c.I64(1 << 20).Call(g.alloc).Op(wasm.OpDrop) })
		}},
	}
}

func answeringBadly() []trick {
	set := func(address, length uint64) func(*guest, *wasm.Code) {
		return func(g *guest, c *wasm.Code) { c.I64(address).I64(length).Call(g.outputSet) }
	}
	return []trick{
		{"giant output", abi.CodeOutputTooLarge, func(g *guest, c *wasm.Code) { c.I64(8 << 20).Call(g.alloc).I64(8 << 20).Call(g.outputSet) }},
		{"output of 4 GiB that is not there", abi.CodeTrap, set(8, 1<<32-1)},
		{"output of negative length", abi.CodeTrap, set(8, 1<<64-1)},
		{"output at a negative address", abi.CodeTrap, set(1<<64-16, 8)},
		{"output that wraps around", abi.CodeTrap, set(1<<64-8, 16)},
		{"proc_exit with 0", abi.CodeTrap, func(g *guest, c *wasm.Code) { c.I32(0).Call(g.exit) }},
		{"proc_exit behind an answer", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			g.answer(c, Allowing)
			c.I32(0).Call(g.exit)
		}},
		{"a status that is no success", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			g.answer(c, Allowing)
			c.I32(0xffffffff).Return()
		}},
	}
}

func forging() []trick {
	unless := func(c *wasm.Code) { // what was asked last must not have worked
		c.Op(wasm.OpI32Eqz)
		c.If()
		c.Op(wasm.OpUnreachable).End()
		c.Op(wasm.OpUnreachable)
	}
	return []trick{
		{"a load below the host's memory", abi.CodeTrap, func(g *guest, c *wasm.Code) { c.I64(0).Call(g.loadU8).Op(wasm.OpDrop) }},
		{"a load far above", abi.CodeTrap, func(g *guest, c *wasm.Code) { c.I64(1 << 63).Call(g.loadU64).Op(wasm.OpDrop) }},
		{"a load over the end", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			c.I64(8).Call(g.alloc).I64(1).Op(wasm.OpI64Add).Call(g.loadU64).Op(wasm.OpDrop)
		}},
		{"a store far above", abi.CodeTrap, func(g *guest, c *wasm.Code) { c.I64(1<<64 - 4).I64(1).Call(g.storeU64) }},
		{"a handle that was never given, freed", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			c.I64(12345).Call(g.free).I64(1<<64 - 1).Call(g.free).I64(12345).Call(g.loadU8).Op(wasm.OpDrop)
		}},
		{"the input behind its end", abi.CodeTrap, func(g *guest, c *wasm.Code) { c.I64(1).Call(g.inputLoad).Op(wasm.OpDrop) }},
		{"the input at a negative offset", abi.CodeTrap, func(g *guest, c *wasm.Code) { c.I64(1<<64 - 1).Call(g.inputLoad).Op(wasm.OpDrop) }},
		{"WASI pointers beyond its memory", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			c.I32(0xfffffff0).I32(0x40).Call(g.random)
			unless(c)
		}},
		{"WASI vectors beyond its memory", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			c.I32(1).I32(0xfff8).I32(0x7fffffff).I32(0).Call(g.write)
			unless(c)
		}},
	}
}

func flooding() []trick {
	return []trick{
		{"a flood of loads", abi.CodeOutOfFuel, func(g *guest, c *wasm.Code) {
			forever(c, func() { c.I64(0).Call(g.length).Op(wasm.OpDrop) })
		}},
		{"a flood of log lines", abi.CodeOutOfFuel, func(g *guest, c *wasm.Code) {
			line := c.Local(wasm.I64)
			c.I64(1000).Call(g.alloc).Set(line)
			forever(c, func() { c.Get(line).Call(g.logInfo) })
		}},
		{"a gigabyte to stdout", abi.CodeOutOfFuel, func(g *guest, c *wasm.Code) {
			c.I32(0).I32(64).Store(wasm.OpI32Store, 0)
			c.I32(0).I32(0xff00).Store(wasm.OpI32Store, 4)
			forever(c, func() { c.I32(1).I32(0).I32(1).I32(32).Call(g.write).Op(wasm.OpDrop) })
		}},
		{"a flood of random bytes", abi.CodeOutOfFuel, func(g *guest, c *wasm.Code) {
			forever(c, func() { c.I32(0).I32(0x10000).Call(g.random).Op(wasm.OpDrop) })
		}},
		{"blocks taken and given back", abi.CodeOutOfFuel, func(g *guest, c *wasm.Code) {
			forever(c, func() { c.I64(1 << 20).Call(g.alloc).Call(g.free) })
		}},
	}
}

func trapping() []trick {
	return []trick{
		{"unreachable", abi.CodeTrap, func(_ *guest, c *wasm.Code) { c.Op(wasm.OpUnreachable) }},
		{"a division by zero", abi.CodeTrap, func(_ *guest, c *wasm.Code) { c.I32(1).I32(0).Op(0x6e, wasm.OpDrop) }},
		{"a load beyond its memory", abi.CodeTrap, func(_ *guest, c *wasm.Code) { c.I32(0xfffffff0).LoadAny(wasm.OpI64Load, 0xfffffff0).Op(wasm.OpDrop) }},
		{"a call to a function that is not in the table", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			g.Table(g.fn(func(*wasm.Code) {}))
			c.I32(0xffffff).CallIndirect(g.Type(plain()))
		}},
		{"a call to a function of another type", abi.CodeTrap, func(g *guest, c *wasm.Code) {
			g.Table(g.fn(func(*wasm.Code) {}))
			c.I32(0).CallIndirect(g.Type(status())).Op(wasm.OpDrop)
		}},
	}
}

// starting are those that misbehave before they are asked anything.
func starting() []Module {
	endless := func(c *wasm.Code) { forever(c, func() {}) }
	var out []Module
	for _, s := range []struct {
		name, export string
		code         abi.Code
		do           func(c *wasm.Code)
	}{
		{"a start function that loops", "", abi.CodeOutOfFuel, endless},
		{"a start function that traps", "", abi.CodeTrap, func(c *wasm.Code) { c.Op(wasm.OpUnreachable) }},
		{"an initialisation that loops", "_initialize", abi.CodeOutOfFuel, endless},
		{"constructors that loop", "__wasm_call_ctors", abi.CodeOutOfFuel, endless},
	} {
		g := newGuest()
		fn := g.fn(s.do)
		if s.export == "" {
			g.Start(fn)
		} else {
			g.Export(s.export, wasm.ExportFunc, fn)
		}
		out = append(out, Module{Name: s.name, Code: s.code, AtLoad: true, Wasm: g.module(nil)})
	}
	g := newGuest()
	fn := g.Func(status())
	c := wasm.NewCode(status())
	endless(c)
	g.Body(fn, c.I32(0))
	g.Export("evaluate", wasm.ExportFunc, fn)
	g.Custom(abi.SectionManifest, []byte(manifest))
	return append(out, Module{Name: "a loop in every call", Code: abi.CodeOutOfFuel, AtLoad: true, Wasm: g.Module()})
}

// Behaving is a plugin that means no harm, for asking while others do.
func Behaving() []byte { return newGuest().module(nil) }

// Keeping answers with the rule "0" if it has never been called, by all that it can keep something in: memory, a global,
// and the host's memory; with the rule "1" otherwise. It keeps what it can.
func Keeping() []byte {
	g := newGuest()
	kept := g.Global()
	fn := g.Func(status())
	c := wasm.NewCode(status())
	seen, byHost := c.Local(wasm.I32), c.Local(wasm.I64)
	c.GlobalGet(kept).I32(0x8000).Load(wasm.OpI32Load, 0).Op(wasm.OpI32Add)
	// A fresh block of the host's memory must not hold what the last call left there.
	c.I64(64).Call(g.alloc).Tee(byHost).Call(g.loadU8).Op(wasm.OpI32Add).Set(seen)
	c.Get(byHost).I32(1).Call(g.storeU8)
	c.I32(1).GlobalSet(kept).I32(0x8000).I32(1).Store(wasm.OpI32Store, 0)
	c.Get(seen)
	c.If()
	g.answer(c, `{"abi":1,"findings":[{"decision":"allow","rule":"1"}]}`)
	c.Else()
	g.answer(c, `{"abi":1,"findings":[{"decision":"allow","rule":"0"}]}`)
	c.End().I32(0)
	g.Body(fn, c)
	g.Export("evaluate", wasm.ExportFunc, fn)
	g.Custom(abi.SectionManifest, []byte(manifest))
	return g.Module()
}
