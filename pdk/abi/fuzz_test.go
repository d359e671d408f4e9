package abi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"agentmesh/pdk/abi"
)

func seeds() []string {
	return []string{
		`null`, `-0`, `1e400`, `1e-400`, `9223372036854775808`, `"\ud83d\ude00"`, `"\ud800"`, `"\u0000"`, "\"\x7f\"", `{"a":1,"a":2}`,
		`{"a":1,"\u0061":2}`, `[[[[1]]],{}]`, ` { "b" : [ 1.50 , -2e+3 ] } `, strings.Repeat("[", 65) + strings.Repeat("]", 65),
		"\"\xff\"", "\ufeff1", `[1,]`, `{"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9,"ka":1,"kb":1,"kc":1,"kd":1,"ke":1,"kf":1,"k0":1}`,
		message(),
	}
}

// FuzzReadValue holds the reader against encoding/json: what it takes is JSON and means the same, and what it refuses
// though it is JSON is one of the five things that it says it refuses.
func FuzzReadValue(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		v, err := abi.ReadValue(src)
		if valid := json.Valid([]byte(src)) && utf8.ValidString(src); !valid || strange(src) {
			if err == nil {
				t.Fatalf("%q was read as %s", src, abi.AppendJSON(nil, v))
			}
			return
		}
		if err != nil {
			if loneSurrogate().MatchString(src) {
				return // whether it is alone the pattern cannot tell
			}
			t.Fatalf("%q: %v", src, err)
		}
		sameAsStandard(t, src, v)
		roundTrip(t, v)
	})
}

func loneSurrogate() *regexp.Regexp { return regexp.MustCompile(`\\u[dD][89a-fA-F]`) }

func sameAsStandard(t *testing.T, src string, v abi.Value) {
	t.Helper()
	var want, got any
	if err := json.Unmarshal([]byte(src), &want); err != nil {
		t.Fatalf("%q: %v", src, err)
	}
	text := abi.AppendJSON(nil, v)
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%q was written as %s: %v", src, text, err)
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) {
		t.Fatalf("%q was read as %s, want %s", src, b, a)
	}
}

func roundTrip(t *testing.T, v abi.Value) {
	t.Helper()
	text := string(abi.AppendJSON(nil, v))
	w, err := abi.ReadValue(text)
	if err != nil || !w.Equal(v) {
		t.Fatalf("%s read again: %v", text, err)
	}
	if again := string(abi.AppendJSON(nil, w)); again != text {
		t.Fatalf("written %s, then %s", text, again)
	}
	if !bytes.Equal(abi.AppendCanonical(nil, v), abi.AppendCanonical(nil, w)) {
		t.Fatalf("%s: canonical bytes differ after a round trip", text)
	}
}

// strange reports what encoding/json takes and the contract does not, other than invalid UTF-8 and surrogates: a name
// twice, deep nesting, numbers beyond float64.
func strange(src string) bool {
	d := json.NewDecoder(strings.NewReader(src))
	d.UseNumber()
	type level struct {
		names  map[string]bool
		object bool
		value  bool // a name was read, its value follows
	}
	var stack []level
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return false
		}
		if name, ok := token.(string); ok && len(stack) > 0 && stack[len(stack)-1].object && !stack[len(stack)-1].value {
			top := &stack[len(stack)-1]
			if top.names[name] {
				return !loneSurrogate().MatchString(src) // the decoder makes different surrogates the same
			}
			top.names[name], top.value = true, true
			continue
		}
		if len(stack) > 0 {
			stack[len(stack)-1].value = false
		}
		switch x := token.(type) {
		case json.Number:
			if _, err := strconv.ParseFloat(string(x), 64); err != nil {
				return true
			}
		case json.Delim:
			switch x {
			case '{', '[':
				stack = append(stack, level{names: map[string]bool{}, object: x == '{'})
			default:
				stack = stack[:len(stack)-1]
			}
		}
		if len(stack) > abi.MaxDepth {
			return true
		}
	}
}

// FuzzEqual holds equality against canonical bytes: the same exactly when equal.
func FuzzEqual(f *testing.F) {
	f.Add(`5`, `5.0`)
	f.Add(`{"a":[1,{"b":null}],"c":"x"}`, `{"c":"\u0078","a":[1.0,{"b":null}]}`)
	f.Add(`9007199254740993`, `9007199254740992.0`)
	f.Add(`["a","b"]`, `["ab"]`)
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := abi.ReadValue(a)
		if err != nil {
			return
		}
		w, err := abi.ReadValue(b)
		if err != nil {
			return
		}
		same := bytes.Equal(abi.AppendCanonical(nil, v), abi.AppendCanonical(nil, w))
		if v.Equal(w) != same || w.Equal(v) != same {
			t.Fatalf("%s and %s: equal %v and %v, canonical bytes the same %v", a, b, v.Equal(w), w.Equal(v), same)
		}
		if c, ok := v.CompareNumber(w); ok && (c == 0) != same {
			t.Fatalf("%s and %s: compare as %d, canonical bytes the same %v", a, b, c, same)
		}
	})
}

// FuzzMessages reads arbitrary bytes as every message. What is read is written, read and written again to the same
// bytes, and a verdict that cannot be read denies.
func FuzzMessages(f *testing.F) {
	for _, s := range append(seeds(), `{"abi":1,"findings":[{"decision":"allow","rule":"r","obligations":[{"kind":"redact","rule":"r","paths":["data.x"]}]}]}`,
		`{"decision":"allow","enforced":true,"retry_after":3}`, `{"decision_id":"x","status":"ok"}`,
		`{"name":"a/b","version":"1.0.0","kind":"policy","abi":1}`, `{"delta":1,"reasons":[]}`,
		`[{"name":"x","request":{"data":{}},"want":{"decision":"deny"}}]`) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for kind, rewrite := range rewritten() {
			once, err := rewrite(src)
			if err != nil {
				continue
			}
			twice, err := rewrite(once)
			if err != nil || once != twice {
				t.Fatalf("%s %q was written as %s, then %s (%v)", kind, src, once, twice, err)
			}
		}
		if v, err := abi.ReadVerdict(src); err != nil && v.Decision != abi.Deny {
			t.Fatalf("%q: %v, and yet %v", src, err, v.Decision)
		}
	})
}

// FuzzPath reads paths, and makes paths of arbitrary names: both are written so that they read back.
func FuzzPath(f *testing.F) {
	f.Add(`data.user["x-y"].rows[0]`, "x-y", 3)
	f.Add(`data["\u0061"]`, "", 0)
	f.Fuzz(func(t *testing.T, src, name string, index int) {
		if steps, err := abi.ParsePath(src); err == nil {
			text := string(abi.AppendPath(nil, steps))
			back, err := abi.ParsePath(text)
			if err != nil || !sameSteps(steps, back) {
				t.Fatalf("%q was written as %q and read as %v (%v)", src, text, back, err)
			}
		}
		if !utf8.ValidString(name) {
			return
		}
		made := []abi.Step{{Name: name}, {Index: index & 0x7fffffff, IsIndex: true}, {Name: name}}
		text := string(abi.AppendPath(nil, made))
		if back, err := abi.ParsePath(text); err != nil || !sameSteps(made, back) {
			t.Fatalf("%v was written as %q and read as %v (%v)", made, text, back, err)
		}
	})
}

func sameSteps(a, b []abi.Step) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
