package sandbox

import (
	"encoding/binary"
	"math"
	"unicode"
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
}

// slack is the memory kept readable behind a string.
const slack = 8

func (f *filler) view() { f.mem, _ = f.memory.Read(0, f.memory.Size()) }

// parts are the request's, in the order of partIndex.
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
	for _, s := range n.slots {
		f.write(s, v, base+s.offset)
	}
	if len(n.kids) > 0 && v.Kind() == abi.Object {
		f.members(n, v.Items(), base)
	}
	if len(n.indexed) > 0 && v.Kind() == abi.List {
		items := v.Items()
		for _, k := range n.indexed {
			if k.index < len(items) {
				f.visit(k.node, &items[k.index].Value, base)
			}
		}
	}
	if v.Kind() == abi.Unknown {
		f.unknown(n, base)
	}
}

// members goes once through the members of an object. Where a name stands twice, which no reader lets through, the
// first counts, as everywhere.
func (f *filler) members(n *node, items []abi.Member, base uint32) {
	var seen uint64
	for i := range items {
		m := &items[i]
		at := n.byName.find(m.Name)
		if at < 0 {
			continue
		}
		bit := uint64(1) << (at & 63)
		if seen&bit != 0 && repeated(items[:i], m.Name) {
			continue
		}
		seen |= bit
		f.visit(n.kids[at].node, &m.Value, base)
	}
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
	for _, s := range n.slots {
		f.put(base+s.offset, uint64(abi.SlotUnknown), 0, nan(), 0)
	}
	f.unknown(n, base)
}

func nan() uint64 { return math.Float64bits(math.NaN()) }

// put writes a slot: tag and id, pointer and length, number, extra.
func (f *filler) put(at uint32, head, place, number, extra uint64) {
	b := f.mem[at : at+abi.SlotSize : at+abi.SlotSize]
	binary.LittleEndian.PutUint64(b[0:], head)
	binary.LittleEndian.PutUint64(b[8:], place)
	binary.LittleEndian.PutUint64(b[16:], number)
	binary.LittleEndian.PutUint64(b[24:], extra)
}

// pair is two words side by side, the first in the lower half.
func pair(low, high uint32) uint64 { return uint64(low) | uint64(high)<<32 }

func (f *filler) write(s *slotPlan, v *abi.Value, at uint32) {
	if s.derived {
		f.derived(s, v, at)
		return
	}
	switch v.Kind() {
	case abi.String:
		f.text(s, v.Text(), at)
	case abi.Bool:
		id := abi.IDFalse
		if v.IsTrue() {
			id = abi.IDTrue
		}
		f.put(at, pair(abi.SlotBool, id), 0, nan(), 0)
	case abi.Int:
		n, _ := v.Int()
		f.integer(n, at)
	case abi.Float:
		x, _ := v.Float()
		f.put(at, uint64(abi.SlotFloat), 0, math.Float64bits(x), 0)
	case abi.List:
		f.list(s, v, at)
	case abi.Object:
		f.put(at, uint64(abi.SlotObject), 0, nan(), f.canonical(s, v))
	case abi.Null:
		f.put(at, pair(abi.SlotNull, abi.IDNull), 0, nan(), 0)
	case abi.Unknown:
		f.put(at, uint64(abi.SlotUnknown), 0, nan(), 0)
	}
}

func (f *filler) integer(n int64, at uint32) {
	f.put(at, uint64(abi.SlotInt), 0, math.Float64bits(float64(n)), uint64(n))
}

func (f *filler) text(s *slotPlan, text string, at uint32) {
	var id uint32
	if s.id {
		id = f.plan.ids.find(text)
	}
	if id == 0 && !utf8.ValidString(text) {
		f.put(at, uint64(abi.SlotMistyped), 0, nan(), 0)
		return
	}
	var ptr uint32
	if s.bytes {
		ptr = f.reserve(uint64(len(text)))
		copy(f.mem[ptr:], text)
	}
	var mask uint64
	if s.mask {
		mask = abi.BigramMask(text)
	}
	f.put(at, pair(abi.SlotString, id), pair(ptr, uint32(len(text))), nan(), mask)
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

// derived writes what a function makes of the value.
func (f *filler) derived(s *slotPlan, v *abi.Value, at uint32) {
	text, isText := v.Str()
	valid := isText && utf8.ValidString(text)
	switch {
	case v.Kind() == abi.Unknown:
		f.put(at, uint64(abi.SlotUnknown), 0, nan(), 0)
	case s.length && valid:
		f.integer(int64(utf8.RuneCountInString(text)), at)
	case s.length && !s.lower && v.Kind() == abi.List:
		f.integer(int64(v.Len()), at)
	case !s.length && valid:
		f.lowered(s, text, at)
	default:
		f.put(at, uint64(abi.SlotMistyped), 0, nan(), 0)
	}
}

// lowered writes a string in lower case, rune by rune, as strings.ToLower does, straight into the memory.
func (f *filler) lowered(s *slotPlan, text string, at uint32) {
	// a rune's lower case takes at most 3 bytes where the rune takes 2, and never more than 4
	ptr := f.reserve(uint64(len(text)) * 2)
	if f.full {
		return
	}
	out := f.mem[ptr:ptr:f.top]
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			out = append(out, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		out = utf8.AppendRune(out, unicode.ToLower(r))
		i += size
	}
	f.top = ptr + uint32(len(out))
	var id uint32
	if s.id {
		id = f.plan.ids.find(string(out))
	}
	var mask uint64
	if s.mask {
		mask = abi.BigramMask(string(out))
	}
	f.put(at, pair(abi.SlotString, id), pair(ptr, uint32(len(out))), nan(), mask)
}

// list writes a list, and the records of its items where they are read.
func (f *filler) list(s *slotPlan, v *abi.Value, at uint32) {
	var ptr uint32
	items := v.Items()
	if s.record != nil && len(items) > 0 {
		stride := uint32(len(s.record.blank))
		ptr = f.reserve(uint64(len(items)) * uint64(stride))
		for i := range items {
			if f.full {
				return
			}
			record := ptr + uint32(i)*stride
			copy(f.mem[record:], s.record.blank)
			f.visit(s.record.node, &items[i].Value, record)
		}
	}
	f.put(at, uint64(abi.SlotList), pair(ptr, uint32(len(items))), nan(), f.canonical(s, v))
}

// canonical writes a list's or object's canonical bytes, if asked, and returns where.
func (f *filler) canonical(s *slotPlan, v *abi.Value) uint64 {
	if !s.canonical {
		return 0
	}
	if holdsUnknown(v) {
		return pair(0, abi.CanonicalUnknown)
	}
	f.buf = abi.AppendCanonical(f.buf[:0], *v)
	ptr := f.reserve(uint64(len(f.buf)))
	copy(f.mem[ptr:], f.buf)
	return pair(ptr, uint32(len(f.buf)))
}

func holdsUnknown(v *abi.Value) bool {
	if v.Kind() == abi.Unknown {
		return true
	}
	items := v.Items()
	for i := range items {
		if holdsUnknown(&items[i].Value) {
			return true
		}
	}
	return false
}
