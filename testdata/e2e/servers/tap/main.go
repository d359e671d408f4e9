// Command tap stands before a server as a wire does, and keeps what went over it:
//
//	tap IN OUT COMMAND [ARGUMENT...]
//
// IN gets every byte that the server was given, OUT every byte that it gave. It ends as the server does.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tap:", err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	if len(args) < 3 {
		return 2, errors.New("usage: tap IN OUT COMMAND [ARGUMENT...]")
	}
	in, err1 := os.Create(args[0])
	out, err2 := os.Create(args[1])
	cmd := exec.Command(args[2], args[3:]...)
	stdin, err3 := cmd.StdinPipe()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(out, os.Stdout), os.Stderr
	if err := errors.Join(err1, err2, err3); err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		defer stdin.Close()
		io.Copy(io.MultiWriter(in, stdin), os.Stdin)
	}()
	var ended *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return 1, err
	}
	return cmd.ProcessState.ExitCode(), nil
}
