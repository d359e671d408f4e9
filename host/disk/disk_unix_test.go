//go:build unix

package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agentmesh/host/disk"
)

// TestFilesThatAreNotRead holds Read to its refusals. Each must come at once: a pipe has nobody at its other end.
func TestFilesThatAreNotRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, file string) error
		is    error  // or
		says  string // an UntrustedError
	}{
		{"nothing", func(_ *testing.T, file string) error { return os.Remove(file) }, fs.ErrNotExist, ""},
		{"a link", func(_ *testing.T, file string) error {
			return errors.Join(os.Rename(file, file+".real"), os.Symlink(file+".real", file))
		}, disk.ErrLink, ""},
		{"a link to itself", func(_ *testing.T, file string) error {
			return errors.Join(os.Remove(file), os.Symlink(file, file))
		}, disk.ErrLink, ""},
		{"a pipe", func(_ *testing.T, file string) error {
			return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600))
		}, disk.ErrIrregular, ""},
		{"a folder", func(_ *testing.T, file string) error {
			return errors.Join(os.Remove(file), os.Mkdir(file, 0o700))
		}, disk.ErrIrregular, ""},
		{"a file that the group can write", func(_ *testing.T, file string) error { return os.Chmod(file, 0o660) }, nil, "(mode 0660), so it is not trusted; run: chmod go-w '"},
		{"a file that anybody can write", func(_ *testing.T, file string) error { return os.Chmod(file, 0o602) }, nil, "can be written by others (mode 0602)"},
		{"another user's", foreign, nil, "belongs to user 12345, so it is not trusted; run: chown "},
		{"one byte too many", func(_ *testing.T, file string) error { return os.WriteFile(file, []byte("12345"), 0o600) }, nil, "more than 4 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "the file")
			must(t, os.WriteFile(file, []byte("1234"), 0o600))
			rule := disk.Rule{Most: 4, Check: disk.Trusted}
			if _, _, err := disk.Read(file, rule); err != nil {
				t.Fatalf("as it should be: %v", err)
			}
			must(t, c.spoil(t, file))
			_, _, err := disk.Read(file, rule)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), file) {
				t.Errorf("got %v, want %v %s", err, c.is, c.says)
			}
		})
	}
}

// foreign gives a file to another user.
func foreign(t *testing.T, file string) error {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	return os.Chown(file, 12345, 12345)
}

// TestLinksThatMayBeFollowed: what a link leads to is what is checked.
func TestLinksThatMayBeFollowed(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	must(t, errors.Join(os.WriteFile(file, []byte("text"), 0o600), os.Symlink(file, link)))
	rule := disk.Rule{Most: 4, Check: disk.Trusted, Links: true}
	text, info, err := disk.Read(link, rule)
	if err != nil || string(text) != "text" || !info.Mode().IsRegular() {
		t.Errorf("got %q, %v", text, err)
	}
	must(t, os.Chmod(file, 0o620))
	var untrusted *disk.UntrustedError
	if _, _, err := disk.Read(link, rule); !errors.As(err, &untrusted) || untrusted.Mend != "chmod go-w "+link {
		t.Errorf("a file that the group can write, by a link: %v", err)
	}
	must(t, errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)))
	if _, _, err := disk.Read(link, rule); !errors.Is(err, disk.ErrIrregular) {
		t.Errorf("a pipe, by a link: %v", err)
	}
}

func TestFoldersThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string) error
		is    error
		says  string
		enter bool // it may be trusted, and is open to others
	}{
		{"a file", func(_ *testing.T, dir string) error {
			return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600))
		}, nil, "", false},
		{"a link to a folder", func(_ *testing.T, dir string) error {
			return errors.Join(os.Rename(dir, dir+".real"), os.Symlink(dir+".real", dir))
		}, disk.ErrLink, "", false},
		{"one that anybody can write", func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777) }, nil, "chmod go-w", false},
		{"another user's", foreign, nil, "belongs to user 12345", false},
		{"one that others can enter", func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o711) }, nil, "(mode 0711), so it is not trusted; run: chmod 700", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			must(t, disk.PrivateDir(dir))
			must(t, errors.Join(disk.PrivateDir(dir), disk.TrustedDir(dir)))
			must(t, c.spoil(t, dir))
			if err := disk.PrivateDir(dir); err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("private: %v, want %v %s", err, c.is, c.says)
			}
			if err := disk.TrustedDir(dir); (err == nil) != c.enter {
				t.Errorf("trusted: %v", err)
			}
		})
	}
	if _, err := disk.Folder(os.DevNull); !errors.Is(err, disk.ErrNoFolder) {
		t.Errorf("a device: %v", err)
	}
}

func TestOneProcessHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "lock")
	kill := begin(t, "lock", dir)
	if _, err := disk.LockFile(file, false); !errors.Is(err, disk.ErrHeld) {
		t.Fatalf("another has it: %v", err)
	}
	taken := make(chan error)
	go func() {
		f, err := disk.LockFile(file, true)
		taken <- errors.Join(err, f.Close())
	}()
	select {
	case err := <-taken:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	kill()
	must(t, <-taken)
	f, err := disk.LockFile(file, false)
	must(t, err)
	if _, err := disk.LockFile(file, false); !errors.Is(err, disk.ErrHeld) {
		t.Errorf("the same process has it: %v", err)
	}
	must(t, f.Close())
	must(t, errors.Join(os.Remove(file), os.WriteFile(file+".real", nil, 0o600), os.Symlink(file+".real", file)))
	if _, err := disk.LockFile(file, true); !errors.Is(err, disk.ErrLink) {
		t.Errorf("a link: %v", err)
	}
}

func TestSweepLeavesWhatIsBeingWritten(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	p, err := disk.NewPart(dir)
	must(t, err)
	defer p.Discard()
	kill := begin(t, "part", dir)
	if n, err := disk.Sweep(dir); n != 0 || err != nil {
		t.Fatalf("%d were swept, %v", n, err)
	}
	kill()
	if n, err := disk.Sweep(dir); n != 1 || err != nil {
		t.Errorf("%d were swept of a killed writer's, %v", n, err)
	}
	must(t, p.Replace(filepath.Join(dir, "other")))
	if names := left(t, dir); names != "file other" {
		t.Errorf("there is left: %s", names)
	}
	if _, err := disk.Sweep(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestNumbers(t *testing.T) {
	dir := t.TempDir()
	number := func(name string) string {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if uid, known := disk.Owner(info); !known || uid != os.Geteuid() {
			t.Errorf("%s belongs to %d, %v", name, uid, known)
		}
		return disk.Number(info)
	}
	file := filepath.Join(dir, "file")
	must(t, errors.Join(disk.Replace(file, nil, 0o600), os.Link(file, file+".link")))
	before := number("file")
	must(t, disk.Replace(file, nil, 0o600))
	if before != number("file.link") || before == number("file") {
		t.Errorf("the file was replaced: %s, %s, and by its link %s", before, number("file"), number("file.link"))
	}
}
