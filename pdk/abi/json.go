package abi

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// MaxDepth is how deep JSON may nest.
const MaxDepth = 64

// SyntaxError says where JSON is not what the contract takes.
type SyntaxError struct {
	Offset  int // bytes from the start
	Message string
}

// Error gives the message and the place.
func (e *SyntaxError) Error() string {
	return e.Message + " at byte " + strconv.Itoa(e.Offset)
}

// ReadValue reads one JSON value (RFC 8259), strictly, because parsers differ where the standard leaves a choice and a
// difference between ours and the tool's is a way around a decision. It refuses a member named twice in one object,
// invalid UTF-8, a surrogate without its pair, nesting beyond MaxDepth, a number beyond float64, and anything after the
// value. Strings without escapes share the memory of src.
func ReadValue(src string) (Value, error) {
	var r Reader
	return r.Read(src)
}

// Reader reads values into memory it uses again. The zero Reader is ready; it is not safe for concurrent use.
type Reader struct {
	src   string
	pos   int
	stack []Member // members of the containers being read
	arena []Member // members of the containers read
	text  []byte   // the escaped strings read, decoded
	order []int32  // members of a large object, sorted
}

// What a Reader keeps from one Read to the next: about 2.4 MiB of members and half a megabyte of text. More than that
// was one large message, and goes.
const (
	keptMembers = 1 << 14
	keptText    = 1 << 19
)

// Read reads one value as ReadValue does. The value, its strings included, is good until the next Read.
func (r *Reader) Read(src string) (Value, error) {
	r.reset()
	r.src = src
	v, err := r.value(0)
	if err != nil {
		return Value{}, err
	}
	r.space()
	if r.pos < len(src) {
		return Value{}, r.fail("unexpected " + quoteByte(src[r.pos]) + " after the value")
	}
	return v, nil
}

func (r *Reader) reset() {
	if cap(r.stack) > keptMembers || cap(r.arena) > keptMembers {
		r.stack, r.arena, r.order = nil, nil, nil
	}
	if cap(r.text) > keptText {
		r.text = nil
	}
	r.pos, r.stack, r.arena, r.text = 0, r.stack[:0], r.arena[:0], r.text[:0]
}

func (r *Reader) fail(message string) error {
	return &SyntaxError{Offset: r.pos, Message: message}
}

func quoteByte(b byte) string {
	if b < utf8.RuneSelf {
		return strconv.QuoteRune(rune(b))
	}
	return "byte 0x" + strconv.FormatUint(uint64(b), 16)
}

func (r *Reader) space() {
	for r.pos < len(r.src) {
		switch r.src[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// peek is the next byte after white space, 0 at the end.
func (r *Reader) peek() byte {
	r.space()
	if r.pos == len(r.src) {
		return 0
	}
	return r.src[r.pos]
}

func (r *Reader) value(depth int) (Value, error) {
	c := r.peek()
	if (c == '{' || c == '[') && depth == MaxDepth {
		return Value{}, r.fail("nested deeper than " + strconv.Itoa(MaxDepth))
	}
	switch {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.list(depth)
	case c == '"':
		s, err := r.string()
		return Value{kind: String, text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	case c == 't':
		return BoolValue(true), r.word("true")
	case c == 'f':
		return BoolValue(false), r.word("false")
	case c == 'n':
		return NullValue(), r.word("null")
	case r.pos == len(r.src):
		return Value{}, r.fail("unexpected end")
	default:
		return Value{}, r.fail("unexpected " + quoteByte(c))
	}
}

func (r *Reader) word(w string) error {
	if len(r.src)-r.pos < len(w) || r.src[r.pos:r.pos+len(w)] != w {
		return r.fail("expected " + w)
	}
	r.pos += len(w)
	return nil
}

func (r *Reader) list(depth int) (Value, error) {
	base := len(r.stack)
	r.pos++
	if r.peek() == ']' {
		r.pos++
		return Value{kind: List}, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		r.stack = append(r.stack, Member{Value: v})
		if done, err := r.next(']'); err != nil {
			return Value{}, err
		} else if done {
			return Value{kind: List, items: r.keep(base)}, nil
		}
	}
}

func (r *Reader) object(depth int) (Value, error) {
	base := len(r.stack)
	r.pos++
	if r.peek() == '}' {
		r.pos++
		return Value{kind: Object}, nil
	}
	for {
		m, err := r.member(depth)
		if err != nil {
			return Value{}, err
		}
		r.stack = append(r.stack, m)
		if done, err := r.next('}'); err != nil {
			return Value{}, err
		} else if done {
			if name, twice := r.repeated(r.stack[base:]); twice {
				return Value{}, r.fail("member " + strconv.Quote(name) + " stands twice in the object that ends")
			}
			return Value{kind: Object, items: r.keep(base)}, nil
		}
	}
}

func (r *Reader) member(depth int) (Member, error) {
	if r.peek() != '"' {
		return Member{}, r.fail("expected a member's name in double quotes")
	}
	name, err := r.string()
	if err != nil {
		return Member{}, err
	}
	if r.peek() != ':' {
		return Member{}, r.fail("expected ':' after a member's name")
	}
	r.pos++
	v, err := r.value(depth + 1)
	return Member{Name: name, Value: v}, err
}

// next takes a comma, or the closing byte and reports done.
func (r *Reader) next(closing byte) (done bool, err error) {
	switch r.peek() {
	case ',':
		r.pos++
		return false, nil
	case closing:
		r.pos++
		return true, nil
	default:
		return false, r.fail("expected ',' or " + quoteByte(closing))
	}
}

// keep moves the members above base from the stack into the arena. An arena that grows leaves the older part to the
// values that point at it.
func (r *Reader) keep(base int) []Member {
	from := len(r.arena)
	r.arena = append(r.arena, r.stack[base:]...)
	r.stack = r.stack[:base]
	return r.arena[from:len(r.arena):len(r.arena)]
}

// repeated finds a name that stands twice. Small objects are compared pair by pair, large ones sorted, so that an object
// of a million members costs twenty million steps and not a million million.
func (r *Reader) repeated(ms []Member) (string, bool) {
	if len(ms) > 16 {
		return r.repeatedMany(ms)
	}
	for i := range ms {
		for j := range i {
			if ms[i].Name == ms[j].Name {
				return ms[i].Name, true
			}
		}
	}
	return "", false
}

func (r *Reader) repeatedMany(ms []Member) (string, bool) {
	r.order = sortedByName(r.order[:0], ms)
	for i := 1; i < len(r.order); i++ {
		if name := ms[r.order[i]].Name; name == ms[r.order[i-1]].Name {
			return name, true
		}
	}
	return "", false
}

// sortedByName appends the indexes of ms in the order of their names.
func sortedByName(order []int32, ms []Member) []int32 {
	for i := range ms {
		order = append(order, int32(i))
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(ms[a].Name, ms[b].Name) })
	return order
}

func (r *Reader) number() (Value, error) {
	start := r.pos
	r.at('-')
	switch n := r.digits(); {
	case n == 0:
		return Value{}, r.fail("expected a digit")
	case n > 1 && r.src[r.pos-n] == '0':
		r.pos -= n
		return Value{}, r.fail("number with a leading zero")
	}
	whole := true
	if r.at('.') {
		whole = false
		if r.digits() == 0 {
			return Value{}, r.fail("expected a digit after the point")
		}
	}
	if r.at('e') || r.at('E') {
		whole = false
		if !r.at('+') {
			r.at('-')
		}
		if r.digits() == 0 {
			return Value{}, r.fail("expected a digit in the exponent")
		}
	}
	return r.numberOf(r.src[start:r.pos], whole)
}

func (r *Reader) at(b byte) bool {
	if r.pos < len(r.src) && r.src[r.pos] == b {
		r.pos++
		return true
	}
	return false
}

// digits takes a run of digits and counts them.
func (r *Reader) digits() int {
	start := r.pos
	for r.pos < len(r.src) && r.src[r.pos] >= '0' && r.src[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}

func (r *Reader) numberOf(literal string, whole bool) (Value, error) {
	if whole && len(literal) <= len("-9223372036854775808") {
		if n, err := strconv.ParseInt(literal, 10, 64); err == nil {
			return Value{kind: Int, bits: uint64(n), text: literal}, nil
		}
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		r.pos -= len(literal)
		return Value{}, r.fail("number out of range")
	}
	return Value{kind: Float, bits: math.Float64bits(f), text: literal}, nil
}

// string reads a quoted string. The plain case, no escape, is a slice of the source.
func (r *Reader) string() (string, error) {
	r.pos++
	start := r.pos
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '"':
			s := r.src[start:r.pos]
			r.pos++
			return s, nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", r.fail("control character in a string")
		case c < utf8.RuneSelf:
			r.pos++
		default:
			if err := r.rune(); err != nil {
				return "", err
			}
		}
	}
	return "", r.fail("string without end")
}

func (r *Reader) rune() error {
	c, n := utf8.DecodeRuneInString(r.src[r.pos:])
	if c == utf8.RuneError && n == 1 {
		return r.fail("invalid UTF-8")
	}
	r.pos += n
	return nil
}

// escaped reads on from the first backslash of a string that began at start. The string is decoded at the end of r.text,
// where nothing changes it before the next Read; should r.text grow, the strings before it keep the older memory.
func (r *Reader) escaped(start int) (string, error) {
	from := len(r.text)
	r.text = append(r.text, r.src[start:r.pos]...)
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '"':
			r.pos++
			return unsafe.String(unsafe.SliceData(r.text[from:]), len(r.text)-from), nil
		case c == '\\':
			if err := r.escape(); err != nil {
				return "", err
			}
		case c < 0x20:
			return "", r.fail("control character in a string")
		case c < utf8.RuneSelf:
			r.text = append(r.text, c)
			r.pos++
		default:
			at := r.pos
			if err := r.rune(); err != nil {
				return "", err
			}
			r.text = append(r.text, r.src[at:r.pos]...)
		}
	}
	return "", r.fail("string without end")
}

func (r *Reader) escape() error {
	if r.pos+1 == len(r.src) {
		return r.fail("string without end")
	}
	c := r.src[r.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return r.unicode()
	default:
		return r.fail("unknown escape " + quoteByte(c))
	}
	r.text = append(r.text, c)
	r.pos += 2
	return nil
}

// unicode takes \uXXXX, and the second half where the first is a high surrogate.
func (r *Reader) unicode() error {
	c, ok := r.hex4(r.pos + 2)
	if !ok {
		return r.fail("expected four hexadecimal digits after \\u")
	}
	if c < 0xD800 || c > 0xDFFF {
		r.pos += 6
		r.text = utf8.AppendRune(r.text, c)
		return nil
	}
	low, ok := r.hex4(r.pos + 8)
	if !ok || c > 0xDBFF || r.src[r.pos+6] != '\\' || r.src[r.pos+7] != 'u' || low < 0xDC00 || low > 0xDFFF {
		return r.fail("surrogate without its pair")
	}
	r.pos += 12
	r.text = utf8.AppendRune(r.text, 0x10000+(c-0xD800)<<10+(low-0xDC00))
	return nil
}

func (r *Reader) hex4(at int) (rune, bool) {
	if at+4 > len(r.src) {
		return 0, false
	}
	var c rune
	for _, b := range []byte(r.src[at : at+4]) {
		d, ok := hexDigit(b)
		if !ok {
			return 0, false
		}
		c = c<<4 | d
	}
	return c, true
}

func hexDigit(b byte) (rune, bool) {
	switch {
	case b >= '0' && b <= '9':
		return rune(b - '0'), true
	case b >= 'a' && b <= 'f':
		return rune(b-'a') + 10, true
	case b >= 'A' && b <= 'F':
		return rune(b-'A') + 10, true
	default:
		return 0, false
	}
}

// AppendJSON appends v as JSON: no spaces, members in the order they stand, numbers as received, only the escapes that
// must be. Missing and unknown values, which JSON cannot say, are left out of objects and read null elsewhere.
func AppendJSON(dst []byte, v Value) []byte {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(dst, v.bits == 1)
	case Int, Float:
		return appendNumber(dst, v)
	case String:
		return AppendString(dst, v.text)
	case List:
		dst = append(dst, '[')
		for i := range v.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, v.items[i].Value)
		}
		return append(dst, ']')
	case Object:
		return appendObject(dst, v.items)
	default:
		return append(dst, "null"...)
	}
}

func appendNumber(dst []byte, v Value) []byte {
	switch {
	case v.text != "":
		return append(dst, v.text...)
	case v.kind == Int:
		return strconv.AppendInt(dst, int64(v.bits), 10)
	default:
		return appendFloat(dst, math.Float64frombits(v.bits))
	}
}

// appendFloat writes the shortest literal that reads back as f, always with a point or an exponent, so that it reads
// back as a float.
func appendFloat(dst []byte, f float64) []byte {
	from := len(dst)
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	for _, c := range dst[from:] {
		if c == '.' || c == 'e' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

func appendObject(dst []byte, items []Member) []byte {
	dst = append(dst, '{')
	first := true
	for i := range items {
		if k := items[i].Value.kind; k == Missing || k == Unknown {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendString(dst, items[i].Name)
		dst = append(dst, ':')
		dst = AppendJSON(dst, items[i].Value)
	}
	return append(dst, '}')
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string: quote, backslash and control characters escaped, every byte that is not
// UTF-8 replaced by U+FFFD, the rest as it is.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from, i := 0, plainWords(s)
	for i < len(s) {
		c := s[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if _, n := utf8.DecodeRuneInString(s[i:]); n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// plainWords is how many bytes, in steps of eight, s begins with of which none needs a look: ASCII without quotes,
// backslashes and control characters.
func plainWords(s string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		// A high bit stays or comes where a byte has one, is below 0x20, or is nothing but the character sought.
		if (w|(w-ones*0x20)|(w^ones*'"'-ones)|(w^ones*'\\'-ones))&high != 0 {
			break
		}
	}
	return i
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c >= utf8.RuneSelf {
		return append(dst, "\uFFFD"...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
