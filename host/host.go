package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"agentmesh/host/api"
	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

// Options are what a command adds to the configuration; the zero value works.
type Options struct {
	// Log gets what operators should know; nil is nowhere.
	Log hclog.Logger
	// Command and Version stand in the ledger's opening entry.
	Command, Version string
	// Monitor decides and records, and lets everything pass but what a failing ledger or the mesh's own protection denies.
	Monitor bool
	// Admission is the command that plugins are compiled and tried by for the first time, in a process of its own: see
	// sandbox.SelfAdmission. Empty: they are compiled in this process, and not tried.
	Admission []string
}

// Host is the mesh put together. It is safe for concurrent use.
type Host struct {
	state   State
	config  Config
	digest  string
	log     hclog.Logger
	token   string
	metrics *metrics
	store   *store.DB
	limits  *gate.StoredLimits
	ledger  *ledger.Ledger
	table   *facts.Table
	facts   *facts.Extractor
	guard   guard
	rules   *sandbox.Watcher
	gate    *gate.Gate
	modules modules
	follow  follower
	decide  api.Decide
	trouble trouble
	sweep   sweeper
	closing []func() error
	closed  sync.Once
}

// Open assembles a host over a state folder: store, ledger, facts, sandbox, gate and the rules. Rules that do not load are
// an error that says everything that is wrong with them (policy.Errors). What was opened before an error is closed again.
func Open(ctx context.Context, state State, c Config, o Options) (*Host, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	h := &Host{state: state, config: c, log: o.Log, metrics: newMetrics()}
	tables := h.readTables() // while the store and the ledger wait for the disk
	for _, open := range []func(context.Context, Options) error{
		h.openState, h.openStore, h.openLedger, tables, h.openFacts, h.openModules, h.openGate, h.openRules, h.openSweep,
	} {
		if err := open(ctx, o); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	h.decide = h.metrics.decide(h.ask)
	return h, nil
}

// onClose notes what Close does, the last noted first.
func (h *Host) onClose(f func() error) { h.closing = append(h.closing, f) }

// Close stops watching the rules, writes the ledger's last entry and signs it, and closes everything. Decisions must have
// ended before (Serve sees to that).
func (h *Host) Close() error {
	var err error
	h.closed.Do(func() {
		for _, f := range slices.Backward(h.closing) {
			err = errors.Join(err, f())
		}
	})
	return err
}

func (h *Host) openState(context.Context, Options) (err error) {
	if h.token, err = h.state.Token(); err != nil {
		return err
	}
	h.digest, err = h.config.digest()
	return err
}

func (h *Host) openStore(ctx context.Context, _ Options) error {
	url := h.config.Store.URL
	if url == "" {
		url = h.state.StoreFile()
	}
	// A count that a power cut takes back gives budget away, so it is as durable as the decision it belongs to.
	durability := store.Full
	if h.config.Ledger.Mode == "os" {
		durability = store.Normal
	}
	db, err := store.Open(ctx, url, store.Options{Durability: durability})
	if err != nil {
		return err
	}
	h.onClose(db.Close)
	h.store = db
	h.limits, err = gate.NewLimits(ctx, db)
	return err
}

func (h *Host) openLedger(ctx context.Context, o Options) error {
	mode, err := ledger.ParseMode(h.config.Ledger.Mode)
	if err != nil {
		return err
	}
	about := abi.ObjectValue(
		abi.Member{Name: "command", Value: abi.StringValue(o.Command)},
		abi.Member{Name: "version", Value: abi.StringValue(o.Version)},
	)
	h.ledger, err = ledger.Open(ctx, ledger.Config{
		Dir: h.state.LedgerDir(), Keys: h.state.KeyDir(), Mode: mode, Index: h.store, Anchors: h.anchors(),
		Report: h.backgroundTrouble, About: abi.AppendJSON(nil, about),
	})
	if err != nil {
		return err
	}
	h.onClose(h.ledger.Close)
	h.metrics.gauge("agentmesh_ledger_up", "1 while the ledger takes entries.", func() float64 {
		if h.ledger.Err() != nil {
			return 0
		}
		return 1
	})
	return nil
}

func (h *Host) anchors() []ledger.Anchor {
	var out []ledger.Anchor
	if a := h.config.Ledger.Anchor; a.File != "" {
		out = append(out, ledger.FileAnchor(a.File))
	}
	if a := h.config.Ledger.Anchor; len(a.Command) > 0 {
		out = append(out, ledger.CommandAnchor(a.Command[0], a.Command[1:]...))
	}
	return out
}

// readTables begins to read the tool tables; what it returns waits for them.
func (h *Host) readTables() func(context.Context, Options) error {
	read := make(chan error, 1)
	go func() {
		table, err := toolTable(h.config.Tools)
		h.table = table
		read <- err
	}()
	return func(context.Context, Options) error { return <-read }
}

func (h *Host) openFacts(context.Context, Options) error {
	h.facts = newExtractor(h.table, h.config.Roots)
	h.guard = newGuard(h.state, &h.config)
	return nil
}

func (h *Host) openGate(_ context.Context, o Options) (err error) {
	log := meteredLedger{log: h.ledger, metrics: h.metrics}
	h.gate, err = gate.New(h.judges, log, h.limits, gate.Options{
		Monitor: o.Monitor, HMAC: h.ledger.HMAC, MaxInput: h.config.Request.MaxBytes, Observer: h.modules.observer,
	})
	return err
}

// judges is the set in force, for the gate; nil once the rules are closed.
func (h *Host) judges() gate.Set {
	return gate.As[sandbox.Judge](h.modules.wrapper.Wrap(h.rules.Acquire()))
}

func (h *Host) openRules(ctx context.Context, o Options) error {
	plugins, err := h.config.pluginOptions()
	if err != nil {
		return err
	}
	options := sandbox.Options{
		CacheDir: h.state.path(filepath.Join("cache", "wasm")), Presets: policies.Preset, ConfigDigest: h.digest,
		Plugins: plugins, Guest: h.guestSaid, Trust: h.vouch,
	}
	if len(o.Admission) > 0 {
		admitter, err := sandbox.NewAdmitter(sandbox.AdmitOptions{Command: o.Admission, CacheDir: options.CacheDir, Begin: h.admitting})
		if err != nil {
			return err
		}
		options.Admission = admitter.Admit
	}
	engine, err := sandbox.NewEngine(ctx, options)
	if err != nil {
		return err
	}
	h.onClose(func() error { return engine.Close(context.Background()) })
	paths := slices.Concat(h.config.Dirs.Policies, h.config.Dirs.Plugins, h.config.Trust.AllowUnsigned)
	h.rules, err = engine.Watch(ctx, sandbox.WatchOptions{
		Admit: h.admit, Notify: h.loaded, Modules: h.modules.locked, Look: h.look,
		Hear: []string{h.state.PluginDir(), h.state.TrustDir()},
	}, slices.Compact(paths)...)
	if err != nil {
		return err
	}
	h.onClose(func() error {
		h.rules.Close()
		return nil
	})
	h.onClose(h.unfollow)
	h.loaded(h.rules.Status())
	return nil
}

// admitting tells why a start or a reload takes some seconds.
func (h *Host) admitting(f *sandbox.PluginFile) {
	h.log.Info("compiling and trying a plugin that this host has not admitted yet", "plugin", f.Manifest.Name, "file", f.Path)
}

// guestSaid logs what a plugin said. It may repeat what is redacted elsewhere, so it takes the finest level to see it.
func (h *Host) guestSaid(l sandbox.GuestLog) {
	h.log.Trace("a plugin says", "plugin", l.Plugin, "text", l.Text, "cut", l.Cut)
}

// loaded tells of every load of the rules, in log and metrics.
func (h *Host) loaded(s sandbox.Status) {
	h.metrics.loaded(s.Judges, s.Err)
	if s.Err != nil {
		h.log.Error("the rules do not load; the last good ones go on deciding", "set", s.Set, "error", s.Err)
		return
	}
	h.log.Info("rules in force", "judges", s.Judges, "set", s.Set, "trust", h.modules.admitted.Load())
	for _, w := range s.Warnings {
		h.log.Warn(w)
	}
}

// ask decides a request as it came from a caller.
func (h *Host) ask(ctx context.Context, q *abi.Request) abi.Verdict {
	call := gate.Call{Request: *q}
	h.gather(&call.Request)
	given := CallOf(q)
	call.Protected = h.guard.named(h.facts, &given, &call.Request)
	if q.Action.Get("stage").Text() == abi.StagePostTool {
		return h.gate.DecideResult(ctx, &call)
	}
	return h.gate.Decide(ctx, &call)
}

// Decide is the verdict on one request, with what the host itself can find out about the action. It is recorded when it
// is returned.
func (h *Host) Decide(ctx context.Context, q *abi.Request) abi.Verdict { return h.decide(ctx, q) }

// sweepEvery is how often counts that no limit can reach any more are removed.
const sweepEvery = time.Hour

// sweeper removes old counts in the background.
type sweeper struct {
	stop context.CancelFunc
	done chan struct{}
}

func (h *Host) openSweep(ctx context.Context, _ Options) error {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.sweep = sweeper{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(h.sweep.done)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := h.limits.Sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
				h.log.Warn("old counts were not removed", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	h.onClose(func() error {
		stop()
		<-h.sweep.done
		return nil
	})
	return nil
}

// digest covers what of the configuration bears on decisions, the content of named files included.
func (c *Config) digest() (string, error) {
	tables := make([]string, len(c.Tools))
	for i, name := range c.Tools {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("tool table: %w", err)
		}
		sum := sha256.Sum256(text)
		tables[i] = hex.EncodeToString(sum[:])
	}
	decides := []any{c.Roots, c.Environment, c.Request.MaxBytes, c.Ledger.Mode, tables}
	if len(c.Plugins) > 0 {
		decides = append(decides, c.Plugins)
	}
	text, err := json.Marshal(decides)
	if err != nil {
		return "", fmt.Errorf("digest of the configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}
