package hostile

import (
	"slices"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// Bombs are modules that must not come to run: they would tie up whoever compiles, reads or instantiates them.
func Bombs() []Module {
	out := slices.Concat(compiling(), tables(), importing(), malformed())
	for i := range out {
		out[i].AtLoad = true
	}
	return out
}

// body makes a guest with one more function.
func body(code func(c *wasm.Code)) []byte {
	g := newGuest()
	g.fn(code)
	return g.module(nil)
}

func nested(n int) []byte {
	return body(func(c *wasm.Code) {
		for range n {
			c.Block()
		}
		for range n {
			c.End()
		}
	})
}

func ifs(n int) []byte {
	return body(func(c *wasm.Code) {
		for range n {
			c.I32(0).If()
			c.End()
		}
	})
}

func targets(n int) []byte {
	return body(func(c *wasm.Code) {
		c.Block()
		c.I32(0).Op(wasm.OpBrTable)
		for _, b := range wasm.AppendU32(nil, uint32(n)) {
			c.Op(wasm.Op(b))
		}
		for range n + 1 {
			c.Op(wasm.Op(0))
		}
		c.End()
	})
}

func locals(n int) []byte {
	return body(func(c *wasm.Code) {
		for range n {
			c.Local(wasm.I64)
		}
	})
}

// compiling are bombs for the compiler. Times are wazero's on a small machine, without a scan before it.
func compiling() []Module {
	const code = abi.CodePluginMalformed
	return []Module{
		{Name: "16,000 nested blocks (1.1 s)", Wasm: nested(16_000), Code: code},
		{Name: "200,000 nested blocks (minutes)", Wasm: nested(200_000), Code: code},
		{Name: "20,000 empty ifs (10 s)", Wasm: ifs(20_000), Code: code},
		{Name: "60,000 empty ifs (over 20 s)", Wasm: ifs(60_000), Code: code},
		{Name: "200,000 empty ifs", Wasm: ifs(200_000), Code: code},
		{Name: "a br_table of 100,000 targets (3.6 s, 241 MB)", Wasm: targets(100_000), Code: code},
		{Name: "50,000 locals", Wasm: locals(50_000), Code: code},
		{Name: "a function of 2 MiB", Code: code, Wasm: body(func(c *wasm.Code) {
			for range 2 << 20 {
				c.Op(wasm.OpNop)
			}
		})},
		{Name: "many functions that each are heavy", Code: code, Wasm: heavy(400)},
	}
}

// heavy has that many functions of 3,000 ifs.
func heavy(functions int) []byte {
	g := newGuest()
	for range functions {
		g.fn(func(c *wasm.Code) {
			for range 3_000 {
				c.I32(0).If()
				c.End()
			}
		})
	}
	return g.module(nil)
}

// Heavy is the heaviest module that a scan lets through, give or take: it takes seconds to compile.
func Heavy() []byte { return heavy(40) }

// with puts a section into the behaving guest, in its place by number.
func with(id wasm.SectionID, content []byte) []byte {
	sections, err := wasm.Sections(Behaving())
	if err != nil {
		panic(err) // the guest is our own
	}
	sections = slices.DeleteFunc(sections, func(s wasm.Section) bool { return s.ID == id })
	at := slices.IndexFunc(sections, func(s wasm.Section) bool { return s.ID > id })
	if at < 0 {
		at = len(sections)
	}
	return wasm.Join(slices.Insert(sections, at, wasm.Section{ID: id, Body: content}))
}

// vector is the content of a section with those items.
func vector(items ...[]byte) []byte {
	return slices.Concat(append([][]byte{wasm.AppendU32(nil, uint32(len(items)))}, items...)...)
}

func limits(least, most uint32) []byte {
	return wasm.AppendU32(wasm.AppendU32([]byte{1}, least), most)
}

func tables() []Module {
	const funcref = 0x70
	table := func(n uint32) []byte { return append([]byte{funcref}, limits(n, n)...) }
	return []Module{
		{Name: "a table of 2^27-1 elements", Wasm: with(wasm.SectionTable, vector(table(1<<27-1))), Code: abi.CodePluginMalformed},
		{Name: "a hundred tables", Wasm: with(wasm.SectionTable, vector(slices.Repeat([][]byte{table(90_000)}, 100)...)), Code: abi.CodePluginMalformed},
		{Name: "a table that is grown", Code: abi.CodePluginMalformed, Wasm: func() []byte {
			g := newGuest()
			g.Table(g.fn(func(c *wasm.Code) {
				forever(c, func() { c.Op(wasm.OpRefNull, funcref).I32(1000).Op(wasm.OpPrefixMisc, 15, 0, wasm.OpDrop) })
			}))
			return g.module(nil)
		}()},
		{Name: "a memory of 4 GiB from the start", Wasm: with(wasm.SectionMemory, vector(limits(65_536, 65_536))), Code: abi.CodePluginMalformed},
		{Name: "two memories", Wasm: with(wasm.SectionMemory, vector(limits(1, 1), limits(1, 1))), Code: abi.CodePluginMalformed},
		{Name: "data beyond its memory", Code: abi.CodePluginMalformed, Wasm: func() []byte {
			g := newGuest()
			g.Data(0xfffffff0, make([]byte, 64))
			return g.module(nil)
		}()},
	}
}

func importing() []Module {
	var out []Module
	for _, i := range [][2]string{
		{wasi, "path_open"},
		{wasi, "sock_accept"},
		{extism, "http_request"},
		{extism, "var_get"},
		{extism, "var_set"},
		{"env", "exec"},
		{"extism:host/user", "anything"},
	} {
		g := newGuest()
		g.Import(i[0], i[1], plain())
		out = append(out, Module{Name: "an import of " + i[1], Wasm: g.module(nil), Code: abi.CodeImportRefused})
	}
	none := newGuest()
	none.Custom(abi.SectionManifest, []byte(manifest))
	return append(out, Module{Name: "no evaluate", Wasm: none.Module(), Code: abi.CodeExportMissing})
}

func malformed() []Module {
	const code = abi.CodePluginMalformed
	good := Behaving()
	after := func(more ...byte) []byte { return slices.Concat(good, more) }
	magic := slices.Clone(good)
	magic[0]++
	version := slices.Clone(good)
	version[4] = 2
	return []Module{
		{Name: "nothing", Wasm: nil, Code: code},
		{Name: "three bytes", Wasm: good[:3], Code: code},
		{Name: "another magic number", Wasm: magic, Code: code},
		{Name: "version 2", Wasm: version, Code: code},
		{Name: "a component", Wasm: []byte("\x00asm\x0d\x00\x01\x00"), Code: code},
		{Name: "a section longer than the module", Wasm: after(0, 0xf0, 0xff, 0xff, 0xff, 0x0f), Code: code},
		{Name: "a length that does not end", Wasm: after(0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0), Code: code},
		{Name: "a section of no number", Wasm: after(99, 0), Code: code},
		{Name: "a section twice", Wasm: after(byte(wasm.SectionType), 1, 0), Code: code},
		{Name: "2^32-1 types", Wasm: with(wasm.SectionType, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}), Code: code},
		{Name: "2^32-1 functions", Wasm: with(wasm.SectionFunction, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}), Code: code},
		{Name: "2^32-1 data segments", Wasm: with(wasm.SectionData, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}), Code: code},
		{Name: "code without functions", Wasm: with(wasm.SectionFunction, vector()), Code: code},
		{Name: "a start function that is not there", Wasm: with(wasm.SectionStart, wasm.AppendU32(nil, 1<<30)), Code: code},
		{Name: "a body that leaves nothing on the stack", Wasm: body(func(c *wasm.Code) { c.Op(wasm.OpI32Add, wasm.OpDrop) }), Code: code},
		{Name: "a branch out of its function", Wasm: body(func(c *wasm.Code) { c.Op(wasm.OpBr, 77) }), Code: code},
		{Name: "an instruction that does not exist", Wasm: body(func(c *wasm.Code) { c.Op(0xff) }), Code: code},
		{Name: "a call of a function that is not there", Wasm: body(func(c *wasm.Code) { c.Call(1 << 20) }), Code: code},
		{Name: "a local that is not there", Wasm: body(func(c *wasm.Code) { c.Get(1 << 20).Op(wasm.OpDrop) }), Code: code},
	}
}
