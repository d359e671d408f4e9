//go:build unix

package mcp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"agentmesh/host/mcp"
)

// shell starts a script as the server.
func shell(t *testing.T, script string, stderr io.Writer, environ ...string) *mcp.Child {
	t.Helper()
	c, err := mcp.Start(mcp.Command{Argv: []string{"sh", "-c", script}, Environ: append(os.Environ(), environ...), Stderr: stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Input().Close()
		c.Stop(0, 0)
		c.Output().Close()
	})
	return c
}

func lineOf(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func TestStartFails(t *testing.T) {
	notExecutable := filepath.Join(t.TempDir(), "server")
	if err := os.WriteFile(notExecutable, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{nil, {""}, {"no-such-program-anywhere"}, {"/no/such/file"}, {notExecutable}} {
		if _, err := mcp.Start(mcp.Command{Argv: argv}); err == nil || !strings.HasPrefix(err.Error(), "start the server") {
			t.Errorf("%q: got %v", argv, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 143, "kill -KILL $$": 137} {
		c := shell(t, script, nil)
		if got := c.Exit(); got.Code != want || got.How == "" {
			t.Errorf("%s: got %+v, want %d", script, got, want)
		}
	}
}

// TestStopping: a server that reads to its end is left alone, one that does not is asked, one that does not listen is
// killed, and what it started goes with it.
func TestStopping(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		code   int
	}{
		"ends with its input":    {"echo ready; cat >/dev/null; exit 5", patience, 5},
		"ignores its input":      {"echo ready; exec sleep 1000", 50 * time.Millisecond, 143},
		"ends when asked":        {"trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done", 50 * time.Millisecond, 9},
		"does not listen at all": {"trap '' TERM; echo ready; while :; do sleep 0.01; done", 50 * time.Millisecond, 137},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			child := shell(t, c.script, nil)
			lineOf(t, bufio.NewReader(child.Output()))
			child.Input().Close()
			child.Stop(c.grace, c.grace)
			if got := child.Exit(); got.Code != c.code {
				t.Errorf("got %+v, want %d", got, c.code)
			}
		})
	}
}

// TestWholeGroup: what a server leaves running is ended too.
func TestWholeGroup(t *testing.T) {
	c := shell(t, "sleep 1000 & echo $!; cat >/dev/null", nil)
	pid, err := strconv.Atoi(lineOf(t, bufio.NewReader(c.Output())))
	if err != nil {
		t.Fatal(err)
	}
	c.Input().Close()
	c.Stop(patience, patience)
	for deadline := time.Now().Add(patience); alive(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the server started still runs")
		}
	}
}

// alive reports whether a process runs; one that is dead and not yet buried does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// TestOwnVariables: where our state lies is not the server's business.
func TestOwnVariables(t *testing.T) {
	c := shell(t, "env; cat >/dev/null", nil, "AGENTMESH_HOME=/x", "agentmesh_token=y", "AGENTMESH_=z", "OTHER=kept")
	all := make(chan string)
	go func() {
		b, _ := io.ReadAll(c.Output())
		all <- string(b)
	}()
	c.Input().Close()
	got := <-all
	if strings.Contains(strings.ToUpper(got), "AGENTMESH_") || !strings.Contains(got, "OTHER=kept") {
		t.Errorf("the server sees\n%s", got)
	}
}

// stuck is a writer that nobody reads.
type stuck chan struct{}

func (s stuck) Write([]byte) (int, error) {
	<-s
	return 0, io.ErrClosedPipe
}

// TestFlood: a server that floods its stderr is not held up, though nobody reads ours.
func TestFlood(t *testing.T) {
	s := make(stuck)
	defer close(s)
	spill := mcp.NewSpill(s)
	c := shell(t, "head -c 20000000 /dev/zero >&2; echo done; cat >/dev/null", spill)
	if got := lineOf(t, bufio.NewReader(c.Output())); got != "done" {
		t.Errorf("got %q", got)
	}
	c.Input().Close()
	c.Exit()
	spill.Close()
}

// slowly is a writer that takes one write, waits to be let, and then takes all.
type slowly struct {
	mu    sync.Mutex
	first chan struct{}
	let   chan struct{}
	got   bytes.Buffer
}

func (s *slowly) Write(b []byte) (int, error) {
	if s.first != nil {
		close(s.first)
		s.first = nil
		<-s.let
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(b)
}

// TestSpill: what fits comes out whole and in order, and of what does not it is said how much there was.
func TestSpill(t *testing.T) {
	w := &slowly{first: make(chan struct{}), let: make(chan struct{})}
	first := w.first
	s := mcp.NewSpill(w)
	fmt.Fprint(s, "begin\n")
	<-first
	block := bytes.Repeat([]byte("x"), 1<<20)
	s.Write(block)
	s.Write(block[:1000])
	close(w.let)
	s.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	got := w.got.String()
	if !strings.HasPrefix(got, "begin\nx") || strings.Count(got, "x") < 1<<20 || !strings.Contains(got, "1000 bytes of stderr were dropped") {
		t.Errorf("%d bytes came out: %.100q", len(got), got)
	}
}

// TestRunsAChild: client, proxy and a process, to the end.
func TestRunsAChild(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		code   int
	}{
		"the client leaves":              {`while read -r line; do echo '{"jsonrpc":"2.0","id":1,"result":{}}'; done; exit 4`, 0},
		"the server ends":                {`read -r line; echo '{"jsonrpc":"2.0","id":1,"result":{}}'; exit 4`, 4},
		"it leaves its output to others": {`read -r line; echo '{"jsonrpc":"2.0","id":1,"result":{}}'; (sleep 1000 2>/dev/null &) ; exit 4`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, permissive()).proxy(t)
			child := shell(t, c.script, nil)
			in, send := io.Pipe()
			read, out := io.Pipe()
			lines := make(chan string, 16)
			go pump(read, lines)
			code := make(chan int, 1)
			go func() {
				code <- p.Run(context.Background(), in, out, child)
				out.Close()
			}()
			fmt.Fprintln(send, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
			await(t, lines, "the client")
			if c.code == 0 {
				send.Close()
			}
			select {
			case got := <-code:
				if got != c.code {
					t.Errorf("exit code %d, want %d", got, c.code)
				}
			case <-time.After(patience):
				t.Fatal("it does not end")
			}
		})
	}
}
