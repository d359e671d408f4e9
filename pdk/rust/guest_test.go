package rust_test

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
	"agentmesh/pdk/rust/testdata/extism"
)

// examples are the crate's, each a plugin.
var examples = extism.NewCrate("examples", "--examples")

// question asks the example "vectors" something.
type question struct {
	What, In, And string
}

func ask(t *testing.T, g *extism.Guest, q question) (answer abi.Value, err error) {
	t.Helper()
	in := abi.AppendJSON(nil, abi.ObjectValue(
		abi.Member{Name: "what", Value: abi.StringValue(q.What)},
		abi.Member{Name: "in", Value: abi.StringValue(q.In)},
		abi.Member{Name: "and", Value: abi.StringValue(q.And)},
	))
	out, err := g.Call(t.Context(), "check", in)
	if err != nil {
		return abi.Value{}, err
	}
	return abi.ReadValue(string(out))
}

func must(t *testing.T, g *extism.Guest, q question) abi.Value {
	t.Helper()
	v, err := ask(t, g, q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return v
}

// vectors reads a file of testdata/abi as the contract's own values.
func vectors(t *testing.T, name string) abi.Value {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "abi", name))
	if err != nil {
		t.Fatal(err)
	}
	v, err := abi.ReadValue(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func list(t *testing.T, file abi.Value, name string) []abi.Member {
	t.Helper()
	items := file.Get(name).Items()
	if len(items) == 0 {
		t.Fatalf("no vectors under %q", name)
	}
	return items
}

func TestGuestGivesTheVectorsOfMessages(t *testing.T) {
	g := examples.Guest(t, "vectors")
	file := vectors(t, "messages.json")
	for _, m := range list(t, file, "invalid") {
		v := m.Value
		if got, err := ask(t, g, question{What: v.Get("message").Text(), In: v.Get("in").Text()}); err == nil {
			t.Errorf("%s, %s: read without error: %s", v.Get("message").Text(), v.Get("name").Text(), got.Text())
		}
	}
	for from, to := range map[string]string{"valid": "in", "changed": "out"} {
		for _, m := range list(t, file, from) {
			v := m.Value
			got := must(t, g, question{What: v.Get("message").Text(), In: v.Get("in").Text()})
			if want := v.Get(to); !got.Equal(want) {
				t.Errorf("%s, %s\n got %s\nwant %s", v.Get("message").Text(), v.Get("name").Text(), got.Text(), want.Text())
			}
		}
	}
}

func TestGuestGivesTheVectorsOfValues(t *testing.T) {
	g := examples.Guest(t, "vectors")
	file := vectors(t, "values.json")
	for _, m := range list(t, file, "invalid") {
		refused(t, g, m.Value)
	}
	for _, m := range list(t, file, "valid") {
		v := m.Value
		got := must(t, g, question{What: "value", In: v.Get("in").Text()})
		for i, want := range []string{"in", "kind", "canonical"} {
			if !got.At(i).Equal(v.Get(want)) {
				t.Errorf("%s: %s is %s, want %s", v.Get("name").Text(), want, got.At(i).Text(), v.Get(want).Text())
			}
		}
	}
	for _, m := range list(t, file, "changed") {
		if got := must(t, g, question{What: "value", In: m.Value.Get("in").Text()}).At(0); !got.Equal(m.Value.Get("out")) {
			t.Errorf("%s: got %s, want %s", m.Value.Get("name").Text(), got.Text(), m.Value.Get("out").Text())
		}
	}
}

// refused gives the guest an invalid value: as text within its question, or, where no text can say it, as the question.
func refused(t *testing.T, g *extism.Guest, v abi.Value) {
	t.Helper()
	var err error
	if raw := v.Get("in_hex"); raw.Exists() {
		in, bad := hex.DecodeString(raw.Text())
		if bad != nil {
			t.Fatal(bad)
		}
		_, err = g.Call(t.Context(), "check", in)
	} else {
		_, err = ask(t, g, question{What: "value", In: v.Get("in").Text()})
	}
	if err == nil {
		t.Errorf("%s: read without error", v.Get("name").Text())
	}
}

func TestGuestGivesTheVectorsOfEquality(t *testing.T) {
	g := examples.Guest(t, "vectors")
	for _, m := range vectors(t, "equal.json").Items() {
		v := m.Value
		a, b := v.Get("a").Text(), v.Get("b").Text()
		got, turned := must(t, g, question{"equal", a, b}), must(t, g, question{"equal", b, a})
		if want := v.Get("equal"); !got.Equal(want) || !turned.Equal(want) {
			t.Errorf("%s: got %v and %v, want %v", v.Get("name").Text(), got, turned, want)
		}
	}
}

func TestGuestGivesTheVectorsOfPaths(t *testing.T) {
	g := examples.Guest(t, "vectors")
	file := vectors(t, "paths.json")
	for _, m := range list(t, file, "invalid") {
		if _, err := ask(t, g, question{What: "path", In: m.Value.Get("text").Text()}); err == nil {
			t.Errorf("%q: read without error", m.Value.Get("text").Text())
		}
	}
	for _, name := range []string{"valid", "changed"} {
		for _, m := range list(t, file, name) {
			text, want := m.Value.Get("text"), m.Value.Get("out")
			if !want.Exists() {
				want = text
			}
			got := must(t, g, question{What: "path", In: text.Text()})
			if !got.At(0).Equal(want) || !got.At(1).Equal(m.Value.Get("steps")) {
				t.Errorf("%q: got %s", text.Text(), abi.AppendJSON(nil, got))
			}
		}
	}
}

// TestGuestsAreSmall holds built plugins to what the kit promises: size, memory, and nothing asked of the host but the
// imports it names.
func TestGuestsAreSmall(t *testing.T) {
	for name, exports := range map[string][]string{
		"ten_rules": {"evaluate"}, "reward": {"score"}, "compliance": {"catalog", "check", "classify"},
	} {
		g := examples.Guest(t, name)
		info, err := os.Stat(examples.Module(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() >= 200<<10 {
			t.Errorf("%s: %d bytes, want less than 200 KB", name, info.Size())
		}
		if got := g.MemoryBytes(); got > 192<<10 {
			t.Errorf("%s: starts with %d bytes of memory, want at most 192 KiB", name, got)
		}
		got := slices.DeleteFunc(g.Exports(), func(s string) bool { return strings.HasPrefix(s, "_") })
		if slices.Sort(got); !slices.Equal(got, exports) {
			t.Errorf("%s: exports %v, want %v", name, got, exports)
		}
		for _, i := range g.Imports() {
			if fn, ours := strings.CutPrefix(i, "extism:host/env."); !ours || strings.HasPrefix(fn, "var_") || strings.HasPrefix(fn, "http_") {
				t.Errorf("%s: imports %s", name, i)
			}
		}
		t.Logf("%s: %d bytes, %d bytes of memory", name, info.Size(), g.MemoryBytes())
	}
}

const tenRulesRequest = `{"abi":1,"agent":{"did":"did:mesh:data-analyst:mfzwizltoq2gk43umfzwizltoq2gk43u","name":"data-analyst",` +
	`"trust_score":640,"tier":"standard","capabilities":["read:data"],"delegation_depth":1,"asserted_by":"agents"},` +
	`"action":{"type":"export","tool":"export_rows","server":"warehouse","method":"tools/call","protocol":"mcp","stage":"pre_tool"},` +
	`"data":{"table":"customers","limit":1000,"contains_pii":true,"contains_secret":false,"pii":["email"]},` +
	`"resource":{"outside_roots":false,"sensitive":false,"hosts":["db.example.com"]},` +
	`"context":{"time":"2026-03-01T09:30:00.000Z","session":"s-1","environment":"prod"}}`

func TestSettingsReachTheGuest(t *testing.T) {
	for _, c := range []struct{ settings, decision string }{
		{"", "deny"},
		{`{"hosts":["db.example.com"],"on_export":"require_approval"}`, "require_approval"},
	} {
		g := examples.Guest(t, "ten_rules")
		if c.settings != "" {
			g.Config = map[string]string{"settings": c.settings}
		}
		for range 3 { // read at the first call, kept at the next
			out, err := g.Call(t.Context(), "evaluate", []byte(tenRulesRequest))
			if err != nil {
				t.Fatal(err)
			}
			fs, err := abi.ReadFindings(string(out))
			if err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			if fs[0].Decision.String() != c.decision || fs[0].Rule != "no-pii-export" {
				t.Errorf("%s: got %+v, want %s", c.settings, fs, c.decision)
			}
		}
	}
	g := examples.Guest(t, "ten_rules")
	g.Config = map[string]string{"settings": `{"host":[]}`}
	if out, err := g.Call(t.Context(), "evaluate", []byte(tenRulesRequest)); err == nil || !strings.Contains(err.Error(), `settings: "host"`) {
		t.Errorf("settings with a misspelt member: got %s, %v", out, err)
	}
}

// TestGrowth calls one instance, which nobody restores, again and again: a million times under SOAK=1.
func TestGrowth(t *testing.T) {
	calls := 100_000
	if os.Getenv("SOAK") != "" {
		calls = 1_000_000
	}
	g := examples.Guest(t, "ten_rules")
	before := g.MemoryBytes()
	for range calls {
		if _, err := g.Call(t.Context(), "evaluate", []byte(tenRulesRequest)); err != nil {
			t.Fatal(err)
		}
	}
	if after := g.MemoryBytes(); after > before+1<<16 {
		t.Errorf("memory grew from %d to %d bytes in %d calls", before, after, calls)
	}
}

func BenchmarkTenRulesOnPlainWazero(b *testing.B) {
	g := examples.Guest(b, "ten_rules")
	ctx, in := context.Background(), []byte(tenRulesRequest)
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := g.Call(ctx, "evaluate", in); err != nil {
			b.Fatal(err)
		}
	}
}
