package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// The languages of plugins.
const (
	langGo   = "go"
	langRust = "rust"
	langYAML = "yaml"
)

// The files of a plugin's folder.
const (
	manifestFile  = "plugin.yaml"
	casesFile     = "cases.yaml"
	casesJSONFile = "cases.json"
)

// source is the folder of a plugin.
type source struct {
	dir      string
	lang     string
	manifest *abi.Manifest // nil for a policy without plugin.yaml
	policy   string        // the policy's file, for YAML
	cases    string        // golden cases as JSON, empty where there are none
	golden   []golden
}

// name is what the module is called: the last part of the manifest's name, or the policy's file name.
func (s *source) name() string {
	if s.lang == langYAML {
		base := filepath.Base(s.policy)
		return base[:len(base)-len(filepath.Ext(base))]
	}
	return filepath.Base(filepath.FromSlash(s.manifest.Name))
}

func (s *source) kind() string {
	if s.manifest == nil {
		return abi.KindPolicy
	}
	return s.manifest.Kind
}

// readSource reads a plugin's folder: its language, manifest and cases.
func readSource(dir string) (*source, error) {
	s := &source{dir: dir}
	if err := s.language(); err != nil {
		return nil, err
	}
	if err := s.readManifest(); err != nil {
		return nil, err
	}
	return s, s.readCases()
}

func (s *source) language() error {
	if _, err := os.Stat(filepath.Join(s.dir, "Cargo.toml")); err == nil {
		s.lang = langRust
		return nil
	}
	if files, err := filepath.Glob(filepath.Join(s.dir, "*.go")); err == nil && len(files) > 0 {
		s.lang = langGo
		return nil
	}
	names, err := policy.Names(os.DirFS(s.dir), ".")
	if err != nil {
		return err
	}
	switch len(names) {
	case 0:
		return withHint(fmt.Errorf("%s: there is no plugin in this folder", s.dir), "`agentmesh plugin new --lang go NAME` makes one")
	case 1:
		s.lang, s.policy = langYAML, filepath.Join(s.dir, names[0])
		return nil
	default:
		return withHint(fmt.Errorf("%s: %d policies are in this folder (%s, %s)", s.dir, len(names), names[0], names[1]),
			"a plugin is one policy; `agentmesh policy build` compiles folders of them")
	}
}

func (s *source) readManifest() error {
	file := filepath.Join(s.dir, manifestFile)
	text, err := policy.OS{}.ReadFile(filepath.ToSlash(file))
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.lang == langYAML:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return withHint(fmt.Errorf("%s: there is no %s", s.dir, manifestFile), "it says what the plugin is; `agentmesh plugin new` writes one to look at")
	case err != nil:
		return err
	}
	v, err := policy.ReadValue(file, string(text))
	if err != nil {
		return err
	}
	m, err := abi.ManifestOf(v)
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", file, err), "name, version and kind must be there, and nothing that is misspelt")
	}
	s.manifest = &m
	return nil
}

func (s *source) readCases() error {
	file := filepath.Join(s.dir, casesFile)
	text, err := policy.OS{}.ReadFile(filepath.ToSlash(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.cases, err = casesJSON(s.kind(), file, string(text)); err != nil {
		return err
	}
	s.golden, err = goldenOf(s.kind(), s.cases)
	return err
}

// writeCases writes cases.json, from which native tests run, where it is not what cases.yaml says. One case stands on a line.
func (s *source) writeCases() error {
	if s.lang == langYAML || s.cases == "" {
		return nil
	}
	file := filepath.Join(s.dir, casesJSONFile)
	text, err := casesByLine(s.cases)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(file); err == nil && sameCases(string(have), s.cases) {
		return nil
	}
	return writeWhole(file, text)
}

// sameCases reports whether two files of cases hold the same, however they are laid out.
func sameCases(a, b string) bool {
	v, err := abi.ReadValue(a)
	if err != nil {
		return false
	}
	w, err := abi.ReadValue(b)
	return err == nil && string(abi.AppendJSON(nil, v)) == string(abi.AppendJSON(nil, w))
}

func casesByLine(cases string) ([]byte, error) {
	v, err := abi.ReadValue(cases)
	if err != nil {
		return nil, err
	}
	out := []byte("[\n")
	for i, c := range v.Items() {
		if i > 0 {
			out = append(out, ",\n"...)
		}
		out = abi.AppendJSON(out, c.Value)
	}
	return append(out, "\n]\n"...), nil
}
