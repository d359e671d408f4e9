//go:build unix

package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// hungUp is closed when the other end of a pipe or socket was closed, even while what came through it was not read; nil for
// what is no file.
func hungUp(r io.Reader) <-chan struct{} {
	f, ok := r.(*os.File)
	if !ok {
		return nil
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	own := -1 // of our own: closing the file must not wait for us
	if conn.Control(func(fd uintptr) { own, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }) != nil || err != nil {
		return nil
	}
	gone := make(chan struct{})
	go func() {
		defer unix.Close(own)
		for {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(own)}}, -1)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err == nil {
				close(gone)
			}
			return
		}
	}()
	return gone
}
