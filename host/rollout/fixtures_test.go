package rollout_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/policy"
	"agentmesh/host/rollout"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// name is what the tests' plugin is called.
const name = "eu.ai-act/transparency"

// edition is a compiled policy as a plugin.
type edition struct {
	name, version string // name empty: the tests'
	from, until   string
	rules         string // YAML list; empty: one that denies exports and is named after the version
}

func (e edition) module(t testing.TB) []byte {
	t.Helper()
	if e.name == "" {
		e.name = name
	}
	if e.rules == "" {
		e.rules = fmt.Sprintf("[{name: no-export-%s, condition: action.type == 'export', action: deny}]", e.version)
	}
	text := "version: \"1.0\"\nname: rules\nrules: " + e.rules + "\n"
	p, err := policy.Load(policy.Sources{{Name: "rules.yaml", Text: text}}, "rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := policy.CompileAs(p, policy.Packaging{Manifest: &abi.Manifest{
		Name: e.name, Version: e.version, Kind: abi.KindPolicy, EffectiveFrom: e.from, EffectiveUntil: e.until,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m.Wasm
}

// blobs is a store of modules in memory.
type blobs struct {
	mu      sync.Mutex
	modules map[string][]byte
}

func (b *blobs) put(module []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.modules == nil {
		b.modules = map[string][]byte{}
	}
	sum := sha256.Sum256(module)
	b.modules["sha256:"+hex.EncodeToString(sum[:])] = module
}

func (b *blobs) get(_ context.Context, digest string, _ int64) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.modules[digest]
	if !ok {
		return nil, fmt.Errorf("no module %s", digest)
	}
	return m, nil
}

// clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(t testing.TB, at string) {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = moment
}

// mesh is gate, ledger, sandbox and lock put together as a host does.
type mesh struct {
	t       testing.TB
	clock   *clock
	blobs   *blobs
	lock    *rollout.Store
	engine  *sandbox.Engine
	watcher *sandbox.Watcher
	wrapper *rollout.Wrapper
	gate    *gate.Gate
	ledger  *ledger.Ledger
	dir     string
	observe *rollout.Observer
	fired   chan rollout.Change
}

// base allows whatever no plugin denies.
const base = "version: \"1.0\"\nname: base\nrules: [{name: all, action: allow}]\n"

type meshOptions struct {
	plugins map[string]sandbox.PluginOptions
	trust   func(ctx context.Context, m sandbox.Found) (sandbox.Provenance, error)
	setUp   func(*mesh) // before anything is loaded
}

func newMesh(t testing.TB, o meshOptions) *mesh {
	t.Helper()
	m := &mesh{t: t, clock: &clock{}, blobs: &blobs{}, dir: t.TempDir(), fired: make(chan rollout.Change, 8)}
	m.clock.set(t, "2026-11-23T08:00:00Z")
	m.wrapper = &rollout.Wrapper{Now: m.clock.now}
	var err error
	m.lock, err = rollout.Open(filepath.Join(m.dir, "plugins"), rollout.Options{Blob: m.blobs.get, Now: m.clock.now})
	m.must(err)
	m.observe = m.lock.Observe(func(c rollout.Change, err error) {
		if err != nil {
			t.Errorf("guard: %v", err)
		}
		m.fired <- c
	})
	t.Cleanup(m.observe.Close)
	if o.setUp != nil {
		o.setUp(m)
	}
	m.open(o)
	return m
}

func (m *mesh) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mesh) open(o meshOptions) {
	t, ctx := m.t, m.t.Context()
	t.Helper()
	db, err := store.Open(ctx, filepath.Join(m.dir, "store.db"), store.Options{})
	m.must(err)
	t.Cleanup(func() { db.Close() })
	limits, err := gate.NewLimits(ctx, db)
	m.must(err)
	m.ledger, err = ledger.Open(ctx, ledger.Config{Dir: m.ledgerDir(), Keys: filepath.Join(m.dir, "keys"), Mode: ledger.OS})
	m.must(err)
	t.Cleanup(func() { m.ledger.Close() })
	m.engine, err = sandbox.NewEngine(ctx, sandbox.Options{Plugins: o.plugins, Trust: o.trust})
	m.must(err)
	t.Cleanup(func() { m.engine.Close(context.Background()) })
	m.gate, err = gate.New(m.judges, m.ledger, limits, gate.Options{Now: m.clock.now, Observer: m.observe})
	m.must(err)
	policies := filepath.Join(m.dir, "policies")
	m.must(os.Mkdir(policies, 0o755))
	m.must(os.WriteFile(filepath.Join(policies, "base.yaml"), []byte(base), 0o644))
	m.watcher, err = m.engine.Watch(ctx, sandbox.WatchOptions{
		Admit: m.admit, Modules: m.lock.Modules, Look: m.lock.Look, Hear: []string{m.lock.Dir()}, Quiet: time.Millisecond, Rescan: 20 * time.Millisecond,
	}, policies)
	m.must(err)
	t.Cleanup(m.watcher.Close)
}

func (m *mesh) ledgerDir() string { return filepath.Join(m.dir, "ledger") }

func (m *mesh) judges() gate.Set {
	return gate.As[sandbox.Judge](m.wrapper.Wrap(m.watcher.Acquire()))
}

func (m *mesh) admit(ctx context.Context, s *sandbox.Set) error {
	info := gate.Describe(gate.As[sandbox.Judge](s), "", s.Warnings())
	info.Plan, info.Provenances = rollout.PlanOf(s).Value(), rollout.Provenances(s)
	return m.gate.Adopt(ctx, info)
}

// edit changes the lock and loads it.
func (m *mesh) edit(edit func(l *rollout.Lock, now time.Time) (rollout.Change, error)) rollout.Change {
	m.t.Helper()
	c, err := m.lock.Edit(m.t.Context(), func(l *rollout.Lock) (rollout.Change, error) { return edit(l, m.clock.now()) })
	m.must(err)
	if m.watcher != nil {
		m.must(m.watcher.Reload(m.t.Context()))
	}
	return c
}

// stage brings an edition into the lock, and to stages after that.
func (m *mesh) stage(e edition, to ...rollout.Promotion) {
	m.t.Helper()
	n := newcomer(m.t, e, m.blobs)
	m.edit(func(l *rollout.Lock, now time.Time) (rollout.Change, error) { return l.Stage(n, now) })
	for _, p := range to {
		p.Name, p.Version = n.Name, n.Version.Version
		m.edit(func(l *rollout.Lock, now time.Time) (rollout.Change, error) { return l.Promote(p, now) })
	}
}

func newcomer(t testing.TB, e edition, into *blobs) rollout.Newcomer {
	t.Helper()
	module := e.module(t)
	into.put(module)
	plugin, kind, v, err := rollout.NewVersion(module)
	if err != nil {
		t.Fatal(err)
	}
	return rollout.Newcomer{Name: plugin, Kind: kind, Version: v}
}

var (
	toActive = rollout.Promotion{To: rollout.Active}
	toShadow = rollout.Promotion{To: rollout.Shadow}
)

func toCanary(percent int) rollout.Promotion {
	return rollout.Promotion{To: rollout.Canary, Percent: percent}
}

// decide asks for an export by an agent.
func (m *mesh) decide(agent string) abi.Verdict {
	m.t.Helper()
	return m.gate.Decide(m.t.Context(), &gate.Call{Request: request(m.t, agent, "export")})
}

func request(t testing.TB, agent, action string) abi.Request {
	t.Helper()
	q, err := abi.ReadRequest(fmt.Sprintf(`{"agent":{"name":%q},"action":{"type":%q,"tool":"send"}}`, agent, action))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// took is how the versions of the tests' plugin took part: "1.0.0 deny no-export-1.0.0" and, of monitored ones, "(…)".
func took(v *abi.Verdict) []string {
	out := []string{}
	for _, j := range v.Judges {
		if j.Name != name {
			continue
		}
		text := j.Version + " " + j.Decision.String()
		if j.Rule != "" {
			text += " " + j.Rule
		}
		if j.Monitored {
			text = "(" + text + ")"
		}
		out = append(out, text)
	}
	return out
}

// entries are those of the ledger, oldest first.
func (m *mesh) entries(kind string) []ledger.Record {
	m.t.Helper()
	var out []ledger.Record
	r := ledger.NewReader(m.ledgerDir(), nil)
	for record, err := range r.Records(m.t.Context(), ledger.Filter{Kind: kind, OldestFirst: true}) {
		m.must(err)
		out = append(out, record)
	}
	return out
}

// list reports whether a tool is hidden from an agent.
func (m *mesh) list(agent string) (hidden bool) {
	m.t.Helper()
	q := request(m.t, agent, "export")
	return m.gate.List(m.t.Context(), gate.Subject{Agent: agent}, []gate.Call{{Request: q}}).Hidden[0]
}
