package pdk_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"

	"agentmesh/pdk/abi"
)

// update writes the cases.json of our plugins from their cases.yaml.
var update = flag.Bool("update", false, "write plugins/*/cases.json from cases.yaml")

// shippedPlugin is one of ours that is written with this kit.
type shippedPlugin struct {
	folder string // below the module's root
	export string
}

func shippedPlugins() []shippedPlugin {
	return []shippedPlugin{{"plugins/pii-guard", "evaluate"}, {"plugins/trust-reward", "score"}}
}

func (p shippedPlugin) file(name string) string {
	return filepath.Join("..", "..", filepath.FromSlash(p.folder), name)
}

// TestCasesAreWrittenFromYAML holds each cases.json, which go test reads, against the cases.yaml that people write.
func TestCasesAreWrittenFromYAML(t *testing.T) {
	for _, p := range shippedPlugins() {
		want := yamlFile(t, p.file("cases.yaml"))
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(p.file("cases.json"), tidy(t, p, string(text)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(p.file("cases.json"))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := tidy(t, p, string(text)), tidy(t, p, string(got)); !reflect.DeepEqual(unordered(t, a), unordered(t, b)) {
			t.Errorf("%s/cases.json is not what cases.yaml says: go test ./pdk/go -run WrittenFromYAML -update", p.folder)
		}
	}
}

// tidy reads the cases as strictly as they are read to be run, and writes them as the contract does.
func tidy(t *testing.T, p shippedPlugin, text string) []byte {
	t.Helper()
	if p.export == "score" {
		cs, err := abi.ReadScoreCases(text)
		if err != nil {
			t.Fatalf("%s: %v", p.folder, err)
		}
		return append(abi.AppendScoreCases(nil, cs), '\n')
	}
	cs, err := abi.ReadCases(text)
	if err != nil {
		t.Fatalf("%s: %v", p.folder, err)
	}
	return append(abi.AppendCases(nil, cs), '\n')
}

func yamlFile(t testing.TB, name string) any {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func unordered(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestManifests reads each plugin.yaml as the host reads what is built from it.
func TestManifests(t *testing.T) {
	for _, p := range shippedPlugins() {
		text, err := json.Marshal(yamlFile(t, p.file("plugin.yaml")))
		if err != nil {
			t.Fatal(err)
		}
		m, err := abi.ReadManifest(string(text))
		if err != nil {
			t.Errorf("%s: %v", p.folder, err)
			continue
		}
		if want := map[string]string{"evaluate": abi.KindPolicy, "score": abi.KindReward}[p.export]; m.Kind != want || m.Name != "agentmesh/"+filepath.Base(p.folder) {
			t.Errorf("%s is a %s called %s", p.folder, m.Kind, m.Name)
		}
	}
}
