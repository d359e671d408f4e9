package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/sandbox"
)

// watched is a watcher whose status is waited for, never slept for.
type watched struct {
	*sandbox.Watcher
	status chan sandbox.Status
}

func watch(t *testing.T, o sandbox.WatchOptions, paths ...string) watched {
	t.Helper()
	w := watched{status: make(chan sandbox.Status, 100)}
	o.Notify = func(s sandbox.Status) { w.status <- s }
	if o.Quiet == 0 {
		o.Quiet = 5 * time.Millisecond
	}
	var err error
	if w.Watcher, err = newEngine(t, sandbox.Options{}).Watch(t.Context(), o, paths...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// until waits for a status that passes.
func (w watched) until(t *testing.T, what string, passes func(sandbox.Status) bool) sandbox.Status {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case s := <-w.status:
			if passes(s) {
				return s
			}
		case <-deadline:
			t.Fatalf("it never came to: %s; the status is %+v", what, w.Status())
		}
	}
}

func failed(s sandbox.Status) bool { return s.Err != nil }
func well(s sandbox.Status) bool   { return s.Err == nil }

func (w watched) eval(t *testing.T, text string) string {
	t.Helper()
	s := w.Acquire()
	defer s.Release()
	return eval(t, s, text)
}

const aDelete = `{"action":{"type":"delete"}}`

func TestABrokenPolicyIsAnErrorAtTheStart(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": broken, "b.yaml": strings.Replace(broken, "broken", "b", 1)})
	_, err := newEngine(t, sandbox.Options{}).Watch(t.Context(), sandbox.WatchOptions{}, dir)
	if err == nil || !strings.Contains(err.Error(), "a.yaml") || !strings.Contains(err.Error(), "b.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestABrokenEditKeepsTheLastGoodSet(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": reading, "b.yaml": denying})
	w := watch(t, sandbox.WatchOptions{}, dir)
	before := w.Status()
	write(t, filepath.Join(dir, "b.yaml"), broken)
	// A load may also meet the file half written, which is another error.
	s := w.until(t, "an error", func(s sandbox.Status) bool { return failed(s) && strings.Contains(s.Err.Error(), "b.yaml:5:16") })
	if s.Set != before.Set || s.Judges != 2 || s.Failures == 0 || s.Failed.IsZero() {
		t.Errorf("status %+v", s)
	}
	if got := w.eval(t, aDelete); got != "deny local/denying no-deletes" {
		t.Errorf("a delete: %q", got)
	}
	write(t, filepath.Join(dir, "b.yaml"), strings.Replace(denying, "no-deletes", "mended", 1))
	if s := w.until(t, "no error", well); s.Set == before.Set {
		t.Errorf("status %+v", s)
	}
	if got := w.eval(t, aDelete); got != "deny local/denying mended" {
		t.Errorf("a delete: %q", got)
	}
}

func TestWaysOfEditing(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(t *testing.T, dir string)
		want string
	}{
		{"another file in its place", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "b.yaml~"), strings.Replace(denying, "no-deletes", "new", 1))
			if err := os.Rename(filepath.Join(dir, "b.yaml~"), filepath.Join(dir, "b.yaml")); err != nil {
				t.Fatal(err)
			}
		}, "deny local/denying new"},
		{"a new file", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "0.yaml"), strings.Replace(denying, "name: denying", "name: a-first", 1))
		}, "deny local/a-first no-deletes"},
		{"a removed file", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
				t.Fatal(err)
			}
		}, "deny  "},
		{"a parent elsewhere", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "up", "parent.yaml"), "version: \"1.0\"\nrules:\n  - name: inherited\n    condition: action.type == 'delete'\n    action: deny\n    priority: 1\n")
		}, "deny local/child inherited"},
	} {
		for _, deaf := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				dir := folder(t, map[string]string{"a.yaml": reading, "b.yaml": denying, "c.yaml": "version: \"1.0\"\nname: child\nextends: up/parent.yaml\nrules: []\n"})
				if err := os.Mkdir(filepath.Join(dir, "up"), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "up", "parent.yaml"), "version: \"1.0\"\nrules:\n  - name: p\n    condition: action.type == 'x'\n    action: deny\n")
				o := sandbox.WatchOptions{}
				if deaf {
					o = sandbox.WatchOptions{Quiet: time.Hour, Rescan: 5 * time.Millisecond} // only looking again finds it
				}
				w := watch(t, o, dir)
				c.edit(t, dir)
				w.until(t, c.want, func(s sandbox.Status) bool { return s.Err == nil && w.eval(t, aDelete) == c.want })
			})
		}
	}
}

func TestASetIsAdmittedBeforeItDecides(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": reading})
	var mu sync.Mutex
	var admitted []string
	refuse := false
	w := watch(t, sandbox.WatchOptions{Rescan: 5 * time.Millisecond, Admit: func(_ context.Context, s *sandbox.Set) error {
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			return errors.New("the ledger is closed")
		}
		admitted = append(admitted, s.Digest())
		return nil
	}}, dir)
	before := w.Status()
	mu.Lock()
	refuse = true
	mu.Unlock()
	write(t, filepath.Join(dir, "b.yaml"), denying)
	refused := func(s sandbox.Status) bool {
		return failed(s) && strings.Contains(s.Err.Error(), "the ledger is closed")
	}
	if s := w.until(t, "an error", refused); s.Set != before.Set {
		t.Errorf("status %+v", s)
	}
	mu.Lock()
	refuse = false
	mu.Unlock()
	after := w.until(t, "no error, without another edit", well)
	mu.Lock()
	defer mu.Unlock()
	if len(admitted) != 2 || admitted[0] != before.Set || admitted[1] != after.Set {
		t.Errorf("admitted %q, first %s, then %s", admitted, before.Set, after.Set)
	}
}

func TestAStartThatIsNotAdmittedFails(t *testing.T) {
	o := sandbox.WatchOptions{Admit: func(context.Context, *sandbox.Set) error { return errors.New("no") }}
	if _, err := newEngine(t, sandbox.Options{}).Watch(t.Context(), o, folder(t, nil)); err == nil {
		t.Error("it watches")
	}
}

func TestReloadOfTheSameFilesChangesNothing(t *testing.T) {
	w := watch(t, sandbox.WatchOptions{}, folder(t, map[string]string{"a.yaml": reading}))
	before := w.Status()
	if err := w.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := w.Status()
	if after.Set != before.Set || !after.Since.Equal(before.Since) || after.Loads != 2 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestAClosedWatcherHasNoSet(t *testing.T) {
	w := watch(t, sandbox.WatchOptions{}, folder(t, nil))
	w.Close()
	if s := w.Acquire(); s != nil {
		t.Error("there is a set")
	}
	if set := gate.From(w.Acquire)(); set != nil {
		t.Error("the gate sees a set")
	}
}

// TestSwapUnderLoad decides without a pause while the files change: every answer is that of the one or the other set.
func TestSwapUnderLoad(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": denying})
	w := watch(t, sandbox.WatchOptions{Quiet: time.Millisecond}, dir)
	other := strings.Replace(denying, "no-deletes", "other", 1)
	var stop atomic.Bool
	var asked, seen [2]atomic.Int64
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			q := requestOf(t, aDelete)
			for !stop.Load() {
				s := w.Acquire()
				v := gate.Eval(context.Background(), gate.As(s), q)
				s.Release()
				asked[g%2].Add(1)
				switch v.Rule {
				case "no-deletes":
					seen[0].Add(1)
				case "other":
					seen[1].Add(1)
				default:
					t.Errorf("got %+v", v)
					return
				}
			}
		})
	}
	for i := range 30 {
		text := denying
		if i%2 == 0 {
			text = other
		}
		write(t, filepath.Join(dir, "a.yaml"), text)
		w.until(t, "another set", well)
	}
	stop.Store(true)
	wg.Wait()
	if seen[0].Load() == 0 || seen[1].Load() == 0 {
		t.Errorf("only one set was seen: %d and %d", seen[0].Load(), seen[1].Load())
	}
}
