package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/rollout"
)

const (
	someDigest  = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	otherDigest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// lockText is a lock of one plugin with one version, whose members can be exchanged.
func lockText(replace ...string) string {
	text := `{"version":1,"revision":3,"plugins":[{"name":"eu.ai-act/transparency","kind":"policy","versions":[` +
		`{"version":"1.0.0","wasm":"` + someDigest + `","manifest":"` + otherDigest + `","size":7,"stage":"active"}]}]}`
	return strings.NewReplacer(replace...).Replace(text)
}

func TestLocksThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "unexpected end"},
		{"half", lockText()[:60], "without end"},
		{"a list", "[]", "want an object"},
		{"null", "null", "want an object"},
		{"a later format", lockText(`"version":1,`, `"version":2,`), "a later agentmesh"},
		{"no format", lockText(`"version":1,`, ``), "is not known here"},
		{"no revision", lockText(`"revision":3,`, ``), "revision is missing"},
		{"a revision below one", lockText(`"revision":3`, `"revision":0`), "revision must be"},
		{"a member named twice", lockText(`"revision":3`, `"revision":3,"revision":4`), "revision"},
		{"a member in another case", lockText(`"revision":3`, `"Revision":3,"revision":4`), `unknown member "Revision"`},
		{"an unknown member of a plugin", lockText(`"kind"`, `"trusted":true,"kind"`), `unknown member "trusted"`},
		{"an unknown member of a version", lockText(`"size"`, `"signed":true,"size"`), `unknown member "signed"`},
		{"plugins that are no list", lockText(`"plugins":[`, `"plugins":{"a":[`, `}]}]}`, `}]}]}}`), "plugins must be a list"},
		{"a name of a folder above", lockText("eu.ai-act/transparency", "../transparency"), "name"},
		{"a local name", lockText("eu.ai-act/", "local/"), "configuration of this machine"},
		{"an unknown kind", lockText(`"kind":"policy"`, `"kind":"magic"`), "kind"},
		{"no semantic version", lockText(`"1.0.0"`, `"1.0"`), "semantic version"},
		{"a version with a v", lockText(`"1.0.0"`, `"v1.0.0"`), "semantic version"},
		{"a digest as version", lockText(`"1.0.0"`, `"`+someDigest+`"`), "semantic version"},
		{"a short digest", lockText(someDigest, "sha256:aa"), "wasm must be"},
		{"a digest in capitals", lockText(someDigest, strings.Replace(strings.ToUpper(someDigest), "SHA", "sha", 1)), "wasm must be"},
		{"no digest", lockText(`"wasm":"`+someDigest+`",`, ""), "wasm must be"},
		{"a negative size", lockText(`"size":7`, `"size":-1`), "size must be"},
		{"an unknown stage", lockText(`"active"`, `"live"`), `stage "live"`},
		{"a canary without a share", lockText(`"active"`, `"canary"`), "percent"},
		{"a share of an active version", lockText(`"active"`, `"active","percent":5`), "percent"},
		{"a share of more than all", lockText(`"active"`, `"canary","percent":101`), "percent must be"},
		{"a guard of an active version", lockText(`"active"`, `"active","guard":{"min_decisions":1}`), "guard"},
		{"a guard beyond all", lockText(`"active"`, `"shadow","guard":{"max_errors":101}`), "max_errors"},
		{"a time of no day", lockText(`"active"`, `"active","since":"2026-02-30T00:00:00Z"`), "since must be"},
		{"a window without time", lockText(`"active"`, `"active","effective_from":"2027-01-01T00:00:00Z","effective_until":"2027-01-01T00:00:00Z"`), "not after"},
		{"a pin to nothing", lockText(`"kind"`, `"pinned":"9.0.0","kind"`), "pinned to 9.0.0"},
		{"yanked by a word", lockText(`"active"`, `"active","yanked":{"stopped":"yes"}`), "stopped must be"},
		{"a long reason", lockText(`"active"`, `"active","reason":"`+strings.Repeat("x", 1025)+`"`), "1024 bytes"},
		{"large", lockText(`"active"`, `"active","reason":"`+strings.Repeat("x", 5<<20)+`"`), "more than"},
		{"the same version twice", lockText(`"versions":[`, `"versions":[{"version":"1.0.0","wasm":"`+otherDigest+`","manifest":"`+otherDigest+`","size":1,"stage":"staged"},`), "twice"},
		{"the same plugin twice", lockText(`"plugins":[`, `"plugins":[{"name":"eu.ai-act/transparency","kind":"policy","versions":[]},`), "twice"},
		{"two canaries", lockText(`"active"`, `"canary","percent":5},{"version":"2.0.0","wasm":"`+otherDigest+`","manifest":"`+otherDigest+`","size":1,"stage":"canary","percent":5`), "more than one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := rollout.ReadLock([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			dir := t.TempDir()
			put(t, filepath.Join(dir, "plugins.lock"), c.text, 0o600)
			if _, err := rollout.Open(dir, rollout.Options{}); err == nil || !strings.Contains(err.Error(), "plugins.lock") {
				t.Errorf("a folder with it: %v", err)
			}
		})
	}
}

func put(t testing.TB, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func TestTheLocksTextIsOneForOneLock(t *testing.T) {
	l, err := rollout.ReadLock([]byte(`{"plugins":[
		{"versions":[{"stage":"canary","percent":10,"guard":{"min_decisions":5,"max_errors":0},"size":1,"manifest":"` + otherDigest + `","wasm":"` + someDigest + `","version":"1.10.0","since":"2026-11-23T09:00:00+01:00"},
			{"stage":"active","size":1,"manifest":"` + otherDigest + `","wasm":"` + otherDigest + `","version":"1.9.0","yanked":{"stopped":true,"reason":"<b>"}}],"kind":"policy","name":"z/z"},
		{"versions":[],"kind":"reward","name":"a/a","source":"oci://x/y"}],"revision":1,"version":1}`))
	if err != nil {
		t.Fatal(err)
	}
	first, err := rollout.AppendLock(nil, l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rollout.ReadLock(first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := rollout.AppendLock(nil, again)
	if err != nil || string(first) != string(second) {
		t.Errorf("err %v; first\n%s\nthen\n%s", err, first, second)
	}
	if diff := cmp.Diff(l, again); diff != "" {
		t.Error(diff)
	}
	a, z := strings.Index(string(first), "a/a"), strings.Index(string(first), "z/z")
	nine, ten := strings.Index(string(first), "1.9.0"), strings.Index(string(first), "1.10.0")
	if a > z || nine > ten {
		t.Errorf("not sorted:\n%s", first)
	}
}

func FuzzReadLock(f *testing.F) {
	f.Add([]byte(lockText()))
	f.Add([]byte(lockText(`"active"`, `"canary","percent":5,"guard":{"max_errors":1,"max_differences":0,"min_decisions":9},"since":"2026-11-23T08:00:00.123Z","reason":"r"`)))
	f.Add([]byte(lockText(`"kind"`, `"pinned":"1.0.0","source":"oci://a","root":"eu","kind"`, `"active"`, `"retired","yanked":{"reason":"r","since":"2026-01-01T00:00:00Z","stopped":true}`)))
	f.Fuzz(func(t *testing.T, src []byte) {
		l, err := rollout.ReadLock(src)
		if err != nil {
			return
		}
		text, err := rollout.AppendLock(nil, l)
		if err != nil {
			t.Fatalf("a lock that was read is not written: %v", err)
		}
		again, err := rollout.ReadLock(text)
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, text)
		}
		if diff := cmp.Diff(l, again); diff != "" {
			t.Fatalf("another lock is read (-want +got)\n%s", diff)
		}
		l.Running()
		l.Highest()
	})
}

// TestEditsOfManyProcessesAreAllKept lets several processes edit one lock at once. None of their edits is lost, and a reader never
// sees a half-written lock.
func TestEditsOfManyProcessesAreAllKept(t *testing.T) {
	const processes, edits = 4, 25
	if dir := os.Getenv("ROLLOUT_EDITOR"); dir != "" {
		editor(t, dir, os.Getenv("ROLLOUT_SCOPE"), edits)
		return
	}
	dir := t.TempDir()
	s, err := rollout.Open(dir, rollout.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var commands []*exec.Cmd
	for i := range processes {
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), "ROLLOUT_EDITOR="+dir, fmt.Sprintf("ROLLOUT_SCOPE=scope-%d", i))
		c.Stderr = os.Stderr
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, c)
	}
	done := make(chan error, processes)
	for _, c := range commands {
		go func() { done <- c.Wait() }()
	}
	for left := processes; left > 0; {
		select {
		case err := <-done:
			if left--; err != nil {
				t.Errorf("an editor: %v", err)
			}
		default:
			if _, err := s.Read(); err != nil {
				t.Fatalf("a reader: %v", err)
			}
			runtime.Gosched()
		}
	}
	l, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	if l.Revision != processes*edits || len(l.Plugins) != processes*edits {
		t.Errorf("revision %d with %d plugins, want %d of both", l.Revision, len(l.Plugins), processes*edits)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func editor(t *testing.T, dir, scope string, edits int) {
	s, err := rollout.Open(dir, rollout.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range edits {
		n := rollout.Newcomer{Name: fmt.Sprintf("%s/p-%d", scope, i), Kind: "policy", Version: rollout.Version{Version: "1.0.0", Wasm: someDigest, Manifest: otherDigest}}
		if _, err := s.Edit(t.Context(), func(l *rollout.Lock) (rollout.Change, error) { return l.Stage(n, time.Now()) }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnEditWaitsNoLongerThanItsCaller(t *testing.T) {
	s, err := rollout.Open(t.TempDir(), rollout.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Edit(t.Context(), func(*rollout.Lock) (rollout.Change, error) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Edit(ctx, func(*rollout.Lock) (rollout.Change, error) { return rollout.Change{}, nil })
		return rollout.Change{}, err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAnEditThatFailsChangesNothing(t *testing.T) {
	s, err := rollout.Open(t.TempDir(), rollout.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mistake := errors.New("no")
	_, err = s.Edit(t.Context(), func(l *rollout.Lock) (rollout.Change, error) {
		l.Plugins = append(l.Plugins, &rollout.Plugin{Name: "a/a", Kind: "policy"})
		return rollout.Change{}, mistake
	})
	if !errors.Is(err, mistake) {
		t.Errorf("got %v", err)
	}
	_, err = s.Edit(t.Context(), func(l *rollout.Lock) (rollout.Change, error) { // what could not be read again is not written
		l.Plugins = append(l.Plugins, &rollout.Plugin{Name: "../a", Kind: "policy"})
		return rollout.Change{}, nil
	})
	if err == nil {
		t.Error("a lock that is none was written")
	}
	if _, err := os.Stat(s.File()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a lock: %v", err)
	}
}
