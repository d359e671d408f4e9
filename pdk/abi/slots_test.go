package abi_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"agentmesh/pdk/abi"
)

// slotVector is one line of slots.json; README.md there says what stands in it.
type slotVector struct {
	Name        string     `json:"name"`
	Strings     []string   `json:"strings"`
	Slots       []slotJSON `json:"slots"`
	SlotBase    uint32     `json:"slot_base"`
	ScratchBase uint32     `json:"scratch_base"`
	Request     string     `json:"request"`
	Unknown     []string   `json:"unknown,omitempty"`
	Want        []string   `json:"want"`
	Memory      string     `json:"memory"`
}

type slotJSON struct {
	Path      string     `json:"path,omitempty"`
	Lower     bool       `json:"lower,omitempty"`
	Len       bool       `json:"len,omitempty"`
	ID        bool       `json:"id,omitempty"`
	Bytes     bool       `json:"bytes,omitempty"`
	Mask      bool       `json:"mask,omitempty"`
	Canonical bool       `json:"canonical,omitempty"`
	Item      *slotJSON  `json:"item,omitempty"`
	Items     []slotJSON `json:"items,omitempty"`
}

func (j *slotJSON) slot(t *testing.T) abi.Slot {
	t.Helper()
	s := abi.Slot{Lower: j.Lower, Len: j.Len, ID: j.ID, Bytes: j.Bytes, Mask: j.Mask, Canonical: j.Canonical}
	if j.Path != "" {
		var err error
		if s.Path, err = abi.ParsePath(j.Path); err != nil {
			t.Fatal(err)
		}
	}
	if j.Item != nil {
		item := j.Item.slot(t)
		s.HasItems, s.Item = true, &item
	}
	for i := range j.Items {
		s.Items = append(s.Items, j.Items[i].slot(t))
	}
	return s
}

// slotWriter writes slots as their description says, one after the other and with no thought of speed. It is what
// faster writers are held against.
type slotWriter struct {
	ids  map[string]uint32
	base uint32
	heap []byte // from base on
}

// lay puts bytes at the next multiple of 8 and gives their address.
func (w *slotWriter) lay(b []byte) uint32 {
	for len(w.heap)%8 != 0 {
		w.heap = append(w.heap, 0)
	}
	at := w.base + uint32(len(w.heap))
	w.heap = append(w.heap, b...)
	return at
}

// cell is a slot before it is bytes.
type cell struct {
	tag, id, ptr, len uint32
	number            float64
	extra             uint64
}

func (c *cell) bytes() []byte {
	b := make([]byte, 0, abi.SlotSize)
	for _, n := range []uint32{c.tag, c.id, c.ptr, c.len} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(c.number))
	return binary.LittleEndian.AppendUint64(b, c.extra)
}

func (w *slotWriter) slot(s *abi.Slot, v abi.Value) []byte {
	c := cell{number: math.NaN()}
	switch {
	case v.Kind() == abi.Unknown:
		c.tag = abi.SlotUnknown
	case v.Kind() == abi.String && !utf8.ValidString(v.Text()):
		c.tag = abi.SlotMistyped
	case s.Len:
		w.length(&c, v)
	case s.Lower && v.Kind() != abi.String:
		c.tag = abi.SlotMistyped
	case s.Lower:
		w.text(&c, s, strings.ToLower(v.Text()))
	default:
		w.value(&c, s, v)
	}
	return c.bytes()
}

func (w *slotWriter) value(c *cell, s *abi.Slot, v abi.Value) {
	switch v.Kind() {
	case abi.Missing:
		c.tag = abi.SlotMissing
	case abi.Null:
		c.tag, c.id = abi.SlotNull, abi.IDNull
	case abi.Bool:
		c.tag, c.id = abi.SlotBool, abi.IDFalse
		if v.IsTrue() {
			c.id = abi.IDTrue
		}
	case abi.Int:
		n, _ := v.Int()
		c.integer(n)
	case abi.Float:
		c.tag = abi.SlotFloat
		c.number, _ = v.Float()
	case abi.String:
		w.text(c, s, v.Text())
	case abi.List:
		w.list(c, s, v)
	case abi.Object:
		c.tag = abi.SlotObject
		w.canonical(c, s, v)
	}
}

func (c *cell) integer(n int64) {
	c.tag, c.number, c.extra = abi.SlotInt, float64(n), uint64(n)
}

func (w *slotWriter) length(c *cell, v abi.Value) {
	switch {
	case v.Kind() == abi.String:
		c.integer(int64(utf8.RuneCountInString(v.Text())))
	case v.Kind() == abi.List:
		c.integer(int64(v.Len()))
	default:
		c.tag = abi.SlotMistyped
	}
}

func (w *slotWriter) text(c *cell, s *abi.Slot, text string) {
	c.tag, c.len = abi.SlotString, uint32(len(text))
	if s.ID {
		c.id = w.ids[text]
	}
	if s.Bytes {
		c.ptr = w.lay([]byte(text))
	}
	if s.Mask {
		c.extra = abi.BigramMask(text)
	}
}

func (w *slotWriter) list(c *cell, s *abi.Slot, v abi.Value) {
	c.tag, c.len = abi.SlotList, uint32(v.Len())
	if s.HasItems && v.Len() > 0 {
		stride := abi.SlotSize * (1 + len(s.Items))
		c.ptr = w.lay(make([]byte, stride*v.Len()))
		from := int(c.ptr - w.base)
		for i := range v.Len() {
			record := w.slot(s.Item, v.At(i))
			for k := range s.Items {
				record = append(record, w.slot(&s.Items[k], v.At(i).Lookup(s.Items[k].Path))...)
			}
			copy(w.heap[from+i*stride:], record)
		}
	}
	w.canonical(c, s, v)
}

func (w *slotWriter) canonical(c *cell, s *abi.Slot, v abi.Value) {
	switch {
	case !s.Canonical:
	case anyUnknown(v):
		c.extra = uint64(abi.CanonicalUnknown) << 32
	default:
		b := abi.AppendCanonical(nil, v)
		c.extra = uint64(w.lay(b)) | uint64(len(b))<<32
	}
}

func anyUnknown(v abi.Value) bool {
	for _, m := range v.Items() {
		if anyUnknown(m.Value) {
			return true
		}
	}
	return v.Kind() == abi.Unknown
}

// withUnknown is v with the value at the path unknown.
func withUnknown(v abi.Value, path []abi.Step) abi.Value {
	if len(path) == 0 {
		return abi.UnknownValue()
	}
	if !path[0].IsIndex {
		return v.With(path[0].Name, withUnknown(v.Get(path[0].Name), path[1:]))
	}
	var items []abi.Value
	for i := range v.Len() {
		item := v.At(i)
		if i == path[0].Index {
			item = withUnknown(item, path[1:])
		}
		items = append(items, item)
	}
	return abi.ListValue(items...)
}

// request is the vector's request; a part that is unknown as a whole no JSON says.
func (v *slotVector) request(t *testing.T) abi.Request {
	t.Helper()
	q, err := abi.ReadRequest(v.Request)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	parts := map[string]*abi.Value{
		"agent": &q.Agent, "action": &q.Action, "tool": &q.Tool, "data": &q.Data, "resource": &q.Resource,
		"context": &q.Context, "result": &q.Result,
	}
	for _, text := range v.Unknown {
		path, err := abi.ParsePath(text)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		part := parts[path[0].Name]
		*part = withUnknown(*part, path[1:])
	}
	return q
}

func TestSlotVectors(t *testing.T) {
	file := vectors[[]slotVector](t, "slots.json")
	for i := range *file {
		v := &(*file)[i]
		q := v.request(t)
		w := &slotWriter{ids: map[string]uint32{}, base: v.ScratchBase}
		for k, s := range v.Strings {
			w.ids[s] = abi.IDFirst + uint32(k)
		}
		if *update {
			v.Want = make([]string, len(v.Slots))
		}
		if len(v.Want) != len(v.Slots) {
			t.Fatalf("%s: %d slots and %d wanted", v.Name, len(v.Slots), len(v.Want))
		}
		for k := range v.Slots {
			s := v.Slots[k].slot(t)
			expect(t, v.Name+", "+v.Slots[k].Path, hex.EncodeToString(w.slot(&s, q.Lookup(s.Path))), &v.Want[k])
		}
		expect(t, v.Name+", memory", hex.EncodeToString(w.heap), &v.Memory)
	}
}

func TestStringsThatAreNotUTF8AreMistyped(t *testing.T) {
	w := &slotWriter{}
	for _, s := range []abi.Slot{{}, {ID: true, Bytes: true}, {Lower: true}, {Len: true}} {
		got := w.slot(&s, abi.StringValue("a\xff"))
		if tag := binary.LittleEndian.Uint32(got); tag != abi.SlotMistyped || !bytes.Equal(got[4:16], make([]byte, 12)) {
			t.Errorf("%+v: got %x", s, got)
		}
	}
}

func TestBigramMask(t *testing.T) {
	for _, c := range []struct {
		s    string
		want uint64
	}{{"", 0}, {"a", 0}, {"ab", 1 << 25}, {"aba", 1<<25 | 1<<22}} {
		if got := abi.BigramMask(c.s); got != c.want {
			t.Errorf("%q: got %#x, want %#x", c.s, got, c.want)
		}
	}
	for _, whole := range []string{"/secret14/x", "a..b", "日本語"} {
		for i := range len(whole) {
			for k := i; k <= len(whole); k++ {
				if part := abi.BigramMask(whole[i:k]); part&abi.BigramMask(whole) != part {
					t.Errorf("the mask of %q lacks what %q has", whole, whole[i:k])
				}
			}
		}
	}
}
