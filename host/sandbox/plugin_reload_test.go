package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/hostile"
)

// withManifest is a module as a plugin of kind policy.
func withManifest(module []byte, more string) []byte {
	return wasm.AppendCustom(module[:len(module):len(module)], abi.SectionManifest, []byte(manifest("test/guest", "policy", more)))
}

// edition is the n-th version of a plugin: it says so in its manifest, and in every answer.
func edition(n int) []byte {
	text := fmt.Sprintf(`{"abi":1,"findings":[{"decision":"allow","rule":"v%d"}]}`, n)
	m := strings.Replace(manifest("test/guest", "policy", mayAllow), "1.0.0", fmt.Sprintf("1.0.%d", n), 1)
	return wasm.AppendCustom(answering(text), abi.SectionManifest, []byte(m))
}

// brokenEdition is one of the ways in which a new version is none.
func brokenEdition(n int) []byte {
	good := edition(n)
	switch n % 4 {
	case 0:
		return good[:len(good)/2]
	case 1:
		return withManifest(importsExec(), mayAllow)
	case 2:
		for _, m := range hostile.Modules() {
			if m.Name == "a start function that loops" {
				return m.Wasm
			}
		}
		panic("there is no such module")
	default: // answers what its own case does not want
		return wasm.AppendCustom(good, abi.SectionCases, []byte(aCase(`{"decision":"deny"}`)))
	}
}

// crowd asks whatever set is in force, from several sides at once, and counts.
type crowd struct {
	watcher *sandbox.Watcher
	mu      sync.Mutex
	moved   *sync.Cond
	done    int
	by      map[string]int // version
	wrong   error
	stop    bool
}

func (c *crowd) work(t *testing.T) {
	for {
		version, err := decideOnce(t, c.watcher)
		c.mu.Lock()
		c.done++
		c.by[version]++
		if err != nil && c.wrong == nil {
			c.wrong = err
		}
		stop := c.stop || c.wrong != nil
		c.moved.Broadcast()
		c.mu.Unlock()
		if stop {
			return
		}
	}
}

// decideOnce decides by the set in force: its one judge must answer as the version that it says it is.
func decideOnce(t *testing.T, w *sandbox.Watcher) (version string, err error) {
	s := w.Acquire()
	defer s.Release()
	if s.Len() != 1 {
		return "", fmt.Errorf("the set has %d judges", s.Len())
	}
	j := s.Judge(0)
	version = j.Info().Version
	found, fuel, err := j.Evaluate(t.Context(), &abi.Request{}, nil)
	switch {
	case err != nil:
		return version, fmt.Errorf("version %s: %w", version, err)
	case len(found) != 1 || "1.0."+strings.TrimPrefix(found[0].Rule, "v") != version || fuel <= 0:
		return version, fmt.Errorf("version %s says %v for %d", version, found, fuel)
	}
	return version, nil
}

// until waits for so many more decisions.
func (c *crowd) until(more int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for wanted := c.done + more; c.done < wanted && c.wrong == nil; {
		c.moved.Wait()
	}
	return c.wrong
}

// TestReloadUnderLoadGrowth swaps a plugin under those who are asking it; some new versions are broken. No decision is lost,
// and none is one of a version that was not wholly there.
func TestReloadUnderLoadGrowth(t *testing.T) {
	swaps, each := 10, 100
	if soaking() {
		swaps, each = 50, 250
	}
	dir := folder(t, nil)
	path := filepath.Join(dir, "guest.wasm")
	put(t, path, edition(0))
	cache := privateFolder(t)
	e := newEngine(t, sandbox.Options{CacheDir: cache, Admission: newAdmitter(t, sandbox.AdmitOptions{CacheDir: cache}).Admit})
	w, err := e.Watch(t.Context(), sandbox.WatchOptions{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c := &crowd{watcher: w, by: map[string]int{}}
	c.moved = sync.NewCond(&c.mu)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { c.work(t) })
	}
	broken := 0
	for n := 1; n <= swaps; n++ {
		before := w.Status().Set
		if n%5 == 3 || n%7 == 5 {
			broken++
			put(t, path, brokenEdition(broken))
			if err := w.Reload(t.Context()); err == nil || w.Status().Set != before {
				t.Errorf("swap %d: a broken version came into force: %v", n, err)
			}
		} else {
			put(t, path, edition(n))
			if err := w.Reload(t.Context()); err != nil || w.Status().Set == before {
				t.Errorf("swap %d: %v", n, err)
			}
		}
		if err := c.until(each); err != nil {
			t.Fatalf("swap %d: %v", n, err)
		}
	}
	c.mu.Lock()
	c.stop = true
	c.mu.Unlock()
	all.Wait()
	t.Logf("%d decisions over %d swaps, %d of them broken, by %d versions; none lost", c.done, swaps, broken, len(c.by))
	if c.wrong != nil || c.done < swaps*each || len(c.by) != swaps-broken+1 {
		t.Errorf("%d decisions, %d versions, %v", c.done, len(c.by), c.wrong)
	}
}

// put puts a file in another's place, at once.
func put(t *testing.T, path string, content []byte) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}
