//go:build linux || darwin

package sandbox

import (
	"os/exec"
	"syscall"
	"time"
)

// limitProcess bounds this process for good: its processor time, its core dumps, and its memory where that is possible. It
// steps back behind every other process: admitting a plugin must not slow down decisions.
func limitProcess(cpu time.Duration, memory int64) error {
	seconds := uint64(max(cpu/time.Second, 1))
	limits := []struct {
		which int
		limit syscall.Rlimit
	}{
		{syscall.RLIMIT_CPU, syscall.Rlimit{Cur: seconds, Max: seconds + 1}},
		{syscall.RLIMIT_CORE, syscall.Rlimit{}},
	}
	for _, l := range limits {
		if err := syscall.Setrlimit(l.which, &l.limit); err != nil {
			return err
		}
	}
	syscall.Setpriority(syscall.PRIO_PGRP, 0, admitNice) // a courtesy
	return limitMemory(uint64(memory))
}

const admitNice = 10

// apart puts a child into a process group of its own, which ends with it.
func apart(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
