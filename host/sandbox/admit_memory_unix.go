//go:build (linux || darwin) && !race

package sandbox

import "syscall"

// reserved is room in the address space for what a Go program takes there without using it, which is over 1 GiB.
const reserved = 4 << 30

// limitMemory bounds the address space, behind what the process notices by itself.
func limitMemory(bytes uint64) error {
	bytes += reserved
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: bytes, Max: bytes})
}
