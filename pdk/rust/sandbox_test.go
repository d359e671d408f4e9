package rust_test

import (
	"context"
	"os"
	"strings"
	"testing"

	extism "github.com/extism/go-sdk"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// plugin loads an example as the host does.
func plugin(t testing.TB, name, kind string, settings abi.Value) *sandbox.Plugin {
	t.Helper()
	module, err := os.ReadFile(examples.Module(t, name))
	if err != nil {
		t.Fatal(err)
	}
	manifest := abi.Manifest{Name: "test/" + strings.ReplaceAll(name, "_", "-"), Version: "1.0.0", Kind: kind, Effects: []string{"deny", "require_approval", "warn", "log"}}
	if kind == abi.KindPolicy {
		manifest.Effects = append(manifest.Effects, "allow")
		manifest.Settings = abi.ObjectValue(abi.Member{Name: "type", Value: abi.StringValue("object")})
		request, err := abi.ReadRequest(tenRulesRequest)
		if err != nil {
			t.Fatal(err)
		}
		cases := abi.AppendCases(nil, []abi.Case{{Name: "warm up", Request: request, Want: abi.Want{Decision: abi.Deny}}})
		module = wasm.AppendCustom(module, abi.SectionCases, cases)
	}
	f, err := sandbox.NewPluginFile(name+".wasm", wasm.AppendCustom(module, abi.SectionManifest, abi.AppendManifest(nil, &manifest)))
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
	m, err := e.CompilePlugin(context.Background(), f, sandbox.PluginOptions{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stock is an example under the official Extism SDK, which is also what settings reach a guest by.
func stock(t testing.TB, name, settings string) *extism.Plugin {
	t.Helper()
	module, err := os.ReadFile(examples.Module(t, name))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	manifest := extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: module}}, Config: map[string]string{"settings": settings}}
	p, err := extism.NewPlugin(ctx, manifest, extism.PluginConfig{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestBothEnginesGiveTheSameAnswer asks a guest in the host's sandbox and under the official SDK.
func TestBothEnginesGiveTheSameAnswer(t *testing.T) {
	for _, c := range []struct{ name, kind, export, input, settings, want string }{
		{
			"ten_rules", abi.KindPolicy, "evaluate", tenRulesRequest, `{"hosts":["db.example.com"],"on_export":"require_approval"}`,
			`{"abi":1,"findings":[{"decision":"require_approval","rule":"no-pii-export","reason":"personal data may not leave","priority":90,"obligations":[]}]}`,
		},
		{
			"reward", abi.KindReward, "score",
			`{"abi":1,"agent":{},"verdict":{"decision":"allow"},"outcome":{"decision_id":"1","status":"ok"}}`, `{}`,
			`{"delta":5,"reasons":["success"]}`,
		},
	} {
		settings, err := abi.ReadValue(c.settings)
		if err != nil {
			t.Fatal(err)
		}
		p := plugin(t, c.name, c.kind, settings)
		var first int64
		for i := range 3 {
			got, fuel, err := p.Call(t.Context(), c.export, []byte(c.input), nil)
			if err != nil || string(got) != c.want {
				t.Errorf("%s in the sandbox: %v\n got %s\nwant %s", c.name, err, got, c.want)
			}
			if i == 0 {
				first = fuel
			} else if fuel != first {
				t.Errorf("%s: call %d costs %d, the first cost %d", c.name, i, fuel, first)
			}
		}
		rc, got, err := stock(t, c.name, c.settings).Call(c.export, []byte(c.input))
		if rc != 0 || err != nil || string(got) != c.want {
			t.Errorf("%s under the official SDK: %d, %v\n got %s\nwant %s", c.name, rc, err, got, c.want)
		}
	}
}

// plainRequest is what host/sandbox measures the Go kit's ten rules with.
const plainRequest = `{"abi":1,"agent":{"did":"did:mesh:data-analyst:abcdefghijklmnopqrstuvwxyz","name":"data-analyst","trust_score":640,` +
	`"tier":"standard","asserted_by":"config"},"action":{"type":"read","tool":"read_file","server":"filesystem","protocol":"mcp",` +
	`"stage":"pre_tool"},"data":{"path":"/home/user/project/report.md","contains_pii":false},"resource":{"paths":` +
	`["/home/user/project/report.md"],"outside_roots":false,"sensitive":false},"context":{"time":"2026-01-01T00:00:00.000Z"}}`

// BenchmarkTenRulesInTheSandbox is the price of a decision with fuel and restored memory, JSON in and out.
func BenchmarkTenRulesInTheSandbox(b *testing.B) {
	for name, request := range map[string]string{"408 bytes, abstains": plainRequest, "605 bytes, two findings": tenRulesRequest} {
		b.Run(name, func(b *testing.B) {
			p := plugin(b, "ten_rules", abi.KindPolicy, abi.Value{})
			var out []byte
			var fuel int64
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if out, fuel, err = p.Call(ctx, "evaluate", []byte(request), out[:0]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(fuel), "fuel")
		})
	}
}

func BenchmarkTenRulesUnderTheOfficialSDK(b *testing.B) {
	p := stock(b, "ten_rules", "{}")
	for b.Loop() {
		if rc, _, err := p.Call("evaluate", []byte(plainRequest)); rc != 0 || err != nil {
			b.Fatal(rc, err)
		}
	}
}
