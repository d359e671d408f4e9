//go:build unix

package api

import "syscall"

// privateFiles makes every file created from now on the owner's alone, until the function it returns is called.
func privateFiles() (restore func()) {
	mask := syscall.Umask(0o177)
	return func() { syscall.Umask(mask) }
}
