package sandbox

import (
	"math/bits"

	"agentmesh/pdk/abi"
)

// internTable finds the id of a string that a policy's rules name. It hashes 16 bytes of the string and its length; a
// policy whose strings fall together under that is served by a map.
type internTable struct {
	cells []internCell
	shift uint
	rest  map[string]uint32
}

type internCell struct {
	text string
	id   uint32
}

// maxProbes is how many cells a search may look at before the table is no better than a map.
const maxProbes = 8

func newInternTable(strings []string) *internTable {
	size := 2 << bits.Len(uint(2*len(strings)))
	t := &internTable{cells: make([]internCell, size), shift: uint(64 - bits.Len(uint(size-1)))}
	for i, s := range strings {
		if !t.add(s, abi.IDFirst+uint32(i)) {
			return newInternMap(strings)
		}
	}
	return t
}

func newInternMap(strings []string) *internTable {
	t := &internTable{rest: make(map[string]uint32, len(strings))}
	for i, s := range strings {
		t.rest[s] = abi.IDFirst + uint32(i)
	}
	return t
}

func (t *internTable) add(s string, id uint32) bool {
	at := t.hash(s)
	for range maxProbes {
		if t.cells[at].id == 0 {
			t.cells[at] = internCell{s, id}
			return true
		}
		at = (at + 1) & (len(t.cells) - 1)
	}
	return false
}

// find is the string's id, or 0.
func (t *internTable) find(s string) uint32 {
	if t.rest != nil {
		return t.rest[s]
	}
	at := t.hash(s)
	for t.cells[at].id != 0 {
		if t.cells[at].text == s {
			return t.cells[at].id
		}
		at = (at + 1) & (len(t.cells) - 1)
	}
	return 0
}

func (t *internTable) hash(s string) int {
	var a, b uint64
	switch n := len(s); {
	case n >= 8:
		a, b = load8(s, 0), load8(s, n-8)
	case n >= 4:
		a, b = uint64(load4(s, 0)), uint64(load4(s, n-4))
	case n > 0:
		a = uint64(s[0]) | uint64(s[n>>1])<<8 | uint64(s[n-1])<<16
	}
	h := (a^uint64(len(s)))*0x9E3779B97F4A7C15 ^ bits.RotateLeft64(b*0xC2B2AE3D27D4EB4F, 29)
	return int(h * 0x9FB21C651E98DF25 >> t.shift)
}

func load8(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load4(s string, i int) uint32 {
	s = s[i : i+4]
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}
