package wasm

import (
	"fmt"
	"unicode/utf8"
)

// Reader reads the parts of a module's binary. The first error stays: later reads return zero values, and Err tells.
// Nothing is allocated for a size that the input only claims to have.
type Reader struct {
	buf  []byte
	off  int
	base int
	err  error
}

// NewReader reads buf, which stands at offset base of the module (for messages).
func NewReader(buf []byte, base int) *Reader { return &Reader{buf: buf, base: base} }

// Err is the first error met.
func (r *Reader) Err() error { return r.err }

// Len is the number of bytes left.
func (r *Reader) Len() int { return len(r.buf) - r.off }

// Offset is where in the module the next byte stands.
func (r *Reader) Offset() int { return r.base + r.off }

func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &ScanError{Offset: r.Offset(), What: fmt.Sprintf(format, args...)}
	}
	r.off = len(r.buf)
}

// atMost fails when there is more of something than its limit.
func (r *Reader) atMost(what string, got, limit uint64) bool {
	if got <= limit || r.err != nil {
		return r.err == nil
	}
	r.err = &ScanError{Offset: r.Offset(), What: what, Limit: limit, Got: got}
	r.off = len(r.buf)
	return false
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.off >= len(r.buf) {
		r.fail("unexpected end")
		return 0
	}
	b := r.buf[r.off]
	r.off++
	return b
}

// Bytes reads n bytes, which share the reader's buffer.
func (r *Reader) Bytes(n uint32) []byte {
	if uint64(n) > uint64(r.Len()) {
		r.fail("%d bytes claimed, %d left", n, r.Len())
		return nil
	}
	b := r.buf[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return b
}

// U32 reads an unsigned LEB128 number of at most 32 bits.
func (r *Reader) U32() uint32 {
	var n uint32
	for shift := 0; shift < 35; shift += 7 {
		b := r.Byte()
		if shift == 28 && b > 0x0f {
			break
		}
		n |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	r.fail("number does not fit 32 bits")
	return 0
}

// S32 reads a signed LEB128 number of at most 32 bits.
func (r *Reader) S32() int32 { return int32(r.signed(32)) }

// S64 reads a signed LEB128 number of at most 64 bits.
func (r *Reader) S64() int64 { return r.signed(64) }

func (r *Reader) signed(bits int) int64 {
	var n int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.Byte()
		n |= int64(b&0x7f) << shift
		if rest := bits - shift; rest < 7 && !signExtends(b, rest) {
			break
		}
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				n |= -1 << (shift + 7)
			}
			return n
		}
	}
	r.fail("number does not fit %d bits", bits)
	return 0
}

// signExtends reports whether a last byte's bits above the number's own are all copies of its sign.
func signExtends(b byte, own int) bool {
	high := int8(b<<1) >> own
	return b < 0x80 && (high == 0 || high == -1)
}

// Name reads a string with its length before it; it must be UTF-8.
func (r *Reader) Name() string {
	b := r.Bytes(r.U32())
	if !utf8.Valid(b) {
		r.fail("name is not UTF-8")
		return ""
	}
	return string(b)
}

// Count reads the length of a vector whose items take at least one byte each.
func (r *Reader) Count() int {
	n := r.U32()
	if uint64(n) > uint64(r.Len()) {
		r.fail("%d items claimed, %d bytes left", n, r.Len())
		return 0
	}
	return int(n)
}
