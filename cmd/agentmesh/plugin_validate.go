package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"agentmesh/pdk/abi"
)

func validatePluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "validate [PLUGIN...]",
		Short: "Say whether a host would take plugins, and why not",
		Long: `Does what a host does before a plugin decides: reads the manifest, scans the module, checks imports, exports and the schema of its
settings, compiles it, starts it, and puts its golden cases to it in the sandbox and under the stock Extism SDK. Nothing is left behind.

Exits 0 when all would be taken, 1 otherwise.`,
		Example: "  agentmesh plugin validate pii-guard.wasm\n  agentmesh plugin validate bin/plugins/*.wasm -o json",
		Args:    takes(0, -1, "plugins"),
	}
	k := e.toolkit(c)
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		all, ok := []validJSON{}, true
		for _, name := range args {
			v := k.validate(c.Context(), name)
			if err := c.Context().Err(); err != nil {
				return err
			}
			all, ok = append(all, v), ok && v.OK
		}
		if err := e.report(*output, map[string]any{"plugins": all}, func() { e.validated(all) }); err != nil {
			return err
		}
		return told(codeIf(!ok))
	}
	return c
}

type validJSON struct {
	File     string   `json:"file"`
	Plugin   string   `json:"plugin,omitempty"`
	Version  string   `json:"version,omitempty"`
	Kind     string   `json:"kind,omitempty"`
	OK       bool     `json:"ok"`
	Cases    int      `json:"cases"`
	Problems []string `json:"problems"`
}

func (k *toolkit) validate(ctx context.Context, name string) validJSON {
	v := validJSON{File: name, Problems: []string{}}
	s, err := k.open(ctx, []string{name})
	if err != nil {
		v.Problems = append(v.Problems, err.Error())
		return v
	}
	m := s.manifest()
	v.Plugin, v.Version, v.Kind, v.Cases = m.Name, m.Version, m.Kind, len(s.golden)
	if err := errors.Join(s.admit(ctx), s.forget()); err != nil {
		v.Problems = append(v.Problems, err.Error())
		return v
	}
	if s.rules != nil {
		v.Problems = append(v.Problems, s.failing(ctx)...)
	}
	v.OK = len(v.Problems) == 0
	return v
}

// failing says which cases of a compiled policy do not pass.
func (s *subject) failing(ctx context.Context) []string {
	t := &pluginTest{subject: s, Kind: abi.KindPolicy}
	if err := t.ask(ctx); err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, c := range t.Cases {
		for _, p := range c.Problems {
			out = append(out, fmt.Sprintf("case %q: %s", c.Name, p))
		}
	}
	return out
}

func (e *env) validated(all []validJSON) {
	for _, v := range all {
		if v.OK {
			e.printf("%s  %s: %s %s, %s, %d cases\n", e.paint("ok"), plain(v.File), plain(v.Plugin), plain(v.Version), v.Kind, v.Cases)
			continue
		}
		e.printf("%s  %s\n", e.paint("FAIL"), plain(v.File))
		for _, p := range v.Problems {
			lines(e.stdout, "      "+p+"\n")
		}
	}
}
