package release

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"agentmesh/pdk/abi"
)

// fields takes the members of one JSON object, strictly: a member that is not known, or has another type, is an error, and
// abi.ReadValue has refused members named twice. The first error stays.
type fields struct {
	value abi.Value
	what  string
	known []string
	err   error
}

func readFields(src []byte, what string) *fields {
	v, err := abi.ReadValue(string(src))
	f := fieldsOf(v, what)
	if err != nil {
		f.err = fmt.Errorf("%s: %w", what, err)
	}
	return f
}

func fieldsOf(v abi.Value, what string) *fields {
	f := &fields{value: v, what: what}
	if v.Kind() != abi.Object {
		f.err = fmt.Errorf("%s: want an object, not %s", what, v.Kind())
	}
	return f
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%s: %s", f.what, fmt.Sprintf(format, args...))
	}
}

func (f *fields) take(name string) abi.Value {
	f.known = append(f.known, name)
	return f.value.Get(name)
}

// text takes a string that must be there; maybe one that may be absent.
func (f *fields) text(name string) string {
	s, ok := f.take(name).Str()
	if !ok || s == "" {
		f.fail("%s must be a text", name)
	}
	return s
}

func (f *fields) maybe(name string) string {
	v := f.take(name)
	if !v.Exists() {
		return ""
	}
	s, ok := v.Str()
	if !ok || s == "" {
		f.fail("%s must be a text, or be left out", name)
	}
	return s
}

// is takes a string that must be want.
func (f *fields) is(name, want string) {
	if got, _ := f.take(name).Str(); got != want {
		f.fail("%s must be %q, not %q", name, want, got)
	}
}

// count takes an integer of at least 1.
func (f *fields) count(name string) int64 {
	n, ok := f.take(name).Int()
	if !ok || n < 1 {
		f.fail("%s must be an integer of at least 1", name)
	}
	return n
}

// timeLayout is how times are written: UTC, whole seconds.
const timeLayout = "2006-01-02T15:04:05Z"

// timeStep is the step of written times.
const timeStep = time.Second

func (f *fields) time(name string) time.Time {
	return f.parseTime(name, f.text(name))
}

func (f *fields) parseTime(name, s string) time.Time {
	t, err := time.Parse(timeLayout, s)
	if err != nil || t.Format(timeLayout) != s {
		f.fail("%s must be a time like 2026-01-31T12:00:00Z", name)
	}
	return t
}

// digest takes "sha256:" and 64 lower-case hexadecimal digits.
func (f *fields) digest(name string) string {
	s := f.text(name)
	if f.err == nil && !validDigest(s) {
		f.fail("%s must be sha256: and 64 hexadecimal digits", name)
	}
	return s
}

func validDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(digits) != 64 || strings.ToLower(digits) != digits {
		return false
	}
	_, err := hex.DecodeString(digits)
	return err == nil
}

// list takes a list of at most most items; absent is empty.
func (f *fields) list(name string, most int) []abi.Member {
	v := f.take(name)
	switch {
	case !v.Exists():
		return nil
	case v.Kind() != abi.List:
		f.fail("%s must be a list", name)
		return nil
	case v.Len() > most:
		f.fail("%s has %d items; at most %d are read", name, v.Len(), most)
		return nil
	}
	return v.Items()
}

// texts takes a list of strings, none of them empty or there twice.
func (f *fields) texts(name string, most int) []string {
	var out []string
	seen := map[string]bool{}
	for _, item := range f.list(name, most) {
		s, ok := item.Value.Str()
		if !ok || s == "" {
			f.fail("%s must be a list of texts", name)
		}
		if seen[s] {
			f.fail("%s names %q twice", name, s)
		}
		seen[s] = true
		out = append(out, s)
	}
	return out
}

// end refuses members that nobody took.
func (f *fields) end() error {
	if f.err != nil {
		return f.err
	}
	for _, m := range f.value.Items() {
		if !contains(f.known, m.Name) {
			f.fail("unknown member %q", m.Name)
		}
	}
	return f.err
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// member builds what the fields read: texts left out when empty.
func member(name string, v abi.Value) abi.Member { return abi.Member{Name: name, Value: v} }

func text(name, s string) abi.Member {
	if s == "" {
		return abi.Member{Name: name}
	}
	return member(name, abi.StringValue(s))
}

func number(name string, n int64) abi.Member { return member(name, abi.IntValue(n)) }

func moment(name string, t time.Time) abi.Member {
	return member(name, abi.StringValue(t.UTC().Format(timeLayout)))
}

func texts(name string, ss []string) abi.Member {
	if len(ss) == 0 {
		return abi.Member{Name: name}
	}
	return member(name, abi.StringsValue(ss))
}
