package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// legacy and modern are the revisions that clients open with.
const (
	legacy = "2025-11-25"
	modern = "2026-07-28"
)

// connect opens a session of the Go SDK's client with what a command serves.
func connect(t testing.TB, cmd *exec.Cmd, revision string) *mcp.ClientSession {
	t.Helper()
	errs := &tail{}
	cmd.Stderr = errs
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1.0.0"}, nil)
	s, err := client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatalf("connect: %v\n%s", err, errs)
	}
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("stderr of %s:\n%s", strings.Join(cmd.Args, " "), errs)
		}
	})
	return s
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(b)
	if extra := w.b.Len() - 8<<10; extra > 0 {
		w.b.Next(extra)
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// answer is what a call of a tool came to.
type answer struct {
	text    string // of the tool; without the footer
	footer  string
	isError bool
	verdict verdict // of a refusal
}

// verdict is what a refusal says of itself.
type verdict struct {
	Code, Rule, DecisionID string
	Retryable              bool
}

const (
	verdictMember = "ai.agentmesh/verdict"
	footerBegins  = "[agentmesh] "
)

// call calls a tool.
func call(t testing.TB, s *mcp.ClientSession, tool string, args any) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		t.Fatalf("%s %v: %v", tool, args, err)
	}
	a := answer{isError: r.IsError}
	var texts []string
	for _, c := range r.Content {
		text, ok := c.(*mcp.TextContent)
		switch {
		case !ok:
		case strings.HasPrefix(text.Text, footerBegins):
			a.footer = text.Text
		default:
			texts = append(texts, text.Text)
		}
	}
	a.text = strings.Join(texts, "\n")
	if given, ok := r.Meta[verdictMember]; ok {
		b, err := json.Marshal(given)
		if err == nil {
			err = json.Unmarshal(b, &a.verdict)
		}
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
	}
	return a
}

// toolNames are the tools that a server lists, sorted.
func toolNames(t testing.TB, s *mcp.ClientSession) []string {
	t.Helper()
	var names []string
	for tool, err := range s.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatalf("tools/list: %v", err)
		}
		names = append(names, tool.Name)
	}
	slices.Sort(names)
	return names
}
