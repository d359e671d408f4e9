package sandbox

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

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

// slotBytes is a slot in the memory. Whatever reserves scratch may move the memory, so it is taken afresh after that.
type slotBytes [abi.SlotSize]byte

func (f *filler) at(at uint32) *slotBytes { return (*slotBytes)(f.mem[at:]) }

// blank is a slot whose value is missing.
func (b *slotBytes) blank() {
	b.head(abi.SlotMissing, 0)
	b.place(0, 0)
	b.number(notNumber)
	b.extra(0)
}

// head writes a slot's tag and id; the blank has the rest.
func (b *slotBytes) head(tag, id uint32) { binary.LittleEndian.PutUint64(b[0:8], pair(tag, id)) }

// place, number and extra write the other fields.
func (b *slotBytes) place(ptr, length uint32) {
	binary.LittleEndian.PutUint64(b[8:16], pair(ptr, length))
}

func (b *slotBytes) number(bits uint64) { binary.LittleEndian.PutUint64(b[16:24], bits) }

func (b *slotBytes) extra(bits uint64) { binary.LittleEndian.PutUint64(b[24:32], bits) }

func (b *slotBytes) integer(n int64) {
	b.head(abi.SlotInt, 0)
	b.number(math.Float64bits(float64(n)))
	b.extra(uint64(n))
}

// pair is two words side by side, the first in the lower half.
func pair(low, high uint32) uint64 { return uint64(low) | uint64(high)<<32 }

// write writes a value's slot, unless it is missing: then the blank stands there already.
func (f *filler) write(s *slotPlan, v *abi.Value, base uint32) {
	at := base + s.offset
	if s.asks&(askLower|askLen) != 0 {
		f.derived(s, v, at)
		return
	}
	kind, bits, text, _ := v.Parts()
	switch kind {
	case abi.String:
		f.text(s, text, at)
	case abi.Bool:
		f.at(at).head(abi.SlotBool, abi.IDFalse+uint32(bits))
	case abi.Int:
		f.at(at).integer(int64(bits))
	case abi.Float:
		b := f.at(at)
		b.head(abi.SlotFloat, 0)
		b.number(bits)
	case abi.List:
		f.list(s, v, at)
	case abi.Object:
		f.at(at).head(abi.SlotObject, 0)
		f.canonical(s, v, at)
	case abi.Null:
		f.at(at).head(abi.SlotNull, abi.IDNull)
	case abi.Unknown:
		f.at(at).head(abi.SlotUnknown, 0)
	}
}

// text writes a string. One with an id is one of the policy's, and so is UTF-8.
func (f *filler) text(s *slotPlan, text string, at uint32) {
	head, tail := ends(text)
	var id uint32
	if s.asks&askID != 0 {
		id = f.plan.ids.find(text, head, tail)
	}
	if id == 0 && !isASCII(text, head|tail) && !utf8.ValidString(text) {
		f.at(at).head(abi.SlotMistyped, 0)
		return
	}
	if s.asks&askBytes == 0 {
		f.at(at).head(abi.SlotString, id)
		return
	}
	ptr := f.reserve(uint64(len(text)))
	copy(f.mem[ptr:], text)
	b := f.at(at)
	b.head(abi.SlotString, id)
	b.place(ptr, uint32(len(text)))
	if s.asks&askMask != 0 {
		b.extra(abi.BigramMask(text))
	}
}

// isASCII is a quick way to know that a string is UTF-8. all are its ends, one over the other.
func isASCII(s string, all uint64) bool {
	for len(s) > told {
		s = s[8:]
		all |= load8(s)
	}
	return all&highBits == 0
}

// highBits are set in bytes that are not ASCII.
const highBits = 0x8080808080808080

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

// list writes a list, and the records of its items where they are read.
func (f *filler) list(s *slotPlan, v *abi.Value, at uint32) {
	_, _, _, items := v.Parts()
	var ptr uint32
	if s.record != nil && len(items) > 0 {
		ptr = f.items(s.record, items)
		if f.full {
			return
		}
	}
	b := f.at(at)
	b.head(abi.SlotList, 0)
	b.place(ptr, uint32(len(items)))
	f.canonical(s, v, at)
}

// items writes the records of a list's items, and returns where the first stands.
func (f *filler) items(r *recordPlan, items []abi.Member) uint32 {
	stride := uint32(len(r.blank))
	ptr := f.reserve(uint64(len(items)) * uint64(stride))
	for i := range items {
		if f.full {
			return 0
		}
		record := ptr + uint32(i)*stride
		if r.only != nil {
			f.at(record).blank()
			f.write(r.only, &items[i].Value, record)
			continue
		}
		copy(f.mem[record:], r.blank)
		f.visit(r.node, &items[i].Value, record)
	}
	return ptr
}

// canonical writes a list's or object's canonical bytes, if asked.
func (f *filler) canonical(s *slotPlan, v *abi.Value, at uint32) {
	if s.asks&askCanonical == 0 {
		return
	}
	if holdsUnknown(v) {
		f.at(at).extra(pair(0, abi.CanonicalUnknown))
		return
	}
	f.buf = abi.AppendCanonical(f.buf[:0], *v)
	ptr := f.reserve(uint64(len(f.buf)))
	copy(f.mem[ptr:], f.buf)
	f.at(at).extra(pair(ptr, uint32(len(f.buf))))
}

func holdsUnknown(v *abi.Value) bool {
	kind, _, _, items := v.Parts()
	if kind == abi.Unknown {
		return true
	}
	for i := range items {
		if holdsUnknown(&items[i].Value) {
			return true
		}
	}
	return false
}
