package pdk_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// vector is one line of testdata/abi.
type vector struct {
	Message string `json:"message"`
	Name    string `json:"name"`
	In      string `json:"in"`
	InHex   string `json:"in_hex"`
	Out     string `json:"out"`
	Error   string `json:"error"`

	Kind      string `json:"kind"`
	Canonical string `json:"canonical"`
}

type vectorFile struct {
	Valid, Changed, Invalid []vector
}

func vectors(t testing.TB, name string) vectorFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "abi", name))
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Valid) == 0 || len(f.Invalid) == 0 {
		t.Fatalf("%s holds nothing", name)
	}
	for _, list := range [][]vector{f.Valid, f.Changed, f.Invalid} {
		for i := range list {
			if b, err := hex.DecodeString(list[i].InHex); err == nil && len(b) > 0 {
				list[i].In = string(b)
			}
		}
	}
	return f
}

func texts(t testing.TB) []string {
	long := make([]string, 40)
	for i := range long {
		long[i] = `"k` + string(rune('a'+i%26)) + strings.Repeat("x", i) + `":` + "1"
	}
	out := []string{
		`{}`, `[]`, `[{}]`, `{"a":{},"b":[]}`, ` [ 1 , 2 ] `, `{ "a" : 1 , "b" : [ true , null ] }`, `{"a":1,}`, `[,]`, `[1,]`, `{,}`, `[}`, `{]`, `1 2`,
		`{"a":1,"\u0061":2}`, `{"a"`, `{"a":`, `[1`, `"`, `"\`, `"\"`, `-`, `-0`, `01`, `1.`, `1e5`, `1-2`, `999999999999999999`, `9223372036854775807`,
		`9223372036854775808`, `-9223372036854775808`, `1e400`, `tru`, `truex`, "\"1234567\x01\"", "\"12345678\x7f\xc3\xa9\"", "\"\xff\"", "\"abcdefg\xc3\"", "",
		strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65),
		"{" + strings.Join(long, ",") + "}", "{" + strings.Join(append(long, long[3]), ",") + "}", `{"a":1,"b":2,"a":3}`, `"\ud83d\ude00"`, `"\ud83d"`, `{"a\n":"b\\"}`,
		`[0]x`, `{"a":1]`, `{"a" "b"}`, `nul`, "[1\u00a0]",
	}
	for _, name := range []string{"values.json", "messages.json"} {
		f := vectors(t, name)
		for _, list := range [][]vector{f.Valid, f.Changed, f.Invalid} {
			for _, v := range list {
				out = append(out, v.In)
			}
		}
	}
	return out
}

// same fails unless the kit reads the text as abi does: refused in the same words, or every value the same.
func same(t *testing.T, text string) {
	t.Helper()
	want, wantErr := abi.ReadValue(text)
	got, err := pdk.ReadValue(text)
	switch {
	case (err == nil) != (wantErr == nil), err != nil && err.Error() != wantErr.Error():
		t.Errorf("%q: got error %v, want %v", text, err, wantErr)
	case err != nil:
	default:
		if g, w := abi.AppendJSON(nil, got.ABI()), abi.AppendJSON(nil, want); !bytes.Equal(g, w) {
			t.Errorf("%q: got %s, want %s", text, g, w)
		}
		alike(t, text, got, want)
	}
}

// alike compares two values by everything a handler can ask them.
func alike(t *testing.T, text string, got pdk.Value, want abi.Value) {
	t.Helper()
	gi, gok := got.Int()
	wi, wok := want.Int()
	gf, _ := got.Float()
	wf, _ := want.Float()
	if got.Kind() != want.Kind() || got.Len() != want.Len() || got.Text() != want.Text() || got.IsTrue() != want.IsTrue() || gi != wi || gok != wok || gf != wf {
		t.Errorf("%q: got %v of %d %q %d, want %v of %d %q %d", text, got.Kind(), got.Len(), got.Text(), gi, want.Kind(), want.Len(), want.Text(), wi)
		return
	}
	for i, m := range want.Items() {
		child := got.At(i)
		if want.Kind() == abi.Object {
			child = got.Get(m.Name)
		}
		alike(t, text, child, m.Value)
	}
}

func TestReadsWhatTheContractReads(t *testing.T) {
	for _, text := range texts(t) {
		same(t, text)
	}
}

func FuzzReadValue(f *testing.F) {
	for _, text := range texts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { same(t, text) })
}

func TestMissingValues(t *testing.T) {
	v, err := pdk.ReadValue(`{"list":[1,"two"],"s":"x"}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]pdk.Value{
		"the zero value": {}, "no such member": v.Get("lis"), "a member of a list": v.Get("list").Get("s"), "a member of a string": v.Get("s").Get("s"),
		"an item of an object": v.At(0), "an item too far": v.Get("list").At(2), "an item before the first": v.Get("list").At(-1), "through nothing": v.Get("a").Get("b").At(0),
	} {
		if _, isInt := x.Int(); x.Exists() || x.IsTrue() || isInt || x.Text() != "" || x.Len() != 0 || x.Kind() != abi.Missing || x.ABI().Exists() {
			t.Errorf("%s is there: %v", name, x.Kind())
		}
		for range x.All() {
			t.Errorf("%s has items", name)
		}
	}
	if v.Get("list").Get("s").Exists() || v.Get("list").At(1).Text() != "two" {
		t.Error("an item was not found")
	}
}

func hexOf(s string) string { return hex.EncodeToString([]byte(s)) }
