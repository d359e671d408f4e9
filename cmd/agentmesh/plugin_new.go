package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"agentmesh/pdk"
	"agentmesh/pdk/abi"
)

//go:embed scaffold
var scaffolds embed.FS

// pluginName is what a plugin may be called: a name, or scope/name, as in a manifest.
var pluginName = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*/)?[a-z][a-z0-9-]*$`)

// scaffold is what the templates are filled with.
type scaffold struct {
	Name      string // scope/name
	Short     string // the folder
	Lang      string
	Kind      string
	About     string
	Module    string
	GoVersion string
}

func newPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "new --lang go|rust|yaml [--kind policy|compliance|reward] NAME",
		Short: "Begin a plugin: source, golden cases, README, a test that passes",
		Long: `Writes the folder NAME with a plugin that works, its manifest, golden cases, a native test and a README. The kit is written beside
it, in NAME/kit, so that Go and YAML build without a network; what the Rust kit needs comes from the crate registry once. NAME may have
a scope, as in acme/no-exports; without one it is local/NAME.`,
		Example: "  agentmesh plugin new --lang go no-exports\n  agentmesh plugin new --lang rust --kind reward acme/plain-reward",
		Args:    takes(1, 1, "one name"),
	}
	lang := c.Flags().String("lang", "", "language: go, rust or yaml")
	kind := c.Flags().String("kind", abi.KindPolicy, "kind: policy, compliance or reward")
	c.RunE = func(_ *cobra.Command, args []string) error {
		s, err := newScaffold(args[0], *lang, *kind)
		if err != nil {
			return err
		}
		files, err := s.files()
		if err != nil {
			return err
		}
		if err := os.Mkdir(s.Short, 0o755); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return withHint(fmt.Errorf("%s is there already", s.Short), "choose another name, or another folder to work in")
			}
			return err
		}
		for _, f := range files {
			if err := writeWhole(filepath.Join(s.Short, filepath.FromSlash(f.Name)), f.Text); err != nil {
				return err
			}
		}
		e.printf("%s/ holds a %s plugin in %s that works. Next:\n  cd %s\n  agentmesh plugin test\n  agentmesh plugin build\nREADME.md there says more.\n",
			s.Short, s.Kind, map[string]string{langGo: "Go", langRust: "Rust", langYAML: "YAML"}[s.Lang], s.Short)
		return nil
	}
	return c
}

func newScaffold(name, lang, kind string) (*scaffold, error) {
	switch {
	case lang != langGo && lang != langRust && lang != langYAML:
		return nil, usage("--lang go, --lang rust or --lang yaml", "there is no language %q for plugins", lang)
	case kind != abi.KindPolicy && kind != abi.KindCompliance && kind != abi.KindReward:
		return nil, usage("--kind policy, compliance or reward", "there is no kind %q of plugin", kind)
	case lang == langYAML && kind != abi.KindPolicy:
		return nil, usage("write it in Go or Rust: --lang go", "YAML says policies, and no plugin of kind %s", kind)
	case !pluginName.MatchString(name):
		return nil, usage("as in no-exports, or acme/no-exports", "%q is no name: a-z, 0-9 and - (scope also .), a letter first", name)
	}
	s := &scaffold{Name: name, Short: name[strings.LastIndex(name, "/")+1:], Lang: lang, Kind: kind, GoVersion: pdk.GoVersion()}
	if s.Short == name {
		s.Name = "local/" + name
	}
	s.Module = "plugins/" + s.Short
	s.About = map[string]string{
		abi.KindPolicy:     "Denies exports of personal data.",
		abi.KindReward:     "Rewards success and takes back for what a rule denied.",
		abi.KindCompliance: "One control, checked and classified.",
	}[kind]
	return s, nil
}

// files are all that is written, the kit included, by slash paths below the plugin's folder.
func (s *scaffold) files() ([]pdk.File, error) {
	from := map[string]string{"README.md": "readme.tmpl", casesFile: "cases." + s.Kind + ".tmpl"}
	kit := func() ([]pdk.File, error) { return nil, nil }
	switch s.Lang {
	case langGo:
		kit = pdk.Go
		from["go.mod"] = "go/go.mod.tmpl"
		from["main.go"] = "go/main." + s.Kind + ".tmpl"
		from["main_test.go"] = "go/main_test." + s.Kind + ".tmpl"
		from[".gitignore"] = "go/gitignore.tmpl"
	case langRust:
		kit = pdk.Rust
		from["Cargo.toml"] = "rust/Cargo.toml.tmpl"
		from["src/lib.rs"] = "rust/lib." + s.Kind + ".tmpl"
		from[".cargo/config.toml"] = "rust/config.toml.tmpl"
		from[".gitignore"] = "rust/gitignore.tmpl"
	default:
		from[s.Short+".yaml"] = "yaml/policy.tmpl"
	}
	if s.Lang != langYAML || !strings.HasPrefix(s.Name, "local/") {
		from[manifestFile] = "plugin.tmpl"
	}
	files, err := kit()
	if err != nil {
		return nil, err
	}
	for i := range files {
		files[i].Name = "kit/" + files[i].Name
	}
	for name, template := range from {
		text, err := s.fill(template)
		if err != nil {
			return nil, err
		}
		files = append(files, pdk.File{Name: name, Text: text})
		if name == casesFile && s.Lang != langYAML {
			cases, err := casesJSON(s.Kind, casesFile, string(text))
			if err != nil {
				return nil, err
			}
			byLine, err := casesByLine(cases)
			if err != nil {
				return nil, err
			}
			files = append(files, pdk.File{Name: casesJSONFile, Text: byLine})
		}
	}
	return files, nil
}

func (s *scaffold) fill(name string) ([]byte, error) {
	t, err := template.ParseFS(scaffolds, "scaffold/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, s)
	return out.Bytes(), err
}
