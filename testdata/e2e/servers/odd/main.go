// Command odd is a server of the legacy era that keeps no rule it can break: how it breaks them is its argument.
//
//	odd MANNER...
//
// It answers initialize, ping, tools/list and the tool echo as a good server does; the tool "odd" is where the manners show.
// It writes its process id to stderr first, as "pid N".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	s := &server{out: os.Stdout, manners: os.Args[1:]}
	fmt.Fprintln(os.Stderr, "pid", os.Getpid())
	os.Exit(s.serve(os.Stdin))
}

type server struct {
	out     io.Writer
	manners []string
}

func (s *server) is(manner string) bool { return slices.Contains(s.manners, manner) }

// serve answers until its input ends.
func (s *server) serve(in io.Reader) int {
	if s.is("deaf-to-signals") {
		signal.Ignore(syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT)
	}
	if s.is("heir") { // a process that outlives it and holds its pipes
		heir := exec.Command("sleep", "60")
		heir.Stdout, heir.Stderr = os.Stdout, os.Stderr
		if err := heir.Start(); err != nil {
			return 1
		}
		fmt.Fprintln(os.Stderr, "heir", heir.Process.Pid)
	}
	if s.is("deaf") { // reads nothing at all
		time.Sleep(time.Hour)
	}
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		s.take(line)
	}
	if s.is("deaf-to-end") {
		time.Sleep(time.Hour)
	}
	if s.is("last-words") {
		s.raw(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"goodbye"}}`)
	}
	return 0
}

// request is what of a message this server looks at.
type request struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name            string
		ProtocolVersion string
		Arguments       struct {
			Manner, Text string
			N            int
		}
	}
}

func (s *server) take(line []byte) {
	var r request
	if json.Unmarshal(line, &r) != nil || r.ID == nil {
		return
	}
	switch {
	case r.Method == "initialize":
		s.say(r.ID, fmt.Sprintf(`{"protocolVersion":%q,"capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"1.0.0"}}`, r.Params.ProtocolVersion))
	case r.Method == "tools/list":
		s.say(r.ID, `{"tools":[{"name":"echo","inputSchema":{"type":"object"}},{"name":"odd","inputSchema":{"type":"object"}}]}`)
	case r.Method == "tools/call" && r.Params.Name == "odd":
		s.odd(r)
	case r.Method == "tools/call":
		s.say(r.ID, text(r.Params.Arguments.Text))
	default:
		s.say(r.ID, `{}`)
	}
}

func text(t string) string {
	b, err := json.Marshal(t)
	if err != nil {
		return "{}"
	}
	return `{"content":[{"type":"text","text":` + string(b) + `}]}`
}

func (s *server) raw(text string) { io.WriteString(s.out, text) }

func (s *server) say(id json.RawMessage, result string) { s.raw(answer(id, result)) }

func answer(id json.RawMessage, result string) string {
	return `{"jsonrpc":"2.0","id":` + string(id) + `,"result":` + result + "}\n"
}

// odd does what it is told by the call.
func (s *server) odd(r request) {
	a := r.Params.Arguments
	good := answer(r.ID, text("done"))
	switch a.Manner {
	case "silent":
	case "exit":
		os.Exit(a.N)
	case "die":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "die-in-a-word":
		s.raw(good[:len(good)/2])
		os.Exit(a.N)
	case "no-line-end":
		s.raw(strings.TrimSuffix(good, "\n"))
		os.Exit(a.N)
	case "stdout-closed":
		os.Stdout.Close()
	case "flood":
		s.flood(a.N)
		s.raw(good)
	case "garbage":
		s.raw("Listening on port 3000\n\n\r\n{\"jsonrpc\":\"2.0\",\n[]\n[1,{}]\nnull\n\"text\"\n17\n{}\n\x00\xff\xfe\n{\"id\":}\n" + good)
	case "pieces":
		for _, part := range []string{good[:1], good[1:9], good[9 : len(good)-1], good[len(good)-1:]} {
			s.raw(part)
			time.Sleep(20 * time.Millisecond)
		}
	case "long":
		s.say(r.ID, text(strings.Repeat("x", a.N)))
	case "long-noise":
		s.raw(strings.Repeat("x", a.N) + "\n" + good)
	case "twice":
		s.raw(good + answer(r.ID, text("done again")))
	case "strangers":
		s.raw(answer([]byte("999999"), text("unasked")) + answer([]byte(`"`+string(r.ID)+`"`), text("misread")) +
			answer([]byte("null"), text("nobody's")) + good)
	case "crlf":
		s.raw(strings.TrimSuffix(good, "\n") + "\r\n")
	case "notes": // more than any pipe holds
		for range a.N {
			s.raw(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"` + strings.Repeat("n", 1000) + `"}}` + "\n")
		}
		s.raw(good)
	}
}

// flood writes n bytes to stderr.
func (s *server) flood(n int) {
	line := []byte(strings.Repeat("warn ", 200) + "\n")
	for ; n > 0; n -= len(line) {
		os.Stderr.Write(line)
	}
}
