package abi

import (
	"encoding/binary"
	"math"
)

// AppendCanonical appends bytes that are the same for two values exactly when the values are Equal: a letter for the
// kind, then
//
//	n, f, t   null, false, true: nothing
//	i         a number that is an exact int64: 8 bytes, big-endian
//	d         another number: the 8 bytes of its float64, big-endian
//	s         a string: u32 length, bytes
//	l         a list: u32 count, items
//	o         an object: u32 count, then name (as a string without its letter) and value, sorted by name
//
// with lengths little-endian. Missing and unknown, which equal nothing, append nothing: bytes of values that hold one
// say nothing of equality. It allocates only for objects of more than 64 members.
func AppendCanonical(dst []byte, v Value) []byte {
	switch v.kind {
	case Null:
		return append(dst, 'n')
	case Bool:
		return append(dst, "ft"[v.bits])
	case Int:
		return binary.BigEndian.AppendUint64(append(dst, 'i'), v.bits)
	case Float:
		return appendCanonicalFloat(dst, math.Float64frombits(v.bits))
	case String:
		return appendCanonicalString(append(dst, 's'), v.text)
	case List:
		dst = binary.LittleEndian.AppendUint32(append(dst, 'l'), uint32(len(v.items)))
		for i := range v.items {
			dst = AppendCanonical(dst, v.items[i].Value)
		}
		return dst
	case Object:
		return appendCanonicalObject(dst, v.items)
	default:
		return dst
	}
}

func appendCanonicalFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
		return binary.BigEndian.AppendUint64(append(dst, 'i'), uint64(int64(f)))
	}
	return binary.BigEndian.AppendUint64(append(dst, 'd'), math.Float64bits(f))
}

func appendCanonicalString(dst []byte, s string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendCanonicalObject(dst []byte, items []Member) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, 'o'), uint32(len(items)))
	var room [64]int32
	order := sortedByName(room[:0], items)
	for _, i := range order {
		dst = appendCanonicalString(dst, items[i].Name)
		dst = AppendCanonical(dst, items[i].Value)
	}
	return dst
}
