package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/sandbox"
	"agentmesh/host/store"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitDenied = 3
)

// version is set when the command is built from a release.
var version = "dev"

// env is what a command may touch of the process.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	// colour: stdout is a terminal whose owner has not asked for plain text.
	colour bool
}

func processEnv() *env {
	return &env{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(),
		colour: isatty.IsTerminal(os.Stdout.Fd()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// state is the state folder's path; nothing is made there.
func (e *env) state() (host.State, error) {
	home, err := host.Home(e.environ)
	return host.State(home), err
}

// config is the state folder, where nothing is made, and the configuration as file and environment have it.
func (e *env) config() (host.State, host.Config, error) {
	state, err := e.state()
	if err != nil {
		return "", host.Config{}, err
	}
	config, err := host.LoadConfig(host.Sources{File: state.ConfigFile(), Environ: e.environ})
	return state, config, err
}

// store opens the database of the configuration, nil where none was made yet.
func (e *env) store(ctx context.Context, o store.Options) (*store.DB, error) {
	state, config, err := e.config()
	if err != nil {
		return nil, err
	}
	url := config.Store.URL
	if url == "" {
		url = state.StoreFile()
		if _, err := os.Stat(url); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	return store.Open(ctx, url, o)
}

// exit is an error that says how the process ends. Reported: what is to be said has been said.
type exit struct {
	code     int
	err      error
	hint     string
	reported bool
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage is an error of the person at the keyboard.
func usage(hint, format string, args ...any) error {
	return &exit{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}

// withHint adds what to do about an error.
func withHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &exit{code: exitFailed, err: err, hint: fmt.Sprintf(format, args...)}
}

// told ends the process with a code after the command has said everything itself.
func told(code int) error {
	if code == exitDone {
		return nil
	}
	return &exit{code: code, reported: true}
}

func run(e *env, args []string) int {
	if len(args) > 0 && args[0] == sandbox.AdmitCommand {
		return sandbox.AdmitMain(e.stdin, e.stdout)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := rootCommand(e)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var end *exit
	if !errors.As(err, &end) {
		end = ends(err)
	}
	if !end.reported {
		fmt.Fprintf(e.stderr, "agentmesh: %s\n", strings.TrimSuffix(err.Error(), "\n"))
		if end.hint != "" {
			fmt.Fprintf(e.stderr, "hint: %s\n", end.hint)
		}
	}
	return end.code
}

func rootCommand(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "agentmesh",
		Short: "Decide what agents may do, and prove what they did",
		Long: `Agentmesh decides what AI agents may do, by rules you write, and keeps a log of every decision that outsiders can verify.

Exit codes: 0 done, 1 failed, 2 used wrongly, 3 denied or verification failed.
The state folder is $AGENTMESH_HOME, by default agentmesh in the XDG state folder.`,
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       cobra.ArbitraryArgs,
		RunE:                       needSubcommand,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c.HasSubCommands() && c.Flags().NArg() > 0 { // a misspelt command, whose flags are nobody's
			return needSubcommand(c, c.Flags().Args())
		}
		return usage(fmt.Sprintf("`%s --help` lists what it takes", c.CommandPath()), "%w", err)
	})
	root.AddCommand(
		initIntegrationCommand(e), statusCommand(e), policyCommand(e), pluginCommand(e), proxyCommand(e), auditCommand(e), toolsCommand(e), factsCommand(e),
		scanCommand(e), keyCommand(e), trustRootCommand(e), indexCommand(e), versionCommand(e),
	)
	return root
}

// noun is a command that only groups others.
func noun(use, short, long string, verbs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: needSubcommand, SuggestionsMinimumDistance: 2}
	c.AddCommand(verbs...)
	return c
}

// needSubcommand runs where a command that only groups others was called: help when it was called alone, an error with
// the nearest names for anything else.
func needSubcommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	hint := fmt.Sprintf("`%s --help` lists the commands", c.CommandPath())
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usage(hint, "unknown command %q for %q", args[0], c.CommandPath())
}

// takes checks the number of arguments; most is -1 where there is no bound.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usage("usage: "+c.UseLine(), "%s takes %s, got %d arguments", c.CommandPath(), what, len(args))
		}
		return nil
	}
}
