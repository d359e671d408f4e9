package mcp

import (
	"bytes"
	"encoding/binary"

	"agentmesh/pdk/abi"
)

// span is a range of bytes of a message.
type span struct{ start, end int }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

func (s span) empty() bool { return s.end == 0 }

// maxNesting is how deep a server's message, or a result by itself, may nest; a client's may as deep as abi.MaxDepth.
const maxNesting = 512

// ranges walks JSON without building anything and tells where values stand, so that a message can be looked into and
// forwarded in its own bytes. It takes exactly RFC 8259's grammar, but leaves names, UTF-8 and surrogates alone: servers
// send texts that were cut in the middle of a character, and their clients read them.
type ranges struct {
	b     []byte
	i     int
	depth int
}

// members visits the members of the object that is all of b, spaces aside. A visit that returns false ends the walk. It
// is false when b is no such object.
func members(b []byte, visit func(name, value span) bool) bool {
	r := ranges{b: b}
	return r.peek() == '{' && r.object(func(name span) bool {
		value, ok := r.span()
		return ok && visit(name, value)
	}) && r.end()
}

// elements visits the items of the list that is all of b, as members does.
func elements(b []byte, visit func(value span) bool) bool {
	r := ranges{b: b}
	return r.peek() == '[' && r.list(func() bool {
		value, ok := r.span()
		return ok && visit(value)
	}) && r.end()
}

// sound reports whether b is JSON, spaces aside.
func sound(b []byte) bool {
	r := ranges{b: b}
	return r.value() && r.end()
}

// span passes a value and tells where it stands.
func (r *ranges) span() (s span, ok bool) {
	r.space()
	s.start = r.i
	ok = r.value()
	s.end = r.i
	return s, ok
}

func (r *ranges) end() bool {
	r.space()
	return r.i == len(r.b)
}

func (r *ranges) space() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\t' || r.b[r.i] == '\r' || r.b[r.i] == '\n') {
		r.i++
	}
}

// peek is the next byte that is no space; 0 at the end.
func (r *ranges) peek() byte {
	r.space()
	if r.i == len(r.b) {
		return 0
	}
	return r.b[r.i]
}

// take is whether the next byte is c, which it then passes.
func (r *ranges) take(c byte) bool {
	if r.peek() != c || r.i == len(r.b) {
		return false
	}
	r.i++
	return true
}

// value passes a value of any kind.
func (r *ranges) value() bool {
	switch r.peek() {
	case '"':
		return r.text()
	case '{':
		return r.object(nil)
	case '[':
		return r.list(nil)
	case 't':
		return r.word("true")
	case 'f':
		return r.word("false")
	case 'n':
		return r.word("null")
	default:
		return r.number()
	}
}

func (r *ranges) word(w string) bool {
	if !bytes.HasPrefix(r.b[r.i:], []byte(w)) {
		return false
	}
	r.i += len(w)
	return true
}

// object passes the object that begins here. Where each is given it is told every member's name, and passes the value.
func (r *ranges) object(each func(name span) bool) bool {
	if r.depth++; r.depth > maxNesting {
		return false
	}
	r.i++
	for more := !r.take('}'); more; {
		r.space()
		name := span{start: r.i}
		if !r.text() {
			return false
		}
		if name.end = r.i; !r.take(':') {
			return false
		}
		if each == nil && !r.value() || each != nil && !each(name) {
			return false
		}
		if more = r.take(','); !more && !r.take('}') {
			return false
		}
	}
	r.depth--
	return true
}

// list passes the list that begins here. Where each is given it passes every item.
func (r *ranges) list(each func() bool) bool {
	if r.depth++; r.depth > maxNesting {
		return false
	}
	r.i++
	for more := !r.take(']'); more; {
		if each == nil && !r.value() || each != nil && !each() {
			return false
		}
		if more = r.take(','); !more && !r.take(']') {
			return false
		}
	}
	r.depth--
	return true
}

// text passes a string.
func (r *ranges) text() bool {
	if r.i >= len(r.b) || r.b[r.i] != '"' {
		return false
	}
	for r.i++; r.i < len(r.b); r.i++ {
		for r.i+8 <= len(r.b) && plain(binary.LittleEndian.Uint64(r.b[r.i:])) {
			r.i += 8
		}
		if r.i == len(r.b) {
			return false
		}
		switch c := r.b[r.i]; {
		case c == '"':
			r.i++
			return true
		case c == '\\':
			if !r.escape() {
				return false
			}
		case c < 0x20:
			return false
		}
	}
	return false
}

// plain reports whether eight bytes of a string are neither quote nor backslash nor control character. It may say no where
// they are not: carries between bytes err on that side.
func plain(eight uint64) bool {
	const each, top = 0x0101010101010101, 0x8080808080808080
	quote, slash := eight^('"'*each), eight^('\\'*each)
	return ((eight-0x20*each)&^eight|(quote-each)&^quote|(slash-each)&^slash)&top == 0
}

// escape passes an escape but for its last byte.
func (r *ranges) escape() bool {
	if r.i++; r.i >= len(r.b) {
		return false
	}
	if r.b[r.i] != 'u' {
		return bytes.IndexByte([]byte(`"\/bfnrt`), r.b[r.i]) >= 0
	}
	for range 4 {
		if r.i++; r.i >= len(r.b) || !isHex(r.b[r.i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func (r *ranges) number() bool {
	if r.i < len(r.b) && r.b[r.i] == '-' {
		r.i++
	}
	if r.i < len(r.b) && r.b[r.i] == '0' {
		r.i++
	} else if !r.digits() {
		return false
	}
	if r.i < len(r.b) && r.b[r.i] == '.' {
		if r.i++; !r.digits() {
			return false
		}
	}
	if r.i < len(r.b) && r.b[r.i]|0x20 == 'e' {
		r.i++
		if r.i < len(r.b) && (r.b[r.i] == '+' || r.b[r.i] == '-') {
			r.i++
		}
		return r.digits()
	}
	return true
}

func (r *ranges) digits() bool {
	from := r.i
	for r.i < len(r.b) && r.b[r.i] >= '0' && r.b[r.i] <= '9' {
		r.i++
	}
	return r.i > from
}

// textOf is the string that a value's bytes are, and whether they are one.
func textOf(b []byte) (string, bool) {
	if len(b) < 2 || b[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b[1 : len(b)-1]), true
	}
	v, err := abi.ReadValue(string(b))
	if err != nil {
		return "", false
	}
	return v.Str()
}
