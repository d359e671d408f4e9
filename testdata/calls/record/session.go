package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	patience = 60 * time.Second // for one answer
	maxLine  = 16 << 20
)

// session is one conversation with one server.
type session struct {
	script  script
	out     io.Writer
	dir     string
	env     []string
	program string

	in    io.Writer
	lines chan []byte
	sent  int
}

// header is the first line of a recording.
type header struct {
	Server   string   `json:"server"`
	Package  string   `json:"package"`
	Version  string   `json:"version"`
	Target   []string `json:"target"`
	Recorded string   `json:"recorded"`
}

// run talks to the server and returns how many requests it sent.
func (s *session) run(ctx context.Context) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, s.script.Run[1:]...)
	cmd.Dir, cmd.Env = s.dir, s.env
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	s.in, s.lines = stdin, make(chan []byte, 64)
	go s.listen(stdout)
	err = s.talk()
	stdin.Close()
	time.AfterFunc(5*time.Second, cancel)
	for range s.lines {
	}
	_ = cmd.Wait()
	if err != nil {
		return s.sent, fmt.Errorf("%w\n%s", err, complaints.Bytes())
	}
	return s.sent, nil
}

func (s *session) listen(stdout io.Reader) {
	defer close(s.lines)
	sc := bufio.NewScanner(stdout)
	sc.Buffer(nil, maxLine)
	for sc.Scan() {
		s.lines <- bytes.Clone(sc.Bytes())
	}
}

func (s *session) talk() error {
	h := header{s.script.Server, s.script.Package, s.script.Version, s.script.Target, time.Now().UTC().Format(time.DateOnly)}
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s\n", b)
	caps := s.script.Capabilities
	if caps == nil {
		caps = json.RawMessage(`{}`)
	}
	hello := fmt.Sprintf(`{"protocolVersion":"2025-11-25","capabilities":%s,"clientInfo":{"name":"agentmesh-record","version":"1.0.0"}}`, caps)
	if err := s.ask(step{Method: "initialize", Params: json.RawMessage(hello)}); err != nil {
		return err
	}
	if err := s.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, ""); err != nil {
		return err
	}
	steps := append([]step{{Method: "tools/list", Params: json.RawMessage(`{}`)}}, s.script.Calls...)
	for _, st := range steps {
		if err := s.ask(st); err != nil {
			return fmt.Errorf("%s%s: %w", st.Method, st.Tool, err)
		}
	}
	return nil
}

// ask sends one request and waits for its answer, answering what the server asks meanwhile.
func (s *session) ask(st step) error {
	if st.Tool != "" {
		st.Method = "tools/call"
		name, _ := json.Marshal(st.Tool)
		args := st.Arguments
		if args == nil {
			args = json.RawMessage(`{}`)
		}
		st.Params = fmt.Appendf(nil, `{"name":%s,"arguments":%s}`, name, args)
	}
	var params bytes.Buffer
	if err := json.Compact(&params, st.Params); err != nil {
		return err
	}
	s.sent++
	id := fmt.Sprint(s.sent)
	if err := s.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, st.Method, &params), st.Note); err != nil {
		return err
	}
	return s.await(id)
}

func (s *session) await(id string) error {
	late := time.After(patience)
	for {
		select {
		case <-late:
			return errors.New("no answer in a minute")
		case line, ok := <-s.lines:
			if !ok {
				return errors.New("server went away")
			}
			s.wrote("server", line, "")
			var m struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
			}
			if json.Unmarshal(line, &m) != nil || m.ID == nil {
				continue
			}
			if m.Method == "" && string(m.ID) == id {
				return nil
			}
			if m.Method != "" {
				if err := s.send(reply(m.ID, m.Method), ""); err != nil {
					return err
				}
			}
		}
	}
}

// reply answers what servers ask of clients.
func reply(id json.RawMessage, method string) string {
	result := map[string]string{
		"ping":                   `{}`,
		"roots/list":             `{"roots":[{"uri":"file:///srv/project","name":"project"}]}`,
		"sampling/createMessage": `{"role":"assistant","content":{"type":"text","text":"A short answer."},"model":"none","stopReason":"endTurn"}`,
		"elicitation/create":     `{"action":"decline"}`,
	}[method]
	if result == "" {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"method not found"}}`, id)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

func (s *session) send(line, note string) error {
	s.wrote("client", []byte(line), note)
	_, err := io.WriteString(s.in, line+"\n")
	return err
}

// wrote adds a line to the recording: a JSON line byte for byte as "message", any other as "text".
func (s *session) wrote(from string, line []byte, note string) {
	if note != "" {
		n, _ := json.Marshal(note)
		note = fmt.Sprintf(`"note":%s,`, n)
	}
	if !json.Valid(line) {
		t, _ := json.Marshal(string(line))
		fmt.Fprintf(s.out, `{"from":%q,"text":%s}`+"\n", from, t)
		return
	}
	fmt.Fprintf(s.out, `{"from":%q,%s"message":%s}`+"\n", from, note, line)
}
