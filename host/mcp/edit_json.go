package mcp

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxResultDepth is how deep a result may nest; clients read less.
const maxResultDepth = 512

// jsonCursor walks over JSON (RFC 8259) in place and builds nothing, so that whoever edits knows where everything stands.
// It is stricter than the standard in nothing but depth, and laxer in one thing: a string that is not proper Unicode
// (invalid UTF-8, half a surrogate pair) is passed over and told of, for servers cut texts in the middle of a character.
type jsonCursor struct {
	src   string
	pos   int
	depth int
}

var errTooDeep = errors.New("nested too deep")

func (c *jsonCursor) fail(what string) error { return fmt.Errorf("%s at byte %d", what, c.pos) }

func (c *jsonCursor) peek() byte {
	for c.pos < len(c.src) {
		switch b := c.src[c.pos]; b {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return b
		}
	}
	return 0
}

// take moves over a byte that must come next.
func (c *jsonCursor) take(b byte) error {
	if c.peek() != b || c.pos == len(c.src) {
		return c.fail("want " + string(rune(b)))
	}
	c.pos++
	return nil
}

// token is a string as it stands, from quote to quote.
type token struct {
	start, end int
	// plain: printable ASCII without escapes, which decodes to itself.
	plain bool
}

func (c *jsonCursor) string() (token, error) {
	t := token{start: c.pos, plain: true}
	if err := c.take('"'); err != nil {
		return t, err
	}
	t.start = c.pos - 1
	for c.pos < len(c.src) {
		switch b := c.src[c.pos]; {
		case b == '"':
			c.pos++
			t.end = c.pos
			return t, nil
		case b == '\\':
			t.plain = false
			if err := c.escape(); err != nil {
				return t, err
			}
		case b < ' ':
			return t, c.fail("a bare control character")
		default:
			t.plain = t.plain && b < 0x7f
			c.pos++
		}
	}
	return t, c.fail("an unfinished string")
}

func (c *jsonCursor) escape() error {
	if c.pos+1 >= len(c.src) {
		return c.fail("an unfinished escape")
	}
	switch c.src[c.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		c.pos += 2
		return nil
	case 'u':
		if _, ok := hex4(c.src[c.pos+2:]); ok {
			c.pos += 6
			return nil
		}
	}
	return c.fail("a bad escape")
}

// hex4 reads the four digits that s begins with.
func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		b := s[i]
		switch {
		case b >= '0' && b <= '9':
			r = r<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			r = r<<4 | rune(b|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// text decodes a string. What is no proper Unicode becomes U+FFFD and is counted.
func (c *jsonCursor) text(t token) (s string, broken int) {
	in := c.src[t.start+1 : t.end-1]
	if t.plain {
		return in, 0
	}
	if strings.IndexByte(in, '\\') < 0 && utf8.ValidString(in) {
		return in, 0
	}
	out := make([]byte, 0, len(in))
	for i := 0; i < len(in); {
		if in[i] == '\\' {
			r, n := unescape(in[i:])
			if r == utf8.RuneError && n == 6 && !strings.EqualFold(in[i:i+6], `\ufffd`) {
				broken++
			}
			out, i = utf8.AppendRune(out, r), i+n
			continue
		}
		r, n := utf8.DecodeRuneInString(in[i:])
		if r == utf8.RuneError && n == 1 {
			broken++
		}
		out, i = utf8.AppendRune(out, r), i+n
	}
	return string(out), broken
}

// unescape decodes the escape that s begins with, a pair of surrogates as one.
func unescape(s string) (r rune, size int) {
	switch s[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return rune(s[1]), 2
	}
	r, _ = hex4(s[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if strings.HasPrefix(s[6:], `\u`) {
		if low, ok := hex4(s[8:]); ok {
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, 12
			}
		}
	}
	return utf8.RuneError, 6
}

// number moves over a number.
func (c *jsonCursor) number() error {
	digits := func() bool {
		from := c.pos
		for c.pos < len(c.src) && c.src[c.pos] >= '0' && c.src[c.pos] <= '9' {
			c.pos++
		}
		return c.pos > from
	}
	is := func(chars string) bool { return c.pos < len(c.src) && strings.IndexByte(chars, c.src[c.pos]) >= 0 }
	if is("-") {
		c.pos++
	}
	if is("0") {
		c.pos++
	} else if !digits() {
		return c.fail("want a value")
	}
	if is(".") {
		if c.pos++; !digits() {
			return c.fail("an unfinished number")
		}
	}
	if is("eE") {
		if c.pos++; is("+-") {
			c.pos++
		}
		if !digits() {
			return c.fail("an unfinished number")
		}
	}
	return nil
}

// scalar moves over a number, true, false or null.
func (c *jsonCursor) scalar() error {
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(c.src[c.pos:], word) {
			c.pos += len(word)
			return nil
		}
	}
	return c.number()
}

// object calls member for each member, with its name decoded; member must move over the value. It reports where the
// opening brace stands by leaving c behind the closing one.
func (c *jsonCursor) object(member func(name string, t token) error) error {
	if err := c.take('{'); err != nil {
		return err
	}
	if c.depth++; c.depth > maxResultDepth {
		return errTooDeep
	}
	defer func() { c.depth-- }()
	if c.peek() == '}' {
		c.pos++
		return nil
	}
	var seen names
	for {
		t, err := c.member(&seen, member)
		if err != nil {
			return err
		}
		if !t {
			return nil
		}
	}
}

// member moves over one member and the sign behind it, and reports whether another one follows.
func (c *jsonCursor) member(seen *names, member func(name string, t token) error) (more bool, err error) {
	c.peek()
	t, err := c.string()
	if err != nil {
		return false, err
	}
	name, _ := c.text(t)
	if !seen.add(name) {
		return false, fmt.Errorf("two members called %.64q", name)
	}
	if err := c.take(':'); err != nil {
		return false, err
	}
	c.peek()
	if err := member(name, t); err != nil {
		return false, err
	}
	if c.peek() == ',' {
		c.pos++
		return true, nil
	}
	return false, c.take('}')
}

// list calls item at each item; item must move over it. It returns how many there were.
func (c *jsonCursor) list(item func() error) (n int, err error) {
	if err := c.take('['); err != nil {
		return 0, err
	}
	if c.depth++; c.depth > maxResultDepth {
		return 0, errTooDeep
	}
	defer func() { c.depth-- }()
	if c.peek() == ']' {
		c.pos++
		return 0, nil
	}
	for {
		c.peek()
		if err := item(); err != nil {
			return n, err
		}
		n++
		if c.peek() != ',' {
			return n, c.take(']')
		}
		c.pos++
	}
}

// names are those of one object's members.
type names struct {
	few  []string
	many map[string]bool
}

const fewNames = 16

// add reports whether the name is new.
func (n *names) add(name string) bool {
	if n.many != nil {
		if n.many[name] {
			return false
		}
		n.many[name] = true
		return true
	}
	for _, s := range n.few {
		if s == name {
			return false
		}
	}
	if n.few = append(n.few, name); len(n.few) > fewNames {
		n.many = make(map[string]bool, 4*fewNames)
		for _, s := range n.few {
			n.many[s] = true
		}
	}
	return true
}
