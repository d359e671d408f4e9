package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agentmesh/host/disk"
	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// presetPrefix names a preset where a path is expected.
const presetPrefix = "preset:"

// Load loads policies and plugins from the files, directories and presets ("preset:NAME") named, and compiles them. The error is of
// type policy.Errors and holds everything that is wrong with any of them; nothing is loaded then. The caller holds the set
// and releases it.
func (e *Engine) Load(ctx context.Context, paths ...string) (*Set, error) {
	return e.LoadModules(ctx, nil, paths...)
}

// LoadModules loads modules that lie in memory together with what the paths name, as Load does.
func (e *Engine) LoadModules(ctx context.Context, modules []Module, paths ...string) (*Set, error) {
	l := loader{engine: e, files: trusted{seen: map[string]bool{}}, as: map[*policy.Module]string{}}
	l.find(paths)
	l.readPolicies()
	l.readModules(ctx)
	l.takeModules(ctx, modules)
	l.compile(ctx)
	l.openPlugins(ctx)
	l.absent()
	l.rename()
	if len(l.errs) > 0 {
		l.undo(ctx)
		return nil, l.errs
	}
	s := newSet(e, l.contents())
	s.warnings, s.files = l.warnings, slices.Sorted(maps.Keys(l.files.seen))
	if len(s.judges) == 0 {
		s.warnings = append(s.warnings, "no policies are loaded: every action is denied")
	}
	return s, nil
}

// Policies makes a set of policies that are checked already.
func (e *Engine) Policies(ctx context.Context, policies ...*policy.Policy) (*Set, error) {
	l := loader{engine: e}
	for _, p := range policies {
		l.add(policy.Compile(p))
	}
	l.compile(ctx)
	l.rename()
	if len(l.errs) > 0 {
		l.undo(ctx)
		return nil, l.errs
	}
	return newSet(e, l.contents()), nil
}

// loader gathers what is found, and what is wrong with it.
type loader struct {
	engine   *Engine
	files    trusted
	names    []string // policy files and presets
	wasm     []string
	compiled []*policy.Module
	as       map[*policy.Module]string // digests that their judges go by instead
	modules  []*module
	foreign  []*PluginFile // modules that are no compiled policies
	plugins  []*Plugin
	judges   []Judge
	origins  []Origin
	found    []*Found // of origins, in the same order
	warnings []string
	errs     policy.Errors
}

func (l *loader) fail(file string, err error) {
	var many policy.Errors
	var one *policy.Error
	switch {
	case errors.As(err, &many):
		l.errs = append(l.errs, many...)
	case errors.As(err, &one):
		l.errs = append(l.errs, one)
	default:
		l.errs = append(l.errs, &policy.Error{File: file, Message: err.Error()})
	}
}

// find lists the files.
func (l *loader) find(paths []string) {
	for _, p := range paths {
		if strings.HasPrefix(p, presetPrefix) {
			l.names = append(l.names, p)
			continue
		}
		info, err := os.Stat(p)
		switch {
		case err != nil:
			l.fail(p, err)
		case info.IsDir():
			l.directory(p, info)
		default:
			l.file(filepath.Clean(p))
		}
	}
}

func (l *loader) directory(dir string, info fs.FileInfo) {
	if err := disk.Trusted(dir, info); err != nil {
		l.fail(dir, err)
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		l.fail(dir, err)
	}
	for _, entry := range entries {
		if loadable(entry) {
			l.file(filepath.Join(dir, entry.Name()))
		}
	}
}

// loadable reports whether an entry of a directory is taken for a policy.
func loadable(entry fs.DirEntry) bool {
	name := entry.Name()
	return !entry.IsDir() && (policy.IsPolicyFile(name) || isModule(name))
}

func isModule(name string) bool {
	return strings.HasSuffix(name, ".wasm") && !strings.HasPrefix(filepath.Base(name), ".")
}

func (l *loader) file(path string) {
	if isModule(path) {
		l.wasm = append(l.wasm, path)
	} else {
		l.names = append(l.names, filepath.ToSlash(path))
	}
}

func (l *loader) source(files policy.Files) policy.Files {
	presets := l.engine.options.Presets
	if presets == nil {
		presets = func(name string) ([]byte, error) {
			return nil, fmt.Errorf("no preset %q: %w", name, fs.ErrNotExist)
		}
	}
	return policy.WithPresets(files, presets)
}

func (l *loader) readPolicies() {
	policies, err := policy.LoadAll(l.source(&l.files), l.names)
	if err != nil {
		l.fail("", err)
	}
	for _, p := range policies {
		l.add(policy.Compile(p))
	}
}

func (l *loader) add(m *policy.Module, err error) {
	if err != nil {
		l.fail("", err)
		return
	}
	l.compiled = append(l.compiled, m)
}

func (l *loader) readModules(ctx context.Context) {
	for _, path := range l.wasm {
		if err := l.readModule(ctx, path); err != nil {
			l.fail(path, err)
		}
	}
}

// readModule takes a module for a compiled policy if it carries a policy's source or says so, and for a plugin otherwise.
func (l *loader) readModule(ctx context.Context, path string) error {
	found, err := l.files.ReadFile(path)
	if err != nil {
		return err
	}
	if !isPlugin(found) {
		if found, err = withSections(found, path, &l.files); err != nil {
			return err
		}
	}
	return l.module(ctx, Module{Path: path, Wasm: found}, func(end string) ([]byte, error) { return l.files.ReadFile(path + end) })
}

// recompile makes our own module of the source that a module carries.
func (l *loader) recompile(path string, found []byte, manifest abi.Manifest) (*policy.Module, error) {
	sources, cases, err := policy.ReadSource(found)
	if err != nil {
		return nil, err
	}
	p, err := policy.Load(policy.Sources(sources), sources[0].Name)
	if err != nil {
		return nil, within(path, err)
	}
	p.File = path
	as := policy.Packaging{Cases: cases}
	if !strings.HasPrefix(manifest.Name, localScope) {
		as.Manifest = &manifest
	}
	m, err := policy.CompileAs(p, as)
	if err != nil {
		return nil, within(path, err)
	}
	if string(found) != string(m.Wasm) {
		l.warnings = append(l.warnings, path+": the module is not what its source compiles to here; the compiled source runs, not the module")
	}
	return m, nil
}

// localScope is where policies without a manifest of their own are named.
const localScope = "local/"

// within says in which module the sources are that something is wrong with.
func within(path string, err error) error {
	var many policy.Errors
	var one *policy.Error
	switch {
	case errors.As(err, &many):
	case errors.As(err, &one):
		many = policy.Errors{one}
	default:
		return err
	}
	out := make(policy.Errors, len(many))
	for i, e := range many {
		copied := *e
		copied.File = path + "(" + filepath.Base(e.File) + ")"
		out[i] = &copied
	}
	return out
}

// compile makes machine code and judges.
func (l *loader) compile(ctx context.Context) {
	if len(l.errs) > 0 {
		return
	}
	for _, m := range l.compiled {
		mod, err := l.engine.module(ctx, m)
		if err != nil {
			l.fail(m.Policy.File, err)
			continue
		}
		l.modules = append(l.modules, mod)
		j, err := newPolicyJudge(m, mod.pool)
		if err == nil {
			err = l.configure(j)
		}
		if err != nil {
			l.fail(m.Policy.File, err)
			continue
		}
		l.judges = append(l.judges, j)
	}
}

func (l *loader) undo(ctx context.Context) {
	for _, m := range l.modules {
		l.engine.release(ctx, m) // what is wrong is reported already
	}
	for _, p := range l.plugins {
		l.engine.releasePlugin(ctx, p)
	}
}
