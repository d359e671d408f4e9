package policies_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"agentmesh/policies"
)

func TestUnknownPreset(t *testing.T) {
	for _, name := range []string{"", "stricter", "strict.cases", "../example/data-analyst", "strict.yaml"} {
		_, err := policies.Preset(name)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "moderate, permissive, strict") {
			t.Errorf("%q: got %v, want an error that names the presets", name, err)
		}
	}
}

func TestPresetsHaveTextAndCases(t *testing.T) {
	if got, want := policies.Presets(), []string{"moderate", "permissive", "strict"}; !slices.Equal(got, want) {
		t.Fatalf("presets are %v, want %v", got, want)
	}
	for _, name := range policies.Presets() {
		for what, read := range map[string]func(string) ([]byte, error){"text": policies.Preset, "cases": policies.PresetCases} {
			if text, err := read(name); err != nil || len(text) == 0 {
				t.Errorf("%s of %s: %d bytes, %v", what, name, len(text), err)
			}
		}
	}
}
