package abi

import (
	"math"
	"strconv"
)

// Kind says what a Value holds. The zero Kind is Missing: what was never said is absent, not a default.
type Kind uint8

// The kinds of a Value. Missing and Unknown never stand in JSON: a missing member is simply not there, and only the
// host makes unknown values, when it asks which decisions are still possible (listing).
const (
	Missing Kind = iota
	Unknown
	Null
	Bool
	Int   // an integer that int64 holds exactly
	Float // any other number, as float64
	String
	List
	Object
)

var kindNames = [...]string{"missing", "unknown", "null", "boolean", "integer", "number", "string", "list", "object"}

// String names the kind as messages for people do.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Value is one JSON value, or its absence. Values are immutable by convention: whoever holds one may share its parts.
// A number keeps the text it was read from, so writing it again gives the same bytes.
type Value struct {
	kind  Kind
	bits  uint64   // Bool, Int, Float
	text  string   // String: the string; Int, Float: the literal as received, or empty
	items []Member // List: names empty; Object: in the order received
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value Value
}

// UnknownValue may be anything, absence included.
func UnknownValue() Value { return Value{kind: Unknown} }

// NullValue is JSON null, which is a value and not absence.
func NullValue() Value { return Value{kind: Null} }

// BoolValue is JSON true or false.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: Bool, bits: 1}
	}
	return Value{kind: Bool}
}

// IntValue is an integer.
func IntValue(n int64) Value { return Value{kind: Int, bits: uint64(n)} }

// FloatValue is a number; NaN and infinities, which JSON cannot say, become null.
func FloatValue(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return NullValue()
	}
	return Value{kind: Float, bits: math.Float64bits(f)}
}

// StringValue is a string.
func StringValue(s string) Value { return Value{kind: String, text: s} }

// StringsValue is a list of strings.
func StringsValue(ss []string) Value {
	items := make([]Member, len(ss))
	for i, s := range ss {
		items[i].Value = StringValue(s)
	}
	return Value{kind: List, items: items}
}

// ListValue is a list of values.
func ListValue(vs ...Value) Value {
	items := make([]Member, len(vs))
	for i, v := range vs {
		items[i].Value = v
	}
	return Value{kind: List, items: items}
}

// ObjectValue is an object of the members given, in that order. Names must differ; missing values are left out.
func ObjectValue(members ...Member) Value {
	items := make([]Member, 0, len(members))
	for _, m := range members {
		if m.Value.kind != Missing {
			items = append(items, m)
		}
	}
	return Value{kind: Object, items: items}
}

// Kind tells what the value holds.
func (v Value) Kind() Kind { return v.kind }

// Exists reports whether the value is there at all; null is there.
func (v Value) Exists() bool { return v.kind != Missing }

// IsTrue reports whether the value is the boolean true.
func (v Value) IsTrue() bool { return v.kind == Bool && v.bits == 1 }

// Bool returns a boolean, and whether the value is one.
func (v Value) Bool() (b, ok bool) { return v.bits == 1 && v.kind == Bool, v.kind == Bool }

// Int returns an integer, and whether the value is one that int64 holds exactly.
func (v Value) Int() (int64, bool) {
	if v.kind != Int {
		return 0, false
	}
	return int64(v.bits), true
}

// Float returns a number as float64 (an integer beyond 2^53 is rounded), and whether the value is a number.
func (v Value) Float() (float64, bool) {
	switch v.kind {
	case Int:
		return float64(int64(v.bits)), true
	case Float:
		return math.Float64frombits(v.bits), true
	default:
		return 0, false
	}
}

// Str returns a string, and whether the value is one.
func (v Value) Str() (string, bool) {
	if v.kind != String {
		return "", false
	}
	return v.text, true
}

// Text returns the string, or the empty string for any other value.
func (v Value) Text() string {
	s, _ := v.Str()
	return s
}

// Len is the number of items of a list or members of an object, else 0.
func (v Value) Len() int { return len(v.items) }

// Items are the members of an object, or the items of a list with empty names. They must not be changed.
func (v Value) Items() []Member { return v.items }

// At is the i-th item of a list, missing for any other index or value.
func (v Value) At(i int) Value {
	if v.kind != List || i < 0 || i >= len(v.items) {
		return Value{}
	}
	return v.items[i].Value
}

// Get is the named member of an object; missing where there is none, unknown where v itself is unknown.
func (v Value) Get(name string) Value {
	if v.kind == Unknown {
		return v
	}
	if v.kind == Object {
		for i := range v.items {
			if v.items[i].Name == name {
				return v.items[i].Value
			}
		}
	}
	return Value{}
}

// With returns an object like v in which name has the value x; a missing x removes the member. Anything but an object
// counts as empty.
func (v Value) With(name string, x Value) Value {
	items := make([]Member, 0, len(v.items)+1)
	found := false
	if v.kind == Object {
		for _, m := range v.items {
			if m.Name == name {
				m.Value, found = x, true
			}
			if m.Value.kind != Missing {
				items = append(items, m)
			}
		}
	}
	if !found && x.kind != Missing {
		items = append(items, Member{Name: name, Value: x})
	}
	return Value{kind: Object, items: items}
}

// Equal reports whether two values are the same: numbers by value (5 equals 5.0, exactly, whatever their size), strings
// by bytes, lists item by item, objects member by member in any order. Missing and unknown equal nothing, not even
// themselves.
func (v Value) Equal(w Value) bool {
	switch v.kind {
	case Null:
		return w.kind == Null
	case Bool:
		return w.kind == Bool && v.bits == w.bits
	case Int, Float:
		c, ok := v.CompareNumber(w)
		return ok && c == 0
	case String:
		return w.kind == String && v.text == w.text
	case List:
		return w.kind == List && equalItems(v.items, w.items)
	case Object:
		return w.kind == Object && equalMembers(v, w)
	default:
		return false
	}
}

func equalItems(a, b []Member) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Value.Equal(b[i].Value) {
			return false
		}
	}
	return true
}

func equalMembers(v, w Value) bool {
	if len(v.items) != len(w.items) {
		return false
	}
	if len(v.items) > 16 {
		return equalManyMembers(v.items, w.items)
	}
	for i := range v.items {
		if !v.items[i].Value.Equal(w.Get(v.items[i].Name)) {
			return false
		}
	}
	return true
}

// equalManyMembers compares member by member in the order of the names, so that large objects do not cost the square.
func equalManyMembers(a, b []Member) bool {
	var room [2][64]int32
	as, bs := sortedByName(room[0][:0], a), sortedByName(room[1][:0], b)
	for i := range as {
		x, y := &a[as[i]], &b[bs[i]]
		if x.Name != y.Name || !x.Value.Equal(y.Value) {
			return false
		}
	}
	return true
}

// CompareNumber orders two numbers exactly, an int64 against a float64 too: -1, 0 or 1. It is not ok when either is no
// number.
func (v Value) CompareNumber(w Value) (order int, ok bool) {
	switch {
	case v.kind == Int && w.kind == Int:
		return compare(int64(v.bits), int64(w.bits)), true
	case v.kind == Float && w.kind == Float:
		return compare(math.Float64frombits(v.bits), math.Float64frombits(w.bits)), true
	case v.kind == Int && w.kind == Float:
		return compareMixed(int64(v.bits), math.Float64frombits(w.bits)), true
	case v.kind == Float && w.kind == Int:
		return -compareMixed(int64(w.bits), math.Float64frombits(v.bits)), true
	default:
		return 0, false
	}
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// compareMixed orders an integer against a finite float without rounding the integer: beyond ±2^63 the float decides,
// within it the float's whole part is an exact int64.
func compareMixed(n int64, f float64) int {
	if f >= 1<<63 {
		return -1
	}
	if f < -(1 << 63) {
		return 1
	}
	whole := math.Trunc(f)
	if c := compare(n, int64(whole)); c != 0 {
		return c
	}
	return compare(whole, f)
}
