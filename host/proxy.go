package host

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agentmesh/host/facts"
	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

// ProxyConfig says what a proxy before one MCP server is to do.
type ProxyConfig struct {
	// Argv is the server's command line: roots and the server's name are read from it where they are not said.
	Argv []string
	// Agent is who calls; Server is action.server, empty: the package or file that Argv names.
	Agent, Server string
	// Home is the server's home folder; empty: ours.
	Home string
	// Refusal, Results, MaxMessage and CanonicalArgs are as in mcp.Config.
	Refusal       mcp.RefusalMode
	Results       mcp.Treatment
	MaxMessage    int
	CanonicalArgs bool
	// Gone is as in mcp.Config.
	Gone <-chan struct{}
}

// Proxy makes a proxy that decides by this host. Close the host after the proxy has run.
func (h *Host) Proxy(ctx context.Context, c ProxyConfig) (*mcp.Proxy, error) {
	roots := h.rootsOf(&c)
	x := h.extractorFor(&c, roots)
	guard := h.guard.inFolders(slices.Clone(roots))
	pins, err := mcp.NewPins(ctx, h.store)
	if err != nil {
		return nil, err
	}
	if c.Server == "" {
		c.Server = facts.ServerName(c.Argv)
	}
	changed, err := changedTools(ctx, pins, c.Server)
	if err != nil {
		return nil, err
	}
	inspector := mcp.NewInspector(pins)
	return mcp.New(mcp.Config{
		Gate: meteredGate{h.gate, h.metrics}, Facts: x,
		Protected:    func(call *facts.Call, q *abi.Request) string { return guard.named(x, call, q) },
		HearsResults: h.hearsResults, Results: c.Results, Inspect: inspector.Inspect, Whole: inspector.Whole,
		Changed: changed, Found: h.metrics.found,
		Agent: abi.ObjectValue(
			abi.Member{Name: "name", Value: abi.StringValue(c.Agent)},
			abi.Member{Name: "asserted_by", Value: abi.StringValue("config")},
		),
		Context: h.proxyContext(), Server: c.Server, Refusal: c.Refusal, MaxMessage: c.MaxMessage,
		CanonicalArgs: c.CanonicalArgs, Gone: c.Gone, Log: h.log,
	})
}

// rootsOf are the folders that a server works in: those of the configuration, else those that the command line names.
func (h *Host) rootsOf(c *ProxyConfig) []string {
	if len(h.config.Roots) > 0 {
		return h.config.Roots
	}
	return FoldersIn(c.Argv)
}

// changedTools are the tools of a server whose change waits for approval. A client that calls without asking for a list is
// told of them too.
func changedTools(ctx context.Context, pins *mcp.Pins, server string) ([]string, error) {
	all, err := pins.List(ctx, server)
	var out []string
	for _, p := range all {
		if p.State == mcp.PinChanged {
			out = append(out, p.Name)
		}
	}
	return out, err
}

// extractorFor gathers facts for calls to a server that runs on this machine.
func (h *Host) extractorFor(c *ProxyConfig, roots []string) *facts.Extractor {
	name := facts.ServerName(c.Argv)
	if c.Server != "" && h.table.Server(name) == nil {
		name = c.Server
	}
	home := c.Home
	if home == "" {
		home, _ = os.UserHomeDir()
	}
	dir, _ := os.Getwd()
	return facts.New(facts.Config{Table: h.table, Package: name, Roots: roots, Home: home, Dir: dir, Where: facts.Here})
}

// FoldersIn are the existing folders among the arguments of a command line, by absolute path.
func FoldersIn(argv []string) []string {
	var out []string
	for i, arg := range argv {
		if i == 0 || strings.HasPrefix(arg, "-") {
			continue
		}
		abs, err := filepath.Abs(arg)
		if err != nil {
			continue
		}
		if info, err := os.Stat(abs); err == nil && info.IsDir() {
			out = append(out, abs)
		}
	}
	return out
}

// proxyContext is what requests of one run have in common.
func (h *Host) proxyContext() abi.Value {
	id := make([]byte, 8)
	rand.Read(id)
	q := abi.ObjectValue(abi.Member{Name: "session", Value: abi.StringValue(hex.EncodeToString(id))})
	if h.config.Environment != "" {
		q = q.With("environment", abi.StringValue(h.config.Environment))
	}
	return q
}

// hearsResults reports whether any judge in force speaks about the results of a request.
func (h *Host) hearsResults(q *abi.Request) bool {
	set := h.judges()
	if set == nil {
		return true // nothing decides any more: what cannot be judged is not released
	}
	defer set.Release()
	post := *q
	post.Action = q.Action.With("stage", abi.StringValue(abi.StagePostTool))
	for i := range set.Len() {
		if set.Judge(i).Applies(&post) {
			return true
		}
	}
	return false
}
