package release_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agentmesh/host/identity"
	"agentmesh/host/release"
)

var errCrash = errors.New("the machine stops here")

// brittle is a disk of a machine that stops at one step. What was not synced by then may be lost: names that were made or
// replaced are as they were when forget is set, and the file that was being written has half its bytes.
type brittle struct {
	release.HardDisk
	left    int // steps until it stops
	forget  bool
	stopped bool
	undo    map[string][]func() // by folder, until it is synced
}

func (b *brittle) step() error {
	if b.left--; b.left >= 0 && !b.stopped {
		return nil
	}
	if !b.stopped && b.forget {
		for _, undos := range b.undo {
			for _, u := range slices.Backward(undos) {
				u()
			}
		}
	}
	b.stopped = true
	return errCrash
}

func (b *brittle) later(dir string, undo func()) {
	if b.undo == nil {
		b.undo = map[string][]func(){}
	}
	b.undo[dir] = append(b.undo[dir], undo)
}

func (b *brittle) Mkdir(dir string) error {
	if err := b.step(); err != nil {
		return err
	}
	b.later(filepath.Dir(dir), func() { os.RemoveAll(dir) })
	return b.HardDisk.Mkdir(dir)
}

func (b *brittle) Write(path string, data []byte) error {
	if err := b.step(); err != nil {
		_ = os.WriteFile(path, data[:len(data)/2], 0o600)
		return err
	}
	return b.HardDisk.Write(path, data)
}

func (b *brittle) Rename(from, to string) error {
	if err := b.step(); err != nil {
		return err
	}
	before, readErr := os.ReadFile(to)
	after, _ := os.ReadFile(from)
	b.later(filepath.Dir(to), func() {
		_ = os.WriteFile(from, after, 0o600)
		if readErr != nil {
			os.Remove(to)
		} else {
			_ = os.WriteFile(to, before, 0o600)
		}
	})
	return b.HardDisk.Rename(from, to)
}

func (b *brittle) SyncDir(dir string) error {
	if err := b.step(); err != nil {
		return err
	}
	delete(b.undo, dir)
	return b.HardDisk.SyncDir(dir)
}

func (b *brittle) Remove(path string) error {
	if err := b.step(); err != nil {
		return err
	}
	return b.HardDisk.Remove(path)
}

// TestACrashAtAnyStepLosesNothing stops the machine at each step of each change. Afterwards the folder opens, what was
// remembered before is still remembered, a change that was acknowledged is there, and the change can be made again.
func TestACrashAtAnyStepLosesNothing(t *testing.T) {
	second := text(signed(t, next(func(r *release.Root) { revoke("cid")(r); r.Root = role(2, "ann", "bob") }).Envelope(), "ann", "bob"))
	otherSigners := text(signed(t, next(func(r *release.Root) { x := role(1, "ann"); r.Index = &x }).Envelope(), "ann", "bob"))
	sixth, first := text(signed(t, listing(t, 6, nil).Envelope(), "ida")), text(signed(t, listing(t, 1, nil).Envelope(), "ann"))
	mayGoBack, another := text(signed(t, permit(t).Envelope(), "ann", "bob")), signed(t, umbrella().Envelope(), "eve")
	newest := versioned(module("acme/solo", "3.0.0"), t)
	for _, change := range []struct {
		name string
		do   func(s *site) error
		done func(s *site) bool
	}{
		{"root and index", func(s *site) error {
			return s.Update(context.Background(), [][]byte{second}, sixth)
		}, func(s *site) bool { return rootOf(s).Root.Version == 2 && rootOf(s).Index.Version == 6 }},
		{"index signers change", func(s *site) error {
			return s.Update(context.Background(), [][]byte{otherSigners}, first)
		}, func(s *site) bool { return rootOf(s).Root.Version == 2 && rootOf(s).Index.Version == 1 }},
		{"adopt", func(s *site) error { return s.Adopt([]release.Versioned{newest}) }, func(s *site) bool {
			return release.CodeOf(s.CheckSet([]release.Versioned{versioned(module("acme/solo", "2.9.0"), t)})) == release.CodeVersionRollback
		}},
		{"permit", func(s *site) error {
			_, err := s.AddPermit(mayGoBack)
			return err
		}, func(s *site) bool { return len(rootOf(s).Permits) == 1 }},
		{"another root", func(s *site) error {
			_, err := s.AddRoot(text(another), another.Digest())
			return err
		}, func(s *site) bool { roots, err := s.Roots(); return err == nil && len(roots) == 2 }},
	} {
		for _, forget := range []bool{false, true} {
			if race && !forget {
				continue // the same steps; there is nothing more in them for the race detector
			}
			t.Run(fmt.Sprintf("%s/forget=%v", change.name, forget), func(t *testing.T) {
				t.Parallel()
				base := newSite(t)
				base.takes(listing(t, 5, nil))
				if err := base.Adopt([]release.Versioned{versioned(solo(), t)}); err != nil {
					t.Fatal(err)
				}
				for steps := 0; ; steps++ {
					if !crashed(base.copied(t), &brittle{left: steps, forget: forget}, change.do, change.done) {
						break
					}
				}
			})
		}
	}
}

func rootOf(s *site) release.Known {
	roots, err := s.Roots()
	if err != nil {
		s.t.Fatal(err)
	}
	return roots[0]
}

// copied is the same site in a folder of its own.
func (s *site) copied(t *testing.T) *site {
	t.Helper()
	c := &site{t: t, dir: filepath.Join(t.TempDir(), "trust"), now: s.now}
	if err := release.CopyFolder(c.dir, s.dir); err != nil {
		t.Fatal(err)
	}
	c.reopen()
	return c
}

// crashed makes a change on a machine that stops after some steps, and reports whether it stopped before the change was made.
func crashed(s *site, b *brittle, do func(*site) error, done func(*site) bool) bool {
	t, steps := s.t, b.left
	t.Helper()
	s.On(b)
	err := do(s)
	if err == nil && !b.stopped {
		return false
	}
	trust, openErr := release.Open(s.dir, release.Options{Now: func() time.Time { return s.now }})
	if openErr != nil {
		t.Fatalf("stopped after %d steps, and then: %v", steps, openErr)
	}
	s.Trust = trust
	if err == nil && !done(s) { // only what follows the acknowledged change had failed
		t.Fatalf("stopped after %d steps: what was acknowledged is lost", steps)
	}
	if wanted := s.CheckSet([]release.Versioned{versioned(module("acme/solo", "0.9.0"), t)}); release.CodeOf(wanted) != release.CodeVersionRollback {
		t.Fatalf("stopped after %d steps: an older version is taken: %v", steps, wanted)
	}
	if known := rootOf(s); known.Root.Version == 1 && known.Index.Version < 5 {
		t.Fatalf("stopped after %d steps: the index went back to %d", steps, known.Index.Version)
	}
	if err := do(s); err != nil || !done(s) {
		t.Fatalf("stopped after %d steps: made again, the change ends with %v", steps, err)
	}
	return true
}

// TestACrashOfTheFirstRoot stops the machine while its first root is added: nothing is trusted then, or the root is.
func TestACrashOfTheFirstRoot(t *testing.T) {
	e := signed(t, acme().Envelope(), "ann", "bob")
	for _, forget := range []bool{false, true} {
		for steps := 0; ; steps++ {
			dir := filepath.Join(t.TempDir(), "trust")
			o := release.Options{Now: func() time.Time { return t0().Add(time.Hour) }}
			first, err := release.Open(dir, o)
			if err != nil {
				t.Fatal(err)
			}
			first.On(&brittle{left: steps, forget: forget})
			_, err = first.AddRoot(text(e), e.Digest())
			if err == nil {
				break
			}
			again, openErr := release.Open(dir, o)
			if openErr != nil {
				t.Fatalf("stopped after %d steps (%v), and then: %v", steps, err, openErr)
			}
			if _, err := again.AddRoot(text(e), e.Digest()); err != nil {
				t.Fatalf("stopped after %d steps: %v", steps, err)
			}
		}
	}
}

// TestACrashOfTheDepot stops the machine while a module is put away: it is there whole, or not at all.
func TestACrashOfTheDepot(t *testing.T) {
	put := release.Stored{Module: solo(), Envelopes: []release.Envelope{attest(t, solo(), "dan")}, Receipt: release.Receipt{Root: "acme"}}
	wasm := statement(t, solo()).Wasm
	for steps := 0; ; steps++ {
		dir := t.TempDir()
		d, err := release.OpenDepot(dir)
		if err != nil {
			t.Fatal(err)
		}
		d.On(&brittle{left: steps, forget: true})
		_, err = d.Put(context.Background(), put)
		if err == nil {
			break
		}
		d, openErr := release.OpenDepot(dir)
		if openErr != nil {
			t.Fatal(openErr)
		}
		all, listErr := d.List()
		if listErr != nil || len(all) > 1 {
			t.Fatalf("stopped after %d steps: %v, %v", steps, all, listErr)
		}
		for _, r := range all {
			if got, err := d.Get(r.Wasm); err != nil || len(got.Envelopes) != 1 {
				t.Fatalf("stopped after %d steps: it is listed and cannot be read: %v", steps, err)
			}
		}
		if _, err := d.Put(context.Background(), put); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get(wasm); err != nil || got.Receipt.Root != "acme" {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
}

// childDir is how a child process of these tests learns what to do.
const childDir = "RELEASE_TEST_TRUST"

// TestChildAdopts is no test by itself: it is what the child processes run. It adopts newer and newer versions of a plugin of
// its own, and says each once that is acknowledged.
func TestChildAdopts(t *testing.T) {
	dir, name := os.Getenv(childDir), os.Getenv(childDir+"_NAME")
	if dir == "" {
		t.Skip("it is for the tests that start it")
	}
	trust, err := release.Open(dir, release.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 200; n++ {
		v := release.Versioned{Name: name, Version: fmt.Sprintf("%d.0.0", n), Wasm: statementDigest(fmt.Sprint(name, n))}
		if err := trust.Adopt([]release.Versioned{v}); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("adopted %d\n", n)
	}
}

func child(t *testing.T, dir, name string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestChildAdopts$", "-test.v")
	c.Env = append(os.Environ(), childDir+"="+dir, childDir+"_NAME="+name)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(out)
}

// TestProcessesShareAFolder has several processes change one folder at once, some of them killed in the middle: everything
// that was acknowledged is remembered, and the folder opens.
func TestProcessesShareAFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trust")
	trust, err := release.Open(dir, release.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := trust.Adopt([]release.Versioned{{Name: "acme/first", Version: "1.0.0", Wasm: statementDigest("first")}}); err != nil {
		t.Fatal(err)
	}
	const children = 4
	acknowledged := make(chan [2]int, children)
	for i := range children {
		kill := 20 + rand.IntN(60)
		c, lines := child(t, dir, fmt.Sprintf("acme/p%d", i))
		go func() {
			last := 0
			for lines.Scan() {
				if _, err := fmt.Sscanf(lines.Text(), "adopted %d", &last); err == nil && last == kill && i%2 == 0 {
					_ = c.Process.Kill()
				}
			}
			_ = c.Wait()
			acknowledged <- [2]int{i, last}
		}()
	}
	for range children {
		got := <-acknowledged
		if got[1] == 0 {
			t.Errorf("child %d adopted nothing", got[0])
		}
		again, err := release.Open(dir, release.Options{})
		if err != nil {
			t.Fatal(err)
		}
		older := release.Versioned{Name: fmt.Sprintf("acme/p%d", got[0]), Version: fmt.Sprintf("%d.0.0", got[1]-1), Wasm: statementDigest("x")}
		for _, one := range []*release.Trust{again, trust} { // one that was open all the time sees it too
			if code := release.CodeOf(one.CheckSet([]release.Versioned{older})); code != release.CodeVersionRollback {
				t.Errorf("child %d: %d was acknowledged, and %s is taken (%s)", got[0], got[1], older.Version, code)
			}
		}
	}
}

// TestOneLocalRoot has several goroutines, each with a Trust of its own as processes have, make the local root at once: there
// is one key and one root.
func TestOneLocalRoot(t *testing.T) {
	base := t.TempDir()
	ids := make(chan identity.KeyID, 8)
	for range cap(ids) {
		go func() {
			keys, err := identity.OpenKeys(filepath.Join(base, "keys"))
			if err != nil {
				t.Error(err)
			}
			trust, err := release.Open(filepath.Join(base, "trust"), release.Options{})
			if err != nil {
				t.Error(err)
			}
			key, _, err := trust.Local(keys)
			if err != nil {
				t.Error(err)
				ids <- ""
				return
			}
			ids <- key.Public().ID()
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if got := <-ids; got != first || got == "" {
			t.Errorf("two keys: %s and %s", first, got)
		}
	}
	left, err := filepath.Glob(filepath.Join(base, "trust", "*"))
	if err != nil || len(left) != 3 {
		t.Errorf("the folder has %s, want lock, local and state.json", strings.Join(left, " "))
	}
}
