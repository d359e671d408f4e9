package sandbox

import "math/bits"

// nameTable finds one of a few known names, or that a name is none of them, with at most one comparison. Its names are
// the policy's, so whoever sends requests cannot make it slow.
type nameTable struct {
	names []string
	seed  uint32
	mask  uint32
	cells []uint16       // place + 1
	rest  map[string]int // instead of cells, when no seed tells the names apart
}

func newNameTable(names []string) nameTable {
	t := nameTable{names: names}
	if len(names) == 0 {
		return t
	}
	for size := 2 << bits.Len(uint(len(names))); size <= 32*len(names)+64; size *= 2 {
		t.cells, t.mask = make([]uint16, size), uint32(size-1)
		for t.seed = 1; t.seed < 64; t.seed += 2 {
			if t.place() {
				return t
			}
		}
	}
	t.cells, t.rest = nil, map[string]int{}
	for i, n := range names {
		t.rest[n] = i
	}
	return t
}

func (t *nameTable) place() bool {
	clear(t.cells)
	for i, n := range t.names {
		c := &t.cells[t.hash(n)]
		if *c != 0 {
			return false
		}
		*c = uint16(i + 1)
	}
	return true
}

func (t *nameTable) hash(name string) uint32 {
	n := uint32(len(name))
	if n == 0 {
		return 0
	}
	h := (n + uint32(name[0])<<8 + uint32(name[n>>1])<<16 + uint32(name[n-1])<<24) * (0x9E3779B1 * t.seed)
	return (h ^ h>>15) & t.mask
}

// find is the place of the name, or -1.
func (t *nameTable) find(name string) int {
	if t.cells != nil {
		i := int(t.cells[t.hash(name)]) - 1
		if i >= 0 && t.names[i] == name {
			return i
		}
		return -1
	}
	if i, ok := t.rest[name]; ok {
		return i
	}
	return -1
}
