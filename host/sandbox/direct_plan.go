package sandbox

import (
	"encoding/binary"
	"math"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// plan says how a request becomes the slots of one module. It is made once and shared.
type plan struct {
	slotBase uint32
	scratch  uint32
	ids      *internTable
	// blank is the bytes of all slots when the request is empty.
	blank []byte
	parts []partPlan
}

// partPlan is one part of the request and what is read below it.
type partPlan struct {
	part int
	node *node
}

// node is a place in the tree of all paths, so that paths with a beginning in common share the way.
type node struct {
	slots   []*slotPlan // of the path that leads here
	kids    []kid       // members
	byName  nameTable
	indexed []indexedKid // items by index
}

type kid struct {
	name string
	node *node
}

type indexedKid struct {
	index int
	node  *node
}

// slotPlan is one slot: where it stands, from the beginning of the slots or of an item's record, and what to write.
type slotPlan struct {
	offset                   uint32
	id, bytes, mask          bool
	canonical, lower, length bool
	derived                  bool // lower or length
	record                   *recordPlan
}

// recordPlan is the record of a list's item: the item's own slot, then the paths below it.
type recordPlan struct {
	node  *node
	blank []byte
}

func newPlan(m *policy.Module) *plan {
	p := &plan{slotBase: m.SlotBase, scratch: m.ScratchBase, ids: newInternTable(m.Strings)}
	root := treeOf(m.Slots, 0)
	for i := range root.kids {
		if part, ok := partIndex(root.kids[i].name); ok {
			p.parts = append(p.parts, partPlan{part, root.kids[i].node})
		}
	}
	p.blank = blankSlots(m.Slots)
	return p
}

// treeOf makes the tree of the slots' paths; the first slot stands at the offset given.
func treeOf(slots []abi.Slot, offset uint32) *node {
	root := &node{}
	for i := range slots {
		at := root
		for _, s := range slots[i].Path {
			at = at.child(s)
		}
		at.slots = append(at.slots, planSlot(&slots[i], offset+uint32(i)*abi.SlotSize))
	}
	root.index()
	return root
}

func (n *node) child(s abi.Step) *node {
	if s.IsIndex {
		for _, k := range n.indexed {
			if k.index == s.Index {
				return k.node
			}
		}
		n.indexed = append(n.indexed, indexedKid{s.Index, &node{}})
		return n.indexed[len(n.indexed)-1].node
	}
	for _, k := range n.kids {
		if k.name == s.Name {
			return k.node
		}
	}
	n.kids = append(n.kids, kid{s.Name, &node{}})
	return n.kids[len(n.kids)-1].node
}

// index makes the tables of names, once all children are there.
func (n *node) index() {
	names := make([]string, len(n.kids))
	for i, k := range n.kids {
		names[i] = k.name
		k.node.index()
	}
	n.byName = newNameTable(names)
	for _, k := range n.indexed {
		k.node.index()
	}
}

func planSlot(s *abi.Slot, offset uint32) *slotPlan {
	p := &slotPlan{
		offset: offset, id: s.ID, bytes: s.Bytes, mask: s.Mask, canonical: s.Canonical, lower: s.Lower, length: s.Len,
		derived: s.Lower || s.Len,
	}
	if s.HasItems {
		p.record = planRecord(s)
	}
	return p
}

func planRecord(s *abi.Slot) *recordPlan {
	r := &recordPlan{node: treeOf(s.Items, abi.SlotSize)}
	r.node.slots = append(r.node.slots, planSlot(s.Item, 0))
	r.blank = append(blankSlots(make([]abi.Slot, 1)), blankSlots(s.Items)...)
	return r
}

// blankSlots are the bytes of slots whose values are missing.
func blankSlots(slots []abi.Slot) []byte {
	out := make([]byte, abi.SlotSize*len(slots))
	for i := range slots {
		b := out[abi.SlotSize*i:]
		if slots[i].Lower || slots[i].Len {
			binary.LittleEndian.PutUint32(b, abi.SlotMistyped)
		}
		binary.LittleEndian.PutUint64(b[16:], math.Float64bits(math.NaN()))
	}
	return out
}
