//go:build unix

package identity

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// How files are opened: links are not followed, and a pipe does not keep us waiting.
const (
	noFollow = syscall.O_NOFOLLOW
	noBlock  = syscall.O_NONBLOCK
)

// isLink reports whether opening failed because of noFollow. FreeBSD's answer is EMLINK, NetBSD's EFTYPE.
func isLink(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK)
}

// foreignOwner reports whether what info describes belongs to another user than this one.
func foreignOwner(info fs.FileInfo) (uid int, foreign bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), int(stat.Uid) != os.Geteuid()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
