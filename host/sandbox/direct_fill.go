package sandbox

import (
	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// filler writes a request's values into an instance's memory.
type filler struct {
	plan   *plan
	memory api.Memory
	mem    []byte // the whole memory, as long as it does not grow
	top    uint32 // first free byte of the scratch
	full   bool   // something did not fit
	buf    []byte // canonical bytes, before they are copied
	hints  [][]hint
}

// hint is the member that an object last had at one place. Objects at one place of a request tend to be alike, and a
// name is checked against its hint faster than it is looked up.
type hint struct {
	head, tail uint64
	length     int
	at         uint32
}

// maxHints is how many members of an object are remembered.
const maxHints = 64

func newFiller(p *plan, memory api.Memory) filler {
	f := filler{plan: p, memory: memory, hints: make([][]hint, p.nodes)}
	f.view()
	return f
}

const (
	// slack is the memory kept readable behind a string.
	slack = 8
	// notNumber is the NaN in a slot that holds no number.
	notNumber = 0x7FF8000000000001
)

func (f *filler) view() { f.mem, _ = f.memory.Read(0, f.memory.Size()) }

// partOf is the part of the request of that number.
func partOf(q *abi.Request, i int) *abi.Value {
	switch i {
	case 0:
		return &q.Agent
	case 1:
		return &q.Action
	case 2:
		return &q.Tool
	case 3:
		return &q.Data
	case 4:
		return &q.Resource
	case 5:
		return &q.Context
	default:
		return &q.Result
	}
}

func partIndex(name string) (int, bool) {
	for i, n := range [...]string{"agent", "action", "tool", "data", "resource", "context", "result"} {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

// request writes everything the module reads of the request. It reports false when that does not fit.
func (f *filler) request(q *abi.Request) bool {
	f.top, f.full = f.plan.scratch, false
	copy(f.mem[f.plan.slotBase:], f.plan.blank)
	for i := range f.plan.parts {
		p := &f.plan.parts[i]
		f.visit(p.node, partOf(q, p.part), f.plan.slotBase)
	}
	return !f.full
}

// visit writes the slots of a value and of what stands below it. base is where the slots begin.
func (f *filler) visit(n *node, v *abi.Value, base uint32) {
	for i := range n.slots {
		f.write(&n.slots[i], v, base)
	}
	if n.leaf {
		return
	}
	switch kind, _, _, items := v.Parts(); kind {
	case abi.Object:
		f.members(n, items, base)
	case abi.List:
		for _, k := range n.indexed {
			if k.index < len(items) {
				f.visit(k.node, &items[k.index].Value, base)
			}
		}
	case abi.Unknown:
		f.unknown(n, base)
	}
}

// members goes once through the members of an object. Where a name stands twice, which no reader lets through, the
// first counts, as everywhere.
func (f *filler) members(n *node, items []abi.Member, base uint32) {
	if len(n.kids) == 0 {
		return
	}
	var seen uint64
	hints := f.hints[n.number]
	for i := range items {
		m := &items[i]
		head, tail := ends(m.Name)
		var at uint32
		if i < len(hints) && hints[i].is(m.Name, head, tail) {
			at = hints[i].at
		} else {
			at = f.look(n, i, m.Name)
			hints = f.hints[n.number]
		}
		if at == 0 {
			continue
		}
		bit := uint64(1) << (at & 63)
		if seen&bit != 0 && repeated(items[:i], m.Name) {
			continue
		}
		seen |= bit
		if k := &n.kids[at-1]; k.only != nil {
			f.write(k.only, &m.Value, base)
		} else {
			f.visit(k.node, &m.Value, base)
		}
	}
}

func (h *hint) is(name string, head, tail uint64) bool {
	return h.head == head && h.tail == tail && h.length == len(name) && len(name) <= told
}

// look finds a name's place among the kids, plus 1, and remembers it as the i-th member's.
func (f *filler) look(n *node, i int, name string) uint32 {
	head, tail := ends(name)
	at := n.byName.find(name, head, tail)
	hints := &f.hints[n.number]
	for len(*hints) <= i && len(*hints) < maxHints {
		*hints = append(*hints, hint{})
	}
	if i < len(*hints) {
		(*hints)[i] = hint{head, tail, len(name), at}
	}
	return at
}

func repeated(before []abi.Member, name string) bool {
	for i := range before {
		if before[i].Name == name {
			return true
		}
	}
	return false
}

// unknown marks everything below an unknown value.
func (f *filler) unknown(n *node, base uint32) {
	for _, k := range n.kids {
		f.unknownSlots(k.node, base)
	}
	for _, k := range n.indexed {
		f.unknownSlots(k.node, base)
	}
}

func (f *filler) unknownSlots(n *node, base uint32) {
	for i := range n.slots {
		f.at(base+n.slots[i].offset).head(abi.SlotUnknown, 0)
	}
	f.unknown(n, base)
}

// reserve takes n bytes of the scratch, at a multiple of 8; where they do not fit it notes so, and returns an address
// at which writing nothing is safe.
func (f *filler) reserve(n uint64) uint32 {
	at := (f.top + 7) &^ 7
	end := uint64(at) + n
	if end+slack > uint64(len(f.mem)) && !f.grow(end+slack) {
		f.full = true
		return uint32(len(f.mem))
	}
	f.top = uint32(end)
	return at
}

// grow makes the memory at least that large, half as large again as it was if it may.
func (f *filler) grow(want uint64) bool {
	const page, most = 1 << 16, policy.MaxPages
	need := (want + page - 1) / page
	if need > most || f.full {
		return false
	}
	have := uint64(len(f.mem)) / page
	need = max(need, min(have+have/2, most))
	if _, ok := f.memory.Grow(uint32(need - have)); !ok {
		return false
	}
	f.view()
	return true
}
