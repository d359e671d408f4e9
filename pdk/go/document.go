package pdk

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"agentmesh/pdk/abi"
)

// document is one JSON text, read once into a list of nodes in the order they stand: the values point into the text. It
// takes and refuses exactly what abi.ReadValue does, in a fifth of the time inside a module, where calls and copies are
// dear; what is rare (escapes, numbers with a fraction, the words for what is wrong) it leaves to that.
type document struct {
	src    []byte
	text   []byte // strings that were escaped
	nodes  []node
	used   int
	open   [abi.MaxDepth]frame // the containers around the value that is read
	order  []int32             // members of a large object, sorted
	reader abi.Reader
}

// node is one value. It holds no pointers, so the collector passes over the list.
type node struct {
	name, text span   // text: of a string or number
	bits       uint64 // of a boolean or number, as abi.Value has them
	next       int32  // index of the node after this value and all in it
	count      int32  // of items or members
	kind       abi.Kind
}

// frame is a container that is not at its end yet.
type frame struct {
	node  int32
	seen  uint64 // a bit for each of its names
	alike uint64 // not 0: two of the names may be the same
}

// span is a part of the source, or of the text where it was escaped.
type span struct {
	from, to uint32
	decoded  bool
}

// keptNodes and keptText are what a document keeps from one text to the next: about a megabyte of nodes, half of text.
const (
	keptNodes = 1 << 14
	keptText  = 1 << 19
)

var errSyntax = errors.New("not JSON")

// read reads a text, which must stay as it is for as long as values of it are used. Values of the text before are void.
func (d *document) read(src []byte) error {
	if len(d.nodes) > keptNodes {
		d.nodes, d.order = nil, nil
	}
	if cap(d.text) > keptText {
		d.text = nil
	}
	d.src, d.text, d.used = src, d.text[:0], 0
	if uint64(len(src)) > math.MaxUint32 || !d.all() {
		return d.wrong()
	}
	return nil
}

// wrong says in the words of abi what is wrong with the text.
func (d *document) wrong() error {
	if _, err := abi.ReadValue(str(d.src)); err != nil {
		return err
	}
	return errSyntax
}

func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (d *document) of(s span) string {
	if s.decoded {
		return str(d.text[s.from:s.to])
	}
	return str(d.src[s.from:s.to])
}

// skip is the next position that is no white space.
func (d *document) skip(pos int) int {
	for pos < len(d.src) && (d.src[pos] == ' ' || d.src[pos] == '\n' || d.src[pos] == '\t' || d.src[pos] == '\r') {
		pos++
	}
	return pos
}

// at is the byte at pos, 0 at the end.
func (d *document) at(pos int) byte {
	if pos < len(d.src) {
		return d.src[pos]
	}
	return 0
}

// all reads the one value of the text and all in it. It is one loop over the tokens, because inside a module calls and
// what they spill cost more than the work.
func (d *document) all() bool {
	b, nodes := d.src, d.nodes
	used, depth := 0, 0
	named := false // the next value is a member
	for pos := d.skip(0); ; {
		if used == len(nodes) {
			nodes = d.grow()
		}
		if pos >= len(b) {
			return false
		}
		n := &nodes[used]
		if named {
			if pos = d.name(pos, n, depth-1); pos < 0 || pos >= len(b) {
				return false
			}
		}
		c := b[pos]
		used++
		n.count, n.next = 0, int32(used)
		switch {
		case c == '"':
			n.kind = abi.String
			pos = d.quoted(pos+1, &n.text)
		case c == '{' || c == '[':
			if depth == len(d.open) {
				return false
			}
			d.open[depth] = frame{node: int32(used - 1)}
			depth++
			n.kind, named = abi.Object, true
			if c == '[' {
				n.kind, named = abi.List, false
			}
			if pos++; d.at(pos) <= ' ' {
				pos = d.skip(pos)
			}
			if d.at(pos) != c+2 {
				continue
			}
		default:
			pos = d.scalar(c, pos, n)
		}
		if pos < 0 {
			return false
		}
		if depth > 0 && pos < len(b) && b[pos] == ',' {
			nodes[d.open[depth-1].node].count++
			if pos++; d.at(pos) <= ' ' {
				pos = d.skip(pos)
			}
			continue
		}
		d.used = used
		if pos, depth = d.after(pos, depth); pos < 0 || depth == 0 {
			return pos >= 0
		}
		named = nodes[d.open[depth-1].node].kind == abi.Object
	}
}

// after takes what follows a value but a comma alone: the ends of containers, and the comma before the next value. At depth
// 0 the text is over.
func (d *document) after(pos, depth int) (next, left int) {
	for depth > 0 {
		if d.at(pos) <= ' ' {
			pos = d.skip(pos)
		}
		c, f := d.at(pos), &d.open[depth-1]
		top, empty := &d.nodes[f.node], int(f.node)+1 == d.used
		if c == ',' && !empty {
			top.count++
			return d.skip(pos + 1), depth
		}
		if c != '}' && c != ']' || (c == '}') != (top.kind == abi.Object) {
			return -1, 0
		}
		if !empty {
			top.count++
		}
		top.next = int32(d.used)
		if f.alike != 0 && d.twice(f.node) {
			return -1, 0
		}
		depth--
		pos++
	}
	if pos < len(d.src) && d.skip(pos) < len(d.src) {
		return -1, 0
	}
	return pos, 0
}

// grow doubles the room for nodes.
func (d *document) grow() []node {
	d.nodes = append(d.nodes, make([]node, 64+len(d.nodes))...)
	return d.nodes
}

// name reads a member's name and the colon, and notes in the frame whether one like it stood there before.
func (d *document) name(pos int, n *node, depth int) int {
	if d.src[pos] != '"' {
		return -1
	}
	start := pos + 1
	if pos = d.quoted(start, &n.name); pos < 0 {
		return -1
	}
	f := &d.open[depth]
	bit := uint64(1)
	if !n.name.decoded {
		h := uint32(d.src[start])<<16 ^ uint32(d.src[pos-2])<<8 ^ uint32(pos-start)
		bit = 1 << (h * 0x9E3779B1 >> 26)
	} else {
		f.alike = 1
	}
	f.alike |= f.seen & bit
	f.seen |= bit
	if d.at(pos) != ':' {
		if pos = d.skip(pos); d.at(pos) != ':' {
			return -1
		}
	}
	if pos++; d.at(pos) <= ' ' {
		pos = d.skip(pos)
	}
	return pos
}

// scalar reads a value that holds no others and is no string.
func (d *document) scalar(c byte, pos int, n *node) int {
	switch c {
	case 't':
		n.kind, n.bits = abi.Bool, 1
		return d.word(pos, "true")
	case 'f':
		n.kind, n.bits = abi.Bool, 0
		return d.word(pos, "false")
	case 'n':
		n.kind = abi.Null
		return d.word(pos, "null")
	default:
		return d.number(pos, n)
	}
}

func (d *document) word(pos int, w string) int {
	if len(d.src)-pos < len(w) || str(d.src[pos:pos+len(w)]) != w {
		return -1
	}
	return pos + len(w)
}

// number reads an integer of at most 18 digits; every other number it leaves to abi.
func (d *document) number(pos int, n *node) int {
	start, negative := pos, false
	if d.at(pos) == '-' {
		negative = true
		pos++
	}
	first, sum := pos, uint64(0)
	for pos < len(d.src) && d.src[pos]-'0' <= 9 {
		sum = sum*10 + uint64(d.src[pos]-'0')
		pos++
	}
	digits, c := pos-first, d.at(pos)
	if digits == 0 || digits > 18 || digits > 1 && d.src[first] == '0' || c == '.' || c == 'e' || c == 'E' {
		return d.longNumber(start, n)
	}
	if negative {
		sum = -sum
	}
	n.kind, n.bits, n.text = abi.Int, sum, span{from: uint32(start), to: uint32(pos)}
	return pos
}

func (d *document) longNumber(start int, n *node) int {
	pos := start
	for strings.IndexByte("-+.eE0123456789", d.at(pos)) >= 0 {
		pos++
	}
	v, err := d.reader.Read(str(d.src[start:pos]))
	if err != nil {
		return -1
	}
	n.kind, n.bits, _, _ = v.Parts()
	n.text = span{from: uint32(start), to: uint32(pos)}
	return pos
}

// quoted reads the rest of a string from after its first quote, and gives the position after its last. Eight bytes are
// looked at together.
func (d *document) quoted(start int, to *span) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	b, pos := d.src, start
	for ; pos+8 <= len(b); pos += 8 {
		w := binary.LittleEndian.Uint64(b[pos:])
		quote, slash := w^ones*'"', w^ones*'\\'
		// A byte's high bit is set where it was, or where taking away borrowed: below 0x20, or none left of the byte sought.
		// A borrow can mark the bytes above it wrongly, never the lowest one.
		if m := (w | (w - ones*0x20) | (quote - ones) | (slash - ones)) & high; m != 0 {
			pos += bits.TrailingZeros64(m) >> 3
			break
		}
	}
	for pos < len(b) {
		c := b[pos]
		if c == '"' {
			*to = span{from: uint32(start), to: uint32(pos)}
			return pos + 1
		}
		if c < 0x20 || c == '\\' || c >= utf8.RuneSelf {
			return d.special(start, pos, to)
		}
		pos++
	}
	return -1
}

// special reads on where a string holds more than plain ASCII.
func (d *document) special(start, pos int, to *span) int {
	for pos < len(d.src) {
		switch c := d.src[pos]; {
		case c == '"':
			*to = span{from: uint32(start), to: uint32(pos)}
			return pos + 1
		case c == '\\':
			return d.escaped(start, pos, to)
		case c < 0x20:
			return -1
		case c < utf8.RuneSelf:
			pos++
		default:
			r, n := utf8.DecodeRune(d.src[pos:])
			if r == utf8.RuneError && n == 1 {
				return -1
			}
			pos += n
		}
	}
	return -1
}

// escaped has abi decode a string, whose first backslash stands at pos.
func (d *document) escaped(start, pos int, to *span) int {
	for pos < len(d.src) && d.src[pos] != '"' {
		if d.src[pos] == '\\' {
			pos++
		}
		pos++
	}
	if pos >= len(d.src) {
		return -1
	}
	v, err := d.reader.Read(str(d.src[start-1 : pos+1]))
	if err != nil {
		return -1
	}
	from := len(d.text)
	d.text = append(d.text, v.Text()...)
	*to = span{from: uint32(from), to: uint32(len(d.text)), decoded: true}
	return pos + 1
}

// twice reports whether a member's name stands twice in the object.
func (d *document) twice(object int32) bool {
	if d.nodes[object].count > 16 {
		return d.twiceInMany(object)
	}
	nodes := d.nodes[:d.used]
	for i := int(object) + 1; i < len(nodes); i = int(nodes[i].next) {
		a := &nodes[i].name
		for j := int(object) + 1; j < i; j = int(nodes[j].next) {
			if b := &nodes[j].name; a.to-a.from == b.to-b.from && d.of(*a) == d.of(*b) {
				return true
			}
		}
	}
	return false
}

func (d *document) twiceInMany(object int32) bool {
	d.order = d.order[:0]
	for i := object + 1; i < int32(d.used); i = d.nodes[i].next {
		d.order = append(d.order, i)
	}
	slices.SortFunc(d.order, func(a, b int32) int { return strings.Compare(d.of(d.nodes[a].name), d.of(d.nodes[b].name)) })
	for i := 1; i < len(d.order); i++ {
		if d.of(d.nodes[d.order[i]].name) == d.of(d.nodes[d.order[i-1]].name) {
			return true
		}
	}
	return false
}
