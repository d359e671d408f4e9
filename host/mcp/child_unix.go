//go:build unix

package mcp

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a process into a group of its own, so that it can be ended with all it started, and a key pressed at the
// terminal reaches it through us alone.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminate(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGTERM) }

func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// exitOf is how a process ended, in a shell's terms.
func exitOf(s *os.ProcessState, err error) Exit {
	if s == nil {
		return Exit{Code: 1, How: fmt.Sprint(err)}
	}
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return Exit{Code: 128 + int(w.Signal()), How: "signal: " + w.Signal().String()}
	}
	return Exit{Code: s.ExitCode(), How: s.String()}
}
