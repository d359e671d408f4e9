package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// Past makes the sets of an archive again. It is safe for concurrent use; close it when all its sets are released.
type Past struct {
	archive *Archive
	options PastOptions

	mu      sync.Mutex
	engines map[string]*engine
}

// PastOptions adjust a Past; the zero value makes sets as they were.
type PastOptions struct {
	// CacheDir and Admission are those of sandbox.Options.
	CacheDir  string
	Admission func(ctx context.Context, f *sandbox.PluginFile, o sandbox.PluginOptions) error
	// Instead are modules put in the place of all versions of the same name in every set, and besides the others where there
	// is none of their name. They are enforced, and asked of every action.
	Instead []Instead
	// HeedDates has them decide only within the dates of their manifests.
	HeedDates bool
	// Settings are those of the modules in Instead, by name. Without, they are what the set's own version of the name had.
	Settings map[string]abi.Value
}

// Instead is a module put in the place of what decided.
type Instead struct {
	Name   string
	Module sandbox.Module
}

// NewPast makes the sets that an archive describes.
func NewPast(a *Archive, o PastOptions) *Past {
	return &Past{archive: a, options: o, engines: make(map[string]*engine)}
}

// engine is a sandbox for all sets of one configuration, closed with the last of them.
type engine struct {
	*sandbox.Engine
	key  string
	refs int // guarded by Past.mu
}

// Set makes the set of that digest; it is a Judges. A set that comes out with another digest is refused, unless there are
// modules in its place, which nobody decided by.
func (p *Past) Set(ctx context.Context, digest string) (gate.Set, error) {
	r, err := p.archive.recipe(digest)
	if err != nil {
		return nil, err
	}
	if len(p.options.Instead) == 0 {
		return p.make(ctx, r)
	}
	// What the archive says of the set must hold before anything in it is replaced.
	whole, err := p.make(ctx, r)
	if err != nil {
		return nil, err
	}
	whole.Release()
	return p.make(ctx, p.instead(r))
}

// instead is the recipe with other modules in it.
func (p *Past) instead(r *recipe) *recipe {
	out := *r
	out.Set, out.Modules, out.Plugins = "", nil, map[string]said{}
	names := map[string]bool{}
	for _, m := range p.options.Instead {
		names[m.Name] = true
		out.replace(m.Name, r, p.options.Settings[m.Name])
	}
	for _, m := range r.Modules {
		if names[m.Name] {
			continue
		}
		out.Modules = append(out.Modules, m)
		if s, ok := r.Plugins[m.Name]; ok {
			out.Plugins[m.Name] = s
		}
	}
	return &out
}

// replace says of a module put in another's place what the operator said of that, but that it is enforced.
func (r *recipe) replace(name string, from *recipe, settings abi.Value) {
	s := from.Plugins[name]
	s.Mode, s.OnLapse = "", ""
	if settings.Exists() {
		s.Settings = abi.AppendJSON(nil, settings)
	}
	if s.Settings != nil || s.Fuel != 0 || s.MemoryPages != 0 {
		r.Plugins[name] = s
	}
}

// make loads a set. Its digest must be the recipe's, where that has one.
func (p *Past) make(ctx context.Context, r *recipe) (gate.Set, error) {
	modules, err := p.modules(r)
	if err != nil {
		return nil, err
	}
	e, err := p.engine(ctx, r)
	if err != nil {
		return nil, err
	}
	set, err := e.LoadModules(ctx, modules)
	if err != nil {
		p.release(e)
		return nil, &Unavailable{ReasonBroken, oneLine(err)}
	}
	s := &pastSet{recompiled: recompiled(set), Set: gate.As[sandbox.Judge](rollout.Wrap(set, p.plan(set, r), nil)), past: p, engine: e}
	if r.Set != "" && s.Digest() != r.Set {
		s.Release()
		return nil, &Unavailable{ReasonAltered, "the set " + r.Set + " comes out as " + s.Digest()}
	}
	return s, nil
}

// plan is which version decides for whom and when, as the set has it. What was put in a version's place decides always, unless
// its dates are heeded.
func (p *Past) plan(set *sandbox.Set, r *recipe) rollout.Plan {
	plan := rollout.PlanOf(set)
	if r.Set != "" || p.options.HeedDates {
		return plan
	}
	for i := range plan {
		if slices.ContainsFunc(p.options.Instead, func(m Instead) bool { return m.Name == plan[i].Name }) {
			plan[i].From, plan[i].Until = time.Time{}, time.Time{}
		}
	}
	return plan
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func (p *Past) modules(r *recipe) ([]sandbox.Module, error) {
	var out []sandbox.Module
	if r.Set == "" {
		for _, m := range p.options.Instead {
			out = append(out, m.Module)
		}
	}
	for _, m := range r.Modules {
		digest := m.Wasm
		if m.Found != "" && (m.Tag != "" || m.Absent != "") {
			digest = m.Found // what was said of it was said of the module as found
		}
		data, err := p.archive.module(digest)
		if err != nil {
			return nil, err
		}
		out = append(out, sandbox.Module{Path: m.Name + "@" + m.Version, Wasm: data, Tag: m.Tag, Absent: m.Absent, As: m.Wasm})
	}
	return out, nil
}

// engine gives the sandbox for sets of the recipe's configuration.
func (p *Past) engine(ctx context.Context, r *recipe) (*engine, error) {
	text, err := json.Marshal(r.Plugins)
	if err != nil {
		return nil, err
	}
	key := r.Config + " " + string(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.engines[key]; e != nil {
		e.refs++
		return e, nil
	}
	o := sandbox.Options{CacheDir: p.options.CacheDir, Admission: p.options.Admission, ConfigDigest: r.Config}
	if o.Plugins, err = pluginOptions(r.Plugins); err != nil {
		return nil, &Unavailable{ReasonAltered, err.Error()}
	}
	made, err := sandbox.NewEngine(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	e := &engine{Engine: made, key: key, refs: 1}
	p.engines[key] = e
	return e, nil
}

func pluginOptions(all map[string]said) (map[string]sandbox.PluginOptions, error) {
	out := make(map[string]sandbox.PluginOptions, len(all))
	for name, s := range all {
		o := sandbox.PluginOptions{Mode: s.Mode, OnLapse: s.OnLapse, MemoryPages: s.MemoryPages, Fuel: s.Fuel}
		if s.Settings != nil {
			var err error
			if o.Settings, err = abi.ReadValue(string(s.Settings)); err != nil {
				return nil, fmt.Errorf("settings of %s: %w", name, err)
			}
		}
		out[name] = o
	}
	return out, nil
}

func (p *Past) release(e *engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.refs--; e.refs == 0 {
		delete(p.engines, e.key)
		e.Close(context.Background()) // frees memory; there is nothing that could fail and matter
	}
}

// Close frees what sets that were not released hold.
func (p *Past) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, e := range p.engines {
		errs = append(errs, e.Close(context.Background()))
	}
	clear(p.engines)
	return errors.Join(errs...)
}

// pastSet gives its sandbox back with itself.
type pastSet struct {
	gate.Set
	past       *Past
	engine     *engine
	recompiled bool
}

// Recompiled reports whether a policy of the set compiles otherwise here than it did then.
func (s *pastSet) Recompiled() bool { return s.recompiled }

func recompiled(set *sandbox.Set) bool {
	for i := range set.Len() {
		if p, ok := set.Judge(i).(*sandbox.PolicyJudge); ok && p.Policy().Digest() != p.Info().Digest {
			return true
		}
	}
	return false
}

func (s *pastSet) Release() {
	s.Set.Release()
	s.past.release(s.engine)
}
