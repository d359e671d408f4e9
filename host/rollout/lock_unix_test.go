//go:build unix

package rollout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agentmesh/host/disk"
	"agentmesh/host/rollout"
)

func TestLocksThatOthersCouldHaveWrittenAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(dir, file string) error
		mended string // by chmod
	}{
		{"a lock that the group can write", func(_, file string) error { return os.Chmod(file, 0o660) }, "chmod go-w"},
		{"a lock that anybody can write", func(_, file string) error { return os.Chmod(file, 0o602) }, "chmod go-w"},
		{"a folder that anybody can write", func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "chmod go-w"},
		{"a lock of somebody else", func(_, file string) error { return foreign(t, file) }, "chown"},
		{"a link", func(_, file string) error {
			return errors.Join(os.Rename(file, file+".real"), os.Symlink(file+".real", file))
		}, ""},
		{"a folder in its place", func(_, file string) error { return errors.Join(os.Remove(file), os.Mkdir(file, 0o700)) }, ""},
		{"a pipe in its place", func(_, file string) error { return errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o600)) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "plugins.lock")
			put(t, file, lockText(), 0o600)
			s, err := rollout.Open(dir, rollout.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(dir, file); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(dir, 0o700)
			var untrusted *disk.UntrustedError
			if _, err := rollout.Open(dir, rollout.Options{}); err == nil || c.mended != "" && (!errors.As(err, &untrusted) || !strings.Contains(untrusted.Mend, c.mended)) {
				t.Errorf("opened: %v", err)
			}
			if strings.Contains(c.name, "folder that") { // it was looked at when it was opened
				return
			}
			if _, err := s.Modules(t.Context()); err == nil {
				t.Error("modules are loaded by it")
			}
			if _, err := s.Edit(t.Context(), func(*rollout.Lock) (rollout.Change, error) { return rollout.Change{}, nil }); err == nil {
				t.Error("it is edited")
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
