package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// odd is a proxy before the odd server, which has some of its manners from the start.
func odd(t testing.TB, p place, flags string, manners ...string) *wire {
	t.Helper()
	return dial(t, p.proxy("--policy permissive --footer none --server odd "+flags, append([]string{filepath.Join(built, "odd")}, manners...)...))
}

// behave asks the odd server to show a manner, without waiting for what comes of it. It gives the id.
func (w *wire) behave(manner string, n int) string {
	w.t.Helper()
	w.last++
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"odd","arguments":{"manner":%q,"n":%d}}}`, w.last, manner, n))
	return fmt.Sprint(w.last)
}

// alive makes a call that must be answered.
func (w *wire) alive() {
	w.t.Helper()
	if r := w.call("echo", args("text", "still here")); r.text() != "still here" || r.Result.IsError {
		w.t.Errorf("a call is answered with %.300s", r.line)
	}
}

// lost wants the errors of requests that the server never answers, in any order.
func (w *wire) lost(ids ...string) {
	w.t.Helper()
	for left := slices.Clone(ids); len(left) > 0; {
		r := reply{line: w.next()}
		if err := json.Unmarshal([]byte(r.line), &r); err != nil {
			w.t.Fatalf("%v: %.300s", err, r.line)
		}
		i := slices.Index(left, string(r.ID))
		if i < 0 {
			continue
		}
		left = slices.Delete(left, i, i+1)
		if r.Error == nil || r.Error.Code != -32603 {
			w.t.Errorf("request %s is answered with %.300s, want an error -32603", r.ID, r.line)
		}
	}
}

// pid is a process id that the server told on stderr.
func (w *wire) pid(of string) int {
	w.t.Helper()
	find := regexp.MustCompile(`(?m)^` + of + ` (\d+)$`)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if m := find.FindStringSubmatch(w.errs.String()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				w.t.Fatal(err)
			}
			return n
		}
	}
	w.t.Fatalf("the server did not tell its %s:\n%s", of, w.errs)
	return 0
}

// gone waits until a process is no more.
func gone(t testing.TB, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return
		}
	}
	t.Errorf("process %d lives on", pid)
}

func TestAServerThatEnds(t *testing.T) {
	for name, c := range map[string]struct {
		manner string
		n      int
		want   int
		answer bool // comes, else an error
	}{
		"with a code":                     {manner: "exit", n: 3, want: 3},
		"with 0 in the middle of a call":  {manner: "exit", n: 0, want: 0},
		"killed":                          {manner: "die", want: 128 + 9},
		"in the middle of a word":         {manner: "die-in-a-word", n: 4, want: 4},
		"with an answer without line end": {manner: "no-line-end", n: 5, want: 5, answer: true},
		"for its output alone":            {manner: "stdout-closed", want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			w := odd(t, p, "").open()
			pid := w.pid("pid")
			pending := []string{w.behave("silent", 0), w.behave("silent", 0)}
			last := w.behave(c.manner, c.n)
			if c.answer {
				if r := w.answerTo(last); r.text() != "done" {
					t.Errorf("the last answer is %s", r.line)
				}
			} else {
				pending = append(pending, last)
			}
			w.lost(pending...)
			if code := w.exit(); code != c.want {
				t.Errorf("exit code %d, want %d", code, c.want)
			}
			gone(t, pid)
			if n := len(p.audit("--kind", "decision")); n != 3 {
				t.Errorf("the ledger has %d decisions, want 3", n)
			}
			p.verified()
		})
	}
}

// TestAServerThatWillNotEnd has a client that leaves while a call is under way, or a signal that ends the proxy.
func TestAServerThatWillNotEnd(t *testing.T) {
	for name, c := range map[string]struct {
		manners []string
		leave   func(w *wire) error
	}{
		"ignores the end of its input": {[]string{"deaf-to-end"}, func(w *wire) error { return w.in.Close() }},
		"ignores SIGTERM too":          {[]string{"deaf-to-end", "deaf-to-signals"}, func(w *wire) error { return w.in.Close() }},
		"SIGTERM for the proxy":        {[]string{"deaf-to-end", "deaf-to-signals"}, func(w *wire) error { return w.cmd.Process.Signal(syscall.SIGTERM) }},
		"leaves an heir":               {[]string{"heir"}, func(w *wire) error { return w.in.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			w := odd(t, p, "", c.manners...).open()
			pid := w.pid("pid")
			if c.manners[0] == "heir" {
				heir := w.pid("heir")
				t.Cleanup(func() { syscall.Kill(heir, syscall.SIGKILL) })
			}
			pending := []string{w.behave("silent", 0), w.behave("silent", 0)}
			w.alive()
			p.must(c.leave(w))
			w.lost(pending...)
			if code := w.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			gone(t, pid)
			p.verified()
		})
	}
}

// TestADeafServer has a server that reads nothing at all. The client sends more than a pipe holds and leaves, or more than
// anything holds, and asks for the end as clients do that do not get it otherwise.
func TestADeafServer(t *testing.T) {
	for name, c := range map[string]struct {
		calls int
		leave func(w *wire) error
	}{
		"a client that leaves": {50, func(w *wire) error { return w.in.Close() }},
		"SIGTERM":              {3000, func(w *wire) error { return w.cmd.Process.Signal(syscall.SIGTERM) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			w := odd(t, p, "", "deaf")
			pid := w.pid("pid")
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				text := strings.Repeat("x", 64<<10)
				for i := range c.calls {
					_, err := fmt.Fprintf(w.in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":%q}}}`+"\n", i, text)
					if err != nil {
						return // the proxy has ended
					}
				}
			}()
			select {
			case <-sent:
			case <-time.After(3 * time.Second): // stuck; where it is not yet, the test is only easier to pass
			}
			p.must(c.leave(w))
			if code := w.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			gone(t, pid)
			p.verified()
		})
	}
}

// TestAServerThatSpeaksBadly has each bad answer, and calls that go on as if nothing were.
func TestAServerThatSpeaksBadly(t *testing.T) {
	const over = 17 << 20
	for name, c := range map[string]struct {
		manner string
		n      int
		lost   bool // the call gets an error
		odd    int  // entries in the ledger at least
	}{
		"floods stderr":                 {manner: "flood", n: 48 << 20},
		"garbage around it":             {manner: "garbage", odd: 6},
		"in pieces":                     {manner: "pieces"},
		"too long":                      {manner: "long", n: over, lost: true, odd: 1},
		"after a line that is too long": {manner: "long-noise", n: over, odd: 1},
		"twice":                         {manner: "twice", odd: 1},
		"answers nobody asked for":      {manner: "strangers", odd: 2},
		"with a carriage return":        {manner: "crlf"},
		"after many notifications":      {manner: "notes", n: 5000},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			w := odd(t, p, "").open()
			id := w.behave(c.manner, c.n)
			if c.lost {
				w.lost(id)
			} else if r := w.answerTo(id); r.text() != "done" {
				t.Errorf("the answer is %.300s", r.line)
			}
			for range 3 {
				w.heedful(c.manner)
			}
			if code := w.leave(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if n := len(p.audit("--kind", "refused")); n < c.odd || c.odd == 0 && n != 0 {
				t.Errorf("the ledger has %d refusals, want %d at least", n, c.odd)
			}
			p.verified()
		})
	}
}

// heedful makes a call and wants nothing to come before its answer that has no place there.
func (w *wire) heedful(manner string) {
	w.t.Helper()
	w.last++
	w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"next"}}}`, w.last))
	line := w.next()
	if !strings.Contains(line, `"next"`) || !strings.Contains(line, fmt.Sprintf(`"id":%d`, w.last)) {
		w.t.Errorf("after %s, a call is answered with %.300q", manner, line)
	}
}

// TestStderrNobodyReads is a flood while the client never reads the proxy's stderr.
func TestStderrNobodyReads(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cmd := p.proxy("--policy permissive --footer none", filepath.Join(built, "odd"))
	r, unread, err := os.Pipe()
	p.must(err)
	defer r.Close()
	defer unread.Close()
	cmd.Stderr = unread
	w := dial(t, cmd).open()
	if r := w.answerTo(w.behave("flood", 32<<20)); r.text() != "done" {
		t.Errorf("the answer is %.300s", r.line)
	}
	w.alive()
	if code := w.leave(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	p.verified()
}

// TestAClientThatDoesNotRead has the server say more than pipes hold; the client closes its end of the talk and waits.
func TestAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cmd := p.proxy("--policy permissive --footer none", filepath.Join(built, "odd"))
	in, err := cmd.StdinPipe()
	p.must(err)
	r, unread, err := os.Pipe()
	p.must(err)
	defer r.Close()
	defer unread.Close()
	errs := &tail{}
	cmd.Stdout, cmd.Stderr = unread, errs
	p.must(cmd.Start())
	_, err = io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"odd","arguments":{"manner":"notes","n":100000}}}`+"\n")
	p.must(err)
	p.must(in.Close())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the proxy ended with %v\n%s", err, errs)
		}
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatal("the proxy does not end")
	}
	p.verified()
}

// TestAClientThatIsGone closes both ends at once, as a client that was killed does.
func TestAClientThatIsGone(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cmd := p.proxy("--policy permissive --footer none", filepath.Join(built, "odd"))
	theirs, in, err := os.Pipe()
	p.must(err)
	out, ours, err := os.Pipe()
	p.must(err)
	errs := &tail{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, ours, errs
	p.must(cmd.Start())
	_, err = io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"odd","arguments":{"manner":"notes","n":5000}}}`+"\n")
	p.must(err)
	_, err = out.Read(make([]byte, 100)) // it is in the middle of it
	p.must(err)
	for _, f := range []*os.File{theirs, ours, in, out} {
		p.must(f.Close())
	}
	pid := (&wire{t: t, errs: errs}).pid("pid")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatal("the proxy does not end")
	}
	gone(t, pid)
	p.verified()
}

// TestAClientThatSpeaksBadly has each bad message, and calls that go on as if nothing were.
func TestAClientThatSpeaksBadly(t *testing.T) {
	p := newPlace(t)
	w := odd(t, p, "").open()
	const over = 17 << 20
	bad := []struct {
		name, line, id string
		code           int
	}{
		{"no JSON", `hello`, "null", -32700},
		{"half of one", `{"jsonrpc":"2.0","id":1,"method":"ping"`, "null", -32700},
		{"a number", `17`, "null", -32600},
		{"an empty batch", `[]`, "null", -32600},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]`, "null", -32600},
		{"an id that is an object", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, "null", -32600},
		{"params that are a list", `{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}`, "7", -32600},
		{"too long", `{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"echo","arguments":{"text":"` + strings.Repeat("x", over) + `"}}}`, "8", -32600},
		{"too long, and no JSON", strings.Repeat("x", over), "null", -32600},
		{"bytes", "\x00\x01\xff", "null", -32700},
	}
	for _, b := range bad {
		w.send(b.line)
		if r := w.answerTo(b.id); r.Error == nil || r.Error.Code != b.code {
			t.Errorf("%s: answered with %.300s, want code %d", b.name, r.line, b.code)
		}
		w.alive()
	}
	w.send("")
	w.send(" \t\r")
	w.alive()
	if _, err := io.WriteString(w.in, `{"jsonrpc":"2.0","id":"last","method":"ping"}`); err != nil { // without a line end
		t.Fatal(err)
	}
	p.must(w.in.Close())
	if r := w.answerTo(`"last"`); r.Error != nil {
		t.Errorf("what stands after the last line end is answered with %s", r.line)
	}
	if code := w.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := len(p.audit("--kind", "refused")); n != len(bad) {
		t.Errorf("the ledger has %d refusals, want %d", n, len(bad))
	}
	p.verified()
}

// TestAClientThatLeavesEarly sends calls and closes its end at once: each is decided, done and answered.
func TestAClientThatLeavesEarly(t *testing.T) {
	p := newPlace(t)
	w := odd(t, p, "", "last-words")
	const calls = 500
	for i := range calls {
		w.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%d"}}}`, i, i))
	}
	silent := w.behave("silent", 0)
	p.must(w.in.Close())
	for i := range calls {
		if r := w.answerTo(fmt.Sprint(i)); r.text() != fmt.Sprint(i) {
			t.Fatalf("call %d is answered with %.300s", i, r.line)
		}
	}
	if line := w.next(); !strings.Contains(line, "goodbye") {
		t.Errorf("the server's last words are %s", line)
	}
	w.lost(silent)
	if code := w.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if n := len(p.audit("--kind", "decision", "--decision", "allow")); n != calls+1 {
		t.Errorf("the ledger has %d decisions, want %d", n, calls+1)
	}
	p.verified()
}
