package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

// sections are those of a small module that is admitted: one function (i32) -> (i32) that is not imported.
func sections(body ...byte) []wasm.Section {
	return []wasm.Section{
		{ID: wasm.SectionType, Body: []byte{2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0}},
		{ID: wasm.SectionImport, Body: []byte{1, 1, 'e', 1, 'f', 0, 0}},
		{ID: wasm.SectionFunction, Body: []byte{1, 0}},
		{ID: wasm.SectionTable, Body: []byte{1, 0x70, 0, 2}},
		{ID: wasm.SectionMemory, Body: []byte{1, 0, 1}},
		{ID: wasm.SectionGlobal, Body: []byte{2, 0x7f, 1, 0x41, 7, 0x0b, 0x70, 0, 0xd2, 1, 0x0b}},
		{ID: wasm.SectionExport, Body: []byte{1, 1, 'x', 0, 1}},
		{ID: wasm.SectionElement, Body: []byte{1, 0, 0x41, 0, 0x0b, 2, 0, 1}},
		{ID: wasm.SectionDataCount, Body: []byte{2}},
		{ID: wasm.SectionCode, Body: items(append([]byte{byte(len(body) + 1), 0}, body...))},
		{ID: wasm.SectionData, Body: []byte{2, 0, 0x41, 8, 0x0b, 2, 'h', 'i', 1, 1, 'p'}},
	}
}

// with is the small module with one section replaced, put in, or left out if body is nil.
func with(id wasm.SectionID, body ...byte) []byte {
	s := sections(0x20, 0, 0x0b)
	i := slices.IndexFunc(s, func(s wasm.Section) bool { return s.ID == id })
	switch {
	case i >= 0 && body == nil:
		s = slices.Delete(s, i, i+1)
	case i >= 0:
		s[i].Body = body
	default: // the start section, the only one that it lacks
		s = slices.Insert(s, 7, wasm.Section{ID: id, Body: body})
	}
	return wasm.Join(s)
}

// running is the small module with that code.
func running(body ...byte) []byte { return wasm.Join(sections(body...)) }

func TestScanRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"no module", []byte("MZ"), "not a WebAssembly module"},
		{"bytes behind a section", with(wasm.SectionFunction, 1, 0, 0), "1 bytes behind the end of section 3"},
		{"a type that is no function", with(wasm.SectionType, 1, 0x5f, 0), "type of form 0x5f"},
		{"a vector parameter", with(wasm.SectionType, 1, 0x60, 1, 0x7b, 0), "v128 value: build without SIMD"},
		{"an unknown value type", with(wasm.SectionType, 1, 0x60, 1, 0x60, 0), "0x60 is no value type"},
		{"an imported memory", with(wasm.SectionImport, 1, 1, 'e', 1, 'm', 2, 0, 1), `import "m" of "e" is a memory: only functions may be imported`},
		{"an imported table", with(wasm.SectionImport, 1, 1, 'e', 1, 't', 1, 0x70, 0, 1), "is a table"},
		{"an imported global", with(wasm.SectionImport, 1, 1, 'e', 1, 'g', 3, 0x7f, 1), "is a global"},
		{"an import of no type", with(wasm.SectionImport, 1, 1, 'e', 1, 'f', 0, 2), "type 2 of 2"},
		{"a function of no type", with(wasm.SectionFunction, 1, 2), "type 2 of 2"},
		{"two tables", with(wasm.SectionTable, 2, 0x70, 0, 2, 0x70, 0, 2), "tables: 2, the limit is 1"},
		{"a huge table", with(wasm.SectionTable, 1, 0x70, 0, 0xff, 0xff, 0xff, 0x3f), "elements of a table: 134217727, the limit is 100000"},
		{"a table of numbers", with(wasm.SectionTable, 1, 0x7f, 0, 2), "0x7f is no reference type"},
		{"a table whose most is less", with(wasm.SectionTable, 1, 0x70, 1, 3, 2), "3 at least and 2 at most"},
		{"no memory", module(1, 4, 1, 0x60, 0, 0), "no memory of its own"},
		{"no memory, and data", with(wasm.SectionMemory), "data ends at 10, the memory at 0"},
		{"no memory in its section", with(wasm.SectionMemory, 0), "data ends at 10, the memory at 0"},
		{"two memories", with(wasm.SectionMemory, 2, 0, 1, 0, 1), "memories: 2, the limit is 1"},
		{"a shared memory", with(wasm.SectionMemory, 1, 3, 1, 1), "shared and 64-bit memories are not served"},
		{"a memory of more than 4 GiB", with(wasm.SectionMemory, 1, 1, 1, 0x81, 0x80, 0x04), "pages of memory: 65537, the limit is 65536"},
		{"a reference that may change", with(wasm.SectionGlobal, 1, 0x70, 1, 0xd0, 0x70, 0x0b), "a reference that may change"},
		{"a global of neither mutability", with(wasm.SectionGlobal, 1, 0x7f, 2, 0x41, 7, 0x0b), "mutability 2"},
		{"a global that takes another's value", with(wasm.SectionGlobal, 1, 0x7f, 1, 0x23, 0, 0x0b), "instruction 0x23 where a constant is due"},
		{"a constant that is computed", with(wasm.SectionGlobal, 1, 0x7f, 1, 0x41, 1, 0x41, 1, 0x6a, 0x0b), "more than one instruction"},
		{"an export of no function", with(wasm.SectionExport, 1, 1, 'x', 0, 2), "function 2 of 2"},
		{"an export of no table", with(wasm.SectionExport, 1, 1, 'x', 1, 1), "table 1 of 1"},
		{"an export of no memory", with(wasm.SectionExport, 1, 1, 'x', 2, 1), "memory 1 of 1"},
		{"an export of no global", with(wasm.SectionExport, 1, 1, 'x', 3, 2), "global 2 of 2"},
		{"an export of another kind", with(wasm.SectionExport, 1, 1, 'x', 4, 0), "unknown kind"},
		{"a start with parameters", with(wasm.SectionStart, 1), "the start function takes or gives values"},
		{"a start that is not there", with(wasm.SectionStart, 9), "function 9 of 2"},
		{"elements of an unknown kind", with(wasm.SectionElement, 1, 8), "element segment of kind 8"},
		{"elements beyond the table", with(wasm.SectionElement, 1, 0, 0x41, 1, 0x0b, 2, 0, 1), "elements end at 3, the table at 2"},
		{"elements at -1", with(wasm.SectionElement, 1, 0, 0x41, 0x7f, 0x0b, 1, 0), "elements end at 4294967296, the table at 2"},
		{"an element that is no function", with(wasm.SectionElement, 1, 0, 0x41, 0, 0x0b, 1, 2), "function 2 of 2"},
		{"an offset that is no i32", with(wasm.SectionElement, 1, 0, 0x42, 0, 0x0b, 1, 0), "the offset of a segment is no i32"},
		{"more data announced", with(wasm.SectionDataCount, 3), "3 data segments announced, 2 there"},
		{"data beyond the memory", with(wasm.SectionData, 1, 0, 0x41, 0xff, 0xff, 0x03, 0x0b, 2, 'h', 'i'), "data ends at 65537, the memory at 65536"},
		{"data of an unknown kind", with(wasm.SectionData, 1, 3), "data segment of kind 3"},
		{"data of another memory", with(wasm.SectionData, 1, 2, 1, 0x41, 0, 0x0b, 0), "memory 1 of 1"},
		{"no code", with(wasm.SectionCode), "1 functions and 0 bodies"},
		{"more bodies than functions", with(wasm.SectionCode, 2, 2, 0, 0x0b, 2, 0, 0x0b), "bodies: 2, the limit is 1"},
		{"too many locals", with(wasm.SectionCode, 1, 8, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b), "locals of one function: 4294967296, the limit is 10000"},
		{"code that goes on", running(0x20, 0, 0x0b, 0x0b), "1 bytes behind the end of a function"},
		{"code that does not end", running(0x20, 0), "unexpected end"},
		{"a block that does not end", running(0x02, 0x40, 0x0b), "unexpected end"},
		{"else without if", running(0x02, 0x40, 0x05, 0x0b, 0x0b), "else without if"},
		{"two elses", running(0x20, 0, 0x04, 0x40, 0x05, 0x05, 0x0b, 0x0b), "else without if"},
		{"a label of no block", running(0x20, 0, 0x0c, 1, 0x0b), "label 1 of 1"},
		{"a label of no block in a table", running(0x20, 0, 0x20, 0, 0x0e, 1, 2, 0, 0x0b), "label 2 of 1"},
		{"a local that is not there", running(0x20, 1, 0x0b), "local 1 of 1"},
		{"a global that is not there", running(0x23, 2, 0x0b), "global 2 of 2"},
		{"setting a global that is not there", running(0x20, 0, 0x24, 2, 0x20, 0, 0x0b), "global 2 of 2"},
		{"a call of no function", running(0x20, 0, 0x10, 2, 0x0b), "function 2 of 2"},
		{"an indirect call of no type", running(0x20, 0, 0x20, 0, 0x11, 2, 0, 0x0b), "type 2 of 2"},
		{"an indirect call by no table", running(0x20, 0, 0x20, 0, 0x11, 0, 1, 0x0b), "table 1 of 1"},
		{"a reference to no function", running(0xd2, 2, 0x1a, 0x20, 0, 0x0b), "function 2 of 2"},
		{"a block of no type", running(0x02, 2, 0x0b, 0x20, 0, 0x0b), "type 2 of 2"},
		{"a block of a strange type", running(0x02, 0x7a, 0x0b, 0x20, 0, 0x0b), "block type -6"},
		{"a vector block", running(0x02, 0x7b, 0x0b, 0x20, 0, 0x0b), "v128 value"},
		{"a vector instruction", running(0xfd, 12, 0x0b), "v128 instruction: build without SIMD"},
		{"an atomic instruction", running(0xfe, 3, 0, 0x0b), "atomic instruction: build without threads"},
		{"an exception", running(0x06, 0x40, 0x0b, 0x0b), "unknown instruction 0x6"},
		{"a tail call", running(0x20, 0, 0x12, 0, 0x0b), "unknown instruction 0x12"},
		{"an unknown second code", running(0xfc, 18, 0x0b), "unknown instruction 0xfc 18"},
		{"another memory's size", running(0x3f, 1, 0x0b), "memory 1: there is one memory"},
		{"table.set", running(0x20, 0, 0xd0, 0x70, 0x26, 0, 0x20, 0, 0x0b), "table.set changes a table"},
		{"table.init", running(0xfc, 12, 0, 0, 0x0b), "table.init changes a table"},
		{"table.copy", running(0xfc, 14, 0, 0, 0x0b), "table.copy changes a table"},
		{"table.grow", running(0xfc, 15, 0, 0x0b), "table.grow changes a table"},
		{"table.fill", running(0xfc, 17, 0, 0x0b), "table.fill changes a table"},
		{"elem.drop", running(0xfc, 13, 0, 0x0b), "elem.drop gives up a segment"},
		{"data.drop", running(0xfc, 9, 0, 0x0b), "data.drop gives up a segment"},
		{"memory.init of no segment", running(0xfc, 8, 2, 0, 0x0b), "data segment 2 of 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := wasm.Scan(c.module, wasm.Limits{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestScanLimits(t *testing.T) {
	module, _ := generate(make([]byte, 100))
	nested := running(append(append(bytes.Repeat([]byte{0x02, 0x40}, 40), bytes.Repeat([]byte{0x0b}, 40)...), 0x20, 0, 0x0b)...)
	for _, c := range []struct {
		name   string
		module []byte
		limits wasm.Limits
		want   string
	}{
		{"module", module, wasm.Limits{Module: 100}, "bytes of the module"},
		{"functions", module, wasm.Limits{Functions: 2}, "functions: "},
		{"types", module, wasm.Limits{Types: 6}, "types: 7, the limit is 6"},
		{"values", module, wasm.Limits{Values: 2}, "parameters or results of one function: 3, the limit is 2"},
		{"globals", module, wasm.Limits{Globals: 5}, "globals: 6, the limit is 5"},
		{"exports", module, wasm.Limits{Exports: 1}, "exports: 2, the limit is 1"},
		{"table", module, wasm.Limits{Table: 1}, "elements of a table"},
		{"data", module, wasm.Limits{Data: 1}, "data segments: 2, the limit is 1"},
		{"body", module, wasm.Limits{Body: 20}, "bytes of one function"},
		{"locals", module, wasm.Limits{Locals: 4}, "locals of one function: 5, the limit is 4"},
		{"nesting", nested, wasm.Limits{Nesting: 39}, "blocks inside one another: 40, the limit is 39"},
		{"branches", nested, wasm.Limits{Branches: 39}, "branches of one function: 40, the limit is 39"},
		{"branches of loops", running(0x03, 0x40, 0x20, 0, 0x0d, 0, 0x0b, 0x20, 0, 0x0b), wasm.Limits{Branches: 3}, "branches of one function: 4, the limit is 3"},
		{"work", nested, wasm.Limits{Work: 1599}, "work for the compiler: 1600, the limit is 1599"},
		{"work of loops", running(0x03, 0x40, 0x0b, 0x03, 0x40, 0x0b, 0x20, 0, 0x0b), wasm.Limits{Work: 735}, "work for the compiler: 736, the limit is 735"},
		{"targets", running(0x20, 0, 0x20, 0, 0x0e, 3, 0, 0, 0, 0, 0x0b), wasm.Limits{Targets: 2}, "targets of one br_table: 3, the limit is 2"},
		{"branches of a table", running(append(append([]byte{0x20, 0, 0x20, 0, 0x0e, 40}, make([]byte, 41)...), 0x0b)...), wasm.Limits{Branches: 10}, "branches of one function: 11, the limit is 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := wasm.Scan(c.module, c.limits)
			var scan *wasm.ScanError
			if !errors.As(err, &scan) || !strings.Contains(err.Error(), c.want) || scan.Got <= scan.Limit {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := wasm.Scan(c.module, wasm.Limits{}); err != nil {
				t.Errorf("with the defaults: %v", err)
			}
		})
	}
}

func TestInstrumentRefuses(t *testing.T) {
	scan := func(module []byte) *wasm.Module {
		m, err := wasm.Scan(module, wasm.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	small := scan(running(0x20, 0, 0x0b))
	for _, c := range []struct {
		name  string
		m     *wasm.Module
		pages uint32
		want  string
	}{
		{"a module that was not scanned", &wasm.Module{}, 1, "not scanned"},
		{"no pages", small, 0, "1 to 32768 may be asked for"},
		{"too many pages", small, 32769, "1 to 32768 may be asked for"},
		{"a memory that begins larger", scan(with(wasm.SectionMemory, 1, 0, 9)), 8, "begins with 9 pages of 64 KiB and may have 8"},
		{"a reserved export", scan(with(wasm.SectionExport, append([]byte{1, 14}, "agentmesh:fuel\x00\x01"...)...)), 8, `names that begin with "agentmesh:" are reserved`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, layout, err := wasm.Instrument(c.m, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: c.pages})
			if err == nil || !strings.Contains(err.Error(), c.want) || out != nil || layout != nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestInstrumentGivesTheSameBytes(t *testing.T) {
	module, _ := generate(bytes.Repeat([]byte("seventeen letters"), 40))
	o := wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 16}
	first, layout := instrumented(t, module, o)
	second, again := instrumented(t, module, o)
	if !bytes.Equal(first, second) || fmt.Sprint(layout) != fmt.Sprint(again) {
		t.Error("the same module gives different bytes")
	}
}

// FuzzScan holds that whatever is admitted stays valid or invalid when it is instrumented: neither does rewriting spoil a
// module, nor does it make one run that no engine would have taken.
func FuzzScan(f *testing.F) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 4 {
		in := make([]byte, 300)
		for i := range in {
			in[i] = byte(rnd.Uint32())
		}
		module, _ := generate(in)
		f.Add(module)
	}
	f.Add(running(0x20, 0, 0x0b))
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Cleanup(func() { r.Close(ctx) })
	compile := func(module []byte) error {
		compiled, err := r.CompileModule(ctx, module)
		if err == nil {
			compiled.Close(ctx)
		}
		return err
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Scan(module, wasm.Limits{Table: 1000})
		if err != nil {
			return
		}
		before := compile(wasm.Join(withoutCustom(module)))
		for _, o := range []wasm.Instrumentation{{}, {Fuel: true}, {Barrier: true}, {Fuel: true, Barrier: true}} {
			o.MaxPages = max(m.Memory.Min, 1)
			out, _, err := wasm.Instrument(m, o)
			if err != nil {
				return
			}
			if after := compile(wasm.Join(withoutCustom(out))); (after == nil) != (before == nil) {
				t.Fatalf("%+v: before %v, after %v\n%x", o, before, after, module)
			}
		}
	})
}

func withoutCustom(module []byte) []wasm.Section {
	all, _ := wasm.Sections(module)
	return slices.DeleteFunc(all, func(s wasm.Section) bool { return s.ID == wasm.SectionCustom })
}
