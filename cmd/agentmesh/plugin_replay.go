package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/gate"
	"agentmesh/host/oci"
	"agentmesh/host/policy"
	"agentmesh/host/release"
	"agentmesh/host/replay"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

func replayPluginCommand(e *env) *cobra.Command {
	r := &trial{replaying: replaying{audit: audit{env: e}}}
	c := &cobra.Command{
		Use:   "replay --with CANDIDATE",
		Short: "Show which recorded decisions a candidate would have changed",
		Long: `Makes recorded decisions again with a candidate in the place of the judge of the same name (or besides the others, where there was none),
and shows what comes out otherwise: by rule, by agent, with entries to look at. Nothing is recorded, nothing is brought into force.

CANDIDATE is a .wasm, a policy file, a folder of either, preset:NAME, or what was pulled: NAME@VERSION, its digest, or the oci:// reference
with its digest or with the version for a tag. It is asked of every decision, as if it had been in force: --heed-dates keeps it to the dates of its manifest.
context.time is that of the recorded request, and limits stand where they stood. Requests that a rule cannot see whole, because
something was kept out of the ledger, are counted apart.`,
		Example: `  agentmesh plugin replay --with eu.ai-act/transparency@2.0.0 --since 30d
  agentmesh plugin replay --with candidate.wasm --agent data-analyst-agent -o json
  agentmesh plugin replay --with policies/new.yaml -o html --out report.html`,
		Args: takes(0, 0, "no arguments"),
	}
	f := c.Flags()
	f.StringVar(&r.with, "with", "", "what to try")
	f.BoolVar(&r.alone, "alone", false, "decide by the candidate alone, without the other rules of the time")
	f.BoolVar(&r.dates, "heed-dates", false, "let it decide only within the dates of its manifest")
	f.StringVar(&r.settings, "settings", "", "file with settings by plugin name, YAML or JSON (default: those of the version it replaces)")
	r.flags(c)
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if r.with == "" {
			return usage("usage: "+c.UseLine(), "name what to try by --with")
		}
		o, done, err := e.sandboxOptions()
		if err != nil {
			return errors.Join(err, done())
		}
		defer func() { err = after(err, done()) }()
		return r.try(c.Context(), o)
	}
	return c
}

// trial is one run of plugin replay.
type trial struct {
	replaying
	with, settings string
	alone, dates   bool
}

func (r *trial) try(ctx context.Context, o sandbox.Options) (err error) {
	settings, err := r.readSettings()
	if err != nil {
		return err
	}
	o.Presets, o.Plugins = policies.Preset, map[string]sandbox.PluginOptions{}
	for name, v := range settings {
		o.Plugins[name] = sandbox.PluginOptions{Settings: v}
	}
	engine, err := sandbox.NewEngine(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = after(err, engine.Close(context.WithoutCancel(ctx))) }()
	set, err := r.load(ctx, engine)
	if err != nil {
		return refused(err)
	}
	defer set.Release()
	candidates, instead, err := replay.Try(set, r.with)
	if err != nil {
		return fmt.Errorf("%s cannot be tried: %w", r.with, err)
	}
	for i := range candidates {
		candidates[i].DatesHeeded = r.dates
	}
	run := replay.Options{Candidates: candidates, Alone: r.alone}
	if r.alone {
		run.Judges = r.only(set)
		return r.run(ctx, run)
	}
	past, err := r.past(replay.PastOptions{
		CacheDir: o.CacheDir, Admission: o.Admission, Instead: instead, HeedDates: r.dates, Settings: settings,
	})
	if err != nil {
		return err
	}
	defer func() { err = after(err, past.Close()) }()
	run.Judges = past.Set
	return r.run(ctx, run)
}

// only hands out the candidates for every set.
func (r *trial) only(set *sandbox.Set) replay.Judges {
	var wrapped *rollout.Set
	if r.dates {
		wrapped = rollout.Wrap(set, rollout.PlanOf(set), nil)
	} else {
		wrapped = rollout.Wrap(set, nil, nil)
	}
	return func(context.Context, string) (gate.Set, error) {
		set.Acquire()
		return gate.As[sandbox.Judge](wrapped), nil
	}
}

// load loads what is to be tried.
func (r *trial) load(ctx context.Context, engine *sandbox.Engine) (*sandbox.Set, error) {
	if _, err := os.Stat(r.with); err == nil || strings.HasPrefix(r.with, presetScheme) {
		return engine.Load(ctx, r.with)
	}
	module, err := r.pulled()
	if err != nil {
		return nil, err
	}
	return engine.LoadModules(ctx, []sandbox.Module{*module})
}

// pulled finds a module that was pulled, by NAME@VERSION or by the reference that it was pulled by.
func (r *trial) pulled() (*sandbox.Module, error) {
	unknown := withHint(fmt.Errorf("%s: there is no such file, and nothing of that name was pulled", r.with),
		"name a .wasm, a policy, preset:NAME, or what `agentmesh plugin pull` brought as NAME@VERSION")
	state, err := r.env.state()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(state.PluginDir()); errors.Is(err, fs.ErrNotExist) {
		return nil, unknown
	}
	depot, err := release.OpenDepot(state.PluginDir())
	if err != nil {
		return nil, err
	}
	receipt, err := r.receipt(depot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	stored, err := depot.Get(receipt.Wasm)
	if err != nil {
		return nil, err
	}
	return &sandbox.Module{Path: r.with, Wasm: stored.Module}, nil
}

// receipt finds NAME@VERSION, NAME@DIGEST, a digest, or an oci:// reference: by its digest, or by a tag that is the version.
func (r *trial) receipt(depot *release.Depot) (release.Receipt, error) {
	name, version, _ := strings.Cut(r.with, "@")
	isReference := strings.Contains(r.with, "://")
	if version != "" && !isReference && !strings.HasPrefix(version, "sha256:") {
		return depot.Find(name, version)
	}
	all, err := depot.List()
	if err != nil {
		return release.Receipt{}, err
	}
	match := func(one *release.Receipt) bool {
		return one.Wasm == r.with || one.Name == name && one.Wasm == version
	}
	if isReference {
		ref, err := oci.ParseReference(r.with)
		if err != nil {
			return release.Receipt{}, err
		}
		match = func(one *release.Receipt) bool { return pulledBy(one, &ref) }
	}
	for i := range all {
		if match(&all[i]) {
			return all[i], nil
		}
	}
	return release.Receipt{}, fs.ErrNotExist
}

// pulledBy reports whether a module came from the place that a reference names.
func pulledBy(one *release.Receipt, ref *oci.Reference) bool {
	from, err := oci.ParseReference(one.Source)
	if err != nil || from.Scheme != ref.Scheme || from.Registry != ref.Registry || from.Repository != ref.Repository || from.Path != ref.Path {
		return false
	}
	if ref.Digest != "" {
		return ref.Digest == one.OCI
	}
	return ref.Tag == one.Version
}

// readSettings reads settings by plugin name.
func (r *trial) readSettings() (map[string]abi.Value, error) {
	if r.settings == "" {
		return nil, nil
	}
	text, err := os.ReadFile(r.settings)
	if err != nil {
		return nil, err
	}
	v, err := policy.ReadValue(r.settings, string(text))
	if err != nil {
		return nil, err
	}
	if v.Kind() != abi.Object {
		return nil, usage("for example: {\"acme.co/guard\": {\"level\": 3}}", "%s: settings stand by plugin name", r.settings)
	}
	out := map[string]abi.Value{}
	for _, m := range v.Items() {
		out[m.Name] = m.Value
	}
	return out, nil
}
