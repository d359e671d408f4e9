package sqlguard_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// manifest is plugin.yaml as a module carries it.
func manifest(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var fields any
	if err := yaml.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	v, err := sandbox.SettingsOf(fields)
	if err != nil {
		t.Fatal(err)
	}
	m, err := abi.ManifestOf(v)
	if err != nil {
		t.Fatal(err)
	}
	return abi.AppendManifest(nil, &m)
}

// loaded is the plugin in the host's sandbox.
func loaded(t testing.TB) *sandbox.PluginModule {
	t.Helper()
	text, err := os.ReadFile(crate.Module(t, module))
	if err != nil {
		t.Fatal(err)
	}
	text = wasm.AppendCustom(wasm.AppendCustom(text, abi.SectionManifest, manifest(t)), abi.SectionCases, abi.AppendCases(nil, cases(t)))
	f, err := sandbox.NewPluginFile(filepath.Join("plugins", "sql-guard.wasm"), text)
	if err != nil {
		t.Fatal(err)
	}
	e, err := sandbox.NewEngine(context.Background(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	m, err := e.CompilePlugin(context.Background(), f, sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBothEnginesPassTheCases runs the golden cases as admission does: in the sandbox and under the official Extism SDK.
func TestBothEnginesPassTheCases(t *testing.T) {
	trials, err := loaded(t).Try(t.Context(), abi.Value{})
	if err != nil {
		t.Fatal(err)
	}
	if len(trials) < len(cases(t)) {
		t.Errorf("%d trials of %d cases", len(trials), len(cases(t)))
	}
	var most int64
	for i := range trials {
		if f := trials[i].Failure(); f != nil {
			t.Errorf("%s: %v", trials[i].Case, f)
		}
		most = max(most, trials[i].Fuel)
	}
	t.Logf("the dearest of %d cases costs %d fuel", len(trials), most)
}

// TestLongTextsInTheSandbox keeps the default memory and fuel enough for what people write.
func TestLongTextsInTheSandbox(t *testing.T) {
	p, err := loaded(t).New(abi.Value{})
	if err != nil {
		t.Fatal(err)
	}
	for name, sql := range ordinary() {
		out, fuel, err := p.Call(t.Context(), "evaluate", abi.AppendRequest(nil, query(sql)), nil)
		if err != nil || string(out) != `{"abi":1,"findings":[]}` {
			t.Errorf("%s, %d bytes: got %s, %v", name, len(sql), out, err)
		}
		t.Logf("%s, %d bytes: %d fuel", name, len(sql), fuel)
	}
}

func BenchmarkSandbox(b *testing.B) {
	p, err := loaded(b).New(abi.Value{})
	if err != nil {
		b.Fatal(err)
	}
	in := abi.AppendRequest(nil, query("SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer = c.id WHERE c.city = 'Ulm' GROUP BY c.name"))
	var out []byte
	var fuel int64
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if out, fuel, err = p.Call(ctx, "evaluate", in, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(fuel), "fuel")
}

func BenchmarkCompileInstrumented(b *testing.B) {
	for b.Loop() {
		loaded(b)
	}
}
