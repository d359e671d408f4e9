package oci_test

import (
	"os"
	"os/exec"
	"syscall"
)

// starve lets a process mount for itself alone: as root at once, else as root of a user namespace.
func starve(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
}

// shrink mounts a small file system on dir. Where that is not allowed, files may not grow beyond the same size, which
// the kernel tells the writer by another error.
func shrink(dir string) error {
	if syscall.Mount("small", dir, "tmpfs", 0, "size=256k") == nil {
		return nil
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 256 << 10, Max: 256 << 10})
}
