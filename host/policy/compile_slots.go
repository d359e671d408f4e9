package policy

import (
	"fmt"

	"agentmesh/pdk/abi"
)

// slot is a slot being planned: abi.Slot with what the code generator needs besides. Its place is known once every rule
// was looked at.
type slot struct {
	abi.Slot
	index int    // among its scope's slots, in the order met
	items *scope // of a list's items, when HasItems
	// windows counts, for literals that the string may begin with, the 8 bytes at an offset; so the ones that tell most
	// apart can be compared first.
	windows map[window]int
}

// window is 8 bytes of a literal, at an offset.
type window struct {
	offset int
	bytes  [8]byte
}

// scope is where slots stand side by side: the module's root, or the record of a list's item, which begins with the
// item itself.
type scope struct {
	root  bool
	item  *slot // the item itself; nil at the root
	slots []*slot
	byKey map[string]*slot
}

func newScope(root bool) *scope {
	s := &scope{root: root, byKey: map[string]*slot{}}
	if !root {
		s.item = &slot{}
	}
	return s
}

// stride is the size of an item's record.
func (s *scope) stride() uint32 { return abi.SlotSize * uint32(1+len(s.slots)) }

// offset is where a slot stands from the beginning of its scope.
func (s *scope) offset(x *slot) uint32 {
	if x == s.item {
		return 0
	}
	if s.root {
		return abi.SlotSize * uint32(x.index)
	}
	return abi.SlotSize * uint32(1+x.index)
}

// slot is the slot of a path and the functions applied to it; the empty path without functions is the item itself.
func (s *scope) slot(want abi.Slot) *slot {
	if len(want.Path) == 0 && !want.Lower && !want.Len {
		return s.item
	}
	key := fmt.Sprintf("%t %t %s", want.Lower, want.Len, pathKey(want.Path))
	if x := s.byKey[key]; x != nil {
		return x
	}
	x := &slot{Slot: want, index: len(s.slots)}
	s.slots = append(s.slots, x)
	s.byKey[key] = x
	return x
}

func pathKey(path []abi.Step) string {
	var key []byte
	for _, s := range path {
		if s.IsIndex {
			key = fmt.Appendf(key, "[%d]", s.Index)
		} else {
			key = fmt.Appendf(key, "%q", s.Name)
		}
	}
	return string(key)
}

// list marks the slot as one whose items are read, and returns their scope.
func (x *slot) list() *scope {
	if x.items == nil {
		x.items = newScope(false)
		x.HasItems = true
	}
	return x.items
}

// whole asks for everything that a comparison with any value needs.
func (x *slot) whole() { x.Bytes, x.Canonical = true, true }

// describe is the slot as the host reads it.
func (x *slot) describe() abi.Slot {
	out := x.Slot
	if x.items != nil {
		item := x.items.item.describe()
		out.Item = &item
		out.Items = x.items.describe()
	}
	return out
}

func (s *scope) describe() []abi.Slot {
	out := make([]abi.Slot, len(s.slots))
	for i, x := range s.slots {
		out[i] = x.describe()
	}
	return out
}

// count is the number of slots of the scope and of all scopes inside it.
func (s *scope) count() int {
	n := len(s.slots)
	all := s.slots
	if s.item != nil {
		all = append([]*slot{s.item}, all...)
	}
	for _, x := range all {
		if x.items != nil {
			n += x.items.count()
		}
	}
	return n
}

// interner numbers the strings that rules compare with.
type interner struct {
	ids  map[string]uint32
	list []string
}

func (n *interner) id(s string) uint32 {
	if id, ok := n.ids[s]; ok {
		return id
	}
	id := abi.IDFirst + uint32(len(n.list))
	n.ids[s] = id
	n.list = append(n.list, s)
	return id
}

// expectPrefix notes a literal that the string may begin with.
func (x *slot) expectPrefix(s string) {
	if x.windows == nil {
		x.windows = map[window]int{}
	}
	for at := 0; at+8 <= len(s) && at < maxWindow; at++ {
		x.windows[windowAt(s, at)]++
	}
}

// maxWindow bounds where a literal's telling bytes are looked for.
const maxWindow = 256

func windowAt(s string, at int) window {
	w := window{offset: at}
	copy(w.bytes[:], s[at:])
	return w
}

// telling is where the literal differs from most others that the string may begin with. Literals of one shape
// ("/data/7/", "/data/8/") share the place, and with it the load.
func (x *slot) telling(s string) int {
	best, rarest := 0, 0
	for at := 0; at+8 <= len(s) && at < maxWindow; at++ {
		if n := x.windows[windowAt(s, at)]; rarest == 0 || n < rarest {
			best, rarest = at, n
		}
	}
	return best
}
