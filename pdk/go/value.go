package pdk

import (
	"iter"
	"math"

	"agentmesh/pdk/abi"
)

// Value is one JSON value, or its absence (the zero Value), read in place: it is good until the handler returns, and so
// are its strings; a value of the settings for as long as the plugin is. Its methods mean what abi.Value's do.
type Value struct {
	doc  *document
	node int32
}

// ReadValue reads one JSON text as abi.ReadValue does. The value is good for ever.
func ReadValue(text string) (Value, error) {
	d := new(document)
	if err := d.read([]byte(text)); err != nil {
		return Value{}, err
	}
	return Value{doc: d}, nil
}

func (v Value) at() *node {
	if v.doc == nil {
		return nil
	}
	return &v.doc.nodes[v.node]
}

// Kind tells what the value holds; of a missing one it is abi.Missing.
func (v Value) Kind() abi.Kind {
	if v.doc == nil {
		return abi.Missing
	}
	return v.doc.nodes[v.node].kind
}

// Exists reports whether the value is there at all; null is there.
func (v Value) Exists() bool { return v.doc != nil }

// IsTrue reports whether the value is the boolean true.
func (v Value) IsTrue() bool { return v.Kind() == abi.Bool && v.at().bits == 1 }

// Bool returns a boolean, and whether the value is one.
func (v Value) Bool() (b, ok bool) { return v.IsTrue(), v.Kind() == abi.Bool }

// Int returns an integer, and whether the value is one that int64 holds exactly.
func (v Value) Int() (int64, bool) {
	if v.Kind() != abi.Int {
		return 0, false
	}
	return int64(v.at().bits), true
}

// Float returns a number as float64, and whether the value is a number.
func (v Value) Float() (float64, bool) {
	switch v.Kind() {
	case abi.Int:
		return float64(int64(v.at().bits)), true
	case abi.Float:
		return math.Float64frombits(v.at().bits), true
	default:
		return 0, false
	}
}

// Str returns a string, and whether the value is one.
func (v Value) Str() (string, bool) {
	if v.Kind() != abi.String {
		return "", false
	}
	return v.doc.of(v.at().text), true
}

// Text returns the string, or the empty string for any other value.
func (v Value) Text() string {
	s, _ := v.Str()
	return s
}

// Len is the number of items of a list or members of an object, else 0.
func (v Value) Len() int {
	if v.doc == nil {
		return 0
	}
	return int(v.doc.nodes[v.node].count)
}

// At is the i-th item of a list, missing for any other index or value. It counts from the first: All goes over many.
func (v Value) At(i int) Value {
	if v.Kind() != abi.List || i < 0 || i >= v.Len() {
		return Value{}
	}
	n := v.node + 1
	for ; i > 0; i-- {
		n = v.doc.nodes[n].next
	}
	return Value{v.doc, n}
}

// Get is the named member of an object; missing where there is none.
func (v Value) Get(name string) Value {
	if v.Kind() != abi.Object {
		return Value{}
	}
	nodes := v.doc.nodes
	end := nodes[v.node].next
	for i := v.node + 1; i < end; i = nodes[i].next {
		if s := nodes[i].name; int(s.to-s.from) == len(name) && v.doc.of(s) == name {
			return Value{v.doc, i}
		}
	}
	return Value{}
}

// All are the members of an object with their names, or the items of a list with none, in the order they stand.
func (v Value) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.Len() == 0 {
			return
		}
		nodes := v.doc.nodes
		for i := v.node + 1; i < nodes[v.node].next; i = nodes[i].next {
			name := ""
			if nodes[v.node].kind == abi.Object {
				name = v.doc.of(nodes[i].name)
			}
			if !yield(name, Value{v.doc, i}) {
				return
			}
		}
	}
}

// ABI is a copy of the value as agentmesh/pdk/abi has it, which can compare and write it. It allocates.
func (v Value) ABI() abi.Value {
	switch v.Kind() {
	case abi.Missing:
		return abi.Value{}
	case abi.List:
		items := make([]abi.Value, 0, v.Len())
		for _, x := range v.All() {
			items = append(items, x.ABI())
		}
		return abi.ListValue(items...)
	case abi.Object:
		members := make([]abi.Member, 0, v.Len())
		for name, x := range v.All() {
			members = append(members, abi.Member{Name: name, Value: x.ABI()})
		}
		return abi.ObjectValue(members...)
	case abi.String:
		return abi.StringValue(string([]byte(v.Text())))
	case abi.Int, abi.Float:
		n, _ := abi.ReadValue(string([]byte(v.doc.of(v.at().text))))
		return n
	case abi.Bool:
		return abi.BoolValue(v.IsTrue())
	default:
		return abi.NullValue()
	}
}
