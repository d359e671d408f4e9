package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"

	"agentmesh/host/policy"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

func TestCompileRefuses(t *testing.T) {
	many := func(n int, rule func(i int) string) string {
		var b strings.Builder
		b.WriteString("version: \"1.0\"\nrules:\n")
		for i := range n {
			b.WriteString(rule(i))
		}
		return b.String()
	}
	for _, c := range []struct {
		name, yaml, want string
	}{
		{
			"an automaton that grows too large",
			"version: \"1.0\"\nrules:\n  - {name: a, action: deny}\n  - name: b\n    action: deny\n    condition: \"data.x matches '[ab]*a[ab]{40}'\"\n",
			"p.yaml:6:17: automaton too large",
		},
		{
			"too many attributes",
			many(4200, func(i int) string {
				return fmt.Sprintf("  - {name: r%d, action: deny, condition: data.x%d}\n", i, i)
			}),
			"4200 attributes are over the limit of 4096",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := policy.Load(policy.FS{FS: fstest.MapFS{"p.yaml": {Data: []byte(c.yaml)}}}, "p.yaml")
			if err != nil {
				t.Fatal(err)
			}
			_, err = policy.Compile(p)
			var located *policy.Error
			if !errors.As(err, &located) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an *Error that says %q", err, c.want)
			}
		})
	}
}

const wide = `
version: "1.0"
name: wide
rules:
  - name: everything
    action: deny
    condition: >-
      data.a == 'x' or data.a in ['y', 'z', null, true] or data.n > 5 or data.n != 9007199254740993 or data.s startswith '/etc/passwd'
      or data.s endswith '.pem' or data.s contains 'secret' or lower(data.s) matches '^a+$' or len(data.list) >= 2
      or any(x in data.list, x.name == 'q' and all(y in x.tags, y < data.s)) or data.o == data.list[1] or exists(data["odd name"])
  - {name: after, action: deny, stage: post_tool, condition: result.is_error}
`

func TestIdenticalInputGivesIdenticalBytes(t *testing.T) {
	first := compiled(t, wide)
	for range 20 {
		if again := compiled(t, wide); !cmp.Equal(first.Wasm, again.Wasm) {
			t.Fatal("two compilations of one policy differ")
		}
	}
	// A change here means that every compiled policy changes its digest: mean it.
	const golden = "sha256:d578384d6f9b73d3223d627531135e89856e4e4728ed3a1dacc3ef9a80d00671"
	if first.Digest() != golden {
		t.Errorf("digest %s, want %s", first.Digest(), golden)
	}
}

func TestModulesCarryTheirSources(t *testing.T) {
	m := compiled(t, wide)
	sources, cases, err := policy.ReadSource(m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Policy.Sources, sources); diff != "" || cases != "" {
		t.Errorf("sources (-want +got):\n%s, cases %q", diff, cases)
	}
	again := compiled(t, sources[0].Text)
	if again.Digest() != m.Digest() {
		t.Errorf("recompiled from its own source the module has digest %s, want %s", again.Digest(), m.Digest())
	}
	packed, err := policy.CompileAs(m.Policy, policy.Packaging{
		Cases:    "- name: one\n",
		Manifest: &abi.Manifest{Name: "acme/wide", Version: "1.2.3", Kind: abi.KindPolicy},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, cases, err = policy.ReadSource(packed.Wasm); err != nil || cases != "- name: one\n" {
		t.Errorf("cases %q, %v", cases, err)
	}
	if got := manifest(t, packed.Wasm); got.Name != "acme/wide" || got.Entry != abi.EntryDirect || !cmp.Equal(got.Effects, []string{"deny"}) {
		t.Errorf("manifest %+v", got)
	}
	if got := manifest(t, m.Wasm); got.Name != "local/wide" || !cmp.Equal(got.Stages, []string{"pre_tool", "post_tool"}) {
		t.Errorf("manifest %+v", got)
	}
}

func manifest(t *testing.T, module []byte) abi.Manifest {
	t.Helper()
	body, ok, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil || !ok {
		t.Fatalf("no manifest: %v", err)
	}
	out, err := abi.ReadManifest(string(body))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadSourceRefuses(t *testing.T) {
	m := compiled(t, wide)
	bare, err := wasm.Sections(m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	var without []wasm.Section
	for _, s := range bare {
		if s.Name != abi.SectionSource {
			without = append(without, s)
		}
	}
	for _, c := range []struct {
		name   string
		module []byte
		want   error
	}{
		{"no module", []byte("version: 1"), wasm.ErrNotModule},
		{"no source", wasm.Join(without), policy.ErrNoSource},
		{"an empty list", wasm.AppendCustom(wasm.Join(without), abi.SectionSource, []byte("[]")), policy.ErrNoSource},
		{"no JSON", wasm.AppendCustom(wasm.Join(without), abi.SectionSource, []byte("[")), nil},
		{"an entry without text", wasm.AppendCustom(wasm.Join(without), abi.SectionSource, []byte(`[{"name":"a"}]`)), nil},
		{"two sources", wasm.AppendCustom(m.Wasm, abi.SectionSource, []byte(`[{"name":"a","text":""}]`)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := policy.ReadSource(c.module)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want an error (%v)", err, c.want)
			}
		})
	}
}

func TestTheDirectSectionDescribesTheSlots(t *testing.T) {
	m := compiled(t, `
version: "1.0"
rules:
  - {name: a, action: deny, condition: "data.tool == 'x' and any(p in resource.paths, lower(p.name) startswith '/etc')"}
`)
	body, _, err := wasm.Custom(m.Wasm, abi.SectionDirect)
	if err != nil {
		t.Fatal(err)
	}
	v, err := abi.ReadValue(string(body))
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"path":["data","tool"],"write":["id"]},` +
		`{"path":["resource","paths"],"write":[],"item":{"path":[],"write":[]},"items":[{"path":["name"],"write":["lower","bytes"]}]}]`
	if got := string(abi.AppendJSON(nil, v.Get("slots"))); got != want {
		t.Errorf("slots\n got %s\nwant %s", got, want)
	}
	if got := string(abi.AppendJSON(nil, v.Get("strings"))); got != `["x"]` {
		t.Errorf("strings %s", got)
	}
}

// TestModulesAreSmall: the engine validates the module, and its size stays within what is promised.
func TestModulesAreSmall(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: \"1.0\"\nrules:\n")
	for i := range 100 {
		fmt.Fprintf(&b, "  - {name: r%d, action: deny, condition: \"data.tool == 'svc%d.pay' and data.amount > %d and not data.approved\"}\n", i, i, i)
	}
	m := compiled(t, b.String())
	if m.Code >= 16<<10 {
		t.Errorf("100 rules take %d bytes, want less than 16 KiB", m.Code)
	}
	runtime := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigInterpreter())
	defer runtime.Close(context.Background())
	if _, err := runtime.CompileModule(context.Background(), m.Wasm); err != nil {
		t.Error(err)
	}
}

func ExampleCompile() {
	files := policy.FS{FS: fstest.MapFS{"p.yaml": {Data: []byte(`
version: "1.0"
rules:
  - {name: exports, action: deny, condition: "action.type == 'export' and data.contains_pii"}
`)}}}
	p, err := policy.Load(files, "p.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := policy.Compile(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range m.Slots {
		fmt.Printf("reads %s\n", abi.AppendPath(nil, s.Path))
	}
	// Output:
	// reads action.type
	// reads data.contains_pii
}
