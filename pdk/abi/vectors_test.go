package abi_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
)

// update writes what the codec says now into the vectors, for a person to read in the diff before it goes in.
var update = flag.Bool("update", false, "rewrite the expectations in testdata/abi")

// vectors reads a file of testdata/abi and, under -update, writes it again when the test ends.
func vectors[T any](t *testing.T, name string) *T {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "abi", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	v := new(T)
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if *update {
		t.Cleanup(func() { rewrite(t, path, v) })
	}
	return v
}

func rewrite(t *testing.T, path string, v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// expect compares with the vector, or under -update changes it.
func expect(t *testing.T, what, got string, want *string) {
	t.Helper()
	if *update {
		*want = got
	} else if got != *want {
		t.Errorf("%s\n got %s\nwant %s", what, got, *want)
	}
}

// vector is one line of a file. Which members it has depends on the file; README.md there says which mean what.
type vector struct {
	Message   string `json:"message,omitempty"`
	Name      string `json:"name"`
	In        string `json:"in"`
	InHex     string `json:"in_hex,omitempty"`
	Out       string `json:"out,omitempty"`
	Kind      string `json:"kind,omitempty"`
	Canonical string `json:"canonical,omitempty"`
	Error     string `json:"error,omitempty"`
}

func (v *vector) source(t *testing.T) string {
	t.Helper()
	if v.InHex == "" {
		return v.In
	}
	b, err := hex.DecodeString(v.InHex)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return string(b)
}

type vectorFile struct {
	Valid   []vector `json:"valid"`
	Changed []vector `json:"changed"`
	Invalid []vector `json:"invalid"`
}

func TestValueVectors(t *testing.T) {
	file := vectors[vectorFile](t, "values.json")
	var reader abi.Reader
	for i := range file.Invalid {
		v := &file.Invalid[i]
		_, err := abi.ReadValue(v.source(t))
		if err == nil {
			t.Errorf("%s: read without error", v.Name)
			continue
		}
		expect(t, v.Name, err.Error(), &v.Error)
		if _, again := reader.Read(v.source(t)); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: a reader used before says %v", v.Name, again)
		}
	}
	for i := range file.Valid {
		v := &file.Valid[i]
		value, err := reader.Read(v.In)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if got := string(abi.AppendJSON(nil, value)); got != v.In {
			t.Errorf("%s: written again\n got %s\nwant %s", v.Name, got, v.In)
		}
		expect(t, v.Name, value.Kind().String(), &v.Kind)
		expect(t, v.Name, hex.EncodeToString(abi.AppendCanonical(nil, value)), &v.Canonical)
	}
	for i := range file.Changed {
		v := &file.Changed[i]
		value, err := reader.Read(v.In)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		expect(t, v.Name, string(abi.AppendJSON(nil, value)), &v.Out)
	}
}

func TestEqualVectors(t *testing.T) {
	type pair struct {
		Name  string `json:"name"`
		A     string `json:"a"`
		B     string `json:"b"`
		Equal bool   `json:"equal"`
	}
	for _, p := range *vectors[[]pair](t, "equal.json") {
		a, b := mustRead(t, p.A), mustRead(t, p.B)
		if a.Equal(b) != p.Equal || b.Equal(a) != p.Equal {
			t.Errorf("%s: %s and %s: equal is %v and %v, want %v", p.Name, p.A, p.B, a.Equal(b), b.Equal(a), p.Equal)
		}
		same := bytes.Equal(abi.AppendCanonical(nil, a), abi.AppendCanonical(nil, b))
		if same != p.Equal {
			t.Errorf("%s: %s and %s: canonical bytes are the same: %v, want %v", p.Name, p.A, p.B, same, p.Equal)
		}
	}
}

func mustRead(t *testing.T, src string) abi.Value {
	t.Helper()
	v, err := abi.ReadValue(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return v
}

// rewritten reads a message of each kind and writes it again.
func rewritten() map[string]func(src string) (string, error) {
	return map[string]func(string) (string, error){
		"request":       again(abi.ReadRequest, abi.AppendRequest),
		"verdict":       again(abi.ReadVerdict, abi.AppendVerdict),
		"outcome":       again(abi.ReadOutcome, abi.AppendOutcome),
		"manifest":      again(abi.ReadManifest, abi.AppendManifest),
		"score_request": again(abi.ReadScoreRequest, abi.AppendScoreRequest),
		"score":         again(abi.ReadScore, abi.AppendScore),
		"findings": func(src string) (string, error) {
			fs, err := abi.ReadFindings(src)
			return string(abi.AppendFindings(nil, fs)), err
		},
		"cases": func(src string) (string, error) {
			cs, err := abi.ReadCases(src)
			return string(abi.AppendCases(nil, cs)), err
		},
	}
}

func again[T any](read func(string) (T, error), write func([]byte, *T) []byte) func(string) (string, error) {
	return func(src string) (string, error) {
		m, err := read(src)
		return string(write(nil, &m)), err
	}
}

func TestMessageVectors(t *testing.T) {
	file := vectors[vectorFile](t, "messages.json")
	kinds := rewritten()
	for i := range file.Invalid {
		v := &file.Invalid[i]
		if _, err := kinds[v.Message](v.In); err == nil {
			t.Errorf("%s, %s: read without error: %s", v.Message, v.Name, v.In)
		} else {
			expect(t, v.Message+", "+v.Name, err.Error(), &v.Error)
		}
	}
	for i := range file.Valid {
		v := &file.Valid[i]
		got, err := kinds[v.Message](v.In)
		if err != nil || got != v.In {
			t.Errorf("%s, %s: %v\n got %s\nwant %s", v.Message, v.Name, err, got, v.In)
		}
	}
	for i := range file.Changed {
		v := &file.Changed[i]
		got, err := kinds[v.Message](v.In)
		if err != nil || got != v.Out {
			t.Errorf("%s, %s: %v\n got %s\nwant %s", v.Message, v.Name, err, got, v.Out)
		}
		if got, err = kinds[v.Message](v.Out); err != nil || got != v.Out {
			t.Errorf("%s, %s, a second time: %v\n got %s\nwant %s", v.Message, v.Name, err, got, v.Out)
		}
	}
}

// TestNoMessageWithABadByte cuts and pollutes every valid message: nothing of it may be read as something else.
func TestNoMessageWithABadByte(t *testing.T) {
	file := vectors[vectorFile](t, "messages.json")
	kinds := rewritten()
	for _, v := range file.Valid {
		for n := range len(v.In) {
			if _, err := kinds[v.Message](v.In[:n]); err == nil {
				t.Errorf("%s, %s: read when cut at byte %d", v.Message, v.Name, n)
			}
			if _, err := kinds[v.Message](v.In[:n] + "\xff" + v.In[n:]); err == nil {
				t.Errorf("%s, %s: read with a byte 0xff at %d", v.Message, v.Name, n)
			}
		}
	}
}

func TestPathVectors(t *testing.T) {
	type path struct {
		Text  string `json:"text"`
		Steps []any  `json:"steps,omitempty"`
		Out   string `json:"out,omitempty"`
		Error string `json:"error,omitempty"`
	}
	file := vectors[struct {
		Valid   []path `json:"valid"`
		Changed []path `json:"changed"`
		Invalid []path `json:"invalid"`
	}](t, "paths.json")
	for i := range file.Invalid {
		p := &file.Invalid[i]
		if _, err := abi.ParsePath(p.Text); err == nil {
			t.Errorf("%q: read without error", p.Text)
		} else {
			expect(t, p.Text, err.Error(), &p.Error)
		}
	}
	for _, p := range append(file.Valid, file.Changed...) {
		steps, err := abi.ParsePath(p.Text)
		if err != nil {
			t.Errorf("%q: %v", p.Text, err)
			continue
		}
		if got, want := stepsJSON(t, steps), jsonOf(t, p.Steps); got != want {
			t.Errorf("%q: steps\n got %s\nwant %s", p.Text, got, want)
		}
		want := p.Out
		if want == "" {
			want = p.Text
		}
		if got := string(abi.AppendPath(nil, steps)); got != want {
			t.Errorf("%q: written again\n got %s\nwant %s", p.Text, got, want)
		}
	}
}

func stepsJSON(t *testing.T, steps []abi.Step) string {
	out := []any{}
	for _, s := range steps {
		if s.IsIndex {
			out = append(out, s.Index)
		} else {
			out = append(out, s.Name)
		}
	}
	return jsonOf(t, out)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
