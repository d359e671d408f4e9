package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/mcp"
	"agentmesh/host/sandbox"
)

// proxyFlags are what `agentmesh proxy` is told beside the configuration.
type proxyFlags struct {
	policies, targets, env           []string
	agent, server, config            string
	footer, results, refusal         string
	monitor, cleanEnv, canonicalArgs bool
	maxMessage                       int
}

func proxyCommand(e *env) *cobra.Command {
	var f proxyFlags
	c := &cobra.Command{
		Use:   "proxy [flags] -- COMMAND [ARGUMENT...]",
		Short: "Decide every call to an MCP server, and record it",
		Long: `Starts an MCP server and stands between it and the client on standard input and output: every call is decided by the policies, written
to the ledger, and forwarded byte for byte, or refused with the rule and the decision named. Lists show only what could ever be allowed.

A policy is a preset (strict, moderate, permissive; a file of that name is ./strict), a file, or a folder of files, which is watched. Of
several policies the one that says no wins. Roots are the folders a server may
work in; where none is given, the existing folders among the server's own arguments are.

Ends with 0 when the client leaves, else with the server's exit code (128 and the signal, where one ended it).`,
		Example: `  agentmesh proxy --policy strict -- npx -y @modelcontextprotocol/server-filesystem ~/project
  agentmesh proxy --policy strict --target npx --target -y --target @modelcontextprotocol/server-filesystem --target ~/project
  agentmesh proxy --policy moderate --policy ./policies --agent reviewer --server git -- uvx mcp-server-git`,
		Args: cobra.ArbitraryArgs,
	}
	fs := c.Flags()
	fs.StringArrayVar(&f.policies, "policy", nil, "preset, policy file or folder; repeatable (default strict)")
	fs.StringArrayVar(&f.targets, "target", nil, "one word of the server's command line; repeatable, in place of -- COMMAND")
	fs.StringVar(&f.agent, "agent", "local", "name of the agent that calls")
	fs.StringVar(&f.server, "server", "", "name of the server (default: the package or file of its command line)")
	fs.BoolVar(&f.monitor, "monitor", false, "decide and record, but let everything pass")
	fs.StringVar(&f.footer, "footer", "text", "where results say what was decided: text, meta or none")
	fs.StringVar(&f.results, "results", "", "clean results of what hides in them, flag it, or off (default clean; off under permissive)")
	fs.StringVar(&f.refusal, "refusal", "result", "answer refused tool calls with a result or an error")
	fs.StringArrayVar(&f.env, "env", nil, "NAME=VALUE for the server, or NAME to hand on ours; repeatable")
	fs.BoolVar(&f.cleanEnv, "clean-env", false, "give the server a short environment, and what --env adds")
	fs.BoolVar(&f.canonicalArgs, "canonical-args", false, "rewrite paths in arguments to their canonical form before they are decided")
	fs.IntVar(&f.maxMessage, "max-message", mcp.DefaultMaxMessage, "size of a message at most, in bytes")
	fs.StringVar(&f.config, "config", "", "configuration file (default: config.yaml in the state folder)")
	fs.String("wraps", "", "")
	fs.Lookup("wraps").Hidden = true // how agentmesh init-integration knows its own entries
	fs.StringArray("root", nil, "folder the server may work in; repeatable (default: the existing folders on its command line)")
	fs.StringArray("tools", nil, "file that extends the tool table; repeatable")
	fs.String("environment", "", "what rules see as context.environment")
	fs.String("ledger-mode", "", "when a decision counts as recorded: sync (on the disk) or os (with the operating system)")
	fs.String("log-level", "", "trace, debug, info, warn, error or off")
	fs.String("log-format", "", "text or json")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usage("the server's own flags stand behind --; `agentmesh proxy --help` lists ours", "%w", err)
	})
	c.RunE = func(c *cobra.Command, args []string) error { return e.proxy(c, &f, args) }
	return c
}

func (e *env) proxy(c *cobra.Command, f *proxyFlags, args []string) error {
	argv, err := f.argv(args)
	if err != nil {
		return err
	}
	if err := f.check(c); err != nil {
		return err
	}
	environ, err := f.environ(e.environ)
	if err != nil {
		return err
	}
	state, config, err := f.configure(c, e.environ)
	if err != nil {
		return err
	}
	// Whoever started us may never read what we say on stderr; a server's flood of words must not wait for that.
	stderr := mcp.NewSpill(e.stderr)
	defer stderr.Close()
	log := hclog.New(&hclog.LoggerOptions{
		Name: "agentmesh", Level: hclog.LevelFromString(config.Log.Level), JSONFormat: config.Log.Format == "json", Output: stderr,
	})
	// A client that went away is told by an error of writing, not by a signal that would leave the server behind.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGHUP) // besides those that end every command
	defer stop()
	admission, err := sandbox.SelfAdmission()
	if err != nil {
		return err
	}
	// The server starts while we open what decides; until then nothing reaches it.
	child, err := mcp.Start(mcp.Command{Argv: argv, Environ: environ, Stderr: stderr})
	if err != nil {
		return withHint(err, "is %s installed, and in the PATH of who starts this?", argv[0])
	}
	h, err := host.Open(ctx, state, config, host.Options{
		Log: log, Command: "agentmesh proxy", Version: version, Monitor: f.monitor, Admission: admission,
	})
	if err != nil {
		abandon(child)
		return err
	}
	code, err := f.run(ctx, h, session{e, argv, environ, child})
	return errors.Join(err, h.Close(), told(code))
}

// abandon ends a server that nothing was said to.
func abandon(child *mcp.Child) {
	child.Input().Close()
	child.Stop(0, mcp.DefaultGrace)
}

// session is what a run of the proxy has to do with.
type session struct {
	*env
	argv, environ []string
	child         *mcp.Child
}

// run stands before the server until one side ends.
func (f *proxyFlags) run(ctx context.Context, h *host.Host, s session) (int, error) {
	p, err := h.Proxy(ctx, host.ProxyConfig{
		Argv: s.argv, Agent: f.agent, Server: f.server, Home: valueOf(s.environ, "HOME"), Refusal: f.refusalMode(),
		Results: f.treatment(), MaxMessage: f.maxMessage, CanonicalArgs: f.canonicalArgs,
		Gone: hungUp(s.stdin),
	})
	if err != nil {
		abandon(s.child)
		return exitFailed, err
	}
	return p.Run(ctx, s.stdin, s.stdout, s.child), nil
}
