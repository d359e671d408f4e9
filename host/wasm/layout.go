package wasm

import (
	"bytes"
	"encoding/binary"
)

// PageBytes is the size of what the store barrier marks, in bytes.
const PageBytes = 4096

// Layout tells the host of an instrumented module where things are. Names are of exports; a name is empty when the
// module has no such thing.
type Layout struct {
	// FuelGlobal (i64) is what is left until the guest yields. It begins as 0, so nothing runs before the host has set it.
	// With the barrier, the guest takes what SetRest left it then, Slice at a time: the sum of both is what is left in all.
	// After a trap a value below 0 means that the fuel ran out.
	FuelGlobal string
	// DepthGlobal (i32) is how deep calls are, in units, and must be 0 before a call; a trap leaves it as it was. After
	// a trap a value above MaxDepth means that the call stack was exhausted.
	DepthGlobal string
	// SizeGlobal (i32) is the guest's memory in pages of 64 KiB, as memory.size tells it. It is one of Globals.
	SizeGlobal string
	// Globals are what the host restores after a call beside memory: every mutable global that guest code sets.
	Globals []string
	// Calls are functions (i64) -> (i32, i64), one for each of Instrumentation.Calls: given what FuelGlobal is set to, each
	// calls its export, puts Globals back to what they were, and gives the export's result (0 where it has none) and what
	// FuelGlobal holds then. Nothing is put back when it traps. There are none where one of the exports is not as it must be,
	// or where Globals are many.
	Calls []string
	// Start is a function without parameters and results that the host calls once, before any other, with fuel set.
	Start string

	// Shift is how far above its own idea the guest's memory lies, in bytes: guest address 0 is byte Shift of the
	// instance's memory. It is a multiple of 64 KiB, and 0 without the barrier.
	Shift uint32
	// MapBase and MapBytes are where the page map lies, one byte for each PageBytes of the guest's memory.
	MapBase, MapBytes uint32
	// CellBase is where, with the barrier, the Cells lie.
	CellBase uint32
	// ArenaBase and ArenaBytes are where the arena lies.
	ArenaBase, ArenaBytes uint32
	// MaxPages and InitialPages are the most the guest may have, and what it begins with, in pages of 64 KiB. With the
	// barrier the instance's memory has Shift bytes and MaxPages from the beginning, and never grows.
	MaxPages, InitialPages uint32
}

// Mark marks what the host wrote into the guest's memory: n bytes at a guest's address, which must lie within it.
// memory is the whole memory of the instance.
func (l *Layout) Mark(memory []byte, address, n uint32) {
	if n == 0 || l.MapBytes == 0 {
		return
	}
	marks := l.marks(memory)
	for p := address / PageBytes; p <= (address+(n-1))/PageBytes; p++ {
		marks[p] = 1
	}
}

// crossing is how far beyond its page a marked store may have written.
const crossing = 16

// Snapshot copies the guest's memory, without the zeros at its end, and clears the marks, so that Restore brings back
// what is written from then on. memory is the whole memory of an instance that had its marks since it was made.
// Instances of one module that did the same since then have the same snapshot.
func (l *Layout) Snapshot(memory []byte) []byte {
	marks := l.marks(memory)
	written := (bytes.LastIndexByte(marks, 1)+1)*PageBytes + crossing
	guest := memory[l.Shift:]
	guest = guest[:min(max(written, int(l.InitialPages)<<16), len(guest))]
	clear(marks)
	return bytes.Clone(bytes.TrimRight(guest, "\x00"))
}

// Restore copies back what was written since the snapshot, clears the marks, and returns how many pages were marked. It
// takes time by the pages, besides the look at the map, and allocates nothing.
func (l *Layout) Restore(memory, snapshot []byte) int {
	marks := l.marks(memory)
	if len(marks) <= smallMap && clean(marks) {
		return 0
	}
	guest, n := memory[l.Shift:], 0
	for end := 0; ; {
		next := bytes.IndexByte(marks[end:], 1)
		if next < 0 {
			return n
		}
		first := end + next
		for end = first; end < len(marks) && marks[end] != 0; end++ {
			marks[end] = 0
		}
		n += end - first
		written := guest[first*PageBytes : min(end*PageBytes+crossing, len(guest))]
		clear(written[copy(written, snapshot[min(first*PageBytes, len(snapshot)):]):])
	}
}

// smallMap is the map of a guest of 256 KiB: looking at it in words is quicker than a search that is made for long texts.
const smallMap = 64

// clean reports whether nothing is marked; a map's length is a multiple of 16.
func clean(marks []byte) bool {
	var any uint64
	for ; len(marks) >= 8; marks = marks[8:] {
		any |= binary.LittleEndian.Uint64(marks)
	}
	return any == 0
}

func (l *Layout) marks(memory []byte) []byte { return memory[l.MapBase : l.MapBase+l.MapBytes] }
