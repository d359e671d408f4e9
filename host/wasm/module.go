package wasm

import "slices"

// Import is a function that the module wants of its host; nothing else may be imported.
type Import struct {
	Module, Name string
	// Type is an index into Types.
	Type uint32
}

// Global is a global of the module's own.
type Global struct {
	Type    ValueType
	Mutable bool
	// Init is the constant expression it begins with, with its end.
	Init []byte
}

// Export is a name for the host. Imported functions count before the module's own in function indices.
type Export struct {
	Name  string
	Kind  ExportKind
	Index uint32
}

// Pages is the size of a memory in pages of 64 KiB, at first and at most.
type Pages struct {
	Min, Max uint32
	// Bounded is whether the module says a most; Max is 65,536 otherwise.
	Bounded bool
}

// Table is a table of references.
type Table struct {
	Type     ValueType
	Min, Max uint32
	Bounded  bool
}

// ElementSegment is a list of function references.
type ElementSegment struct {
	// Active is whether instantiation puts it into the table, at Offset.
	Active bool
	Offset uint32
	Len    int
}

// DataSegment is a run of bytes.
type DataSegment struct {
	// Active is whether instantiation puts it into memory, at Offset.
	Active bool
	Offset uint32
	Bytes  []byte
}

// Body is one function's code.
type Body struct {
	// Bytes are its locals and instructions, as the code section has them; Offset is where in the module they begin.
	Bytes  []byte
	Offset int

	code      int    // where in Bytes the instructions begin
	locals    uint32 // parameters included
	values    uint32 // locals and everything that instructions push
	firstLoop int    // of Module.loops
	calls     bool
}

// Module is a decoded view of a module that Scan admitted. It shares the module's bytes; neither may be changed.
type Module struct {
	Types     []FuncType
	Imports   []Import
	Functions []uint32 // type of each function of the module's own
	Tables    []Table  // one at most
	Memory    Pages
	Globals   []Global
	Exports   []Export
	// Start is the function that instantiation would call, when HasStart.
	Start    uint32
	HasStart bool
	Elements []ElementSegment
	Data     []DataSegment
	Bodies   []Body
	Customs  []Section

	sections  []Section
	loops     []uint32 // size in bytes of each loop, in the order of the code
	dataCount uint32
	hasCount  bool
	scanned   bool
}

// FuncType is the type of a function by its index, and whether there is one.
func (m *Module) FuncType(index uint32) (FuncType, bool) {
	n := uint32(len(m.Imports))
	if index < n {
		return m.Types[m.Imports[index].Type], true
	}
	if index -= n; index < uint32(len(m.Functions)) {
		return m.Types[m.Functions[index]], true
	}
	return FuncType{}, false
}

// Func is the type of an exported function, and whether there is one of that name.
func (m *Module) Func(name string) (FuncType, bool) {
	i := slices.IndexFunc(m.Exports, func(e Export) bool { return e.Name == name && e.Kind == ExportFunc })
	if i < 0 {
		return FuncType{}, false
	}
	return m.FuncType(m.Exports[i].Index)
}

func (m *Module) functionCount() int { return len(m.Imports) + len(m.Functions) }
