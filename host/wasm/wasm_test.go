package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"

	"agentmesh/host/wasm"
)

// module is a header and some bytes.
func module(tail ...byte) []byte {
	return append([]byte{0, 'a', 's', 'm', 1, 0, 0, 0}, tail...)
}

func TestSectionsRefuses(t *testing.T) {
	many := module()
	for range wasm.MaxSections + 1 {
		many = wasm.AppendCustom(many, "x", nil)
	}
	for _, c := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"nothing", nil, "not a WebAssembly module"},
		{"another version", []byte{0, 'a', 's', 'm', 2, 0, 0, 0}, "not a WebAssembly module"},
		{"a component", []byte{0, 'a', 's', 'm', 13, 0, 1, 0}, "not a WebAssembly module"},
		{"an unknown section", module(13, 0), "unknown section 13"},
		{"no size", module(1), "unexpected end"},
		{"a size beyond the end", module(1, 5, 0), "5 bytes claimed, 1 left"},
		{"a size of 4 GiB", module(1, 0xff, 0xff, 0xff, 0xff, 0x0f), "4294967295 bytes claimed"},
		{"a size over 32 bits", module(1, 0xff, 0xff, 0xff, 0xff, 0x1f), "does not fit 32 bits"},
		{"a size that does not end", module(1, 0x80, 0x80, 0x80, 0x80, 0x80, 0), "does not fit 32 bits"},
		{"a section twice", module(1, 0, 1, 0), "section 1 is repeated or out of order"},
		{"sections out of order", module(3, 0, 1, 0), "section 1 is repeated or out of order"},
		{"data count behind code", module(10, 0, 12, 0), "section 12 is repeated or out of order"},
		{"a name beyond its section", module(0, 2, 5, 'a'), "5 bytes claimed"},
		{"a name that is no UTF-8", module(0, 2, 1, 0xff), "not UTF-8"},
		{"too many sections", many, "more than 1024 sections"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := wasm.Sections(c.module)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := wasm.Sections(nil); !errors.Is(err, wasm.ErrNotModule) {
		t.Errorf("got %v, want ErrNotModule", err)
	}
	if _, err := wasm.Sections(make([]byte, wasm.MaxModule+1)); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("got %v for a module that is too large", err)
	}
}

func TestCustom(t *testing.T) {
	m := wasm.AppendCustom(wasm.AppendCustom(module(1, 1, 0), "a", []byte("first")), "b", nil)
	if body, ok, err := wasm.Custom(m, "a"); string(body) != "first" || !ok || err != nil {
		t.Errorf("a: %q %v %v", body, ok, err)
	}
	if body, ok, err := wasm.Custom(m, "b"); len(body) != 0 || !ok || err != nil {
		t.Errorf("b: %q %v %v", body, ok, err)
	}
	if _, ok, err := wasm.Custom(m, "c"); ok || err != nil {
		t.Errorf("c: %v %v", ok, err)
	}
	if _, _, err := wasm.Custom(wasm.AppendCustom(m, "a", nil), "a"); err == nil {
		t.Error("two sections of one name: no error")
	}
	if _, _, err := wasm.Custom(m[:len(m)-1], "a"); err == nil {
		t.Error("a cut module: no error")
	}
}

func TestReaderKeepsItsFirstError(t *testing.T) {
	r := wasm.NewReader([]byte{3, 1, 2}, 100)
	if r.Count() != 0 || r.Err() == nil || !strings.Contains(r.Err().Error(), "offset 101: 3 items claimed, 2 bytes left") {
		t.Errorf("count: %v", r.Err())
	}
	first := r.Err()
	if r.Byte() != 0 || r.U32() != 0 || r.S64() != 0 || r.Name() != "" || r.Bytes(1) != nil || r.Err() != first {
		t.Errorf("after an error: %v", r.Err())
	}
}

func TestSignedNumbers(t *testing.T) {
	for _, c := range []struct {
		bytes []byte
		want  int32
		ok    bool
	}{
		{[]byte{0x7f}, -1, true},
		{[]byte{0x80, 0x7f}, -128, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x07}, math.MaxInt32, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x78}, math.MinInt32, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x7f}, -1, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 0, false},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x70}, 0, false},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, false},
		{[]byte{0x80}, 0, false},
	} {
		r := wasm.NewReader(c.bytes, 0)
		if got := r.S32(); got != c.want || (r.Err() == nil) != c.ok {
			t.Errorf("%x: got %d, %v", c.bytes, got, r.Err())
		}
	}
}

func FuzzNumbers(f *testing.F) {
	for _, n := range []int64{0, 1, -1, 63, 64, -64, -65, 1 << 31, math.MaxInt64, math.MinInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		r := wasm.NewReader(wasm.AppendS64(nil, n), 0)
		if got := r.S64(); got != n || r.Err() != nil || r.Len() != 0 {
			t.Errorf("%d: got %d, %v, %d left", n, got, r.Err(), r.Len())
		}
		r = wasm.NewReader(wasm.AppendS64(nil, int64(int32(n))), 0)
		if got := r.S32(); got != int32(n) || r.Err() != nil {
			t.Errorf("%d: got %d, %v", int32(n), got, r.Err())
		}
		r = wasm.NewReader(wasm.AppendU32(nil, uint32(n)), 0)
		if got := r.U32(); got != uint32(n) || r.Err() != nil {
			t.Errorf("%d: got %d, %v", uint32(n), got, r.Err())
		}
	})
}

func FuzzSections(f *testing.F) {
	f.Add(built())
	f.Add(module(0, 3, 1, 'a', 7, 1, 0, 12, 0, 10, 0))
	f.Add(module(1, 0x80, 0x00))
	f.Fuzz(func(t *testing.T, in []byte) {
		sections, err := wasm.Sections(in)
		if err != nil {
			return
		}
		out := wasm.Join(sections)
		again, err := wasm.Sections(out)
		if err != nil {
			t.Fatalf("%x: what was read does not read again: %v", in, err)
		}
		// only the width of sizes may differ
		if len(out) > len(in) || !bytes.Equal(wasm.Join(again), out) {
			t.Fatalf("%x: reads and writes as %x", in, out)
		}
	})
}

// built is a module with everything a Builder knows: sum(list, count) adds i32s from memory by a function in the table.
func built() []byte {
	b := &wasm.Builder{}
	binary := wasm.FuncType{Params: []wasm.ValueType{wasm.I32, wasm.I32}, Results: []wasm.ValueType{wasm.I32}}
	add, sum := b.Func(binary), b.Func(binary)
	calls := b.Global()
	c := wasm.NewCode(binary)
	c.GlobalGet(calls).I32(1).Op(wasm.OpI32Add).GlobalSet(calls).Get(0).Get(1).Op(wasm.OpI32Add)
	b.Body(add, c)

	c = wasm.NewCode(binary)
	const at, left = 0, 1
	total := c.Local(wasm.I32)
	done := c.Block()
	again := c.Loop()
	c.Get(left).Op(wasm.OpI32Eqz).BrIf(done)
	c.Get(total).Get(at).Load(wasm.OpI32Load, 0).I32(1).CallIndirect(b.Type(binary)).Set(total)
	c.Get(at).I32(4).Op(wasm.OpI32Add).Set(at).Get(left).I32(1).Op(wasm.OpI32Sub).Set(left).Br(again).End().End()
	c.Get(total)
	b.Body(sum, c)

	b.Table(sum, add)
	b.Memory(1, 2)
	b.Data(16, []byte{1, 0, 0, 0, 2, 0, 0, 0, 39, 0, 0, 0})
	b.Export("sum", wasm.ExportFunc, sum)
	b.Export("calls", wasm.ExportGlobal, calls)
	b.Custom("note", []byte("hello"))
	return b.Module()
}

func TestBuiltModulesRun(t *testing.T) {
	ctx := context.Background()
	m := built()
	if !bytes.Equal(m, built()) {
		t.Error("the same calls give different bytes")
	}
	sections, err := wasm.Sections(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(wasm.Join(sections), m) {
		t.Error("the module does not survive reading and writing")
	}
	var ids []wasm.SectionID
	for _, s := range sections {
		ids = append(ids, s.ID)
		if !bytes.Equal(m[s.Offset:s.Offset+len(s.Body)], s.Body) {
			t.Errorf("section %d does not stand at its offset %d", s.ID, s.Offset)
		}
	}
	want := []wasm.SectionID{
		wasm.SectionType, wasm.SectionFunction, wasm.SectionTable, wasm.SectionMemory, wasm.SectionGlobal, wasm.SectionExport,
		wasm.SectionElement, wasm.SectionCode, wasm.SectionData, wasm.SectionCustom,
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("sections (-want +got):\n%s", diff)
	}
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	instance, err := runtime.Instantiate(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := instance.ExportedFunction("sum").Call(ctx, 16, 3)
	if err != nil || got[0] != 42 {
		t.Errorf("sum: got %v, %v, want 42", got, err)
	}
	if n := instance.ExportedGlobal("calls").Get(); n != 3 {
		t.Errorf("calls: got %d, want 3", n)
	}
}

func ExampleSections() {
	sections, err := wasm.Sections(built())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range sections {
		if s.ID == wasm.SectionCustom {
			fmt.Printf("%s: %s\n", s.Name, s.Body)
		}
	}
	// Output: note: hello
}
