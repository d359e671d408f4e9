package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"agentmesh/pdk/abi"
)

// FuzzFrames: however the bytes come, the frames are the lines, those over the limit are told and not held, and nothing
// else is lost.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{"", "\n", "a\nb", "a\r\n\r\n b \n", strings.Repeat("x", 70_000) + "\n{}\n", "{\"id\":1}\n\n\n"} {
		f.Add([]byte(s), 10)
		f.Add([]byte(s), 100_000)
	}
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		if limit = limit % 200_000; limit < 1 {
			limit = 1
		}
		var want []frame
		for _, line := range bytes.Split(in, []byte("\n")) {
			switch {
			case len(line) > limit:
				want = append(want, frame{over: true, size: int64(len(line))})
			case len(bytes.TrimSpace(line)) > 0:
				want = append(want, frame{line: line, size: int64(len(line))})
			}
		}
		for _, r := range []io.Reader{bytes.NewReader(in), iotest.HalfReader(bytes.NewReader(in))} {
			frames := newFrames(r, limit)
			for i := 0; ; i++ {
				got, err := frames.next()
				if errors.Is(err, io.EOF) {
					if i != len(want) {
						t.Fatalf("%d frames, want %d", i, len(want))
					}
					break
				}
				if err != nil || i >= len(want) {
					t.Fatalf("frame %d: %v", i, err)
				}
				if got.over != want[i].over || got.size != want[i].size || !bytes.Equal(got.line, want[i].line) {
					t.Fatalf("frame %d: %.50q (over %t, size %d), want %.50q (%t, %d)",
						i, got.line, got.over, got.size, want[i].line, want[i].over, want[i].size)
				}
			}
		}
	})
}

// FuzzReadClient: what is taken for a message is what a reader that knows nothing of ours, and ignores case, takes it for.
func FuzzReadClient(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":[1,{"b":null}]}}}`,
		`{"jsonrpc":"2.0","method":"notifications/x"}`, `{"jsonrpc":"2.0","id":"a","result":{}}`, `{"id":1.5e3,"jsonrpc":"2.0","method":"\u0061"}`,
		`{"jsonrpc":"2.0","id":1,"Method":"x"}`, `{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}`, "\xff", `[]`, `{"jsonrpc":"2.0","id":null,"error":1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			return // no frame holds one
		}
		m, bad := readClient(line)
		if bad != nil {
			if !json.Valid(bad.id) || bad.reason == "" {
				t.Fatalf("the fault of %q is %+v", line, bad)
			}
			return
		}
		var loose struct {
			ID     json.RawMessage
			Method *string
			Params json.RawMessage
		}
		if err := json.Unmarshal(line, &loose); err != nil {
			t.Fatalf("%q is taken for a message: %v", line, err)
		}
		switch method := loose.Method; {
		case m.kind == answer && method == nil:
		case method == nil, method != nil && (*method != m.method || m.kind == answer):
			t.Fatalf("%q: method %q", line, m.method)
		}
		if m.id != nil && !bytes.Equal(bytes.TrimSpace(loose.ID), m.id) {
			t.Fatalf("%q: id %s, want %s", line, m.id, loose.ID)
		}
		if m.kind == request && m.key == "" || (m.kind == notification) != (loose.ID == nil && loose.Method != nil) {
			t.Fatalf("%q: %+v", line, m)
		}
		var name struct{ Name json.RawMessage }
		if json.Unmarshal(loose.Params, &name) == nil && m.params.Get("name").Exists() {
			want, err := abi.ReadValue(string(name.Name))
			if err != nil || !want.Equal(m.params.Get("name")) {
				t.Fatalf("%q: name %s", line, name.Name)
			}
		}
	})
}

// FuzzEnvelope: what is forwarded as a server's message is sound JSON with the id and the result that others find in it, and a glimpse of
// any line never gives an id that a whole reading would not.
func FuzzEnvelope(f *testing.F) {
	for _, s := range []string{
		`{"result":{"content":[{"type":"text","text":"\ud800"}]},"jsonrpc":"2.0","id":7}`, `{"jsonrpc":"2.0","id":"x","error":{"code":1}}`,
		`{"jsonrpc":"2.0","id":1,"id":2,"result":{}}`, `{"jsonrpc":"2.0","id":1,"result":{"a":[{},[],"]}",-1.5e-3]}}`, `{"id":{"id":3},"x":"id"}`,
		`{"jsonrpc":"2.0","i\u0064":1,"result":1}`, `{,}`, `{"a":1,}`, `[1,]`, `{"a":tru}`, `{"id":00}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		env, err := readEnvelope(line)
		if err == nil && !json.Valid(line) {
			t.Fatalf("%q is taken for JSON", line)
		}
		if json.Valid(line) != sound(line) && bytes.Count(line, []byte("[")) < 300 && bytes.Count(line, []byte("{")) < 300 {
			t.Fatalf("%q: sound is %t", line, json.Valid(line))
		}
		id := glance(line).answerID()
		if !json.Valid(id) {
			t.Fatalf("%q: a glimpse gives the id %q", line, id)
		}
		if err != nil {
			return
		}
		var loose map[string]json.RawMessage
		if err := json.Unmarshal(line, &loose); err != nil {
			t.Fatal(err)
		}
		for name, at := range map[string]span{"id": env.id, "method": env.method, "result": env.result, "error": env.fail} {
			if string(loose[name]) != string(at.of(line)) {
				t.Fatalf("%q: %s is %q, want %q", line, name, at.of(line), loose[name])
			}
		}
		if string(id) != "null" && !bytes.Equal(id, env.id.of(line)) {
			t.Fatalf("%q: a glimpse gives the id %s, want %s", line, id, env.id.of(line))
		}
	})
}

// FuzzMended: a result that judges see is what clients see, but for characters that are none.
func FuzzMended(f *testing.F) {
	for _, s := range []string{`{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`, `{"a":"\\ud83d"}`, "{\"a\":\"\xff\"}", `{"a":"\ude00\ud83d"}`, `"\uD83D\uDE00\ud83d"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want any
		if json.Unmarshal(raw, &want) != nil {
			return
		}
		mended := mended(raw)
		var got any
		if err := json.Unmarshal([]byte(mended), &got); err != nil {
			t.Fatalf("%q becomes %q: %v", raw, mended, err)
		}
		collapse := func(v any) string {
			b, _ := json.Marshal(v)
			s := string(b)
			for strings.Contains(s, "\ufffd\ufffd") {
				s = strings.ReplaceAll(s, "\ufffd\ufffd", "\ufffd")
			}
			return s
		}
		if collapse(got) != collapse(want) {
			t.Fatalf("%q becomes %q", raw, mended)
		}
		if _, err := abi.ReadValue(mended); err != nil && strings.Contains(err.Error(), "surrogate") {
			t.Fatalf("%q becomes %q: %v", raw, mended, err)
		}
	})
}

func TestIDKeys(t *testing.T) {
	for _, same := range [][]string{
		{`1`, `1.0`, `10e-1`, `1E0`},
		{`-0`, `0`, `0.0`},
		{`"a"`, `"\u0061"`},
		{`100000000000000000`, `1e17`},
		{`18446744073709551615`},
		{`-1`},
		{`"1"`},
		{`1.5`},
		{`9007199254740993`},
		{`9007199254740992`},
		{`""`},
		{`"-1"`},
	} {
		for _, id := range same {
			if got, want := idKey([]byte(id)), idKey([]byte(same[0])); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
	}
	seen := map[string]string{}
	for _, id := range []string{`1`, `"1"`, `1.5`, `-1`, `18446744073709551615`, `9007199254740993`, `9007199254740992`, `""`, `0`, `"0"`} {
		key := idKey([]byte(id))
		if other, taken := seen[key]; taken {
			t.Errorf("%s and %s count as one", id, other)
		}
		seen[key] = id
	}
}
