package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

func pluginCommand(e *env) *cobra.Command {
	return noun("plugin", "Write, build, test, measure and look into rule plugins",
		`A PLUGIN argument is a built .wasm, or the folder of its source, which is built first where a command needs the module:
Cargo.toml makes it Rust, Go files make it Go, a policy file makes it YAML. Without one the working folder is meant.`,
		newPluginCommand(e), buildPluginCommand(e), testPluginCommand(e), benchPluginCommand(e), inspectPluginCommand(e),
		runPluginCommand(e), validatePluginCommand(e), listPluginsCommand(e), replayPluginCommand(e), signPluginCommand(e), verifyPluginCommand(e),
		pushPluginCommand(e), pullPluginCommand(e), savePluginCommand(e), loadPluginCommand(e),
		stagePluginCommand(e), promotePluginCommand(e), rollbackPluginCommand(e), pinPluginCommand(e), yankPluginCommand(e), historyPluginCommand(e))
}

// subject is the plugin that a command is about, as a module: a plugin of its own, or a compiled policy.
type subject struct {
	name   string // as shown to people
	file   *sandbox.PluginFile
	rules  *ruleFile // of a compiled policy, else nil
	golden []golden
	cache  string // folder of what admit compiled; empty: nothing is kept
}

func (s *subject) manifest() *abi.Manifest { return &s.file.Manifest }

// open finds the plugin that the arguments name, none meaning the working folder, and builds it where it is a source.
func (k *toolkit) open(ctx context.Context, args []string) (*subject, error) {
	name := "."
	if len(args) > 0 {
		name = args[0]
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, noPlugin(name, err)
	}
	if !info.IsDir() {
		return openModule(name)
	}
	src, err := readSource(name)
	if err != nil {
		return nil, err
	}
	module, err := k.build(ctx, src)
	if err != nil {
		return nil, err
	}
	return subjectOf(src.dir, module)
}

// lookInto opens the plugin that the arguments name and gives what a command finds out about it. Faults have been told.
func lookInto[R any](ctx context.Context, k *toolkit, args []string, look func(*subject) (R, error)) (R, error) {
	var none R
	s, err := k.open(ctx, args)
	if err != nil {
		return none, k.env.tellFaults(err)
	}
	found, err := look(s)
	return found, k.env.tellFaults(err)
}

// noPlugin says why an argument names no plugin.
func noPlugin(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: there is no such file or folder", name)
	}
	return withHint(err, "a plugin is a .wasm, or the folder of its source; `agentmesh plugin new` makes one")
}

func openModule(name string) (*subject, error) {
	if filepath.Ext(name) != moduleEnd {
		return nil, usage("policies are for `agentmesh policy`; a plugin is a .wasm, or the folder of its source", "%s is no module", name)
	}
	f, err := sandbox.ReadPlugin(name)
	if err == nil {
		return pluginSubject(name, f)
	}
	module, readErr := os.ReadFile(name)
	if _, isPolicy, _ := wasm.Custom(module, abi.SectionSource); readErr == nil && isPolicy {
		return subjectOf(name, module)
	}
	return nil, fmt.Errorf("%s: %w", name, err)
}

const moduleEnd = ".wasm"

// subjectOf is a module in memory.
func subjectOf(name string, module []byte) (*subject, error) {
	if _, isPolicy, err := wasm.Custom(module, abi.SectionSource); err == nil && isPolicy {
		return policySubject(name, module)
	}
	f, err := sandbox.NewPluginFile(name, module)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return pluginSubject(name, f)
}

func pluginSubject(name string, f *sandbox.PluginFile) (*subject, error) {
	g, err := goldenOf(f.Manifest.Kind, f.Cases)
	if err != nil {
		return nil, fmt.Errorf("%s: cases: %w", name, err)
	}
	return &subject{name: name, file: f, golden: g}, nil
}

// policySubject is a compiled policy: what runs is what its source compiles to.
func policySubject(name string, module []byte) (*subject, error) {
	r, err := compiledRules(name, module)
	if err != nil {
		return nil, err
	}
	body, _, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil {
		return nil, err
	}
	m, err := abi.ReadManifest(string(body))
	if err != nil {
		return nil, fmt.Errorf("%s: manifest: %w", name, err)
	}
	f := &sandbox.PluginFile{Path: name, Wasm: module, Manifest: m, Cases: string(abi.AppendCases(nil, r.cases)), Digest: r.module.Digest()}
	g, err := goldenOf(m.Kind, f.Cases)
	return &subject{name: name, file: f, rules: &r, golden: g}, err
}

func compiledRules(name string, module []byte) (ruleFile, error) {
	r, err := moduleRules(name, module)
	if err == nil {
		err = r.finish(false)
	}
	return r, err
}

// refused says what is wrong with a plugin, with what to do about the usual causes.
func refused(err error) error {
	var faults policy.Errors
	var fault *abi.Failure
	if errors.As(err, &faults) || !errors.As(err, &fault) {
		return err
	}
	switch fault.Code {
	case abi.CodeImportRefused:
		return withHint(err, "plugins have no clock, files or network; `agentmesh plugin inspect` lists what it imports")
	case abi.CodeExportMissing:
		return withHint(err, "a policy exports evaluate, a reward plugin score, a compliance plugin catalog, check and classify, each () -> i32")
	case abi.CodeManifestInvalid:
		return withHint(err, "plugin.yaml says what a plugin is; `agentmesh plugin new` writes one to look at")
	case abi.CodeOutOfFuel:
		return withHint(err, "`fuel` in plugin.yaml may ask for up to %d a call, beyond that the operator decides", sandbox.DefaultFuel)
	case abi.CodeOutOfMemory:
		return withHint(err, "`memory_pages` in plugin.yaml may ask for up to %d pages of 64 KiB, beyond that the operator decides", sandbox.DefaultMemoryPages)
	default:
		return err
	}
}
