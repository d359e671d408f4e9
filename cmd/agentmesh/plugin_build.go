package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// rustTarget is what Rust plugins are built for.
const rustTarget = "wasm32-unknown-unknown"

// toolkit is the commands that plugins are built and tested with.
type toolkit struct {
	env    *env
	goTool string
	cargo  string
}

// toolkit adds the flags that choose a toolchain.
func (e *env) toolkit(c *cobra.Command) *toolkit {
	k := &toolkit{env: e}
	c.Flags().StringVar(&k.goTool, "go", "go", "go command that builds plugins in Go")
	c.Flags().StringVar(&k.cargo, "cargo", "cargo", "cargo command that builds plugins in Rust")
	return k
}

func buildPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "build [FOLDER...]",
		Short: "Build plugins to .wasm, manifest and golden cases inside",
		Long: `Builds the plugin in each folder (Go, Rust or YAML) to NAME.wasm in that folder, or below --out, with plugin.yaml and cases.yaml inside. Go is built
by the go command for wasip1, Rust by cargo for wasm32-unknown-unknown, YAML by agentmesh itself. The same source and
toolchain give the same bytes, those of Rust in the same folder.`,
		Example: "  agentmesh plugin build\n  agentmesh plugin build plugins/pii-guard plugins/trust-reward --out bin/plugins",
		Args:    takes(0, -1, "folders"),
	}
	out := c.Flags().String("out", "", "folder to write to, or for one plugin a file ending in .wasm")
	k := e.toolkit(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		single := filepath.Ext(*out) == moduleEnd
		if single && len(args) != 1 {
			return usage("name a folder", "--out names one file, and there are %d plugins", len(args))
		}
		for _, dir := range args {
			if err := k.buildTo(c.Context(), dir, *out); err != nil {
				return e.tellFaults(err)
			}
		}
		return nil
	}
	return c
}

// tellFaults prints what is wrong with policies and cases as policy commands do, and gives back any other error.
func (e *env) tellFaults(err error) error {
	var faults policy.Errors
	if errors.As(err, &faults) {
		return e.faults(faults)
	}
	return refused(err)
}

func (k *toolkit) buildTo(ctx context.Context, dir, out string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return noPlugin(dir, err)
	case !info.IsDir():
		return usage("name its folder", "%s is a file", dir)
	}
	src, err := readSource(dir)
	if err != nil {
		return err
	}
	module, err := k.build(ctx, src)
	if err != nil {
		return err
	}
	if _, err := subjectOf(dir, module); err != nil { // what no host would take is not written
		return err
	}
	target := out
	if out == "" {
		target = dir
	}
	if filepath.Ext(target) != moduleEnd {
		target = filepath.Join(target, src.name()+moduleEnd)
	}
	if err := writeWhole(target, module); err != nil {
		return err
	}
	k.env.printf("%s  %d bytes  sha256:%x\n", plain(target), len(module), sha256.Sum256(module))
	return nil
}

// build is the module of a plugin, its sections inside.
func (k *toolkit) build(ctx context.Context, src *source) ([]byte, error) {
	if src.lang == langYAML {
		return buildYAML(src)
	}
	part, err := os.MkdirTemp("", "agentmesh-plugin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(part)
	build := k.buildGo
	if src.lang == langRust {
		build = k.buildRust
	}
	module, err := build(ctx, src, filepath.Join(part, "plugin.wasm"))
	if err != nil {
		return nil, err
	}
	for _, section := range []string{abi.SectionManifest, abi.SectionCases} {
		if _, has, err := wasm.Custom(module, section); has || err != nil {
			return nil, errors.Join(err, fmt.Errorf("%s: the module has a section %s already", src.dir, section))
		}
	}
	module = wasm.AppendCustom(module, abi.SectionManifest, abi.AppendManifest(nil, src.manifest))
	if src.cases != "" {
		module = wasm.AppendCustom(module, abi.SectionCases, []byte(src.cases))
	}
	return module, nil
}

func buildYAML(src *source) ([]byte, error) {
	r := ruleFile{name: filepath.ToSlash(src.policy)}
	loaded, err := loadRules([]string{r.name}, true)
	if err != nil {
		return nil, err
	}
	if src.manifest == nil || strings.HasPrefix(src.manifest.Name, "local/") {
		return loaded[0].module.Wasm, nil
	}
	_, text, err := policy.ReadSource(loaded[0].module.Wasm)
	if err != nil {
		return nil, err
	}
	m, err := policy.CompileAs(loaded[0].policy, policy.Packaging{Manifest: src.manifest, Cases: text})
	if err != nil {
		return nil, err
	}
	return m.Wasm, nil
}

func (k *toolkit) buildGo(ctx context.Context, src *source, out string) ([]byte, error) {
	c, err := k.goCommand(ctx, src, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, ".")
	if err != nil {
		return nil, err
	}
	c.Env = append(slices.Clone(k.env.environ), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if err := k.run(c, "building "+src.dir); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

func (k *toolkit) goCommand(ctx context.Context, src *source, args ...string) (*exec.Cmd, error) {
	return k.command(ctx, src, tool{
		k.goTool, "plugins in Go need Go 1.24 or newer: https://go.dev/dl/ (or name one by --go)",
	}, args)
}

func (k *toolkit) cargoCommand(ctx context.Context, src *source, args ...string) (*exec.Cmd, error) {
	return k.command(ctx, src, tool{
		k.cargo, "plugins in Rust need rustup's toolchain: https://rustup.rs (or name a cargo by --cargo)",
	}, args)
}

// tool is a command of a toolchain, and where it comes from.
type tool struct{ command, whence string }

func (k *toolkit) command(ctx context.Context, src *source, t tool, args []string) (*exec.Cmd, error) {
	path, err := exec.LookPath(t.command)
	if err == nil {
		path, err = filepath.Abs(path) // it runs in the plugin's folder
	}
	if err != nil {
		return nil, withHint(fmt.Errorf("%s is not installed here: %w", t.command, err), "%s", t.whence)
	}
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Env = src.dir, k.env.environ
	return c, nil
}

// run runs a tool. What it says is shown when it fails.
func (k *toolkit) run(c *exec.Cmd, doing string) error {
	var said bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &said
	}
	c.Stderr = &said
	err := c.Run()
	if err == nil {
		return nil
	}
	lines(k.env.stderr, said.String())
	err = fmt.Errorf("%s: %s: %w", doing, filepath.Base(c.Path), err)
	switch text := said.String(); {
	case strings.Contains(text, rustTarget+"` target may not be installed") || strings.Contains(text, "can't find crate for `core`"):
		return withHint(err, "the Rust toolchain lacks %s: rustup target add %[1]s", rustTarget)
	case strings.Contains(text, "go.mod requires go >="):
		return withHint(err, "install the Go it asks for, or name one by --go")
	case strings.Contains(text, "package agentmesh/"):
		return withHint(err, "go.mod must say where the kit is, as in: replace agentmesh => ./kit (`agentmesh plugin new` writes both)")
	default:
		return err
	}
}

// buildRust has cargo say where it put the module.
func (k *toolkit) buildRust(ctx context.Context, src *source, _ string) ([]byte, error) {
	remap, err := k.remap(src)
	if err != nil {
		return nil, err
	}
	c, err := k.cargoCommand(ctx, src, "build", "--release", "--target", rustTarget, "--message-format=json-render-diagnostics", "--config", remap)
	if err != nil {
		return nil, err
	}
	var messages bytes.Buffer
	c.Stdout = &messages
	if err := k.run(c, "building "+src.dir); err != nil {
		return nil, err
	}
	module := ""
	for line := range strings.Lines(messages.String()) {
		var m struct {
			Reason    string
			Filenames []string
		}
		if json.Unmarshal([]byte(line), &m) != nil || m.Reason != "compiler-artifact" {
			continue
		}
		for _, name := range m.Filenames {
			if strings.HasSuffix(name, moduleEnd) {
				module = name
			}
		}
	}
	if module == "" {
		return nil, withHint(fmt.Errorf("%s: cargo built no .wasm", src.dir), `Cargo.toml must say [lib] crate-type = ["cdylib", "rlib"]`)
	}
	return os.ReadFile(module)
}

// remap has modules name no folder of the machine they are built on: of the plugin's, of a kit that lies not far from it,
// and of the crates that cargo fetched. As a setting of cargo's it joins the flags that the plugin has itself.
func (k *toolkit) remap(src *source) (string, error) {
	dir, err := filepath.Abs(src.dir)
	if err != nil {
		return "", err
	}
	cargo := ""
	for _, v := range k.env.environ {
		name, value, _ := strings.Cut(v, "=")
		switch {
		case name == "CARGO_HOME":
			cargo = value
		case name == "HOME" && cargo == "":
			cargo = filepath.Join(value, ".cargo")
		}
	}
	flags := "target." + rustTarget + ".rustflags=["
	for _, pair := range [][2]string{{filepath.Dir(filepath.Dir(dir)), "/src"}, {dir, "/plugin"}, {cargo, "/cargo"}} { // the last that fits holds
		if pair[0] != "" && pair[0] != "/" {
			flags += fmt.Sprintf("%q,", "--remap-path-prefix="+pair[0]+"="+pair[1])
		}
	}
	return flags + "]", nil
}
