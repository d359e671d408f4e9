package sandbox

import "math/bits"

// stringTable finds one of a few known strings, or that a string is none of them: the names of members, and the strings
// that a policy's rules compare with. What it holds comes from the policy alone, so whoever sends requests cannot make
// it slow. A string of up to 16 bytes is told by its ends and its length; a longer one is compared besides.
type stringTable struct {
	cells []stringCell
	shift uint
	rest  map[string]uint32 // instead of cells, when too many strings fall together
}

type stringCell struct {
	head, tail uint64
	text       string
	value      uint32 // 0: an empty cell
}

// maxProbes is how many cells a search may look at before the table is no better than a map.
const maxProbes = 8

// newStringTable gives the i-th string the value first+i; first is not 0.
func newStringTable(strings []string, first uint32) *stringTable {
	for size := 2 << bits.Len(uint(len(strings))); size <= 16*len(strings)+64; size *= 2 {
		t := &stringTable{cells: make([]stringCell, size), shift: uint(64 - bits.Len(uint(size-1)))}
		if t.fill(strings, first) {
			return t
		}
	}
	t := &stringTable{rest: make(map[string]uint32, len(strings))}
	for i, s := range strings {
		t.rest[s] = first + uint32(i)
	}
	return t
}

func (t *stringTable) fill(strings []string, first uint32) bool {
	for i, s := range strings {
		head, tail := ends(s)
		at, probes := t.place(head, tail, len(s)), 0
		for ; t.cells[at].value != 0; at = (at + 1) & (len(t.cells) - 1) {
			if probes++; probes == maxProbes {
				return false
			}
		}
		t.cells[at] = stringCell{head, tail, s, first + uint32(i)}
	}
	return true
}

// find is the value of the string with those ends, or 0.
func (t *stringTable) find(s string, head, tail uint64) uint32 {
	if t.rest != nil {
		return t.rest[s]
	}
	for at := t.place(head, tail, len(s)); ; at = (at + 1) & (len(t.cells) - 1) {
		c := &t.cells[at]
		if c.head == head && c.tail == tail && len(c.text) == len(s) && (len(s) <= told || c.text == s) || c.value == 0 {
			return c.value
		}
	}
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
