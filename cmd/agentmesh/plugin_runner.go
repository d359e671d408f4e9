package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// runner asks a plugin, in one engine or another.
type runner interface {
	ask(ctx context.Context, g *golden) (answer string, fuel int64, err error)
	close(ctx context.Context) error
}

// start makes the plugin ready in the sandbox that runs it for real.
func (s *subject) start(ctx context.Context) (runner, error) {
	if s.rules != nil {
		c, err := convene(ctx, *s.rules)
		return &policyRunner{c}, err
	}
	return s.startPlugin(ctx)
}

// policyRunner asks a compiled policy, which costs no fuel.
type policyRunner struct{ court *court }

func (r *policyRunner) ask(ctx context.Context, g *golden) (string, int64, error) {
	q, err := abi.ReadRequest(string(g.input))
	if err != nil {
		return "", 0, err
	}
	var found []abi.Finding
	var fuel int64
	if judge := r.court.set.Judge(0); judge.Applies(&q) {
		found, fuel, err = judge.Evaluate(ctx, &q, nil)
	}
	return string(abi.AppendFindings(nil, found)), fuel, err
}

func (r *policyRunner) close(ctx context.Context) error { return r.court.close(ctx) }

// pluginRunner asks a plugin in our sandbox, one pool of instances for each of the settings that cases have.
type pluginRunner struct {
	engine  *sandbox.Engine
	module  *sandbox.PluginModule
	plugins map[string]*sandbox.Plugin
	// compiled is how long scan, rewriting and compilation took.
	compiled time.Duration
	// bare is the module without its cases, nil unless they keep it from starting.
	bare *sandbox.PluginModule
	// said is what the plugin said in the last call: its logs, and what it wrote before it trapped.
	said string
}

func (s *subject) startPlugin(ctx context.Context) (*pluginRunner, error) {
	r := &pluginRunner{plugins: map[string]*sandbox.Plugin{}}
	engine, err := sandbox.NewEngine(ctx, sandbox.Options{CacheDir: s.cache, Guest: func(l sandbox.GuestLog) { r.said = l.Text }})
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	module, err := engine.CompilePlugin(ctx, s.file, sandbox.PluginOptions{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.name, err), engine.Close(ctx))
	}
	r.engine, r.module, r.compiled = engine, module, time.Since(begun)
	return r, nil
}

// plugin is the one with those settings.
func (r *pluginRunner) plugin(ctx context.Context, settings abi.Value) (*sandbox.Plugin, error) {
	key := settingsText(settings)
	if p := r.plugins[key]; p != nil {
		return p, nil
	}
	p, err := r.module.New(settings)
	if ofCases(err) && r.module.File().Cases != "" {
		p, err = r.withoutCases(ctx, settings)
	}
	if err == nil {
		r.plugins[key] = p
	}
	return p, err
}

// withoutCases starts the plugin without the calls of its golden cases, by which it is warmed up: which of them fails is
// then told by asking them one by one.
func (r *pluginRunner) withoutCases(ctx context.Context, settings abi.Value) (_ *sandbox.Plugin, err error) {
	if r.bare == nil {
		f := *r.module.File()
		f.Cases = ""
		if r.bare, err = r.engine.CompilePlugin(ctx, &f, sandbox.PluginOptions{}); err != nil {
			return nil, err
		}
	}
	return r.bare.New(settings)
}

// ofCases reports whether a failure may be that of one golden case, and not of the module itself.
func ofCases(err error) bool {
	var fault *abi.Failure
	if !errors.As(err, &fault) {
		return false
	}
	switch fault.Code {
	case abi.CodeCaseFailed, abi.CodeOutOfFuel, abi.CodeOutOfMemory, abi.CodeTrap, abi.CodeOutputInvalid, abi.CodeOutputTooLarge:
		return true
	default:
		return false
	}
}

func (r *pluginRunner) ask(ctx context.Context, g *golden) (string, int64, error) {
	p, err := r.plugin(ctx, g.settings)
	if err != nil {
		return "", 0, err
	}
	r.said = ""
	out, fuel, err := p.Call(ctx, g.export, g.input, nil)
	if err != nil || p.Kind() != abi.KindPolicy {
		return string(out), fuel, err
	}
	q, err := abi.ReadRequest(string(g.input))
	if err == nil { // again as a judge, which holds the answer to the contract and the manifest
		_, _, err = p.Judge(false).Evaluate(ctx, &q, nil)
	}
	return string(out), fuel, err
}

func (r *pluginRunner) close(ctx context.Context) error {
	for _, p := range r.plugins {
		p.Close()
	}
	var err error
	if r.bare != nil {
		err = r.bare.Close(ctx)
	}
	return errors.Join(err, r.module.Close(ctx), r.engine.Close(ctx))
}

func settingsText(settings abi.Value) string {
	if !settings.Exists() {
		return "{}"
	}
	return string(abi.AppendJSON(nil, settings))
}

// saidIn is what a plugin said in the last call, empty for what says nothing.
func saidIn(asked runner) string {
	if r, ok := asked.(*pluginRunner); ok {
		return r.said
	}
	return ""
}

// admit has a process that can be killed do what a host does before a plugin decides: scan and compile it, start it, and
// hold its golden cases to their wants and to the stock Extism SDK. Compiled policies need none of that. What it compiled
// is there for start, until forget.
func (s *subject) admit(ctx context.Context) error {
	if s.rules != nil {
		return nil
	}
	command, err := sandbox.SelfAdmission()
	if err != nil {
		return err
	}
	if s.cache, err = os.MkdirTemp("", "agentmesh-admit-"); err != nil {
		return err
	}
	a, err := sandbox.NewAdmitter(sandbox.AdmitOptions{Command: command, CacheDir: s.cache})
	if err != nil {
		return err
	}
	if err := a.Admit(ctx, s.file, sandbox.PluginOptions{}); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// forget removes what admit left.
func (s *subject) forget() error {
	if s.cache == "" {
		return nil
	}
	return os.RemoveAll(s.cache)
}
