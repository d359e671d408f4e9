package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// echo builds the server that only echoes.
func echo(t testing.TB) string {
	t.Helper()
	name := filepath.Join(built, "echo")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", name, "./servers/echo")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build servers/echo: %v\n%s", err, out)
	}
	return name
}

// stream is a client that sends many calls without waiting, and reads their answers beside.
type stream struct {
	*exec.Cmd
	in  *bufio.Writer
	end io.Closer
	out *bufio.Reader
}

func newStream(t *testing.T, cmd *exec.Cmd, env ...string) *stream {
	t.Helper()
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = &tail{}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // a no-op after close
		if t.Failed() {
			t.Logf("stderr of %s:\n%s", cmd.Args[0], cmd.Stderr)
		}
	})
	return &stream{cmd, bufio.NewWriter(in), in, bufio.NewReaderSize(out, 1<<16)}
}

// call sends a call of read_text_file.
func (s *stream) call(id int) error {
	_, err := fmt.Fprintf(s.in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"notes/%d.txt"}}}`+"\n", id, id)
	return err
}

var answered = regexp.MustCompile(`^\{"jsonrpc":"2\.0","id":(\d+),"result":\{"content":\[\{"type":"text","text":"([^"]*)"`)

// answer is the next answer: whose it is, and its text.
func (s *stream) answer() (id int, text string, err error) {
	line, err := s.out.ReadString('\n')
	if err != nil {
		return 0, "", err
	}
	m := answered.FindStringSubmatch(line)
	if m == nil {
		return 0, "", fmt.Errorf("an answer is %.300q", line)
	}
	id, err = strconv.Atoi(m[1])
	return id, m[2], err
}

// close leaves as clients do.
func (s *stream) close(t *testing.T) {
	t.Helper()
	if err := errors.Join(s.in.Flush(), s.end.Close()); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(s.out); err != nil || len(rest) > 0 {
		t.Errorf("after the last answer: %v, %.300q", err, rest)
	}
	if err := s.Wait(); err != nil {
		t.Errorf("the proxy ended with %v", err)
	}
}

// TestInFlight has ten thousand calls under way at once: the server has all of them before it answers the last one first.
// Every call gets its own answer, once, and its decision and outcome stand in the ledger.
func TestInFlight(t *testing.T) {
	const calls = 10_000
	p := newPlace(t)
	flags := "--policy strict --server filesystem --root " + p.project
	s := newStream(t, p.proxy(flags, echo(t)), fmt.Sprint("ECHO_HOLD=", calls))
	sent := make(chan error, 1)
	go func() {
		var err error
		for id := 1; id <= calls && err == nil; id++ {
			err = s.call(id)
		}
		sent <- errors.Join(err, s.in.Flush())
	}()
	seen := map[int]bool{}
	for range calls {
		id, text, err := s.answer()
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprint("answer to ", id); seen[id] || id < 1 || id > calls || text != want {
			t.Fatalf("the answer to %d is %q (not the first: %v), want %q", id, text, seen[id], want)
		}
		seen[id] = true
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	s.close(t)
	for _, kind := range []string{"decision", "outcome"} {
		if got := len(p.audit("--kind", kind)); got != calls {
			t.Errorf("the ledger has %d entries of kind %s, want %d", got, kind, calls)
		}
	}
	p.verified()
}

// TestSoak sends a million calls (or SOAK_CALLS) through the proxy, 64 at a time, and looks at what memory the process
// holds meanwhile: after the first fifth it no longer grows.
func TestSoak(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("minutes of it, under SOAK=1 (make soak)")
	}
	calls := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("SOAK_CALLS")); err == nil {
		calls = n
	}
	p := newPlace(t)
	flags := "--policy strict --server filesystem --root " + p.project
	s := newStream(t, p.proxy(flags, echo(t)), "ECHO_TEXT="+strings.Repeat("some text, as it stands in files\\n", 30))
	const steps = 20
	held := []int{}
	for step := range steps {
		if err := s.run(step*calls/steps, (step+1)*calls/steps); err != nil {
			t.Fatal(err)
		}
		held = append(held, resident(t, s.Process.Pid))
		t.Logf("%9d calls: %4d MiB held", (step+1)*calls/steps, held[step]>>10)
	}
	s.close(t)
	early, late := mean(held[steps/5:steps/5*2]), mean(held[steps/5*4:])
	if late > early+early/4+16<<10 {
		t.Errorf("%d KiB were held on average in the second fifth of the calls, %d KiB in the last", early, late)
	}
}

// run sends calls and takes their answers, which come in order, at most 64 behind.
func (s *stream) run(from, to int) error {
	const window = 64
	for i := from; i < to+window; i++ {
		if i < to {
			if err := s.call(i); err != nil {
				return err
			}
		}
		if i < from+window {
			continue
		}
		if s.out.Buffered() == 0 {
			if err := s.in.Flush(); err != nil {
				return err
			}
		}
		switch id, _, err := s.answer(); {
		case err != nil:
			return fmt.Errorf("the answer to %d: %w", i-window, err)
		case id != i-window:
			return fmt.Errorf("in place of the answer to %d came that to %d", i-window, id)
		}
	}
	return nil
}

// resident is what memory a process holds, in KiB.
func resident(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("what memory a process holds is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.Fields(value)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no VmRSS in %s", status)
	return 0
}

func mean(list []int) int {
	sum := 0
	for _, n := range list {
		sum += n
	}
	return sum / len(list)
}
