package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// version is set when the command is built from a release.
var version = "dev"

// usageError is an error of the person at the keyboard.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func run(args, environ []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == sandbox.AdmitCommand {
		return sandbox.AdmitMain(os.Stdin, stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:               "meshhost",
		Short:             "Serve the decisions of the mesh",
		Long:              "Meshhost serves decisions over HTTP, by rules that it watches, and records every one of them.\n\nThe state folder is $AGENTMESH_HOME, by default agentmesh in the XDG state folder.\nExit codes: 0 done, 1 failed, 2 used wrongly.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(serveCommand(environ, stderr), versionCommand(stdout))
	root.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("unknown command %q; `meshhost --help` lists the commands", args[0])}
		}
		return nil
	}
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "meshhost:", err)
		return 2
	default:
		fmt.Fprintln(stderr, "meshhost:", err)
		return 1
	}
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, got %q; flags begin with --", c.CommandPath(), args[0])}
	}
	return nil
}

func versionCommand(stdout io.Writer) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(stdout, "meshhost %s (contract %d, %s, %s/%s)\n", version, abi.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
