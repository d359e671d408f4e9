//go:build !unix

package mcp

import (
	"fmt"
	"os"
	"os/exec"
)

// ownGroup does nothing where there are no process groups.
func ownGroup(*exec.Cmd) {}

// terminate kills: there is no asking here.
func terminate(p *os.Process) { p.Kill() }

func killGroup(p *os.Process) { p.Kill() }

func exitOf(s *os.ProcessState, err error) Exit {
	if s == nil {
		return Exit{Code: 1, How: fmt.Sprint(err)}
	}
	return Exit{Code: s.ExitCode(), How: s.String()}
}
