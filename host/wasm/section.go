// Package wasm reads and writes WebAssembly modules in their binary form (WebAssembly Core Specification 2.0, chapter 5):
// sections, LEB128 numbers, custom sections, and an assembler for function bodies whose labels are names and not depths.
// The policy compiler writes with it; whoever loads a module looks at its sections with it first.
//
// For modules that others wrote, Scan admits what is small enough for a compiler and can be brought back to a state, and
// Instrument rewrites it so that its work is bounded and its writes are known:
//
//   - Fuel: every function entry and round of a loop charges a global by the size of its code, every bulk instruction by
//     its length, and traps when there is none left. A module and its input use the same fuel on every machine. Fuel is a
//     bound and no clock: a unit is about 10 ns of an ordinary guest, and up to 80 µs of one made to miss every cache.
//   - Depth: functions that call are counted in another global, so that endless recursion traps at the same place on
//     every engine.
//   - Barrier: below the guest's memory, where none of its addresses reach, lies a map with a byte for each 4 KiB. Every
//     store marks its page behind the store, so a trap leaves neither a write unmarked nor a mark out of bounds.
//   - Memory size: memory.size and memory.grow work on a global, for memory that is as large as it may become from the
//     beginning. Accesses beyond the guest's size and below its maximum do not trap, and find zeros or what the guest
//     wrote: a little laxer than the specification, but the same everywhere.
//
// Only the bits of a NaN that arithmetic makes may differ between kinds of processors, as the specification allows.
package wasm

import (
	"bytes"
	"errors"
	"fmt"
)

// SectionID tells sections apart. Non-custom sections stand in the order of sectionOrder, each at most once.
type SectionID byte

// The sections of a module.
const (
	SectionCustom SectionID = iota
	SectionType
	SectionImport
	SectionFunction
	SectionTable
	SectionMemory
	SectionGlobal
	SectionExport
	SectionStart
	SectionElement
	SectionCode
	SectionData
	SectionDataCount
)

// sectionOrder ranks sections; data count stands between element and code (§5.5.2).
var sectionOrder = [...]int{
	SectionType: 1, SectionImport: 2, SectionFunction: 3, SectionTable: 4, SectionMemory: 5, SectionGlobal: 6,
	SectionExport: 7, SectionStart: 8, SectionElement: 9, SectionDataCount: 10, SectionCode: 11, SectionData: 12,
}

// MaxModule and MaxSections bound what Sections reads: 64 MiB, and 1,024 sections of any kind.
const (
	MaxModule   = 64 << 20
	MaxSections = 1024
)

// Section is one section of a module. Body shares the module's bytes; of a custom section it is what follows the name.
type Section struct {
	ID   SectionID
	Name string // custom sections only
	Body []byte
	// Offset is where in the module Body begins.
	Offset int
}

var header = [8]byte{0, 'a', 's', 'm', 1, 0, 0, 0}

// ErrNotModule says that bytes do not begin as a WebAssembly module of version 1 does.
var ErrNotModule = errors.New("wasm: not a WebAssembly module (version 1)")

// Sections splits a module into its sections. It refuses unknown, repeated and misplaced sections, sizes beyond the
// input, and names that are not UTF-8; what stands inside the other sections is not looked at.
func Sections(module []byte) ([]Section, error) {
	if len(module) > MaxModule {
		return nil, fmt.Errorf("wasm: module of %d bytes is over the limit of %d", len(module), MaxModule)
	}
	if !bytes.HasPrefix(module, header[:]) {
		return nil, ErrNotModule
	}
	r := NewReader(module[len(header):], len(header))
	var sections []Section
	last := 0
	for r.Len() > 0 && r.err == nil {
		s := readSection(r)
		if s.ID != SectionCustom && r.err == nil {
			if rank := sectionOrder[s.ID]; rank > last {
				last = rank
			} else {
				r.fail("section %d is repeated or out of order", s.ID)
			}
		}
		if len(sections) == MaxSections {
			r.fail("more than %d sections", MaxSections)
		}
		sections = append(sections, s)
	}
	if r.err != nil {
		return nil, r.err
	}
	return sections, nil
}

func readSection(r *Reader) Section {
	id := SectionID(r.Byte())
	if int(id) >= len(sectionOrder) {
		r.fail("unknown section %d", id)
		return Section{}
	}
	size := r.U32()
	offset := r.Offset()
	body := r.Bytes(size)
	if id != SectionCustom || r.err != nil {
		return Section{ID: id, Body: body, Offset: offset}
	}
	inner := NewReader(body, offset)
	name := inner.Name()
	if inner.err != nil {
		r.fail("%v", inner.err)
		return Section{}
	}
	return Section{ID: id, Name: name, Body: body[len(body)-inner.Len():], Offset: inner.Offset()}
}

// Custom returns the body of the custom section of that name, and whether there is one. Two of one name are an error:
// readers that took different ones would disagree about the module.
func Custom(module []byte, name string) (body []byte, ok bool, err error) {
	sections, err := Sections(module)
	if err != nil {
		return nil, false, err
	}
	for _, s := range sections {
		if s.ID != SectionCustom || s.Name != name {
			continue
		}
		if ok {
			return nil, false, fmt.Errorf("wasm: two custom sections %q", name)
		}
		body, ok = s.Body, true
	}
	return body, ok, nil
}

// Join writes a module of sections, as Sections reads them.
func Join(sections []Section) []byte {
	out := append([]byte(nil), header[:]...)
	for _, s := range sections {
		if s.ID == SectionCustom {
			out = AppendCustom(out, s.Name, s.Body)
		} else {
			out = appendSection(out, s.ID, s.Body)
		}
	}
	return out
}

// AppendCustom appends a custom section to a module.
func AppendCustom(module []byte, name string, body []byte) []byte {
	return appendSection(module, SectionCustom, append(AppendName(nil, name), body...))
}

func appendSection(dst []byte, id SectionID, body []byte) []byte {
	return append(AppendU32(append(dst, byte(id)), uint32(len(body))), body...)
}
