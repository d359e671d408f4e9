package main

import (
	"os"
	"syscall"
)

func datasync(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// extend gives the file blocks ahead of its content, so that a sync has no new length to write.
func extend(f *os.File, size int64) error { return syscall.Fallocate(int(f.Fd()), 0, 0, size) }
