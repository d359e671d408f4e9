package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

const presetScheme = "preset:"

// rules are what POLICY arguments name, loaded.
type rules []ruleFile

// ruleFile is one policy and where it came from.
type ruleFile struct {
	name   string // as shown to people
	policy *policy.Policy
	module *policy.Module
	cases  []abi.Case
	// casesFile names where the cases stand; empty: there are none.
	casesFile string
	// wasm is the module as it was found, nil where the source was.
	wasm []byte
}

// stale reports whether a module was found that is not what its source compiles to today.
func (f *ruleFile) stale() bool { return f.wasm != nil && string(f.wasm) != string(f.module.Wasm) }

// loadRules loads what the arguments name: files, folders, compiled modules, presets. Everything wrong with any of them is
// told at once (policy.Errors). Cases beside a policy are read when withCases is set; their faults count as well.
func loadRules(args []string, withCases bool) (rules, error) {
	names, modules, err := selected(args)
	if err != nil {
		return nil, err
	}
	files := policy.WithPresets(policy.OS{}, policies.Preset)
	var out rules
	var faults policy.Errors
	loaded, err := policy.LoadAll(files, names)
	faults = append(faults, faultsOf(err)...)
	for _, p := range loaded {
		out = append(out, ruleFile{name: p.File, policy: p})
	}
	for _, name := range modules {
		f, err := loadModule(name)
		if faults = append(faults, faultsOf(err)...); err == nil {
			out = append(out, f)
		}
	}
	faults = append(faults, out.twice()...)
	for i := range out {
		faults = append(faults, faultsOf(out[i].finish(withCases))...)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return out, nil
}

// faultsOf is what an error of package policy tells, or the error itself as one fault of no place.
func faultsOf(err error) policy.Errors {
	var all policy.Errors
	var one *policy.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &all):
		return all
	case errors.As(err, &one):
		return policy.Errors{one}
	default:
		return policy.Errors{{Message: err.Error()}}
	}
}

// selected turns arguments into names that policy.LoadAll takes, and paths of compiled modules.
func selected(args []string) (names, modules []string, err error) {
	for _, arg := range args {
		if name, ok := presetNamed(arg); ok {
			names = append(names, name)
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			inside, wasm, err := folder(arg)
			if err != nil {
				return nil, nil, err
			}
			names, modules = append(names, inside...), append(modules, wasm...)
		case err == nil && filepath.Ext(arg) == ".wasm":
			modules = append(modules, arg)
		case err == nil:
			names = append(names, filepath.ToSlash(arg))
		default:
			return nil, nil, noPolicy(arg, err)
		}
	}
	return names, modules, nil
}

// presetNamed is the preset that an argument of any command names, with its scheme. The bare name of a preset means the
// preset whatever lies in the working folder, which others may fill: a file of that name is ./strict.
func presetNamed(arg string) (string, bool) {
	if slices.Contains(policies.Presets(), arg) {
		return presetScheme + arg, true
	}
	return arg, strings.HasPrefix(arg, presetScheme)
}

// noPolicy says why an argument names no policy.
func noPolicy(arg string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: there is no such file or folder", arg)
	}
	return withHint(err, "a policy is a file, a folder, or a preset: %s", strings.Join(policies.Presets(), ", "))
}

func folder(dir string) (names, modules []string, err error) {
	inside, err := policy.Names(os.DirFS(dir), ".")
	if err != nil {
		return nil, nil, err
	}
	for _, name := range inside {
		names = append(names, path.Join(filepath.ToSlash(dir), name))
	}
	if modules, err = filepath.Glob(filepath.Join(dir, "*.wasm")); err != nil {
		return nil, nil, err
	}
	if len(names)+len(modules) == 0 {
		return nil, nil, withHint(fmt.Errorf("%s: there is no policy in this folder", dir), "policies end in .yaml, .yml, .json or .wasm")
	}
	return names, modules, nil
}

// maxModule is the size of a compiled policy at most, in bytes.
const maxModule = 64 << 20

// loadModule loads a compiled policy from the source within; what runs is always what that compiles to.
func loadModule(name string) (ruleFile, error) {
	info, err := os.Stat(name)
	if err != nil {
		return ruleFile{}, err
	}
	if info.Size() > maxModule {
		return ruleFile{}, &policy.Error{File: name, Message: "larger than any compiled policy"}
	}
	wasm, err := os.ReadFile(name)
	if err != nil {
		return ruleFile{}, err
	}
	return moduleRules(name, wasm)
}

// moduleRules loads a compiled policy that is in memory.
func moduleRules(name string, wasm []byte) (ruleFile, error) {
	sources, cases, err := policy.ReadSource(wasm)
	if err != nil {
		return ruleFile{}, &policy.Error{File: name, Message: err.Error(), Hint: "build it from its YAML by `agentmesh policy build`"}
	}
	p, err := policy.Load(policy.Sources(sources), sources[0].Name)
	if err != nil {
		return ruleFile{}, fmt.Errorf("%s holds: %w", name, err)
	}
	f := ruleFile{name: name, policy: p, wasm: wasm}
	if cases != "" {
		f.casesFile = name
		f.cases, err = policy.ReadCases(name+"/cases.yaml", cases)
	}
	return f, err
}

// finish compiles the policy and finds its cases.
func (f *ruleFile) finish(withCases bool) error {
	var text string
	var err error
	if withCases && f.wasm == nil {
		if f.casesFile, text, err = casesBeside(f.name); err != nil {
			return err
		}
		if f.casesFile != "" {
			if f.cases, err = policy.ReadCases(f.casesFile, text); err != nil {
				return err
			}
		}
	}
	if f.wasm != nil {
		_, text, err = policy.ReadSource(f.wasm)
	}
	if err == nil {
		f.module, err = policy.CompileAs(f.policy, policy.Packaging{Cases: text})
	}
	return err
}

// casesBeside is the text of the cases that belong to a policy: NAME.cases.yaml beside NAME.yaml, or cases.yaml in the
// same folder.
func casesBeside(name string) (file, text string, err error) {
	if preset, ok := strings.CutPrefix(name, presetScheme); ok {
		b, err := policies.PresetCases(preset)
		return presetScheme + preset + "/cases.yaml", string(b), err
	}
	stem := strings.TrimSuffix(name, path.Ext(name))
	for _, file := range []string{stem + ".cases.yaml", stem + ".cases.yml", stem + ".cases.json", path.Join(path.Dir(name), "cases.yaml")} {
		b, err := policy.OS{}.ReadFile(file)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return file, string(b), err
		}
	}
	return "", "", nil
}

// twice finds policies of one name among files of several kinds.
func (r rules) twice() policy.Errors {
	var out policy.Errors
	first := map[string]string{}
	for _, f := range r {
		if other, taken := first[f.policy.Name]; taken && other != f.name {
			out = append(out, &policy.Error{File: f.name, Message: fmt.Sprintf("policy %q is already in %s", f.policy.Name, other), Hint: "name one of them only"})
		}
		first[f.policy.Name] = f.name
	}
	return out
}
