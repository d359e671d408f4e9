package mcp

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Command says how a server is started.
type Command struct {
	// Argv is the program, looked up in PATH, and its arguments.
	Argv []string
	// Environ is the whole environment, "NAME=value". Variables of our own are taken out of it.
	Environ []string
	// Stderr gets what the server writes there. A writer that does not take it holds nothing up for good: see Spill.
	Stderr io.Writer
}

// Child is a server that runs as a process in a group of its own.
type Child struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	done   chan struct{}
	exit   Exit
	closed sync.Once
}

var _ Server = (*Child)(nil)

// ownVariables begin the names of variables that are kept from servers: they tell where our state is.
const ownVariables = "AGENTMESH_"

// WithoutOwn is an environment without the variables that are kept from servers.
func WithoutOwn(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		return len(v) >= len(ownVariables) && strings.EqualFold(v[:len(ownVariables)], ownVariables)
	})
}

// Start starts a server.
func Start(c Command) (*Child, error) {
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		return nil, errors.New("start the server: there is no command")
	}
	cmd := exec.Command(c.Argv[0], c.Argv[1:]...)
	cmd.Env = WithoutOwn(c.Environ)
	ownGroup(cmd)
	ends, err := connect(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		ends.close()
		return nil, fmt.Errorf("start the server %s: %w", c.Argv[0], errors.Unwrap(err))
	}
	ends.closeTheirs()
	child := &Child{cmd: cmd, in: ends.in, out: ends.out, done: make(chan struct{})}
	go child.wait(ends.err, c.Stderr)
	return child, nil
}

// ends are our ends of a process's pipes, and theirs. Files of our own rather than exec's: waiting for the process must not
// close what has not been read.
type ends struct {
	in, out, err *os.File
	theirs       []*os.File
}

func connect(cmd *exec.Cmd) (e *ends, err error) {
	e = new(ends)
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	stdin, in := pipe()
	out, stdout := pipe()
	errs, stderr := pipe()
	e.in, e.out, e.err, e.theirs = in, out, errs, []*os.File{stdin, stdout, stderr}
	if err != nil {
		return e, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	return e, nil
}

func (e *ends) closeTheirs() {
	for _, f := range e.theirs {
		f.Close() // nil is an error, and no more
	}
}

func (e *ends) close() {
	e.closeTheirs()
	for _, f := range []*os.File{e.in, e.out, e.err} {
		f.Close()
	}
}

// wait drains the server's stderr and waits for its end.
func (c *Child) wait(errs *os.File, to io.Writer) {
	if to == nil {
		to = io.Discard
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		defer errs.Close()
		if _, err := io.Copy(to, errs); err != nil {
			io.Copy(io.Discard, errs)
		}
	}()
	err := c.cmd.Wait()
	c.exit = exitOf(c.cmd.ProcessState, err)
	select {
	case <-drained:
	case <-time.After(lastWords): // a grandchild holds it open
		errs.Close()
	}
	close(c.done)
}

// lastWords is how long stderr is read after the server has ended.
const lastWords = 200 * time.Millisecond

// Input implements Server.
func (c *Child) Input() io.WriteCloser { return (*input)(c) }

// input is the server's standard input; closing it twice is no error.
type input Child

// Write hands on.
func (i *input) Write(b []byte) (int, error) { return i.in.Write(b) }

// Close closes the server's standard input.
func (i *input) Close() (err error) {
	i.closed.Do(func() { err = i.in.Close() })
	return err
}

// Output implements Server.
func (c *Child) Output() io.ReadCloser { return c.out }

// Done implements Server.
func (c *Child) Done() <-chan struct{} { return c.done }

// Exit implements Server. It waits for the end.
func (c *Child) Exit() Exit {
	<-c.done
	return c.exit
}

// Stop implements Server: the group is asked by SIGTERM, then killed. What the server started and left running goes too.
func (c *Child) Stop(wait, grace time.Duration) {
	if !c.ended(wait) {
		terminate(c.cmd.Process)
		c.ended(grace)
	}
	killGroup(c.cmd.Process)
	<-c.done
}

func (c *Child) ended(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-c.done:
		return true
	case <-timer.C:
		return false
	}
}
