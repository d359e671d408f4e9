package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

func inspectPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "inspect [PLUGIN]",
		Short: "Show what is in a module: manifest, imports, exports, sizes, fuel of its cases",
		Long: `Shows a module's manifest, the functions it wants of its host and those it offers, what each of its sections takes, the schema of its
settings, and what each golden case costs in fuel; of a compiled policy its source. A module that does not run here is shown as far as
it can be read, with what is wrong with it.`,
		Example: "  agentmesh plugin inspect pii-guard.wasm\n  agentmesh plugin inspect bin/plugins/presets/strict.wasm -o json",
		Args:    takes(0, 1, "one plugin"),
	}
	k := e.toolkit(c)
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		look := func(s *subject) (*inspectJSON, error) { return s.inspect(c.Context()) }
		r, err := lookInto(c.Context(), k, args, look)
		if err != nil {
			return err
		}
		return e.report(*output, r, func() { e.inspected(r) })
	}
	return c
}

type inspectJSON struct {
	File     string            `json:"file"`
	Digest   string            `json:"digest"`
	Bytes    int               `json:"bytes"`
	Manifest json.RawMessage   `json:"manifest"`
	Imports  []string          `json:"imports"`
	Exports  []string          `json:"exports"`
	Sections []sectionJSON     `json:"sections"`
	Cases    []inspectCaseJSON `json:"cases"`
	// Source is a compiled policy's, and that of its parents.
	Source []sourceJSON `json:"source,omitempty"`
	// Refused says why the module does not run here.
	Refused string `json:"refused,omitempty"`

	manifest *abi.Manifest
}

type sectionJSON struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

type inspectCaseJSON struct {
	Name   string `json:"name"`
	Fuel   int64  `json:"fuel"`
	Answer string `json:"answer"`
	Error  string `json:"error,omitempty"`
}

type sourceJSON struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func (s *subject) inspect(ctx context.Context) (*inspectJSON, error) {
	r := &inspectJSON{
		File: s.name, Digest: s.file.Digest, Bytes: len(s.file.Wasm), Manifest: abi.AppendManifest(nil, s.manifest()),
		Imports: []string{}, Exports: []string{}, Cases: []inspectCaseJSON{}, manifest: s.manifest(),
	}
	sections, err := wasm.Sections(s.file.Wasm)
	if err != nil {
		return nil, err
	}
	for _, one := range sections {
		r.Sections = append(r.Sections, sectionJSON{sectionName(&one), len(one.Body)})
	}
	if s.rules != nil {
		sources, _, err := policy.ReadSource(s.file.Wasm)
		if err != nil {
			return nil, err
		}
		for _, one := range sources {
			r.Source = append(r.Source, sourceJSON{one.Name, one.Text})
		}
	}
	m, err := wasm.Scan(s.file.Wasm, wasm.Limits{})
	if err != nil {
		r.Refused = err.Error()
		return r, nil
	}
	for _, i := range m.Imports {
		r.Imports = append(r.Imports, i.Module+"."+i.Name)
	}
	for _, x := range m.Exports {
		r.Exports = append(r.Exports, x.Kind.String()+" "+x.Name)
	}
	return r, s.inspectCases(ctx, r)
}

func (s *subject) inspectCases(ctx context.Context, r *inspectJSON) (err error) {
	defer func() { err = errors.Join(err, s.forget()) }()
	if err := s.admit(ctx); err != nil { // nobody knows yet what the module does to a compiler
		r.Refused = err.Error()
		if !ofCases(err) {
			return ctx.Err()
		}
	}
	asked, err := s.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, asked.close(ctx)) }()
	for i := range s.golden {
		g := &s.golden[i]
		c := inspectCaseJSON{Name: g.name}
		var err error
		if c.Answer, c.Fuel, err = asked.ask(ctx, g); err != nil {
			c.Error = err.Error()
		}
		r.Cases = append(r.Cases, c)
	}
	return nil
}

// sectionName is a section's name in the specification, a custom one's own.
func sectionName(s *wasm.Section) string {
	names := [...]string{
		1: "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data", "data count",
	}
	if s.Name != "" || int(s.ID) >= len(names) || s.ID == 0 {
		return "custom " + s.Name
	}
	return names[s.ID]
}

func (e *env) inspected(r *inspectJSON) {
	m := r.manifest
	rows := [][]string{{"file", r.File}, {"name", m.Name}, {"version", m.Version}, {"kind", m.Kind}, {"entry", m.Entry}}
	for _, row := range [][]string{
		{"publisher", m.Publisher},
		{"about", m.Description},
		{"effects", strings.Join(m.Effects, ", ")},
		{"stages", strings.Join(m.Stages, ", ")},
		{"effective from", m.EffectiveFrom},
		{"effective until", m.EffectiveUntil},
		{"citations", strings.Join(m.Citations, ", ")},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	rows = append(rows, []string{"digest", r.Digest}, []string{"size", fmt.Sprintf("%d bytes", r.Bytes)},
		[]string{"exports", listed(r.Exports)})
	rows = append(rows, importRows(r.Imports)...)
	if r.Refused != "" {
		rows = append(rows, []string{"refused", r.Refused})
	}
	e.table(nil, rows)
	rows = nil
	for _, s := range r.Sections {
		rows = append(rows, []string{s.Name, fmt.Sprint(s.Bytes)})
	}
	e.printf("\n")
	e.table([]string{"SECTION", "BYTES"}, rows)
	rows = nil
	for _, c := range r.Cases {
		answer := c.Answer
		if c.Error != "" {
			answer = c.Error
		}
		rows = append(rows, []string{short(c.Name, 60), fmt.Sprint(c.Fuel), short(answer, 100)})
	}
	if len(rows) > 0 {
		e.printf("\n")
		e.table([]string{"CASE", "FUEL", "ANSWER"}, rows)
	}
	if m.Settings.Exists() {
		e.printf("\nSETTINGS (JSON Schema)\n")
		_ = e.indented(abi.AppendJSON(nil, m.Settings)) // standard output, as every printf here
	}
	for _, s := range r.Source {
		e.printf("\nSOURCE %s\n", plain(s.Name))
		lines(e.stdout, s.Text)
	}
}

// importRows are the imports, those of one module in a row.
func importRows(imports []string) [][]string {
	var rows [][]string
	var modules []string
	names := map[string][]string{}
	for _, i := range imports {
		at := strings.LastIndex(i, ".")
		module := i[:at]
		if names[module] == nil {
			modules = append(modules, module)
		}
		names[module] = append(names[module], i[at+1:])
	}
	for _, m := range modules {
		rows = append(rows, []string{"imports", m + ": " + strings.Join(names[m], ", ")})
	}
	if rows == nil {
		rows = [][]string{{"imports", "none"}}
	}
	return rows
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
