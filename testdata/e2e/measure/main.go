// Command measure tells what `agentmesh proxy` costs: the built command stands before a server that only echoes, and each
// call is made twice in one interleaved run, to the bare server and through the proxy. It reports, and never fails for
// being slow; it does fail when an answer is not the one it must be.
//
//	go run ./measure -parts calls,start -policies strict,permissive
//
// The state folder lies in the folder for temporary files. By default a decision is on the disk before the server hears of
// the call, so what a sync of that disk takes is measured and shown beside: no proxy that keeps this promise is quicker.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are what the command line chooses.
type options struct {
	parts, policies []string
	calls, starts   int
	binary          string
}

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("measure", flag.ContinueOnError)
	fs.SetOutput(errs)
	parts := fs.String("parts", "calls,start", "what to measure: calls, start")
	policies := fs.String("policies", "strict,moderate,permissive", "policies to measure under")
	fs.IntVar(&o.calls, "calls", 2000, "calls of 1 KiB for a row; of 1 MiB a tenth of it")
	fs.IntVar(&o.starts, "starts", 40, "starts for a row")
	fs.StringVar(&o.binary, "agentmesh", "", "the command to measure (default: built from source)")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.parts, o.policies = strings.Split(*parts, ","), strings.Split(*policies, ",")
	if o.calls < 100 || o.starts < 2 {
		return o, errors.New("measure: at least 100 calls and 2 starts say something")
	}
	return o, nil
}

func run(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if err == nil {
		err = measure(&o, out)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 2
	case err != nil:
		fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}

func measure(o *options, out io.Writer) error {
	dir, err := os.MkdirTemp("", "agentmesh-measure-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := prepare(dir, o)
	if err != nil {
		return err
	}
	if slices.Contains(o.parts, "calls") {
		if err := calls(s, o, out); err != nil {
			return err
		}
	}
	if slices.Contains(o.parts, "start") {
		return starts(s, o, out)
	}
	return nil
}

// prepare builds both programs and makes the folders of a scratch machine.
func prepare(dir string, o *options) (*scene, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	s := &scene{
		agentmesh: filepath.Join(dir, "bin", "agentmesh"), echo: filepath.Join(dir, "bin", "echo"),
		home: filepath.Join(dir, "home"), project: filepath.Join(dir, "project"),
	}
	builds := []struct{ dir, pkg string }{{".", "./servers/echo"}, {"../..", "agentmesh/cmd/agentmesh"}}
	if o.binary != "" {
		if s.agentmesh, err = filepath.Abs(o.binary); err != nil {
			return nil, err
		}
		builds = builds[:1]
	}
	for _, b := range builds {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(dir, "bin")+"/", b.pkg)
		cmd.Dir, cmd.Stderr = b.dir, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("build %s (in testdata/e2e): %w", b.pkg, err)
		}
	}
	return s, errors.Join(os.MkdirAll(s.home, 0o700), os.MkdirAll(s.project, 0o755))
}
