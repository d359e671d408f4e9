//go:build (linux || darwin) && !race

package sandbox

import "syscall"

// limitMemory bounds the address space.
func limitMemory(bytes uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: bytes, Max: bytes})
}
