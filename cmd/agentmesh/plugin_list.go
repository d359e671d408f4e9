package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func listPluginsCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "list [FOLDER...]",
		Short: "List the modules in plugin folders: plugins and compiled policies",
		Long: `Lists every .wasm in the folders, and in folders within them, with what its manifest says. Without an argument the plugin folders of
the configuration are meant. Folders within a plugin folder are not loaded by a host unless they are named.`,
		Example: "  agentmesh plugin list bin/plugins\n  agentmesh plugin list -o json",
		Args:    takes(0, -1, "folders"),
	}
	output := format(c, "table", "json")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			dirs, err := e.pluginDirs()
			if err != nil {
				return err
			}
			args = dirs
		}
		all := []listedJSON{}
		for _, dir := range args {
			found, err := listPlugins(dir)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return e.report(*output, map[string]any{"plugins": all}, func() { e.listedPlugins(all) })
	}
	return c
}

func (e *env) pluginDirs() ([]string, error) {
	_, config, err := e.config()
	if err != nil {
		return nil, err
	}
	if len(config.Dirs.Plugins) == 0 {
		return nil, usage("name one, as in `agentmesh plugin list bin/plugins`", "no plugin folder is configured")
	}
	return config.Dirs.Plugins, nil
}

type listedJSON struct {
	File    string `json:"file"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Entry   string `json:"entry"`
	Bytes   int64  `json:"bytes"`
	Cases   int    `json:"cases"`
	Digest  string `json:"digest"`
	Error   string `json:"error,omitempty"`
}

func listPlugins(dir string) ([]listedJSON, error) {
	var out []listedJSON
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != moduleEnd || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		out = append(out, listOne(path))
		return nil
	})
	return out, err
}

func listOne(path string) listedJSON {
	l := listedJSON{File: path}
	if info, err := os.Stat(path); err == nil {
		l.Bytes = info.Size()
	}
	s, err := openModule(path)
	if err != nil {
		l.Error = err.Error()
		return l
	}
	m := s.manifest()
	l.Name, l.Version, l.Kind, l.Entry, l.Cases, l.Digest = m.Name, m.Version, m.Kind, m.Entry, len(s.golden), s.file.Digest
	return l
}

func (e *env) listedPlugins(all []listedJSON) {
	if len(all) == 0 {
		e.printf("there are no modules there\n")
		return
	}
	var rows [][]string
	for _, l := range all {
		if l.Error != "" {
			rows = append(rows, slices.Concat([]string{"?"}, make([]string, 4), []string{l.File, l.Error}))
			continue
		}
		version := short(strings.TrimPrefix(l.Version, "sha256:"), 14)
		rows = append(rows, []string{l.Name, version, l.Kind, l.Entry, fmt.Sprint(l.Cases), l.File, ""})
	}
	e.table([]string{"NAME", "VERSION", "KIND", "ENTRY", "CASES", "FILE", ""}, rows)
}
