package sandbox

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"agentmesh/pdk/abi"
)

// slotBytes is a slot in the memory. Whatever reserves scratch may move the memory, so it is taken afresh after that.
type slotBytes [abi.SlotSize]byte

func (f *filler) at(at uint32) *slotBytes { return (*slotBytes)(f.mem[at:]) }

// whole is a slot that holds nothing but a tag and an id.
func (b *slotBytes) whole(head uint64) {
	binary.LittleEndian.PutUint64(b[0:8], head)
	binary.LittleEndian.PutUint64(b[8:16], 0)
	binary.LittleEndian.PutUint64(b[16:24], notNumber)
	binary.LittleEndian.PutUint64(b[24:32], 0)
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
	if s.asks&askCanonical != 0 {
		f.canonical(s, v, at)
	}
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
			f.item(r.only, &items[i].Value, record)
			continue
		}
		copy(f.mem[record:], r.blank)
		f.visit(r.node, &items[i].Value, record)
	}
	return ptr
}

// item writes the record of an item of which nothing but itself is read. Most are strings that are only looked up.
func (f *filler) item(s *slotPlan, v *abi.Value, record uint32) {
	kind, _, text, _ := v.Parts()
	if kind == abi.String && s.asks == askID {
		head, tail := ends(text)
		id := f.plan.ids.find(text, head, tail)
		if id != 0 || isASCII(text, head|tail) {
			f.at(record).whole(pair(abi.SlotString, id))
			return
		}
	}
	f.at(record).whole(uint64(abi.SlotMissing))
	f.write(s, v, record)
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
