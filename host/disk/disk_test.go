package disk_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"agentmesh/host/disk"
)

// childEnv makes this test binary do one thing to a folder, as another process.
const childEnv = "DISK_TEST_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		os.Exit(child(what, os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}

// child says a line when it has done what it is for, and stays until its input ends.
func child(what, dir string) int {
	var err error
	var held any // kept from being closed by the garbage collector
	switch what {
	case "lock":
		held, err = disk.LockFile(filepath.Join(dir, "lock"), true)
	case "part":
		held, err = disk.NewPart(dir)
	case "replace":
		for i := 0; i < 20 && err == nil; i++ {
			err = disk.Replace(filepath.Join(dir, "file"), content(byte('a'+i)), 0o600)
		}
	}
	fmt.Println("done", err)
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = fmt.Sprint(held)
	return 0
}

// begin starts a child and waits for its line.
func begin(t *testing.T, what, dir string) (kill func()) {
	t.Helper()
	c := exec.Command(os.Args[0], dir)
	c.Env = append(os.Environ(), childEnv+"="+what)
	c.Stderr = os.Stderr
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	must(t, errors.Join(err1, err2, c.Start()))
	kill = sync.OnceFunc(func() {
		_ = c.Process.Kill()
		in.Close()
		_ = c.Wait()
	})
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "done <nil>\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return kill
}

func content(b byte) []byte { return bytes.Repeat([]byte{b}, 100_000) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// left are the names in a folder.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestWritesThatAreRefusedLeaveNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(file string) error
		write   func(string, []byte, fs.FileMode) error
		want    error
	}{
		{"a file where there must be none", func(file string) error { return os.WriteFile(file, []byte("old"), 0o600) }, disk.Create, fs.ErrExist},
		{"a link where there must be nothing", func(file string) error { return os.Symlink("nowhere", file) }, disk.Create, fs.ErrExist},
		{"a folder in the place", func(file string) error { return os.Mkdir(file, 0o700) }, disk.Replace, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "file")
			must(t, c.prepare(file))
			before, err := os.Lstat(file)
			must(t, err)
			if err := c.write(file, []byte("new"), 0o600); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if after, err := os.Lstat(file); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was touched: %v", err)
			}
			if names := left(t, dir); names != "file" {
				t.Errorf("there is left: %s", names)
			}
		})
	}
	if err := disk.Replace(filepath.Join(t.TempDir(), "none", "file"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
}

func TestAPartThatIsGivenUpLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	p, err := disk.NewPart(dir)
	must(t, err)
	if _, err := p.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	p.Discard()
	if names := left(t, dir); names != "" {
		t.Errorf("there is left: %s", names)
	}
}

func TestReplaceAndCreate(t *testing.T) {
	dir := t.TempDir()
	file, target := filepath.Join(dir, "file"), filepath.Join(dir, "target")
	must(t, disk.Create(file, []byte("one"), 0o644))
	must(t, disk.Replace(file, []byte("two"), 0o600))
	must(t, os.WriteFile(target, []byte("kept"), 0o600))
	must(t, os.Symlink(target, filepath.Join(dir, "link")))
	must(t, disk.Replace(filepath.Join(dir, "link"), []byte("three"), 0o644))
	for name, want := range map[string]string{"file": "-rw------- two", "target": "-rw------- kept", "link": "-rw-r--r-- three"} {
		path := filepath.Join(dir, name)
		text, err1 := os.ReadFile(path)
		info, err2 := os.Lstat(path)
		must(t, errors.Join(err1, err2))
		if got := info.Mode().String() + " " + string(text); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if names := left(t, dir); names != "file link target" {
		t.Errorf("there is left: %s", names)
	}
}

// TestReadersSeeWholeFiles lets two processes and several goroutines replace one file while it is read and swept.
func TestReadersSeeWholeFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, disk.Replace(file, content('A'), 0o600))
	stop, read := make(chan struct{}), sync.WaitGroup{}
	read.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			text, _, err := disk.Read(file, disk.Rule{Most: 1 << 20, Check: disk.Trusted})
			if err != nil || len(text) != 100_000 || !bytes.Equal(text, content(text[0])) {
				t.Errorf("%d bytes were read: %v", len(text), err)
				return
			}
			if _, err := disk.Sweep(dir); err != nil {
				t.Error(err)
			}
		}
	})
	var write sync.WaitGroup
	for w := range 4 {
		write.Go(func() {
			for range 10 {
				if err := disk.Replace(file, content(byte('0'+w)), 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	begin(t, "replace", dir)
	write.Wait()
	close(stop)
	read.Wait()
	if names := left(t, dir); names != "file" {
		t.Errorf("there is left: %s", names)
	}
}

func TestCreateIsWonByOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = disk.Create(file, content(byte('0'+i)), 0o600) })
	}
	all.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Errorf("%d and %d both made it", won, i)
		case err == nil:
			won = i
		case !errors.Is(err, fs.ErrExist):
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || won < 0 || !bytes.Equal(text, content(byte('0'+won))) {
		t.Errorf("%d won, and what is there is another's: %v", won, err)
	}
}
