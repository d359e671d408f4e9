package ledger_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"agentmesh/host/ledger"
)

// crashWriter is a process that appends from four callers until it is killed, and prints each entry that was acknowledged.
func crashWriter() int {
	mode, err := ledger.ParseMode(os.Getenv("LEDGER_TEST_WRITER"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c := ledger.Config{Dir: os.Getenv("LEDGER_TEST_DIR"), Keys: os.Getenv("LEDGER_TEST_KEYS"), Mode: mode}
	// Small segments and frequent checkpoints: the kill shall hit every one of their steps.
	c = c.WithPace(5*time.Millisecond, 64<<10)
	c.Report = func(err error) { fmt.Fprintln(os.Stderr, err) }
	l, err := ledger.Open(context.Background(), c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				e := decision(n)
				e.ID = fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, n)
				if n%200 == 7 {
					e.Body = []byte(`"` + strings.Repeat("b", 61_000) + `"`)
				}
				id, err := l.Append(context.Background(), e)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%v %s\n", id, e.ID) // one write: it is whole in the pipe or not there
				if mode == ledger.OS {          // or a hundred kills take a hundred million entries to check
					time.Sleep(200 * time.Microsecond)
				}
				if n%7 == 0 {
					if err := l.AppendAsync(decision(n)); err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(1)
					}
				}
			}
		})
	}
	wg.Wait()
	return 0
}

// writer is a running crashWriter.
type writer struct {
	cmd    *exec.Cmd
	stderr strings.Builder
	ready  chan bool
	done   chan struct{}
	acked  map[string]string // place to ID
}

func startWriter(t *testing.T, c ledger.Config, mode ledger.Mode) *writer {
	t.Helper()
	w := &writer{cmd: exec.Command(os.Args[0]), ready: make(chan bool, 1), done: make(chan struct{}), acked: map[string]string{}}
	w.cmd.Env = append(os.Environ(), "LEDGER_TEST_WRITER="+mode.String(), "LEDGER_TEST_DIR="+c.Dir, "LEDGER_TEST_KEYS="+c.Keys)
	w.cmd.Stderr = &w.stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.done)
		defer close(w.ready)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if place, id, found := strings.Cut(lines.Text(), " "); found {
				w.acked[place] = id
			} else {
				w.ready <- true
			}
		}
	}()
	if !<-w.ready {
		w.cmd.Wait()
		t.Fatalf("a writer did not start: %s", w.stderr.String())
	}
	return w
}

// kill ends the process as a power switch would, and returns what it had acknowledged.
func (w *writer) kill(t *testing.T) map[string]string {
	t.Helper()
	if err := w.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-w.done
	w.cmd.Wait() // it says "killed", of course
	if w.stderr.Len() > 0 {
		t.Errorf("a writer said: %s", w.stderr.String())
	}
	return w.acked
}

// TestKilledWriters kills one of two writers again and again: a hundred times with SOAK set.
func TestKilledWriters(t *testing.T) {
	kills := 10
	if os.Getenv("SOAK") != "" {
		kills = 100
	}
	for _, mode := range []ledger.Mode{ledger.Sync, ledger.OS} {
		t.Run(mode.String(), func(t *testing.T) { crash(t, mode, kills) })
	}
}

func crash(t *testing.T, mode ledger.Mode, kills int) {
	c := config(t)
	writers := []*writer{startWriter(t, c, mode), startWriter(t, c, mode)}
	acked := make(map[string]string)
	keep := func(more map[string]string) {
		for place, id := range more {
			if acked[place] != "" {
				t.Errorf("place %s was acknowledged twice", place)
			}
			acked[place] = id
		}
	}
	for n := range kills {
		time.Sleep(rand.N(60 * time.Millisecond)) // at random, this is what is tested
		i := rand.IntN(2)
		keep(writers[i].kill(t))
		if n%3 == 0 {
			verifyUncovered(t, c)
		}
		writers[i] = startWriter(t, c, mode)
	}
	keep(writers[0].kill(t))
	keep(writers[1].kill(t))
	first, second := open(t, c), open(t, c) // the next processes sign what was left
	key := first.Key()
	closeLedger(t, first)
	closeLedger(t, second)
	if r := verify(t, c, key); !r.OK() || len(r.Shards) != 2 || r.Shards[0].Uncovered+r.Shards[1].Uncovered > 0 {
		t.Fatalf("verify: %+v", r)
	}
	checkAcked(t, c, key, acked)
	t.Logf("%d entries were acknowledged", len(acked))
}

// verifyUncovered verifies while one writer runs and the other was killed a moment ago.
func verifyUncovered(t *testing.T, c ledger.Config) {
	t.Helper()
	key, err := ledger.ReadKey(c.Keys)
	if err != nil {
		t.Fatal(err)
	}
	if r := verify(t, c, key); !r.OK() {
		t.Errorf("after a kill: %v", r.Problems)
	}
}

func checkAcked(t *testing.T, c ledger.Config, key ledger.Key, acked map[string]string) {
	t.Helper()
	reader := ledger.NewReader(c.Dir, nil)
	found := 0
	for record, err := range reader.Records(t.Context(), ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		id := acked[record.At.String()]
		if id == "" {
			continue
		}
		found++
		if record.ID != id {
			t.Errorf("entry %v is %s, acknowledged was %s", record.At, record.ID, id)
		}
	}
	if found != len(acked) {
		t.Errorf("%d of %d acknowledged entries are there", found, len(acked))
	}
	n := 0
	for place := range acked { // in random order
		if n++; n > 50 {
			break
		}
		proof, err := reader.Prove(t.Context(), place)
		if err == nil {
			_, err = key.CheckProof(proof)
		}
		if err != nil {
			t.Errorf("prove: %v", err)
		}
	}
}
