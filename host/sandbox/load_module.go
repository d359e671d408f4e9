package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"agentmesh/host/policy"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// Module is a module that lies in memory.
type Module struct {
	Path string // what it is called in messages
	Wasm []byte
	// Tag is what its giver has to say of it, and comes back in Set.Origins. It is part of the set's digest.
	Tag string
	// Absent says why a judge that denies stands in for the module, which is not run; empty: it is run.
	Absent string
	// As is the digest that a compiled policy's judge goes by; empty: that of what its source compiles to here. It is for making
	// past sets again, whose policies another version may have compiled.
	As string
}

// Found is a module about to be loaded, for whoever decides whether it is trusted.
type Found struct {
	Path string
	// Wasm is the module with its sections, those that stood in files beside it included.
	Wasm     []byte
	Manifest abi.Manifest
	// ManifestBytes are the manifest as it stands in the module.
	ManifestBytes []byte
	Tag           string
	// Beside reads the file with this end behind the module's own name: ".sig.json" reads x.wasm.sig.json. It must be the
	// operator's own as the module is. fs.ErrNotExist: there is none.
	Beside func(end string) ([]byte, error)
}

// Provenance says who vouches for a module.
type Provenance struct {
	// Trust is the name of the trust root, "local" among them, or "unsigned".
	Trust string
	// Signers are the ids of the keys that count.
	Signers []string
	// Warnings become the set's, each behind the module's path.
	Warnings []string
}

// TrustUnsigned is the Provenance.Trust of a module that nobody vouches for.
const TrustUnsigned = "unsigned"

// Origin says where a module of a set came from.
type Origin struct {
	Name, Version string
	Wasm          string // "sha256:…" of the module as it was found
	Path, Tag     string
	Trust         string
	Signers       []string
	Absent        string // why it is not run; empty: it is
}

// takeModules takes the modules that lie in memory.
func (l *loader) takeModules(ctx context.Context, modules []Module) {
	for _, m := range modules {
		nothing := func(end string) ([]byte, error) {
			return nil, &fs.PathError{Op: "read", Path: m.Path + end, Err: fs.ErrNotExist}
		}
		if err := l.module(ctx, m, nothing); err != nil {
			l.fail(m.Path, err)
		}
	}
}

// module takes one module that has its sections, when it is trusted.
func (l *loader) module(ctx context.Context, m Module, beside func(end string) ([]byte, error)) error {
	f, err := found(m)
	if err != nil {
		return err
	}
	f.Beside = beside
	sum := sha256.Sum256(m.Wasm)
	origin := Origin{
		Name: f.Manifest.Name, Version: f.Manifest.Version, Wasm: "sha256:" + hex.EncodeToString(sum[:]), Path: m.Path, Tag: m.Tag,
		Absent: m.Absent,
	}
	if m.Absent == "" {
		if err := l.trust(ctx, f, &origin); err != nil {
			return err
		}
	}
	l.origins, l.found = append(l.origins, origin), append(l.found, f)
	if origin.Absent != "" {
		l.stop(&f.Manifest, &origin)
		return nil
	}
	return l.take(f, m.As)
}

// Inspect reads what a module says of itself, and runs nothing of it. Errors are *abi.Failure.
func Inspect(module []byte) (*Found, error) { return found(Module{Path: "the module", Wasm: module}) }

// found reads what a module says of itself.
func found(m Module) (*Found, error) {
	body, has, err := wasm.Custom(m.Wasm, abi.SectionManifest)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	if !has {
		err := fmt.Errorf("%w; a plugin has a manifest in itself or in %s", policy.ErrNoSource, beside(m.Path, manifestEnd))
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: err.Error()}
	}
	manifest, err := abi.ReadManifest(string(body))
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: err.Error()}
	}
	if _, _, err := Window(&manifest); err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: err.Error()}
	}
	return &Found{Path: m.Path, Wasm: m.Wasm, Manifest: manifest, ManifestBytes: body, Tag: m.Tag}, nil
}

// Window is when a manifest's dates let it be in effect: from, included, until until, excluded. Zero times are no bounds. A
// date that is not RFC 3339, or a window in which there is no time, is an error.
func Window(m *abi.Manifest) (from, until time.Time, err error) {
	for _, d := range []struct {
		name, text string
		into       *time.Time
	}{{"effective_from", m.EffectiveFrom, &from}, {"effective_until", m.EffectiveUntil, &until}} {
		if d.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, d.text)
		if t = t.UTC(); err != nil || t.Year() < 1 || t.Year() > 9999 {
			return from, until, fmt.Errorf("%s is %q, want a time as RFC 3339 writes it, 2026-02-01T00:00:00Z", d.name, d.text)
		}
		*d.into = t
	}
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		return from, until, fmt.Errorf("effective_until %s is not after effective_from %s", m.EffectiveUntil, m.EffectiveFrom)
	}
	return from, until, nil
}

// trust asks who vouches for a module. One that must stop is absent from now on; any other refusal is an error.
func (l *loader) trust(ctx context.Context, f *Found, origin *Origin) error {
	ask := l.engine.options.Trust
	if ask == nil {
		l.warnings = append(l.warnings, f.Path+": the module has no signature; nothing tells who made it")
		origin.Trust = TrustUnsigned
		return nil
	}
	p, err := ask(ctx, *f)
	for _, w := range p.Warnings {
		l.warnings = append(l.warnings, f.Path+": "+w)
	}
	origin.Trust, origin.Signers = p.Trust, p.Signers
	if stops(err) {
		origin.Absent = err.Error()
		return nil
	}
	return err
}

// stops reports whether a refusal is of what runs already, too.
func stops(err error) bool {
	var stopping interface{ Stops() bool }
	return err != nil && errors.As(err, &stopping) && stopping.Stops()
}

// stop puts a judge that denies in a module's place. A module of another kind than policy judges nothing, and is just
// not there.
func (l *loader) stop(m *abi.Manifest, origin *Origin) {
	l.warnings = append(l.warnings, origin.stopped())
	if m.Kind != abi.KindPolicy {
		return
	}
	l.judges = append(l.judges, l.engine.standIn(m, origin))
}

func (o *Origin) stopped() string {
	return fmt.Sprintf("%s: %s %s is stopped: %s", o.Path, o.Name, o.Version, o.Absent)
}

// standIn is the judge in an absent one's place.
func (e *Engine) standIn(m *abi.Manifest, o *Origin) *AbsentJudge {
	j := newAbsentJudge(m, o.Wasm, o.Absent)
	j.info.Monitored = e.options.Plugins[m.Name].Mode == ModeMonitor
	return j
}

// take makes a compiled policy or a plugin of a module that is trusted.
func (l *loader) take(f *Found, as string) error {
	if isPlugin(f.Wasm) {
		p, err := NewPluginFile(f.Path, f.Wasm)
		if err == nil {
			l.foreign = append(l.foreign, p)
		}
		return err
	}
	m, err := l.recompile(f.Path, f.Wasm, f.Manifest)
	if err == nil {
		l.compiled = append(l.compiled, m)
		if as != "" {
			l.as[m] = as
		}
	}
	return err
}

// configure applies what the operator says of a compiled policy that has a name of its own.
func (l *loader) configure(j *PolicyJudge) error {
	if as := l.as[j.module]; as != "" {
		j.info.Digest = as
	}
	o, named := l.engine.options.Plugins[j.info.Name]
	if !named {
		return nil
	}
	if err := o.check(); err != nil {
		return &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: err.Error()}
	}
	if o.Settings.Len() > 0 || o.MemoryPages > 0 || o.Fuel > 0 {
		return &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: "a compiled policy takes neither settings nor memory_pages nor fuel"}
	}
	j.info.Monitored = j.info.Monitored || o.Mode == ModeMonitor
	return nil
}

// label names something loaded, with the file that it came from.
type label struct{ name, version, file string }

// labels are those of policies and plugins, absent ones included.
func (l *loader) labels() []label {
	var out []label
	for _, j := range l.judges {
		switch j := j.(type) {
		case *PolicyJudge:
			out = append(out, label{j.info.Name, j.info.Version, j.module.Policy.File})
		case *AbsentJudge:
			out = append(out, label{j.info.Name, j.info.Version, j.info.Name})
		}
	}
	for _, p := range l.plugins {
		out = append(out, label{p.info.Name, p.info.Version, p.module.file.Path})
	}
	return out
}

// rename reports what cannot be told apart: verdicts, limits and the ledger go by name and version. A name of the
// operator's own has one version at a time.
func (l *loader) rename() {
	owner := map[label]string{}
	for _, n := range l.labels() {
		key := label{name: n.name, version: n.version}
		if strings.HasPrefix(n.name, localScope) {
			key.version = ""
		}
		if other, taken := owner[key]; taken {
			what, hint := n.name, "rename one of them"
			if key.version != "" {
				what, hint = n.name+" "+n.version, "take one of them away: it is in two folders, or in a folder and in plugins.lock"
			}
			l.errs = append(l.errs, &policy.Error{
				File: n.file, Message: fmt.Sprintf("its judge is named %s, and so is that of %s", what, other), Hint: hint,
			})
		}
		owner[key] = n.file
	}
}

// absent reports plugins that the operator configured and that are not there: rules that somebody counts on would be
// silent.
func (l *loader) absent() {
	if len(l.errs) > 0 {
		return
	}
	there := map[string]bool{}
	for _, n := range l.labels() {
		there[n.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(l.engine.options.Plugins)) {
		if !there[name] {
			l.errs = append(l.errs, &policy.Error{
				Message: fmt.Sprintf("plugin %s: %v", name, &abi.Failure{Code: abi.CodeAbsent, Detail: "it is configured and no module of that name is loaded"}),
				Hint:    "put its .wasm into a plugin folder, promote it if it is staged, or take it out of `plugins` in the configuration",
			})
		}
	}
}
