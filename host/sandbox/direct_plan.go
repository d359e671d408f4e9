package sandbox

import (
	"encoding/binary"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// plan says how a request becomes the slots of one module. It is made once and shared.
type plan struct {
	slotBase uint32
	scratch  uint32
	ids      *stringTable
	// blank is the bytes of all slots when the request is empty.
	blank []byte
	parts []partPlan
	nodes int // that have kids
}

// partPlan is one part of the request and what is read below it.
type partPlan struct {
	part int
	node *node
}

// node is a place in the tree of all paths, so that paths with a beginning in common share the way.
type node struct {
	slots   []slotPlan // of the path that leads here
	kids    []kid      // members
	byName  *stringTable
	indexed []indexedKid // items by index
	leaf    bool         // nothing stands below
	number  int          // of the nodes with kids, from 0
}

// kid is a child by name; its place among its siblings, plus 1, is what byName holds.
type kid struct {
	name string
	node *node
	only *slotPlan // the one slot of a leaf, which most are
}

type indexedKid struct {
	index int
	node  *node
}

// slotPlan is one slot: where it stands, from the beginning of the slots or of an item's record, and what to write.
type slotPlan struct {
	offset uint32
	asks   asks
	record *recordPlan
}

// asks are the flags of abi.Slot.
type asks uint8

const (
	askID asks = 1 << iota
	askBytes
	askMask
	askCanonical
	askLower
	askLen
)

// recordPlan is the record of a list's item: the item's own slot, then the paths below it.
type recordPlan struct {
	node  *node
	only  *slotPlan // the item's slot, when nothing below it is read
	blank []byte
}

func newPlan(m *policy.Module) *plan {
	p := &plan{slotBase: m.SlotBase, scratch: m.ScratchBase, ids: newStringTable(m.Strings, abi.IDFirst)}
	root := p.treeOf(m.Slots, 0)
	for i := range root.kids {
		if part, ok := partIndex(root.kids[i].name); ok {
			p.parts = append(p.parts, partPlan{part, root.kids[i].node})
		}
	}
	p.blank = blankSlots(m.Slots)
	return p
}

// treeOf makes the tree of the slots' paths; the first slot stands at the offset given.
func (p *plan) treeOf(slots []abi.Slot, offset uint32) *node {
	root := &node{}
	for i := range slots {
		at := root
		for _, s := range slots[i].Path {
			at = at.child(s)
		}
		at.slots = append(at.slots, p.slot(&slots[i], offset+uint32(i)*abi.SlotSize))
	}
	p.index(root)
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
	n.kids = append(n.kids, kid{name: s.Name, node: &node{}})
	return n.kids[len(n.kids)-1].node
}

// index finishes a node, once all its children are there.
func (p *plan) index(n *node) {
	n.leaf = len(n.kids)+len(n.indexed) == 0
	names := make([]string, len(n.kids))
	if len(names) > 0 {
		n.number = p.nodes
		p.nodes++
	}
	for i := range n.kids {
		k := &n.kids[i]
		names[i] = k.name
		p.index(k.node)
		if k.node.leaf && len(k.node.slots) == 1 {
			k.only = &k.node.slots[0]
		}
	}
	n.byName = newStringTable(names, 1)
	for _, k := range n.indexed {
		p.index(k.node)
	}
}

func (p *plan) slot(s *abi.Slot, offset uint32) slotPlan {
	out := slotPlan{offset: offset}
	for _, flag := range []struct {
		set bool
		ask asks
	}{
		{s.ID, askID}, {s.Bytes, askBytes}, {s.Mask, askMask}, {s.Canonical, askCanonical}, {s.Lower, askLower}, {s.Len, askLen},
	} {
		if flag.set {
			out.asks |= flag.ask
		}
	}
	if s.HasItems {
		r := &recordPlan{node: p.treeOf(s.Items, abi.SlotSize)}
		r.node.slots = append(r.node.slots, p.slot(s.Item, 0))
		if r.node.leaf && len(r.node.slots) == 1 {
			r.only = &r.node.slots[0]
		}
		r.blank = append(blankSlots(make([]abi.Slot, 1)), blankSlots(s.Items)...)
		out.record = r
	}
	return out
}

// blankSlots are the bytes of slots whose values are missing.
func blankSlots(slots []abi.Slot) []byte {
	out := make([]byte, abi.SlotSize*len(slots))
	for i := range slots {
		b := out[abi.SlotSize*i:]
		if slots[i].Lower || slots[i].Len {
			binary.LittleEndian.PutUint32(b, abi.SlotMistyped)
		}
		binary.LittleEndian.PutUint64(b[16:], notNumber)
	}
	return out
}
