package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/usual"
)

// guard is a plugin that gives one answer to everything.
func guard(answer string) []byte {
	return usual.Guard(`{"name":"acme.co/guard","version":"1.0.0","kind":"policy","abi":1,"effects":["deny"],`+
		`"settings":{"type":"object","properties":{"level":{"type":"integer"}},"additionalProperties":false}}`, answer)
}

func pluginSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t, map[string]string{"a.yaml": reads})
	folder := filepath.Join(filepath.Dir(s.rules), "plugins")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	module := guard(`{"abi":1,"findings":[{"decision":"deny","rule":"never","reason":"by plugin"}]}`)
	if err := os.WriteFile(filepath.Join(folder, "guard.wasm"), module, 0o600); err != nil {
		t.Fatal(err)
	}
	s.config.Trust.AllowUnsigned = []string{folder}
	return s
}

func TestPluginsAreRefusedAtTheStart(t *testing.T) {
	for _, c := range []struct {
		name    string
		plugins map[string]host.Plugin
		want    []string
	}{
		{"settings of another shape", map[string]host.Plugin{"acme.co/guard": {Settings: map[string]any{"levle": 1}}}, []string{"settings_invalid", "levle"}},
		{"an unknown mode", map[string]host.Plugin{"acme.co/guard": {Mode: "maybe"}}, []string{"settings_invalid", "maybe"}},
		{"one that is not there", map[string]host.Plugin{"acme/other": {}}, []string{"absent", "acme/other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := pluginSite(t)
			s.config.Plugins = c.plugins
			h, err := host.Open(t.Context(), s.state, s.config, host.Options{})
			if err == nil {
				t.Fatal("opened", h.Close())
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to say %q", err, want)
				}
			}
		})
	}
}

func TestAPluginDecides(t *testing.T) {
	read := `{"agent":{"name":"a"},"action":{"type":"read","tool":"read_file"}}`
	s := pluginSite(t)
	v := s.open(t).Decide(t.Context(), request(t, read))
	if v.Decision != abi.Deny || v.Rule != "never" || v.Policy != "acme.co/guard" || v.ID == "" {
		t.Errorf("verdict %+v", v)
	}
	if len(v.Judges) != 2 || v.Judges[0].Name != "acme.co/guard" || v.Judges[0].Fuel <= 0 || !strings.HasPrefix(v.Judges[0].SettingsDigest, "sha256:") {
		t.Errorf("judges %+v", v.Judges)
	}
}

func TestAMonitoredPluginOnlyWatches(t *testing.T) {
	s := pluginSite(t)
	s.config.Plugins = map[string]host.Plugin{"acme.co/guard": {Mode: "monitor", Settings: map[string]any{"level": 3}}}
	v := s.open(t).Decide(t.Context(), request(t, `{"agent":{"name":"a"},"action":{"type":"read","tool":"read_file"}}`))
	if v.Decision != abi.Allow || !v.Judges[0].Monitored || v.Judges[0].Decision != abi.Deny {
		t.Errorf("verdict %+v", v)
	}
}

func TestConfigOfPlugins(t *testing.T) {
	file := configFile(t, "plugins:\n  acme.co/guard: {mode: monitor, fuel: 1000, memory_pages: 64, on_lapse: abstain, settings: {a.b: [1, x], c: {d: true}}}\n")
	got, err := host.LoadConfig(host.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]host.Plugin{"acme.co/guard": {
		Mode: "monitor", Fuel: 1000, MemoryPages: 64, OnLapse: "abstain",
		Settings: map[string]any{"a.b": []any{1, "x"}, "c": map[string]any{"d": true}},
	}}
	if diff := cmp.Diff(want, got.Plugins); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
}
