package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/ledger"
	"agentmesh/host/release"
	"agentmesh/host/rollout"
	"agentmesh/pdk/abi"
)

// deployment is what a state folder runs of plugins, and whom it trusts.
type deployment struct {
	env   *env
	state host.State
	trust *release.Trust
	depot *release.Depot
	lock  *rollout.Store
}

// deployment opens the state folder's plugins for a command that writes there.
func (e *env) deployment() (*deployment, error) {
	home, err := host.Home(e.environ)
	if err != nil {
		return nil, err
	}
	state, err := host.OpenState(home)
	if err != nil {
		return nil, err
	}
	d := &deployment{env: e, state: state}
	if d.trust, err = e.trust(); err != nil {
		return nil, err
	}
	if d.depot, err = release.OpenDepot(state.PluginDir()); err != nil {
		return nil, err
	}
	d.lock, err = rollout.Open(state.PluginDir(), rollout.Options{})
	return d, err
}

// edit is one change of plugins.lock.
type edit func(l *rollout.Lock, now time.Time) (rollout.Change, error)

// change writes a change to the ledger and then to plugins.lock: what the ledger does not know of does not happen. What would
// decide then is held against the trust roots first, so that a running host takes it up, and a later one starts.
func (d *deployment) change(ctx context.Context, command string, do edit) (c rollout.Change, err error) {
	log, err := d.env.ledger(ctx, command)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	c, err = d.lock.Edit(ctx, func(l *rollout.Lock) (rollout.Change, error) {
		c, err := do(l, time.Now())
		if err == nil {
			err = d.forward(l.Find(c.Name))
		}
		if err != nil {
			return c, err
		}
		if u, err := user.Current(); err == nil {
			c.By = u.Username
		}
		c.Revision = l.Revision + 1
		body := c.Value()
		_, err = log.Append(ctx, ledger.Entry{Kind: ledger.KindTrust, Body: abi.AppendJSON(nil, body)})
		return c, err
	})
	return c, stepped(err)
}

// forward refuses to let a plugin decide by nothing but versions older than what ran here, without a permit.
func (d *deployment) forward(p *rollout.Plugin) error {
	if p == nil || p.Root == release.LocalName {
		return nil
	}
	var set []release.Versioned
	one := &rollout.Lock{Plugins: []*rollout.Plugin{p}}
	for _, r := range one.Running() {
		if r.Stage == rollout.Active {
			set = append(set, release.Versioned{Name: r.Name, Version: r.Version.Version, Wasm: r.Wasm})
		}
	}
	return refusal(d.trust.CheckSet(set))
}

// stepped gives a step that is not allowed its hint.
func stepped(err error) error {
	var s *rollout.StepError
	if !errors.As(err, &s) {
		return err
	}
	if s.Mend == "" {
		return &exit{code: exitFailed, err: err}
	}
	return withHint(err, "%s", s.Mend)
}

// nameVersion splits NAME@VERSION; the version may be left out.
func nameVersion(arg string) (name, version string) {
	name, version, _ = strings.Cut(arg, "@")
	return name, version
}

// needsVersion is nameVersion where a version is needed.
func needsVersion(c *cobra.Command, arg string) (name, version string, err error) {
	name, version = nameVersion(arg)
	if name == "" || version == "" {
		return "", "", usage("usage: "+c.UseLine(), "%q names no version; write NAME@VERSION", arg)
	}
	return name, version, nil
}

// rolloutVerb is a command that changes the lock once.
func (e *env) rolloutVerb(c *cobra.Command, do func(ctx context.Context, d *deployment, args []string) (rollout.Change, error)) *cobra.Command {
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		d, err := e.deployment()
		if err != nil {
			return refusal(err)
		}
		change, err := do(c.Context(), d, args)
		if err != nil {
			return err
		}
		if *output == "json" {
			return e.changedJSON(d, &change)
		}
		e.changed(&change)
		return nil
	}
	return c
}

// changedJSON prints a change and the plugin as the lock has it now.
func (e *env) changedJSON(d *deployment, c *rollout.Change) error {
	l, err := d.lock.Read()
	if err != nil {
		return err
	}
	one := &rollout.Lock{Revision: l.Revision}
	if p := l.Find(c.Name); p != nil {
		one.Plugins = []*rollout.Plugin{p}
	}
	body := c.Value()
	return e.json(map[string]any{"change": json.RawMessage(abi.AppendJSON(nil, body.Get("rollout"))), "lock": one})
}

// changed says what a change did.
func (e *env) changed(c *rollout.Change) {
	what := plain(c.Name)
	if c.Version != "" {
		what += " " + plain(c.Version)
	}
	switch {
	case c.Action == "pin" && c.Version == "":
		e.printf("%s is not pinned any more", what)
	case c.Action == "pin":
		e.printf("%s is pinned: no other version decides", what)
	case c.Action == "yank" && c.To == "":
		e.printf("%s is yanked", what)
	case c.From == "" || c.From == c.To:
		e.printf("%s is %s", what, c.To)
	default:
		e.printf("%s: %s -> %s", what, c.From, c.To)
	}
	if c.Percent > 0 {
		e.printf(", for %d %% of the agents", c.Percent)
	}
	if len(c.Retired) > 0 {
		e.printf("; retired %s", plain(strings.Join(c.Retired, ", ")))
	}
	e.printf(" (plugins.lock revision %d)\n", c.Revision)
}

// cacheDir is where machine code of admitted plugins is kept.
func (d *deployment) cacheDir() string { return filepath.Join(string(d.state), "cache", "wasm") }

// reasonFlag adds --reason.
func reasonFlag(c *cobra.Command) *string {
	return c.Flags().String("reason", "", "why, for the ledger and for people")
}

var errNothing = errors.New("nothing is staged")

// candidateOf is the newest version of a plugin that is on its way.
func (d *deployment) candidateOf(name string) (string, error) {
	l, err := d.lock.Read()
	if err != nil {
		return "", err
	}
	if p := l.Find(name); p != nil {
		for i := len(p.Versions) - 1; i >= 0; i-- {
			if v := p.Versions[i]; v.Stage == rollout.Staged || v.Stage == rollout.Shadow || v.Stage == rollout.Canary {
				return v.Version, nil
			}
		}
	}
	return "", withHint(fmt.Errorf("%s: %w", name, errNothing), "`agentmesh plugin stage` brings a version there; `agentmesh plugin history` lists what is")
}
