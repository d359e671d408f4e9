//go:build !unix

package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// closeFirst: a file must be closed before it is renamed.
const closeFirst = true

// openFile looks before it opens, for want of a way to do both at once.
func openFile(path string, flag int, mode fs.FileMode) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, ErrLink
	}
	return os.OpenFile(path, flag, mode)
}

func follow(path string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, mode)
}

func isLink(err error) bool { return errors.Is(err, ErrLink) }

// SyncDir makes names made, renamed or removed in a folder durable. Where folders cannot be synced it does nothing.
func SyncDir(string) error { return nil }

// Owner is the user that what info describes belongs to; not known where owners have no number.
func Owner(fs.FileInfo) (uid int, known bool) { return 0, false }

// Number tells a file from another one of the same name, and of another owner; it is empty where files have no number.
func Number(fs.FileInfo) string { return "" }

func lock(*os.File, bool) error {
	return fmt.Errorf("this system has no file locks that end with the process: %w", errors.ErrUnsupported)
}

func unlinked(*os.File) bool { return false }
