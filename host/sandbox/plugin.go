package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"agentmesh/pdk/abi"
)

// Plugin is a plugin with its settings, ready to be called: a pool of instances, all in the state that the first one had
// after its start and warm-up. It is safe for concurrent use.
type Plugin struct {
	module   *PluginModule
	info     abi.Judged
	settings string
	fuel     int64
	state    *snapshot
	pool     pluginPool
	hear     func(GuestLog)
	key      string // in Engine.plugins
	refs     int    // guarded by Engine.mu
	mode     restoring
}

// restoring is how an instance is brought back after a call. Only benchmarks have another way than marks.
type restoring uint8

const (
	restoreMarked restoring = iota
	restoreCopied
	restoreNothing
)

// warmUpCalls are made before the snapshot: a Go guest's first calls grow its heap and fill its caches.
const warmUpCalls = 2

// New makes a plugin of the module with those settings, checked by the manifest's schema. Its first instance is made here:
// the module's start and its runtime's are run, under fuel, and the warm-up calls. Errors are *abi.Failure.
func (pm *PluginModule) New(settings abi.Value) (*Plugin, error) {
	return pm.restoring(settings, restoreMarked)
}

func (pm *PluginModule) restoring(settings abi.Value, mode restoring) (*Plugin, error) {
	text, err := pm.schema.canonical(settings)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: err.Error()}
	}
	m := &pm.file.Manifest
	p := &Plugin{
		module: pm, settings: text, fuel: pm.fuel, mode: mode, hear: pm.host.hear,
		info: abi.Judged{Name: m.Name, Version: m.Version, Digest: pm.file.Digest, SettingsDigest: digestText(text)},
	}
	p.pool.open(p, pm.host.instances)
	if !pm.host.budget.take(p.pool.price) {
		return nil, &abi.Failure{Code: abi.CodeOutOfMemory, Detail: "the memory budget of all plugins is used up"}
	}
	if err := p.first(); err != nil {
		pm.host.budget.give(p.pool.price)
		return nil, err
	}
	return p, nil
}

// first makes the first instance and takes the snapshot that all others begin with.
func (p *Plugin) first() error {
	i, err := p.module.instantiate(p)
	if err != nil {
		return err
	}
	i.turns(turnRunning)
	p.module.host.watch.add(i)
	if err := i.start(); err != nil {
		p.drop(i)
		return err
	}
	p.state = i.snapshot()
	p.pool.first(i)
	return nil
}

// make makes another instance, which begins with the snapshot: nothing of the guest runs for it.
func (p *Plugin) make() (*pluginInstance, error) {
	i, err := p.module.instantiate(p)
	if err != nil {
		return nil, err
	}
	i.turns(turnRunning)
	p.module.host.watch.add(i)
	if p.mode != restoreMarked { // its globals are its own
		if err := i.start(); err != nil {
			p.drop(i)
			return nil, err
		}
		return i, nil
	}
	i.become(p.state)
	return i, nil
}

func (p *Plugin) drop(i *pluginInstance) {
	p.module.host.watch.remove(i)
	i.close()
}

// start runs what a module runs before its first call, as Extism does: its start section, then what its language's runtime
// wants. Each part has the fuel of startFuel calls.
func (i *pluginInstance) start() error {
	i.wasi = wasiState{}
	i.arena.begin(i.arena.blank())
	for _, name := range i.plugin.module.starts() {
		f := i.instance.ExportedFunction(name)
		i.stack = [2]uint64{}
		if _, err := i.run(f, min(i.plugin.fuel*startFuel, maxFuel)); err != nil {
			return starting(name, err)
		}
	}
	if err := i.openMailbox(); err != nil {
		return err
	}
	for range warmUpCalls {
		for _, w := range i.plugin.module.warmUps {
			i.arena.begin(append(i.arena.blank(), w.input...))
			_, _, err := i.answer(w.export)
			i.told()
			if i.broken {
				return starting("the warm-up call", err)
			}
		}
	}
	return nil
}

// startFuel is how many calls' fuel each part of a start may use.
const startFuel = 10

// starting says of a failure that it came before the first call.
func starting(what string, err error) error {
	var f *abi.Failure
	if errors.As(err, &f) {
		return &abi.Failure{Code: f.Code, Detail: fmt.Sprintf("in %s: %s", what, f.Detail)}
	}
	return err
}

// starts are the exports called before the first call, in order.
func (pm *PluginModule) starts() []string {
	var out []string
	if pm.layout.Start != "" {
		out = append(out, pm.layout.Start)
	}
	exports := pm.compiled.ExportedFunctions()
	has := func(name string, params int) bool {
		f, ok := exports[name]
		return ok && len(f.ParamTypes()) == params && len(f.ResultTypes()) == 0
	}
	switch {
	case has("_initialize", 0):
		out = append(out, "_initialize")
	case has("__wasm_call_ctors", 0):
		out = append(out, "__wasm_call_ctors")
	}
	if has("hs_init", 2) {
		out = append(out, "hs_init")
	}
	return out
}

// Info names the plugin: name, version, digest, settings digest, and whether it is monitored.
func (p *Plugin) Info() abi.Judged { return p.info }

// Kind is the manifest's kind.
func (p *Plugin) Kind() string { return p.module.file.Manifest.Kind }

// Module is the module it runs.
func (p *Plugin) Module() *PluginModule { return p.module }

// Call calls an export of the plugin's kind with an input and appends its answer to dst, with what the call cost in fuel.
// The answer is whatever the plugin says: nothing is read in it. Errors are *abi.Failure.
func (p *Plugin) Call(ctx context.Context, export string, input, dst []byte) (out []byte, fuel int64, err error) {
	n := slices.Index(p.pool.exports, export)
	if n < 0 {
		return dst, 0, &abi.Failure{Code: abi.CodeExportMissing, Detail: "a plugin of kind " + p.Kind() + " has no export " + export}
	}
	i, err := p.pool.get(ctx)
	if err != nil {
		return dst, 0, err
	}
	answer, fuel, err := i.ask(n, append(i.arena.blank(), input...))
	if err == nil {
		dst = append(dst, answer...)
	}
	p.pool.put(i)
	return dst, fuel, err
}

// ask makes one call with an input appended to the arena's blank, and restores the instance. The answer is good until
// the instance is given back.
func (i *pluginInstance) ask(export int, filled []byte) (out []byte, fuel int64, err error) {
	i.arena.begin(filled)
	if n := i.arena.inputLength(); n > abi.DefaultInputBytes {
		return nil, 0, inputTooLarge(n)
	}
	out, fuel, err = i.answer(export)
	if len(i.log.text) > 0 { // most say nothing
		i.told()
	}
	switch {
	case i.broken:
		return nil, fuel, err
	case i.plugin.mode == restoreMarked:
		i.restore(i.plugin.state)
	case i.plugin.mode == restoreCopied:
		i.restoreAll(i.plugin.state)
	}
	return out, fuel, err
}

func inputTooLarge(n uint64) *abi.Failure {
	return &abi.Failure{
		Code: abi.CodeInputTooLarge, Detail: "the request has " + count(int(n)) + " and may have " + count(abi.DefaultInputBytes),
	}
}

// Score asks a plugin of kind reward. Errors are *abi.Failure.
func (p *Plugin) Score(ctx context.Context, q *abi.ScoreRequest) (s abi.Score, fuel int64, err error) {
	if p.Kind() != abi.KindReward {
		return s, 0, &abi.Failure{Code: abi.CodeExportMissing, Detail: "a plugin of kind " + p.Kind() + " has no export score"}
	}
	i, err := p.pool.get(ctx)
	if err != nil {
		return s, 0, err
	}
	answer, fuel, err := i.ask(0, abi.AppendScoreRequest(i.arena.blank(), q))
	if err == nil {
		if s, err = abi.ReadScore(string(answer)); err != nil {
			err = &abi.Failure{Code: abi.CodeOutputInvalid, Detail: err.Error()}
		}
	}
	p.pool.put(i)
	return s, fuel, err
}

// PluginStats says what a plugin holds.
type PluginStats struct {
	// Instances there are, and how many calls dropped theirs.
	Instances int
	Dropped   int64
	// MemoryBytes is what an instance's guest has, SnapshotBytes what all share, and ReservedBytes what an instance counts
	// for in the budget.
	MemoryBytes, SnapshotBytes, ReservedBytes int64
}

// Stats says what the plugin holds now.
func (p *Plugin) Stats() PluginStats {
	return PluginStats{
		Instances: int(p.pool.alive.Load()), Dropped: p.pool.dropped.Load(), MemoryBytes: int64(p.pool.size),
		SnapshotBytes: int64(len(p.state.memory)), ReservedBytes: p.pool.price,
	}
}

// Close closes all instances. No call may be under way, nor begin.
func (p *Plugin) Close() { p.pool.close() }
