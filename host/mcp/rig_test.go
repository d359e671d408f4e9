package mcp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/mcp"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// memory is a ledger that keeps entries in memory.
type memory struct {
	mu      sync.Mutex
	entries []ledger.Entry
	err     error
}

func (m *memory) Append(_ context.Context, e ledger.Entry) (ledger.ID, error) {
	return ledger.ID{}, m.AppendAsync(e)
}

func (m *memory) AppendAsync(e ledger.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	e.Body = slices.Clone(e.Body)
	m.entries = append(m.entries, e)
	return nil
}

// of are the entries of a kind.
func (m *memory) of(kind string) []ledger.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []ledger.Entry
	for _, e := range m.entries {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// unlimited are limits that nothing uses up.
type unlimited struct{}

func (unlimited) Consume(context.Context, string, time.Time, []gate.Counter) error { return nil }
func (unlimited) Peek(context.Context, string, time.Time, []gate.Counter) error    { return nil }

var engine = sync.OnceValues(func() (*sandbox.Engine, error) {
	return sandbox.NewEngine(context.Background(), sandbox.Options{Presets: policies.Preset})
})

var toolTable = sync.OnceValues(facts.DefaultTable)

// setOf loads rules: presets, or the text of a policy.
func setOf(t testing.TB, names ...string) *sandbox.Set {
	t.Helper()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if !strings.HasPrefix(name, "preset:") {
			names[i] = filepath.Join(t.TempDir(), "policy.yaml")
			if err := os.WriteFile(names[i], []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := e.Load(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Release)
	return s
}

// rig is a proxy between a client and a server that the test plays.
type rig struct {
	t      testing.TB
	log    *memory
	root   string
	server *peer
	in     *io.PipeWriter
	toUs   chan string // what the client gets
	code   chan int
	stop   context.CancelFunc
	config mcp.Config
}

// proxy is another proxy of the same configuration.
func (r *rig) proxy(t testing.TB) *mcp.Proxy {
	t.Helper()
	p, err := mcp.New(r.config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// setup is what a rig is made of; the zero setup is strict before the filesystem server.
type setup struct {
	policies []string
	config   mcp.Config
	monitor  bool
	pkg      string
	gate     func(mcp.Gate) mcp.Gate // wraps the gate
	log      *memory
}

func start(t testing.TB, s setup) *rig {
	t.Helper()
	if len(s.policies) == 0 {
		s.policies = []string{"preset:strict"}
	}
	if s.pkg == "" {
		s.pkg = "server-filesystem"
	}
	set := setOf(t, s.policies...)
	log := s.log
	if log == nil {
		log = &memory{}
	}
	r := &rig{t: t, log: log, code: make(chan int, 1), toUs: make(chan string, 1<<15)}
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.root = root
	g, err := gate.New(gate.From(func() *sandbox.Set {
		set.Acquire()
		return set
	}), log, unlimited{}, gate.Options{Monitor: s.monitor})
	if err != nil {
		t.Fatal(err)
	}
	table, err := toolTable()
	if err != nil {
		t.Fatal(err)
	}
	c := s.config
	c.Gate = g
	if s.gate != nil {
		c.Gate = s.gate(g)
	}
	c.Facts = facts.New(facts.Config{Table: table, Package: s.pkg, Roots: []string{root}, Home: "/home/someone", Dir: root, Where: facts.Here})
	c.Agent = abi.ObjectValue(abi.Member{Name: "name", Value: abi.StringValue("tester")})
	c.Server = s.pkg
	if c.Grace == 0 {
		c.Grace = patience
	}
	r.config = c
	p := r.proxy(t)
	clientIn, in := io.Pipe()
	out, clientOut := io.Pipe()
	r.server, r.in = newPeer(), in
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go pump(out, r.toUs)
	go func() {
		r.code <- p.Run(ctx, clientIn, clientOut, r.server)
		clientOut.Close()
	}()
	t.Cleanup(func() {
		stop()
		r.server.end(mcp.Exit{})
		in.Close()
	})
	return r
}

func pump(from io.Reader, to chan<- string) {
	defer close(to)
	b := bufio.NewReaderSize(from, 1<<20)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			to <- line
		}
		if err != nil {
			return
		}
	}
}

// peer is a server that the test plays.
type peer struct {
	in     *io.PipeReader
	input  *io.PipeWriter
	output *io.PipeReader
	out    *io.PipeWriter
	got    chan string
	done   chan struct{}
	exit   mcp.Exit
	ending sync.Once
	// deaf: it does not end because its input does.
	deaf    bool
	stopped chan struct{}
}

func newPeer() *peer {
	s := &peer{got: make(chan string, 1<<15), done: make(chan struct{}), stopped: make(chan struct{})}
	s.in, s.input = io.Pipe()
	s.output, s.out = io.Pipe()
	go func() {
		pump(s.in, s.got)
		if !s.deaf {
			s.end(mcp.Exit{})
		}
	}()
	return s
}

func (s *peer) Input() io.WriteCloser { return s.input }
func (s *peer) Output() io.ReadCloser { return s.output }
func (s *peer) Done() <-chan struct{} { return s.done }
func (s *peer) Exit() mcp.Exit        { return s.exit }
func (s *peer) Stop(_, _ time.Duration) {
	close(s.stopped)
	if s.deaf {
		s.end(mcp.Exit{Code: 137, How: "signal: killed"})
	}
	<-s.done
}

func (s *peer) end(e mcp.Exit) {
	s.ending.Do(func() {
		s.exit = e
		s.out.Close()
		s.in.CloseWithError(errors.New("the server is gone"))
		close(s.done)
	})
}

// send writes a line as the client.
func (r *rig) send(line string) {
	r.t.Helper()
	r.raw(line + "\n")
}

func (r *rig) raw(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.in, text); err != nil {
		r.t.Fatalf("send %.80q: %v", text, err)
	}
}

// say writes a line as the server.
func (r *rig) say(line string) {
	r.t.Helper()
	if _, err := io.WriteString(r.server.out, line+"\n"); err != nil {
		r.t.Fatalf("say %.80q: %v", line, err)
	}
}

// next is the next line that the client gets.
func (r *rig) next() string {
	r.t.Helper()
	return await(r.t, r.toUs, "the client")
}

// served is the next line that the server gets.
func (r *rig) served() string {
	r.t.Helper()
	return await(r.t, r.server.got, "the server")
}

func await(t testing.TB, from <-chan string, who string) string {
	t.Helper()
	select {
	case line, ok := <-from:
		if !ok {
			t.Fatalf("%s gets nothing more", who)
		}
		return strings.TrimSuffix(line, "\n")
	case <-time.After(patience):
		t.Fatalf("%s got nothing", who)
	}
	return ""
}

// nothingServed checks that what was sent so far does not reach the server: a ping sent now is the next it gets.
func (r *rig) nothingServed() {
	r.t.Helper()
	const ping = `{"jsonrpc":"2.0","id":"sentinel","method":"ping"}`
	r.send(ping)
	if got := r.served(); got != ping {
		r.t.Fatalf("the server got %s", got)
	}
	r.say(`{"jsonrpc":"2.0","id":"sentinel","result":{}}`)
}

// ended waits for the proxy and gives its exit code.
func (r *rig) ended() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(patience):
		r.t.Fatal("the proxy does not end")
	}
	return -1
}

// reply is an answer, read loosely.
type reply struct {
	ID     json.RawMessage
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    map[string]refused
	}
}

// refused is what an answer says of a refusal.
type refused struct {
	Code, Rule, DecisionID string
	Retryable              bool
	RetryAfter             int64
}

// toolResult is the result of a tool, read loosely.
type toolResult struct {
	ResultType string
	Content    []struct{ Type, Text string }
	IsError    bool
	Meta       map[string]refused `json:"_meta"`
}

func read(t testing.TB, line string) reply {
	t.Helper()
	var out reply
	if err := json.Unmarshal([]byte(line), &out); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return out
}

func (r reply) tool(t testing.TB) toolResult {
	t.Helper()
	var out toolResult
	if err := json.Unmarshal(r.Result, &out); err != nil {
		t.Fatalf("%v: %s", err, r.Result)
	}
	return out
}

const verdictMember = "ai.agentmesh/verdict"

// call is a tools/call.
func call(id, tool, args string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `","arguments":` + args + `}}`
}

// protects is a guard of one folder.
func protects(dir string) func(*facts.Call, *abi.Request) string {
	table, _ := toolTable()
	x := facts.New(facts.Config{Table: table, Package: "server-filesystem", Home: "/home/someone", Dir: "/", Where: facts.Here})
	places := facts.NewProtected([]string{dir})
	return func(c *facts.Call, _ *abi.Request) string {
		place, _ := x.Named(places, c)
		return place
	}
}
