package sandbox

import "math/bits"

// stringTable finds one of a few known strings, or that a string is none of them: the names of members, and the strings
// that a policy's rules compare with. What it holds comes from the policy alone, so whoever sends requests cannot make
// it slow. A string of up to 16 bytes is told by its ends and its length; a longer one is compared besides.
type stringTable struct {
	// places is mostly empty, so that a string that is not there is mostly found out by one look.
	places  []uint16 // a string's place in entries; 0 is none
	shift   uint
	entries []stringEntry
	rest    map[string]uint32 // instead of places, when too many strings fall together
}

type stringEntry struct {
	head, tail uint64
	text       string
	value      uint32
}

// maxProbes is how many places a search may look at before the table is no better than a map; maxEntries is what places
// can count to.
const (
	maxProbes  = 8
	maxEntries = 1<<16 - 1
)

// newStringTable gives the i-th string the value first+i.
func newStringTable(strings []string, first uint32) *stringTable {
	t := &stringTable{entries: make([]stringEntry, 1, len(strings)+1)}
	for i, s := range strings {
		head, tail := ends(s)
		t.entries = append(t.entries, stringEntry{head, tail, s, first + uint32(i)})
	}
	for size := 8 << bits.Len(uint(len(strings))); size <= 64*len(strings)+64 && len(strings) < maxEntries; size *= 2 {
		t.places, t.shift = make([]uint16, size), uint(64-bits.Len(uint(size-1)))
		if t.fill() {
			return t
		}
	}
	t.places, t.rest = nil, make(map[string]uint32, len(strings))
	for i, s := range strings {
		t.rest[s] = first + uint32(i)
	}
	return t
}

func (t *stringTable) fill() bool {
	for i := 1; i < len(t.entries); i++ {
		e := &t.entries[i]
		at, probes := t.place(e.head, e.tail, len(e.text)), 1
		for ; t.places[at] != 0; at = (at + 1) & (len(t.places) - 1) {
			if probes++; probes > maxProbes {
				return false
			}
		}
		t.places[at] = uint16(i)
	}
	return true
}

// find is the value of the string with those ends, or 0.
func (t *stringTable) find(s string, head, tail uint64) uint32 {
	if t.rest != nil {
		return t.rest[s]
	}
	for at := t.place(head, tail, len(s)); t.places[at] != 0; at = (at + 1) & (len(t.places) - 1) {
		e := &t.entries[t.places[at]]
		if e.head == head && e.tail == tail && len(e.text) == len(s) && (len(s) <= told || e.text == s) {
			return e.value
		}
	}
	return 0
}

func (t *stringTable) place(head, tail uint64, length int) int {
	h := (head ^ bits.RotateLeft64(tail, 32) ^ uint64(length)) * 0x9E3779B97F4A7C15
	return int(h >> (t.shift & 63))
}

// told is the length up to which a string's ends tell all of it.
const told = 16

// ends are the first and the last 8 bytes of a string, which overlap in one shorter than 16; one shorter than 8 is told
// by fewer. With the length they tell strings of up to 16 bytes apart.
func ends(s string) (head, tail uint64) {
	n := len(s)
	if n >= 8 {
		return load8(s), load8(s[n-8:])
	}
	switch {
	case n >= 4:
		return uint64(load4(s)), uint64(load4(s[n-4:]))
	case n > 0:
		return uint64(s[0]) | uint64(s[n>>1])<<8 | uint64(s[n-1])<<16, 0
	default:
		return 0, 0
	}
}

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load4(s string) uint32 {
	_ = s[3]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
