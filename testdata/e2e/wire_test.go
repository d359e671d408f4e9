package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// wire is a client that sends the very bytes it is told to.
type wire struct {
	t     testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // what came, line feeds left out; closed at the end
	errs  *tail
	ended chan struct{}
	last  int // id used last by ask
}

// dial starts a program and speaks lines with it.
func dial(t testing.TB, cmd *exec.Cmd) *wire {
	t.Helper()
	w := &wire{t: t, cmd: cmd, lines: make(chan string, 1<<16), errs: &tail{}, ended: make(chan struct{}), last: 1000}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if cmd.Stderr == nil {
		cmd.Stderr = w.errs
	}
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	w.in = in
	go w.listen(out)
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-w.ended
		if t.Failed() {
			t.Logf("stderr of %s:\n%s", strings.Join(cmd.Args, " "), w.errs)
		}
	})
	return w
}

func (w *wire) listen(out io.Reader) {
	r := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			w.lines <- strings.TrimSuffix(line, "\n")
		}
		if err != nil {
			break
		}
	}
	close(w.lines)
	w.cmd.Wait()
	close(w.ended)
}

// send sends a line.
func (w *wire) send(line string) {
	w.t.Helper()
	if _, err := io.WriteString(w.in, line+"\n"); err != nil {
		w.t.Fatalf("send %.100q: %v", line, err)
	}
}

// next is the next line that comes.
func (w *wire) next() string {
	w.t.Helper()
	select {
	case line, ok := <-w.lines:
		if !ok {
			w.t.Fatal("the other side has ended")
		}
		return line
	case <-time.After(patience):
		w.t.Fatal("nothing comes")
	}
	return ""
}

// reply is an answer, read loosely.
type reply struct {
	ID     json.RawMessage
	Method string
	Result struct {
		Content []struct{ Text string }
		IsError bool
		Meta    map[string]verdict `json:"_meta"`
	}
	Error *struct {
		Code    int
		Message string
		Data    map[string]verdict
	}
	line string
}

// text is the text of a tool's answer.
func (r reply) text() string {
	var texts []string
	for _, c := range r.Result.Content {
		texts = append(texts, c.Text)
	}
	return strings.Join(texts, "\n")
}

// verdict is what the answer says of a refusal, however it was answered.
func (r reply) verdict() verdict {
	if r.Error != nil {
		return r.Error.Data[verdictMember]
	}
	return r.Result.Meta[verdictMember]
}

// answerTo waits for the answer to an id, given as it stands in JSON, and passes everything else by.
func (w *wire) answerTo(id string) reply {
	w.t.Helper()
	for {
		r := reply{line: w.next()}
		if err := json.Unmarshal([]byte(r.line), &r); err != nil {
			w.t.Fatalf("%v: %.300s", err, r.line)
		}
		if r.Method == "" && string(r.ID) == id {
			return r
		}
	}
}

// ask sends a request and waits for its answer.
func (w *wire) ask(method, params string) reply {
	w.t.Helper()
	w.last++
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, w.last, method, params))
	return w.answerTo(fmt.Sprint(w.last))
}

// call calls a tool.
func (w *wire) call(tool string, arguments any) reply {
	w.t.Helper()
	b, err := json.Marshal(arguments)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.ask("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, b))
}

// open does the handshake of the legacy era.
func (w *wire) open() *wire {
	w.t.Helper()
	w.ask("initialize", `{"protocolVersion":"`+legacy+`","capabilities":{},"clientInfo":{"name":"e2e","version":"1.0.0"}}`)
	w.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return w
}

// leave closes the line and gives the exit code.
func (w *wire) leave() int {
	w.t.Helper()
	w.in.Close()
	return w.exit()
}

// exit waits for the end.
func (w *wire) exit() int {
	w.t.Helper()
	for deadline := time.After(patience); ; {
		select {
		case <-w.lines:
			if !w.over() {
				continue
			}
		case <-deadline:
			w.t.Fatal("it does not end")
		}
		return w.cmd.ProcessState.ExitCode()
	}
}

func (w *wire) over() bool {
	select {
	case <-w.ended:
		return true
	case <-time.After(time.Millisecond):
		return false
	}
}
