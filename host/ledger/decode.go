package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

var errEntry = errors.New("not an entry of version 1")

// DecodeEntry reads the stored form. It takes exactly what AppendEntry writes: the fields in order, once each, no spaces.
// Body aliases data and may be a reference to a body that stands elsewhere.
func DecodeEntry(data []byte) (Entry, error) { return decodeEntry(data, validJSON) }

// decodeEntry is DecodeEntry with a check of the body of its own.
func decodeEntry(data []byte, body func([]byte) bool) (Entry, error) {
	var e Entry
	d := decoder{rest: data}
	d.literal(`{"v":1,"kind":`)
	e.Kind = d.text()
	d.literal(`,"time":`)
	when := d.text()
	for _, f := range e.fields() {
		if d.skip(`,"` + f.name + `":`) {
			*f.value = d.text()
			d.bad = d.bad || *f.value == ""
		}
	}
	if d.skip(`,"body":`) {
		end := len(d.rest) - 1
		if end < 1 || !body(d.rest[:end]) {
			return Entry{}, errEntry
		}
		e.Body, d.rest = d.rest[:end], d.rest[end:]
	}
	d.literal("}")
	t, err := time.Parse(TimeFormat, when)
	if d.bad || err != nil || len(d.rest) != 0 || e.Kind == "" {
		return Entry{}, errEntry
	}
	e.Time = t
	return e, nil
}

type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) skip(s string) bool {
	if d.bad || len(d.rest) < len(s) || string(d.rest[:len(s)]) != s {
		return false
	}
	d.rest = d.rest[len(s):]
	return true
}

func (d *decoder) literal(s string) { d.bad = !d.skip(s) || d.bad }

func (d *decoder) text() string {
	end, ok := skipString(d.rest, 0)
	if d.bad || !ok {
		d.bad = true
		return ""
	}
	quoted := d.rest[:end]
	d.rest = d.rest[end:]
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : end-1])
	}
	var s string
	d.bad = json.Unmarshal(quoted, &s) != nil
	return s
}
