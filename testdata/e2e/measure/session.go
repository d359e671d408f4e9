package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scene is a scratch machine: the two programs, a home with the state folder, and the folder the server is given.
type scene struct {
	agentmesh, echo, home, project string
	delay                          int // what the server takes to start, in ms
}

// text is a piece of what people keep in files, as it stands in JSON: 1 KiB.
var text = strings.Repeat(strings.Join([]string{
	`# Orders\n\nA small shop, open on :8080; see docs/orders.md and https://shop.example/help?page=2 (in German).\n`,
	`func main() { fmt.Println(\"open\", len(orders)) } // the first of 12\n\tif err := load(ctx, path); err != nil {\n`,
	`The quick brown fox, he said, jumps over \"the lazy dog\" - and 3 of 4 cats agree. Größe: 17 %, 2026-11-20\n`,
	`{\"id\": 4711, \"tags\": [\"red\", \"blue\"], \"owner\": \"ada@example.com\"}, {\"id\": 4712, \"tags\": []},\n`,
}, ""), 3)[:1<<10-1] + "."

// session is one started server, bare or behind the proxy, and the client's ends of its pipes.
type session struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	errs bytes.Buffer
	id   int
	line []byte
	got  []byte
}

// open starts the echo server, which reads out times KiB of text, behind `agentmesh proxy` with the flags given; without
// flags it is bare.
func (s *scene) open(times int, flags ...string) (*session, error) {
	argv := []string{s.echo}
	if len(flags) > 0 {
		argv = slices.Concat([]string{s.agentmesh, "proxy", "--server", "filesystem", "--root", s.project}, flags, []string{"--", s.echo})
	}
	c := &session{cmd: exec.Command(argv[0], argv[1:]...)}
	c.cmd.Dir, c.cmd.Stderr = s.project, &c.errs
	c.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "AGENTMESH_HOME=" + s.home + "/state", "TMPDIR=" + os.TempDir(),
		"ECHO_TEXT=" + text, "ECHO_TIMES=" + strconv.Itoa(times), "ECHO_DELAY=" + strconv.Itoa(s.delay),
	}
	in, err1 := c.cmd.StdinPipe()
	out, err2 := c.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, c.cmd.Start()); err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReaderSize(out, 64<<10)
	return c, c.initialize()
}

func (c *session) initialize() error {
	const params = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"measure","version":"1.0.0"}}`
	if _, err := c.ask("initialize", params); err != nil {
		return err
	}
	_, err := io.WriteString(c.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return err
}

// ask sends a request and waits for its answer, which is checked to be one and good; it tells how long that took.
func (c *session) ask(method, params string) (time.Duration, error) {
	c.id++
	c.line = append(strconv.AppendInt(append(c.line[:0], `{"jsonrpc":"2.0","id":`...), int64(c.id), 10), `,"method":"`...)
	c.line = append(append(append(append(c.line, method...), `","params":`...), params...), '}', '\n')
	start := time.Now()
	_, err := c.in.Write(c.line)
	if err == nil {
		err = c.read()
	}
	took := time.Since(start)
	if err != nil {
		c.leave() // its words are whole only at the end
		return 0, fmt.Errorf("%s %.80s: %w\n%s", method, params, err, c.errs.Bytes())
	}
	return took, c.check(method)
}

func (c *session) read() error {
	c.got = c.got[:0]
	for {
		part, err := c.out.ReadSlice('\n')
		c.got = append(c.got, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (c *session) check(method string) error {
	want := `{"jsonrpc":"2.0","id":` + strconv.Itoa(c.id) + `,"result":`
	if !bytes.HasPrefix(c.got, []byte(want)) || bytes.Contains(c.got, []byte(`"isError":true`)) {
		return fmt.Errorf("%s was answered by %.2000s", method, c.got)
	}
	return nil
}

// leave closes the session as a client does, and waits for the end.
func (c *session) leave() error {
	c.in.Close()
	io.Copy(io.Discard, c.out)
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.cmd.Args, " "), err, c.errs.Bytes())
	}
	return nil
}
