package abi

import "strconv"

// fields takes the members of one object by name and remembers the first thing wrong, so that a reader is a list of
// what it takes. A member never taken is an error at the end, unless the reader is lenient: a guest ignores what it does
// not know of what the host says.
type fields struct {
	items   []Member
	taken   int
	lenient bool
	err     error
}

// reading is how messages are read: strictly, or ignoring members that the contract lacks.
type reading bool

const (
	strict  reading = false
	lenient reading = true
)

func fieldsOf(v Value, what string, how reading) fields {
	if v.kind != Object {
		return fields{err: &ShapeError{Member: what, Want: "an object", Got: v.kind}}
	}
	return fields{items: v.items, lenient: bool(how)}
}

func (f *fields) take(name string) (Value, bool) {
	for i := range f.items {
		if f.items[i].Name == name {
			f.taken++
			return f.items[i].Value, true
		}
	}
	return Value{}, false
}

func (f *fields) wrong(name, want string, v Value) {
	if f.err == nil {
		f.err = &ShapeError{Member: name, Want: want, Got: v.kind}
	}
}

func (f *fields) text(name string) string {
	v, ok := f.take(name)
	s, is := v.Str()
	if ok && !is {
		f.wrong(name, "a string", v)
	}
	return s
}

func (f *fields) integer(name string) int64 {
	v, ok := f.take(name)
	n, is := v.Int()
	if ok && !is {
		f.wrong(name, "an integer", v)
	}
	return n
}

func (f *fields) boolean(name string) bool {
	v, ok := f.take(name)
	b, is := v.Bool()
	if ok && !is {
		f.wrong(name, "a boolean", v)
	}
	return b
}

// refuse is wrong where the kind is right and the value is not.
func (f *fields) refuse(name, want string) {
	if f.err == nil {
		f.err = &ShapeError{Member: name, Want: want, Kindred: true}
	}
}

// required is a string that must be there and not be empty.
func (f *fields) required(name, want string) string {
	v, _ := f.take(name)
	s, ok := v.Str()
	if !ok {
		f.wrong(name, want, v)
	} else if s == "" {
		f.refuse(name, want)
	}
	return s
}

// count is an integer that is not negative.
func (f *fields) count(name string) int64 {
	n := f.integer(name)
	if n < 0 {
		f.refuse(name, "0 or more")
	}
	return n
}

func (f *fields) list(name string) []Member {
	v, ok := f.take(name)
	if !ok {
		return nil
	}
	return f.listOf(name, v)
}

func (f *fields) listOf(name string, v Value) []Member {
	if v.kind != List {
		f.wrong(name, "a list", v)
		return nil
	}
	return v.items
}

func (f *fields) texts(name string) []string { return f.textsOf(name, f.list(name)) }

func (f *fields) textsOf(name string, items []Member) []string {
	if len(items) == 0 {
		return nil
	}
	out := make([]string, len(items))
	for i := range items {
		s, ok := items[i].Value.Str()
		if !ok {
			f.wrong(name, "a list of strings", items[i].Value)
		}
		out[i] = s
	}
	return out
}

func (f *fields) decision(name string) Decision {
	d, ok := ParseDecision(f.required(name, "a decision"))
	if !ok {
		f.refuse(name, "one of allow, deny, require_approval, warn, log")
	}
	return d
}

func (f *fields) version() {
	v, _ := f.take("abi")
	if n, ok := v.Int(); !ok {
		f.wrong("abi", strconv.Itoa(Version), v)
	} else if n != Version {
		f.refuse("abi", strconv.Itoa(Version))
	}
}

// end gives the first thing wrong, a member nobody took included.
func (f *fields) end(known ...string) error {
	if f.err != nil || f.lenient || f.taken == len(f.items) {
		return f.err
	}
	for i := range f.items {
		if !listed(known, f.items[i].Name) {
			return &ShapeError{Member: f.items[i].Name, Want: "left out: the contract has no such member", Kindred: true}
		}
	}
	return nil
}

// object writes an object's members one after the other.
type object struct {
	dst  []byte
	some bool
}

func open(dst []byte) object { return object{dst: append(dst, '{')} }

func (o *object) name(name string) {
	if o.some {
		o.dst = append(o.dst, ',')
	}
	o.some = true
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

func (o *object) text(name, s string) {
	o.name(name)
	o.dst = AppendString(o.dst, s)
}

// optional writes a string that is not empty.
func (o *object) optional(name, s string) {
	if s != "" {
		o.text(name, s)
	}
}

func (o *object) integer(name string, n int64) {
	o.name(name)
	o.dst = strconv.AppendInt(o.dst, n, 10)
}

func (o *object) boolean(name string, b bool) {
	o.name(name)
	o.dst = strconv.AppendBool(o.dst, b)
}

func (o *object) texts(name string, ss []string) {
	o.name(name)
	o.dst = append(o.dst, '[')
	for i, s := range ss {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = AppendString(o.dst, s)
	}
	o.dst = append(o.dst, ']')
}

func (o *object) optionalTexts(name string, ss []string) {
	if len(ss) > 0 {
		o.texts(name, ss)
	}
}

func (o *object) close() []byte { return append(o.dst, '}') }
