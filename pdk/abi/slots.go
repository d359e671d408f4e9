package abi

// # The direct entry
//
// A compiled policy does not read JSON. It lists the attribute paths it reads; the host writes one slot for each of them
// into the module's memory and calls its export:
//
//	evaluate(mode i32) -> (fired i32)
//
// with memory exported as "memory". All numbers are little-endian. The module writes to nothing but its result area and
// two globals that every call sets anew, so there is nothing to restore between calls. It traps (unreachable) when the
// values it is given ask for more work than one call may do.
//
// # Slots
//
// A slot is 32 bytes, aligned to 8:
//
//	+0   u32  tag     one of the Slot* tags
//	+4   u32  id      interned id (null, booleans, and strings of slots flagged id), else 0
//	+8   u32  ptr     strings flagged bytes and lists: address; else 0
//	+12  u32  len     strings flagged bytes: bytes; lists: items; else 0
//	+16  f64  number  integers (rounded to nearest) and floats; NaN for everything else
//	+24  u64  extra   integers: the exact int64; strings flagged mask: their bigram mask; lists and objects flagged
//	                  canonical: address (low half) and length (high half) of the canonical bytes; else 0
//
// Interned ids: 0 is every string that no rule names, every number and composite, and absence; 1, 2 and 3 are false,
// true and null; from 4 on the strings that rules compare with, in the order the module lists them. Two values with the
// same id other than 0 are equal.
//
// String bytes are written only for slots flagged bytes, masks only for those flagged mask as well, and list items only for those
// flagged items (the count always). A list's items are records of 1+n slots one after the other: the item itself, then
// the n paths below it that the module lists for its items. What does not fit the module's memory is refused, never cut.
// The host keeps 8 bytes of memory on either side of a string readable: a module may look at them, whatever they hold.
//
// Canonical bytes make deep equality a comparison of bytes: two values are equal (Value.Equal) exactly when these bytes
// are (AppendCanonical). A list or object with an unknown value anywhere inside has CanonicalUnknown for their length.
//
// Mistyped is the tag of a value that the slot cannot hold: a string that is not UTF-8; in a slot flagged lower whatever
// is no string, in one flagged len whatever is neither string nor list, absence included. An atom over it is
// indeterminate, but it exists.
//
// # Modes and results
//
// A rule's condition, with every "not" moved to its atoms, only joins atoms by "and" and "or". The mode says what an atom
// counts as when its truth cannot be told, and which stage's rules are asked:
//
//	bit 0  ModeIndeterminate  an indeterminate atom counts as true
//	bit 1  ModeUnknown        an atom over an unknown value counts as true
//	bit 2  ModePost           the rules of stage post_tool, instead of those of pre_tool
//
// One call evaluates every rule in the mode given and then, with bits 0 and 1 cleared in turn, those parts of the rules
// in which something fired. The result area holds `fired` u32 words, each (mode << 24 | rule), mode without ModePost and
// rule being the index in the module's rule table. Asked in mode 1, a rule listed under mode 1 is true or indeterminate,
// one listed under mode 0 as well is true. Asked in mode 3, rules listed under 3 can still fire when what is unknown
// becomes known, those under 1 fire whatever it becomes (2 and 0: the same, counting only truth).
const (
	SlotSize = 32

	SlotMissing  uint32 = 0
	SlotUnknown  uint32 = 1
	SlotNull     uint32 = 2
	SlotBool     uint32 = 3
	SlotInt      uint32 = 4
	SlotFloat    uint32 = 5
	SlotString   uint32 = 6
	SlotList     uint32 = 7
	SlotObject   uint32 = 8
	SlotMistyped uint32 = 9

	IDFalse uint32 = 1
	IDTrue  uint32 = 2
	IDNull  uint32 = 3
	// IDFirst is the id of the first string a module lists.
	IDFirst uint32 = 4

	// CanonicalUnknown is the length of canonical bytes that cannot be told.
	CanonicalUnknown uint32 = 1<<32 - 1

	ModeIndeterminate uint32 = 1
	ModeUnknown       uint32 = 2
	ModePost          uint32 = 4
	// ModeShift is where the mode stands in a result word, above the rule's index.
	ModeShift = 24
)

// Slot is one attribute path a module reads, and what the host must write for it.
type Slot struct {
	// Path from the request's root (["data","user","role"]), or from a list's item where the slot stands in Items.
	Path []Step
	// Lower asks for the string in lower case (Unicode, rune by rune) in place of the string; Len for the number of its
	// code points, or of a list's items, as an integer in place of the value.
	Lower, Len bool
	// ID, Bytes, Mask and Canonical ask for a string's id, its bytes, their bigram mask, and for the canonical bytes of
	// lists and objects.
	ID, Bytes, Mask, Canonical bool
	// HasItems asks for a list's items; Items are the further slots of each item's record, after the item itself, and
	// Item says what to write for the item itself.
	HasItems bool
	Item     *Slot
	Items    []Slot
}

// Step is one step of a path: a member's name, or an index when IsIndex.
type Step struct {
	Name    string
	Index   int
	IsIndex bool
}

// Lookup follows the path from v. It leads to missing where there is nothing, also through a scalar, and to unknown
// where it passes an unknown value.
func (v Value) Lookup(path []Step) Value {
	for i := range path {
		switch {
		case v.kind == Unknown:
			return v
		case path[i].IsIndex:
			v = v.At(path[i].Index)
		default:
			v = v.Get(path[i].Name)
		}
	}
	return v
}

// Parts are what a value is made of: its kind, the bits of a boolean, integer or float64, its text, and its items. Where
// the other methods copy the value this one reads it in place, for whoever goes over many values at every call.
func (v *Value) Parts() (kind Kind, bits uint64, text string, items []Member) {
	return v.kind, v.bits, v.text, v.items
}

// BigramMask sets one of 64 bits for each pair of neighbouring bytes. A string can contain another only if its mask
// contains the other's, which spares most searches.
func BigramMask(s string) uint64 {
	var mask uint64
	if s == "" {
		return 0
	}
	before := uint32(s[0]) * 31
	for i := 1; i < len(s); i++ {
		c := uint32(s[i])
		mask |= 1 << ((before + c*0x9E37) >> 3 & 63)
		before = c * 31
	}
	return mask
}
