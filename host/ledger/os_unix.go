//go:build unix

package ledger

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the lock of f, which the kernel frees when the process ends, however it ends. It returns false when
// another process holds it and wait is not asked for.
func lockFile(f *os.File, wait bool) (bool, error) {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err := syscall.Flock(int(f.Fd()), how)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}
