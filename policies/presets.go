package policies

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const presetDir = "presets/"

// Presets are the names of the presets, sorted.
func Presets() []string {
	entries, err := fs.ReadDir(files, "presets")
	if err != nil {
		panic("policies: presets are not embedded: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".yaml"); ok && !strings.HasSuffix(name, ".cases") {
			names = append(names, name)
		}
	}
	return names
}

// Preset is the text of the preset of that name. The error for another name wraps fs.ErrNotExist and names those there are.
func Preset(name string) ([]byte, error) { return preset(name, name+".yaml") }

// PresetCases is the text of the cases of the preset of that name. Errors are those of Preset.
func PresetCases(name string) ([]byte, error) { return preset(name, name+".cases.yaml") }

func preset(name, file string) ([]byte, error) {
	if names := Presets(); !slices.Contains(names, name) {
		return nil, fmt.Errorf("no preset %q (there are %s): %w", name, strings.Join(names, ", "), fs.ErrNotExist)
	}
	return files.ReadFile(presetDir + file)
}
