package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/release"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

func stagePluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "stage NAME@VERSION|FILE.wasm|REFERENCE",
		Short: "Make a version known to this deployment",
		Long: `Takes a version up into plugins.lock, where it does nothing yet: ` + "`agentmesh plugin promote`" + ` lets it go on to shadow, canary and active.
NAME@VERSION is what was pulled; a file has its signatures beside it (FILE.wasm.sig.json); a reference is pulled first.

The version is staged when a trust root vouches for it, when it loads with the settings that the configuration has for it, and when its
golden cases pass. Exits 3 when it is not trusted, with the code and the reason.`,
		Example: "  agentmesh plugin stage eu.ai-act/transparency@2.0.0\n  agentmesh plugin stage rules.wasm --reason \"ticket 4711\"",
		Args:    takes(1, 1, "one version"),
	}
	reason, registry := reasonFlag(c), registryFlags(c)
	return e.rolloutVerb(c, func(ctx context.Context, d *deployment, args []string) (rollout.Change, error) {
		s, err := d.find(ctx, args[0], registry)
		if err != nil {
			return rollout.Change{}, refusal(err)
		}
		n, err := d.newcomer(ctx, args[0], s)
		if err != nil {
			return rollout.Change{}, err
		}
		n.Reason = *reason
		return d.change(ctx, "plugin stage", func(l *rollout.Lock, now time.Time) (rollout.Change, error) { return l.Stage(n, now) })
	})
}

// find is the module that an argument names, with its signatures and where it came from.
func (d *deployment) find(ctx context.Context, subject string, r *registry) (*release.Stored, error) {
	if !strings.Contains(subject, "://") && !strings.HasSuffix(subject, moduleEnd) {
		return d.pulled(subject)
	}
	c, err := d.env.candidate(ctx, subject, r)
	if err != nil {
		return nil, err
	}
	s := &release.Stored{Module: c.Module, Envelopes: c.Envelopes}
	s.Receipt.OCI = c.OCI
	if strings.Contains(subject, "://") {
		s.Receipt.Source = subject
	}
	return s, nil
}

func (d *deployment) pulled(subject string) (*release.Stored, error) {
	name, version := nameVersion(subject)
	if name == "" || version == "" {
		return nil, usage("write NAME@VERSION, a FILE.wasm, or a reference", "%q names no version", subject)
	}
	found, err := d.depot.Find(name, version)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("%s %s was not pulled", name, version), "`agentmesh plugin pull` fetches it")
	}
	if err != nil {
		return nil, err
	}
	return d.depot.Get(found.Wasm)
}

// newcomer is a module that is trusted, loads, and passes its cases. It is kept where hosts find it.
func (d *deployment) newcomer(ctx context.Context, subject string, s *release.Stored) (rollout.Newcomer, error) {
	name, kind, v, err := rollout.NewVersion(s.Module)
	if err != nil {
		return rollout.Newcomer{}, fmt.Errorf("%s: %w", subject, err)
	}
	trusted, err := d.trust.Check(release.Candidate{Module: s.Module, Envelopes: s.Envelopes, OCI: s.Receipt.OCI, New: true})
	if err != nil {
		return rollout.Newcomer{}, refusal(err)
	}
	for _, w := range trusted.Warnings {
		fmt.Fprintf(d.env.stderr, "warning: %s\n", plain(w))
	}
	if err := d.try(ctx, subject, name, s.Module); err != nil {
		return rollout.Newcomer{}, err
	}
	s.Receipt.Root = trusted.Root
	receipt, err := d.depot.Put(ctx, *s)
	if err != nil {
		return rollout.Newcomer{}, err
	}
	v.OCI = receipt.OCI
	return rollout.Newcomer{Name: name, Kind: kind, Source: receipt.Source, Root: trusted.Root, Version: v}, nil
}

// try loads a module as a host of this state folder would, its cases included.
func (d *deployment) try(ctx context.Context, subject, name string, module []byte) (err error) {
	s, err := subjectOf(subject, module)
	if err != nil {
		return err
	}
	if s.rules != nil {
		if problems := s.failing(ctx); len(problems) > 0 {
			return fmt.Errorf("%s: %s", subject, strings.Join(problems, "; "))
		}
	}
	options, err := d.optionsOf(name)
	if err != nil {
		return err
	}
	command, err := sandbox.SelfAdmission()
	if err != nil {
		return err
	}
	admitter, err := sandbox.NewAdmitter(sandbox.AdmitOptions{Command: command, CacheDir: d.cacheDir()})
	if err != nil {
		return err
	}
	trusted := func(context.Context, sandbox.Found) (sandbox.Provenance, error) { return sandbox.Provenance{}, nil } // it was checked
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{CacheDir: d.cacheDir(), Plugins: options, Admission: admitter.Admit, Trust: trusted})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	set, err := engine.LoadModules(ctx, []sandbox.Module{{Path: subject, Wasm: module}})
	if err != nil {
		return refused(err)
	}
	set.Release()
	return nil
}

// optionsOf are what the configuration says of a plugin, as the sandbox takes them.
func (d *deployment) optionsOf(name string) (map[string]sandbox.PluginOptions, error) {
	config, err := host.LoadConfig(host.Sources{File: d.state.ConfigFile(), Environ: d.env.environ})
	if err != nil {
		return nil, err
	}
	p, configured := config.Plugins[name]
	if !configured {
		return nil, nil
	}
	o := sandbox.PluginOptions{Mode: p.Mode, OnLapse: p.OnLapse, MemoryPages: p.MemoryPages, Fuel: p.Fuel, Settings: abi.Value{}}
	if p.Settings != nil {
		if o.Settings, err = sandbox.SettingsOf(p.Settings); err != nil {
			return nil, err
		}
	}
	return map[string]sandbox.PluginOptions{name: o}, nil
}
