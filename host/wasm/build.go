package wasm

import "slices"

// ValueType is the type of a local, global, parameter or result.
type ValueType byte

// The value types.
const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
	F32 ValueType = 0x7d
	F64 ValueType = 0x7c
	// FuncRef and ExternRef are references, V128 a vector.
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
	V128      ValueType = 0x7b
)

// FuncType is a function's parameters and results.
type FuncType struct {
	Params, Results []ValueType
}

// ExportKind says what an export names.
type ExportKind byte

// The kinds of exports.
const (
	ExportFunc   ExportKind = 0
	ExportTable  ExportKind = 1
	ExportMemory ExportKind = 2
	ExportGlobal ExportKind = 3
)

// Builder puts a module together: imported functions, one memory, at most one table of functions. The same calls in the same
// order give the same bytes.
type Builder struct {
	types   []FuncType
	imports [][]byte
	start   []byte
	funcs   []uint32 // type of each
	bodies  []*Code
	table   []uint32
	memory  []byte
	globals [][]byte
	exports [][]byte
	data    [][]byte
	customs []Section
}

// Type returns the index of a function type.
func (b *Builder) Type(ft FuncType) uint32 {
	for i, t := range b.types {
		if slices.Equal(t.Params, ft.Params) && slices.Equal(t.Results, ft.Results) {
			return uint32(i)
		}
	}
	b.types = append(b.types, ft)
	return uint32(len(b.types) - 1)
}

// Import declares a function of the host's. Imports come before the module's own functions.
func (b *Builder) Import(module, name string, ft FuncType) uint32 {
	if len(b.funcs) > 0 {
		panic("wasm: an import behind a function of the module's own")
	}
	b.imports = append(b.imports, AppendU32(append(AppendName(AppendName(nil, module), name), byte(ExportFunc)), b.Type(ft)))
	return uint32(len(b.imports) - 1)
}

// Start makes a declared function, without parameters and results, the one that instantiation calls.
func (b *Builder) Start(fn uint32) { b.start = AppendU32(nil, fn) }

// Func declares a function, whose body is given later; so functions may call each other whatever their order.
func (b *Builder) Func(ft FuncType) uint32 {
	b.funcs = append(b.funcs, b.Type(ft))
	b.bodies = append(b.bodies, nil)
	return uint32(len(b.imports) + len(b.funcs) - 1)
}

// Body gives a declared function its body.
func (b *Builder) Body(fn uint32, c *Code) { b.bodies[int(fn)-len(b.imports)] = c }

// Global adds an i32 global that begins as zero, and returns its index.
func (b *Builder) Global() uint32 {
	g := []byte{byte(I32), 1, byte(OpI32Const), 0, byte(OpEnd)}
	b.globals = append(b.globals, g)
	return uint32(len(b.globals) - 1)
}

// Memory sets the memory's size in pages of 64 KiB, at first and at most.
func (b *Builder) Memory(pages, most uint32) {
	b.memory = AppendU32(AppendU32([]byte{1}, pages), most)
}

// Table sets the functions of table 0, and returns the index of the first one added.
func (b *Builder) Table(funcs ...uint32) uint32 {
	first := uint32(len(b.table))
	b.table = append(b.table, funcs...)
	return first
}

// Export names a function, table, memory or global for the host.
func (b *Builder) Export(name string, kind ExportKind, index uint32) {
	b.exports = append(b.exports, AppendU32(append(AppendName(nil, name), byte(kind)), index))
}

// Data puts bytes into memory at an address.
func (b *Builder) Data(address uint32, bytes []byte) {
	d := AppendS64([]byte{0, byte(OpI32Const)}, int64(int32(address)))
	d = AppendU32(append(d, byte(OpEnd)), uint32(len(bytes)))
	b.data = append(b.data, append(d, bytes...))
}

// Custom adds a custom section at the end of the module.
func (b *Builder) Custom(name string, body []byte) {
	b.customs = append(b.customs, Section{ID: SectionCustom, Name: name, Body: body})
}

// Module encodes what was built. Every declared function must have its body by then.
func (b *Builder) Module() []byte {
	var sections []Section
	add := func(id SectionID, items [][]byte) {
		if len(items) > 0 {
			sections = append(sections, Section{ID: id, Body: vector(items)})
		}
	}
	add(SectionType, each(b.types, appendType))
	add(SectionImport, b.imports)
	add(SectionFunction, each(b.funcs, AppendU32))
	if len(b.table) > 0 {
		n := uint32(len(b.table))
		add(SectionTable, [][]byte{AppendU32(AppendU32([]byte{0x70, 1}, n), n)})
	}
	if b.memory != nil {
		add(SectionMemory, [][]byte{b.memory})
	}
	add(SectionGlobal, b.globals)
	add(SectionExport, b.exports)
	if b.start != nil {
		sections = append(sections, Section{ID: SectionStart, Body: b.start})
	}
	if len(b.table) > 0 {
		entries := append([]byte{0, byte(OpI32Const), 0, byte(OpEnd)}, vector(each(b.table, AppendU32))...)
		add(SectionElement, [][]byte{entries})
	}
	add(SectionCode, each(b.bodies, func(dst []byte, c *Code) []byte { return c.appendBody(dst) }))
	add(SectionData, b.data)
	return Join(append(sections, b.customs...))
}

func appendType(dst []byte, ft FuncType) []byte {
	dst = append(dst, 0x60)
	for _, list := range [][]ValueType{ft.Params, ft.Results} {
		dst = AppendU32(dst, uint32(len(list)))
		for _, t := range list {
			dst = append(dst, byte(t))
		}
	}
	return dst
}

func each[T any](list []T, enc func([]byte, T) []byte) [][]byte {
	out := make([][]byte, len(list))
	for i, x := range list {
		out[i] = enc(nil, x)
	}
	return out
}

func vector(items [][]byte) []byte {
	out := AppendU32(nil, uint32(len(items)))
	for _, item := range items {
		out = append(out, item...)
	}
	return out
}
