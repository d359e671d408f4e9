package wasm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Instrumentation says what Instrument adds to a module.
type Instrumentation struct {
	// Fuel bounds work and the depth of calls.
	Fuel bool
	// Barrier marks the pages that guest code writes, so that they can be restored.
	Barrier bool
	// MaxPages is the most memory the guest may have, in pages of 64 KiB, if its own maximum is not lower: 1 to 32,768.
	MaxPages uint32
	// Arena, with the barrier, is memory that guest and host share below the guest's own.
	Arena Arena
	// Calls are exports, of functions that take nothing and give an i32 or nothing, that with both fuel and barrier can be
	// called by Layout.Calls too.
	Calls []string
}

// What is charged, in units of fuel. They are part of what a plugin's golden cases hold, like the instructions
// themselves: another value is another engine.
const (
	// FuelBytes of a function's or loop's code cost one unit at each entry or round, begun ones not counted; one is
	// charged besides.
	FuelBytes = 1024
	// FuelBulk bytes (or elements) of a bulk instruction cost one unit, charged before it; one is charged besides.
	FuelBulk = 1 << fuelBulkShift
	// DepthValues locals and values of a function count as one unit of depth, begun ones not counted; one is counted
	// besides. A value takes 8 bytes of stack at most, and what calls pass another 8.
	DepthValues = 256
	// MaxDepth is how deep calls may go, in units. wazero's compiler gives calls 50 MB of stack at least, which hold more:
	// the worst shape of function found overflows at 42,000 units. Its interpreter knows 2,000 frames, whatever their size.
	MaxDepth = 16_384
)

const fuelBulkShift = 6

// maxPages is the most that MaxPages may be.
const maxPages = 1 << 15

// reserved begins the names of the exports that are added.
const reserved = "agentmesh:"

// ErrNotScanned says that a module to be instrumented did not come from Scan.
var ErrNotScanned = errors.New("wasm: instrument: the module was not scanned")

// Instrument returns the module with what o asks for. The same module and o give the same bytes.
//
// Its functions keep their indices, so the name section stays; other custom sections are left out. The start function is
// not run at instantiation but exported as Layout.Start: so it runs under fuel. Exports whose names begin with
// "agentmesh:" are refused, for those are added.
func Instrument(m *Module, o Instrumentation) ([]byte, *Layout, error) {
	if !m.scanned {
		return nil, nil, ErrNotScanned
	}
	if o.Arena.Bytes > maxArena {
		return nil, nil, fmt.Errorf("wasm: instrument: an arena of %d bytes: it may have %d", o.Arena.Bytes, maxArena)
	}
	if o.MaxPages == 0 || o.MaxPages > maxPages {
		return nil, nil, fmt.Errorf("wasm: instrument: %d pages of memory at most: 1 to %d may be asked for", o.MaxPages, maxPages)
	}
	if m.Memory.Min > o.MaxPages {
		return nil, nil, fmt.Errorf("wasm: instrument: the memory begins with %d pages of 64 KiB and may have %d", m.Memory.Min, o.MaxPages)
	}
	for _, e := range m.Exports {
		if strings.HasPrefix(e.Name, reserved) {
			return nil, nil, fmt.Errorf("wasm: instrument: export %q: names that begin with %q are reserved", e.Name, reserved)
		}
	}
	r := newRewriter(m, o)
	return r.module(), &r.layout, nil
}

// rewriter holds the indices of what is added.
type rewriter struct {
	m      *Module
	o      Instrumentation
	layout Layout

	types             []FuncType // the module's and ours
	fuel, depth, size uint32     // globals
	added             [][]byte   // globals
	exports           [][]byte   // added
	helpers           []helper   // functions, behind the module's own
	helperAt          map[helperKey]uint32
}

func newRewriter(m *Module, o Instrumentation) *rewriter {
	r := &rewriter{m: m, o: o, types: slices.Clone(m.Types), helperAt: map[helperKey]uint32{}}
	r.layout.MaxPages = min(o.MaxPages, m.Memory.Max)
	r.layout.InitialPages = m.Memory.Min
	if o.Fuel {
		r.fuel = r.addGlobal(I64, 0, "fuel", &r.layout.FuelGlobal)
		r.depth = r.addGlobal(I32, 0, "depth", &r.layout.DepthGlobal)
	}
	if o.Barrier {
		r.barrier()
	}
	for i, g := range m.Globals {
		if g.Mutable {
			name := reserved + "global/" + strconv.Itoa(i)
			r.layout.Globals = append(r.layout.Globals, name)
			r.export(name, ExportGlobal, uint32(i))
		}
	}
	if o.Fuel && o.Barrier {
		r.calls()
	}
	if m.HasStart {
		r.layout.Start = reserved + "start"
		r.export(r.layout.Start, ExportFunc, m.Start)
	}
	return r
}

func (r *rewriter) barrier() {
	const page = 1 << 16
	r.layout.MapBytes = r.layout.MaxPages * (page / PageBytes)
	r.layout.CellBase = r.layout.MapBytes
	r.layout.Shift = (r.layout.CellBase + cellBytes + page - 1) &^ (page - 1)
	r.size = r.addGlobal(I32, int64(r.m.Memory.Min), "size", &r.layout.SizeGlobal)
	r.layout.Globals = append(r.layout.Globals, r.layout.SizeGlobal)
	if n := r.o.Arena.Bytes; n > 0 {
		r.layout.ArenaBase, r.layout.ArenaBytes = r.layout.Shift, (n+page-1)&^(page-1)
		r.layout.Shift += r.layout.ArenaBytes
	}
}

// callGlobals is how many globals a function of Layout.Calls puts back at most: it keeps each in a local.
const callGlobals = 64

// calls exports the functions that set fuel and put the globals back.
func (r *rewriter) calls() {
	if len(r.layout.Globals) > callGlobals {
		return
	}
	for _, name := range r.o.Calls {
		i := slices.IndexFunc(r.m.Exports, func(e Export) bool { return e.Kind == ExportFunc && e.Name == name })
		if i < 0 || !callable(r.m, r.m.Exports[i].Index) {
			r.layout.Calls = nil
			return
		}
		call := reserved + "call/" + name
		r.layout.Calls = append(r.layout.Calls, call)
		r.export(call, ExportFunc, r.helper(opCall, r.m.Exports[i].Index))
	}
}

func callable(m *Module, fn uint32) bool {
	ft, ok := m.FuncType(fn)
	return ok && len(ft.Params) == 0 && (len(ft.Results) == 0 || len(ft.Results) == 1 && ft.Results[0] == I32)
}

func (r *rewriter) addGlobal(t ValueType, value int64, name string, exported *string) uint32 {
	constant := OpI32Const
	if t == I64 {
		constant = OpI64Const
	}
	i := uint32(len(r.m.Globals) + len(r.added))
	r.added = append(r.added, append(AppendS64([]byte{byte(t), 1, byte(constant)}, value), byte(OpEnd)))
	*exported = reserved + name
	r.export(*exported, ExportGlobal, i)
	return i
}

func (r *rewriter) export(name string, kind ExportKind, index uint32) {
	r.exports = append(r.exports, AppendU32(append(AppendName(nil, name), byte(kind)), index))
}

// typeOf is the index of a function type, which is added if need be.
func (r *rewriter) typeOf(ft FuncType) uint32 {
	i := slices.IndexFunc(r.types, func(t FuncType) bool {
		return slices.Equal(t.Params, ft.Params) && slices.Equal(t.Results, ft.Results)
	})
	if i >= 0 {
		return uint32(i)
	}
	r.types = append(r.types, ft)
	return uint32(len(r.types) - 1)
}

// module writes the sections. Code comes first, for it adds types.
func (r *rewriter) module() []byte {
	bodies := map[SectionID][]byte{}
	for _, s := range r.m.sections {
		bodies[s.ID] = s.Body
	}
	bodies[SectionCode] = r.code()
	bodies[SectionType] = prefixed(len(r.types), bodies[SectionType], each(r.types[len(r.m.Types):], appendType))
	bodies[SectionFunction] = prefixed(len(r.m.Functions)+len(r.helpers), bodies[SectionFunction], r.helperTypes())
	if r.o.Barrier {
		bodies[SectionData] = r.data()
	}
	bodies[SectionMemory] = r.memory()
	bodies[SectionGlobal] = prefixed(len(r.m.Globals)+len(r.added), bodies[SectionGlobal], r.added)
	bodies[SectionExport] = prefixed(len(r.m.Exports)+len(r.exports), bodies[SectionExport], r.exports)

	size := len(header) + 256
	for _, b := range bodies {
		size += len(b)
	}
	out := append(make([]byte, 0, size), header[:]...)
	for _, id := range [...]SectionID{
		SectionType, SectionImport, SectionFunction, SectionTable, SectionMemory, SectionGlobal, SectionExport,
		SectionElement, SectionDataCount, SectionCode, SectionData,
	} {
		if len(bodies[id]) > 0 {
			out = appendSection(out, id, bodies[id])
		}
	}
	for _, c := range r.m.Customs {
		if c.Name == "name" {
			out = AppendCustom(out, c.Name, c.Body)
		}
	}
	return out
}

// prefixed is the body of a section that holds a vector: the items it has, and more.
func prefixed(n int, old []byte, more [][]byte) []byte {
	if len(old) > 0 {
		r := NewReader(old, 0)
		r.U32()
		old = old[r.off:]
	}
	out := append(AppendU32(nil, uint32(n)), old...)
	for _, item := range more {
		out = append(out, item...)
	}
	return out
}

func (r *rewriter) memory() []byte {
	if !r.o.Barrier {
		return AppendU32(AppendU32([]byte{1, 1}, r.m.Memory.Min), r.layout.MaxPages)
	}
	pages := r.layout.Shift>>16 + r.layout.MaxPages
	return AppendU32(AppendU32([]byte{1, 1}, pages), pages)
}

// data writes the data section with every address shifted.
func (r *rewriter) data() []byte {
	if len(r.m.Data) == 0 {
		return nil
	}
	out := AppendU32(nil, uint32(len(r.m.Data)))
	for _, d := range r.m.Data {
		if d.Active {
			out = AppendS64(append(out, 0, byte(OpI32Const)), int64(int32(d.Offset+r.layout.Shift)))
			out = append(out, byte(OpEnd))
		} else {
			out = append(out, 1)
		}
		out = append(AppendU32(out, uint32(len(d.Bytes))), d.Bytes...)
	}
	return out
}

// code writes the functions, and behind them the helpers that they turned out to need.
func (r *rewriter) code() []byte {
	size := 0
	for i := range r.m.Bodies {
		size += len(r.m.Bodies[i].Bytes)
	}
	out := make([]byte, 0, size+size/2)
	w := bodyWriter{r: r}
	for i := range r.m.Bodies {
		out = w.body(out, i)
	}
	for _, h := range r.helpers {
		out = h.code.appendBody(out)
	}
	return slices.Insert(out, 0, AppendU32(nil, uint32(len(r.m.Bodies)+len(r.helpers)))...)
}
