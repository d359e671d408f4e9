package pdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"agentmesh/pdk/abi"
	"agentmesh/pdk/go/pdktest"
)

// stock is a module under the official Extism SDK.
type stock struct{ compiled *extism.CompiledPlugin }

func newStock(t *testing.T, module []byte) stock {
	t.Helper()
	ctx := context.Background()
	compiled, err := extism.NewCompiledPlugin(ctx, extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: module}}}, extism.PluginConfig{EnableWasi: true, RuntimeConfig: wazero.NewRuntimeConfig().WithCompilationCache(compiled)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := compiled.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return stock{compiled}
}

// instance is a new instance with the settings, or none where they are empty.
func (s stock) instance(t *testing.T, settings string) *extism.Plugin {
	t.Helper()
	ctx := context.Background()
	p, err := s.compiled.Instance(ctx, extism.PluginInstanceConfig{ModuleConfig: wazero.NewModuleConfig()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	if settings != "" {
		p.Config = map[string]string{"settings": settings}
	}
	return p
}

// input is one case as a module is given it.
type input struct{ name, request, settings string }

// inputs are the cases of a plugin.
func (p shippedPlugin) inputs(t testing.TB) []input {
	t.Helper()
	text, err := os.ReadFile(p.file("cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out []input
	if p.export == "score" {
		cs, err := abi.ReadScoreCases(string(text))
		if err != nil {
			t.Fatal(err)
		}
		for i := range cs {
			out = append(out, input{cs[i].Name, string(abi.AppendScoreRequest(nil, &cs[i].Request)), pdktest.Settings(cs[i].Settings)})
		}
		return out
	}
	cs, err := abi.ReadCases(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for i := range cs {
		out = append(out, input{cs[i].Name, string(abi.AppendRequest(nil, &cs[i].Request)), pdktest.Settings(cs[i].Settings)})
	}
	return out
}

// native has go test run the plugin's cases on this machine, and gives the answers by the cases' names.
func (p shippedPlugin) native(t *testing.T) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "answers.json")
	c := exec.Command("go", "test", "-count=1", "-run=^TestCases$", "./"+p.folder)
	c.Dir = filepath.Join("..", "..")
	c.Env = append(os.Environ(), pdktest.AnswersTo+"="+file)
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("the cases natively: %v\n%s", err, text)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Name, Answer string }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, a := range list {
		out[a.Name] = a.Answer
	}
	return out
}

// TestModulesAnswerAsNatively runs every case of our plugins in the module built for wasip1: under the official Extism SDK,
// on plain wazero by Extism's imports and by the mailbox, and in our sandbox. All must say what go test says, byte by
// byte.
func TestModulesAnswerAsNatively(t *testing.T) {
	ctx := context.Background()
	for _, p := range shippedPlugins() {
		t.Run(filepath.Base(p.folder), func(t *testing.T) {
			module, want := build(t, p.folder), p.native(t)
			official, ours := newStock(t, module), newOurs(t, p, module)
			bares := map[string]*bare{}
			for _, in := range p.inputs(t) {
				if bares[in.settings] == nil {
					bares[in.settings] = instantiate(t, module, p.export, settingsConfig(in.settings))
				}
				b := bares[in.settings]
				rc, out, err := official.instance(t, in.settings).CallWithContext(ctx, p.export, []byte(in.request))
				if err != nil || rc != 0 || string(out) != want[in.name] {
					t.Errorf("%s under the official SDK: %d %v\n got %s\nwant %s", in.name, rc, err, out, want[in.name])
				}
				for name, call := range map[string]caller{"imports": b.call, "mailbox": b.enter, "our sandbox": ours.with(t, in.settings)} {
					if out, failure, err := call(ctx, []byte(in.request)); err != nil || string(out) != want[in.name] {
						t.Errorf("%s by %s: %s %v\n got %s\nwant %s", in.name, name, failure, err, out, want[in.name])
					}
				}
			}
			t.Logf("%d cases the same; module %d bytes", len(want), len(module))
		})
	}
}

// caller answers an input, or says what the plugin's error is.
type caller = func(context.Context, []byte) (out []byte, failure string, err error)

func settingsConfig(settings string) map[string]string {
	if settings == "" {
		return nil
	}
	return map[string]string{"settings": settings}
}

// TestModulesRefuse gives a module what is no request, by both ways: it says so, and answers the next call.
func TestModulesRefuse(t *testing.T) {
	ctx := context.Background()
	module := build(t, tenRules)
	official := newStock(t, module).instance(t, "")
	guest := instantiate(t, module, "evaluate", nil)
	good := func(call caller) {
		if out, failure, err := call(ctx, []byte(measured)); err != nil || string(out) != measuredAnswer {
			t.Errorf("after a refusal: got %s %s %v", out, failure, err)
		}
	}
	for _, in := range []string{``, `{`, `[]`, `{"abi":2}`, `{"abi":1,"agent":"x"}`, `{"abi":1,"abi":1}`, "{\"abi\":1,\"data\":{\"a\":\"\xff\"}}", strings.Repeat("[", 100)} {
		var said []string
		for _, call := range []caller{guest.call, guest.enter} {
			out, failure, err := call(ctx, []byte(in))
			if err != nil || out != nil || failure == "" {
				t.Errorf("%q: got %s, error %q, %v", in, out, failure, err)
			}
			said = append(said, failure)
			good(guest.call)
			good(guest.enter)
		}
		rc, _, err := official.CallWithContext(ctx, "evaluate", []byte(in))
		if rc != 1 || err == nil || said[0] != said[1] || err.Error() != said[0] {
			t.Errorf("%q: the official SDK has %d %v, the others %q", in, rc, err, said)
		}
	}
	rc, out, err := official.CallWithContext(ctx, "evaluate", []byte(measured))
	if rc != 0 || err != nil || string(out) != measuredAnswer {
		t.Errorf("after refusals: %d %s %v", rc, out, err)
	}
}

// TestInputsOfEveryLength goes over the ends of the eight-byte steps.
func TestInputsOfEveryLength(t *testing.T) {
	ctx := context.Background()
	guest := instantiate(t, build(t, "pdk/go/testdata/vectors"), "rewrite", nil)
	for n := range 40 {
		text := strings.Repeat("x", n)
		in := abi.AppendJSON(nil, abi.ObjectValue(abi.Member{Name: "message", Value: abi.StringValue("path")}, abi.Member{Name: "in", Value: abi.StringValue("a" + text)}))
		want := `{"out":"a` + text + `"}`
		for name, call := range map[string]caller{"imports": guest.call, "mailbox": guest.enter} {
			if out, failure, err := call(ctx, in); err != nil || string(out) != want {
				t.Errorf("%s: got %s %s %v, want %s", name, out, failure, err, want)
			}
		}
	}
}

// TestVectorsInsideAModule holds the contract's codec, built into a module, against the vectors that all languages share.
func TestVectorsInsideAModule(t *testing.T) {
	guest := instantiate(t, build(t, "pdk/go/testdata/vectors"), "rewrite", nil)
	ask := func(message, in string) (reply struct{ Out, Error, Kind, Canonical string }) {
		t.Helper()
		q, err := json.Marshal(map[string]string{"message": message, "in_hex": hexOf(in)})
		if err != nil {
			t.Fatal(err)
		}
		out, failure, err := guest.call(context.Background(), q)
		if err != nil || failure != "" {
			t.Fatalf("%s %q: %s %v", message, in, failure, err)
		}
		if err := json.NewDecoder(bytes.NewReader(out)).Decode(&reply); err != nil {
			t.Fatal(err)
		}
		return reply
	}
	n := 0
	for _, name := range []string{"values.json", "messages.json"} {
		f := vectors(t, name)
		for i, list := range [][]vector{f.Valid, f.Changed, f.Invalid} {
			for _, v := range list {
				n++
				message, want := v.Message, v.Out
				if message == "" {
					message = "value"
				}
				if i == 0 {
					want = v.In
				}
				if got := ask(message, v.In); got.Out != want || got.Error != v.Error || v.Kind != "" && (got.Kind != v.Kind || got.Canonical != v.Canonical) {
					t.Errorf("%s, %s: got %+v, want %s %s %s", message, v.Name, got, want, v.Error, v.Canonical)
				}
			}
		}
	}
	t.Logf("%d vectors", n)
}
