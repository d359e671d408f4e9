package gate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// soakEnv makes the long tests run: a hundred kills, a million decisions.
const soakEnv = "SOAK"

// crashEnv makes this binary a worker on the state folder it names.
const crashEnv = "GATE_TEST_STATE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := work(dir); err != nil {
			fmt.Fprintln(os.Stderr, "worker:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	crashAgents  = 8
	crashLimit   = 250
	crashCallers = 4
)

// state is store, ledger and gate on one folder.
type state struct {
	*gate.Gate
	db  *store.DB
	log *ledger.Ledger
}

func openState(ctx context.Context, dir string, js ...*judge) (*state, error) {
	for _, d := range []string{"ledger", "keys"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	db, err := store.Open(ctx, filepath.Join(dir, "store.db"), store.Options{})
	if err != nil {
		return nil, err
	}
	limits, err := gate.NewLimits(ctx, db)
	if err != nil {
		return nil, err
	}
	log, err := ledger.Open(ctx, ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys"), Mode: ledger.OS})
	if err != nil {
		return nil, err
	}
	g, err := gate.New(newSet(js...).acquire(), log, limits, gate.Options{HMAC: log.HMAC})
	return &state{g, db, log}, err
}

func (s *state) close() error {
	if err := s.log.Close(); err != nil {
		return err
	}
	return s.db.Close()
}

func limited() *judge { return allowing("local/a", limit("ok", fmt.Sprintf("%d/hour", crashLimit))) }

// work decides until its standard input ends, and says so of every verdict that it got.
func work(dir string) error {
	s, err := openState(context.Background(), dir, limited())
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	var wg sync.WaitGroup
	for range crashCallers {
		wg.Go(func() { s.decideUntil(stop) })
	}
	wg.Wait()
	return s.close()
}

func (s *state) decideUntil(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		agent := fmt.Sprint("agent-", rand.IntN(crashAgents))
		v := s.Decide(context.Background(), crashCall(agent))
		fmt.Printf("%s %s %s %s\n", agent, v.ID, v.Decision, v.Code) // one write: whole, or not at all
	}
}

func crashCall(agent string) *gate.Call {
	return &gate.Call{Request: abi.Request{Agent: abi.ObjectValue(abi.Member{Name: "name", Value: abi.StringValue(agent)})}}
}

// worker is a process that decides.
type worker struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string
}

func startWorker(t *testing.T, dir string) *worker {
	t.Helper()
	w := &worker{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16)}
	w.cmd.Env = append(os.Environ(), crashEnv+"="+dir)
	w.cmd.Stderr = os.Stderr
	stdin, err := w.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.stdin = stdin
	go w.read(stdout)
	return w
}

// read passes on whole lines only: the last one may have been cut.
func (w *worker) read(stdout io.Reader) {
	defer close(w.lines)
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		w.lines <- strings.TrimSpace(line)
	}
}

// acknowledged is what the workers were told.
type acknowledged struct {
	verdicts map[string]string // by id: agent, decision and code
	allows   map[string]int    // by agent
}

func (a *acknowledged) take(t *testing.T, line string) {
	t.Helper()
	f := strings.Fields(line)
	if len(f) != 4 {
		t.Fatalf("a worker said %q", line)
	}
	if _, twice := a.verdicts[f[1]]; twice {
		t.Errorf("id %s was given twice", f[1])
	}
	a.verdicts[f[1]] = f[0] + " " + f[2] + " " + f[3]
	if f[2] == "allow" {
		a.allows[f[0]]++
	}
	if f[3] != "rule" && f[3] != "rate_limited" {
		t.Errorf("a worker was told %q", line)
	}
}

func (a *acknowledged) rest(t *testing.T, w *worker) {
	t.Helper()
	for line := range w.lines {
		a.take(t, line)
	}
}

// TestKilledUnderLoad kills one of two processes on one state folder, again and again, and then holds ledger and limits
// against what was acknowledged.
func TestKilledUnderLoad(t *testing.T) {
	kills := 10
	if os.Getenv(soakEnv) != "" {
		kills = 100
	}
	dir := t.TempDir()
	acked := &acknowledged{verdicts: map[string]string{}, allows: map[string]int{}}
	survivor := startWorker(t, dir)
	for range kills {
		victim := startWorker(t, dir)
		for range 1 + rand.IntN(150) {
			line, alive := <-victim.lines
			if !alive {
				t.Fatal("a worker ended by itself")
			}
			acked.take(t, line)
		}
		if err := victim.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		victim.cmd.Wait() // it was killed, which is an error by itself
		acked.rest(t, victim)
	}
	survivor.stdin.Close()
	acked.rest(t, survivor)
	if err := survivor.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	exhaust(t, dir, acked, kills)
	compare(t, dir, acked)
}

// exhaust uses up what is left of every limit and holds the sums against them: never more than the limit, and never less
// than what the killed callers may have had in hand.
func exhaust(t *testing.T, dir string, acked *acknowledged, kills int) {
	t.Helper()
	s, err := openState(t.Context(), dir, limited())
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	for i := range crashAgents {
		agent := fmt.Sprint("agent-", i)
		for {
			v := s.Decide(t.Context(), crashCall(agent))
			acked.take(t, fmt.Sprintf("%s %s %s %s", agent, v.ID, v.Decision, v.Code))
			if v.Decision != abi.Allow {
				break
			}
		}
		if n := acked.allows[agent]; n > crashLimit {
			t.Errorf("%s: %d actions passed a limit of %d", agent, n, crashLimit)
		}
		missing += crashLimit - acked.allows[agent]
	}
	if missing > kills*crashCallers {
		t.Errorf("%d of the budget were lost in %d kills of %d callers", missing, kills, crashCallers)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d verdicts, %d of %d allowances lost to them", kills, len(acked.verdicts), missing, crashAgents*crashLimit)
}

// compare looks for every acknowledged verdict in the ledger, and for counts that were given twice.
func compare(t *testing.T, dir string, acked *acknowledged) {
	t.Helper()
	found := map[string]string{}
	used := map[string]bool{}
	for r, err := range ledger.NewReader(filepath.Join(dir, "ledger"), nil).Records(t.Context(), ledger.Filter{Kind: ledger.KindDecision}) {
		if err != nil {
			t.Fatal(err)
		}
		found[r.ID] = r.Agent + " " + r.Decision + " " + r.Code
		if r.Decision != "allow" {
			continue
		}
		body, err := abi.ReadValue(string(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		n, ok := body.Get("limits").At(0).Get("used").Int()
		if key := fmt.Sprint(r.Agent, n); !ok || used[key] {
			t.Errorf("%s: the count %d was given twice", r.Agent, n)
		} else {
			used[key] = true
		}
	}
	for id, want := range acked.verdicts {
		if found[id] != want {
			t.Errorf("acknowledged %s %q; the ledger has %q", id, want, found[id])
		}
	}
}

// TestTwoProcessesShareALimit lets two processes race for one budget.
func TestTwoProcessesShareALimit(t *testing.T) {
	dir := t.TempDir()
	acked := &acknowledged{verdicts: map[string]string{}, allows: map[string]int{}}
	workers := []*worker{startWorker(t, dir), startWorker(t, dir)}
	deadline := time.After(2 * time.Minute)
	for over := 0; over < 100; { // both have long met the limit of every agent
		var line string
		select {
		case line = <-workers[0].lines:
		case line = <-workers[1].lines:
		case <-deadline:
			t.Fatal("the limits were never used up")
		}
		acked.take(t, line)
		if len(acked.allows) == crashAgents && strings.HasSuffix(line, "rate_limited") {
			over++
		}
	}
	for _, w := range workers {
		w.stdin.Close()
		acked.rest(t, w)
		if err := w.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for agent, n := range acked.allows {
		if n > crashLimit {
			t.Errorf("%s: %d actions passed a limit of %d", agent, n, crashLimit)
		}
	}
	exhaust(t, dir, acked, 0)
	compare(t, dir, acked)
}
