package wasm

// PageBytes is the size of what the store barrier marks, in bytes.
const PageBytes = 4096

// Layout tells the host of an instrumented module where things are. Names are of exports; a name is empty when the
// module has no such thing.
type Layout struct {
	// FuelGlobal (i64) is what is left. It begins as 0, so nothing runs before the host has set it. After a trap a
	// value below 0 means that the fuel ran out.
	FuelGlobal string
	// DepthGlobal (i32) is how deep calls are, in units, and must be 0 before a call; a trap leaves it as it was. After
	// a trap a value above MaxDepth means that the call stack was exhausted.
	DepthGlobal string
	// SizeGlobal (i32) is the guest's memory in pages of 64 KiB, as memory.size tells it. It is one of Globals.
	SizeGlobal string
	// Globals are what the host restores after a call beside memory: every mutable global that guest code sets.
	Globals []string
	// Start is a function without parameters and results that the host calls once, before any other, with fuel set.
	Start string

	// Shift is how far above its own idea the guest's memory lies, in bytes: guest address 0 is byte Shift of the
	// instance's memory. It is a multiple of 64 KiB, and 0 without the barrier.
	Shift uint32
	// MapBase and MapBytes are where the page map lies, one byte for each PageBytes of the guest's memory.
	MapBase, MapBytes uint32
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
	pages := memory[l.MapBase : l.MapBase+l.MapBytes]
	for p := address / PageBytes; p <= (address+(n-1))/PageBytes; p++ {
		pages[p] = 1
	}
}

// crossing is how far beyond its page a marked store may have written.
const crossing = 16

// Restore copies back what was written since snapshot was taken of memory, clears the marks, and returns the number of
// pages that were marked. Both are whole memories of an instance; the snapshot's own marks do not matter.
func (l *Layout) Restore(memory, snapshot []byte) int {
	pages := memory[l.MapBase : l.MapBase+l.MapBytes]
	n := 0
	for p := 0; p < len(pages); p++ {
		if pages[p] == 0 {
			continue
		}
		pages[p] = 0
		n++
		from := int(l.Shift) + p*PageBytes
		to := min(from+PageBytes+crossing, len(memory))
		copy(memory[from:to], snapshot[from:to])
	}
	return n
}
