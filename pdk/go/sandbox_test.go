package pdk_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// ours is a module in our sandbox: scanned, instrumented, fuelled, and put back after every call.
type ours struct {
	export  string
	module  *sandbox.PluginModule
	plugins map[string]*sandbox.Plugin // by their settings
}

func newOurs(t testing.TB, p shippedPlugin, module []byte) *ours {
	t.Helper()
	ctx := context.Background()
	cache := filepath.Join(t.TempDir(), "cache") // the sandbox makes it so that only its owner can enter
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	file, err := sandbox.NewPluginFile("plugin.wasm", p.complete(t, module))
	if err != nil {
		t.Fatal(err)
	}
	m, err := engine.CompilePlugin(ctx, file, sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &ours{export: p.export, module: m, plugins: map[string]*sandbox.Plugin{}}
}

// complete is the module with its manifest and cases inside.
func (p shippedPlugin) complete(t testing.TB, module []byte) []byte {
	t.Helper()
	if p.folder == tenRules {
		return wasm.AppendCustom(module, abi.SectionManifest, []byte(`{"name":"test/tenrules","version":"1.0.0","kind":"policy","abi":1,"effects":["allow","deny","require_approval","warn"]}`))
	}
	manifest, err := json.Marshal(yamlFile(t, p.file("plugin.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile(p.file("cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	return wasm.AppendCustom(wasm.AppendCustom(module, abi.SectionManifest, manifest), abi.SectionCases, cases)
}

// with answers inputs under the settings.
func (o *ours) with(t testing.TB, settings string) caller {
	t.Helper()
	p := o.plugins[settings]
	if p == nil {
		var v abi.Value
		if settings != "" {
			var err error
			if v, err = abi.ReadValue(settings); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if p, err = o.module.New(v); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		o.plugins[settings] = p
	}
	var out []byte
	return func(ctx context.Context, in []byte) (_ []byte, _ string, err error) {
		out, _, err = p.Call(ctx, o.export, in, out[:0])
		return out, "", err
	}
}

// BenchmarkSandbox is what BenchmarkTenRules measures, in our sandbox: fuelled, restored. Of the shipped plugins it asks their
// first case.
func BenchmarkSandbox(b *testing.B) {
	for _, p := range append(shippedPlugins(), shippedPlugin{tenRules, "evaluate"}) {
		b.Run(filepath.Base(p.folder), func(b *testing.B) {
			request := measured
			if p.folder != tenRules {
				request = p.inputs(b)[0].request
			}
			o := newOurs(b, p, build(b, p.folder))
			benchmark(b, o.with(b, ""), request)
			_, fuel, err := o.plugins[""].Call(context.Background(), p.export, []byte(request), nil)
			b.Logf("%d bytes in, fuel %d %v, %+v", len(request), fuel, err, o.plugins[""].Stats())
		})
	}
}
