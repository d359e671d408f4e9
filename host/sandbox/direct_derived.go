package sandbox

import (
	"unicode"
	"unicode/utf8"
	"unsafe"

	"agentmesh/pdk/abi"
)

// derived writes what lower or len makes of the value.
func (f *filler) derived(s *slotPlan, v *abi.Value, at uint32) {
	kind, _, text, items := v.Parts()
	valid := kind == abi.String && utf8.ValidString(text)
	length := s.asks&askLen != 0
	switch {
	case kind == abi.Unknown:
		f.at(at).head(abi.SlotUnknown, 0)
	case length && valid:
		f.at(at).integer(int64(utf8.RuneCountInString(text)))
	case length && s.asks&askLower == 0 && kind == abi.List:
		f.at(at).integer(int64(len(items)))
	case !length && valid:
		f.lowered(s, text, at)
	default:
		f.at(at).head(abi.SlotMistyped, 0)
	}
}

// lowered writes a string in lower case, rune by rune, as strings.ToLower does, straight into the memory.
func (f *filler) lowered(s *slotPlan, text string, at uint32) {
	// a rune of 2 bytes may have a lower case of 3; the others keep their size or shrink
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
	// nothing writes to the memory while it is looked at as a string
	lower := unsafe.String(unsafe.SliceData(out), len(out))
	var id uint32
	if s.asks&askID != 0 {
		head, tail := ends(lower)
		id = f.plan.ids.find(lower, head, tail)
	}
	b := f.at(at)
	b.head(abi.SlotString, id)
	b.place(ptr, uint32(len(out)))
	if s.asks&askMask != 0 {
		b.extra(abi.BigramMask(lower))
	}
}
