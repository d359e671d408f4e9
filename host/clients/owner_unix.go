//go:build unix

package clients

import (
	"fmt"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and group of another, where they differ: root edits files of others.
func keepOwner(file *os.File, like os.FileInfo) error {
	want, ok := like.Sys().(*syscall.Stat_t)
	info, err := file.Stat()
	if err != nil || !ok {
		return err
	}
	have, ok := info.Sys().(*syscall.Stat_t)
	if !ok || have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	if err := file.Chown(int(want.Uid), int(want.Gid)); err != nil {
		return fmt.Errorf("keep its owner: %w", err)
	}
	return nil
}
