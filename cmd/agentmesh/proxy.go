package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/mcp"
	"agentmesh/policies"
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

A policy is a preset (strict, moderate, permissive), a file, or a folder of files, which is watched. Roots are the folders a server may
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
	fs.StringSlice("root", nil, "folder the server may work in; repeatable")
	fs.StringSlice("tools", nil, "file that extends the tool table; repeatable")
	fs.String("environment", "", "what rules see as context.environment")
	fs.String("ledger-mode", "", "when a decision counts as recorded: sync (on the disk) or os (with the operating system)")
	fs.String("log-level", "", "trace, debug, info, warn, error or off")
	fs.String("log-format", "", "text or json")
	c.RunE = func(c *cobra.Command, args []string) error { return e.proxy(c, &f, args) }
	return c
}

func (e *env) proxy(c *cobra.Command, f *proxyFlags, args []string) error {
	argv, err := f.argv(args)
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
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
	// The server starts while we open what decides; until then nothing reaches it.
	child, err := mcp.Start(mcp.Command{Argv: argv, Environ: environ, Stderr: stderr})
	if err != nil {
		return withHint(err, "is it installed, and in PATH?")
	}
	h, err := host.Open(ctx, state, config, host.Options{
		Log: log, Command: "agentmesh proxy", Version: version, Monitor: f.monitor,
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
	})
	if err != nil {
		abandon(s.child)
		return exitFailed, err
	}
	return p.Run(ctx, s.stdin, s.stdout, s.child), nil
}

// argv is the server's command line.
func (f *proxyFlags) argv(args []string) ([]string, error) {
	const hint = "agentmesh proxy --policy strict -- npx -y @modelcontextprotocol/server-filesystem DIR"
	switch {
	case len(f.targets) > 0 && len(args) > 0:
		return nil, usage(hint, "the server's command is given twice: by --target and after --")
	case len(f.targets) > 0:
		return f.targets, nil
	case len(args) > 0:
		return args, nil
	}
	return nil, usage(hint, "there is no server to start")
}

func (f *proxyFlags) check() error {
	for _, c := range []struct {
		flag, value string
		values      []string
	}{
		{"footer", f.footer, []string{"text", "meta", "none"}},
		{"results", f.results, []string{"", "clean", "flag", "off"}},
		{"refusal", f.refusal, []string{"result", "error"}},
	} {
		if !slices.Contains(c.values, c.value) {
			return usage("", "--%s takes %s, not %q", c.flag, strings.Trim(strings.Join(c.values, ", "), ", "), c.value)
		}
	}
	if f.maxMessage < 1 {
		return usage("", "--max-message must be positive")
	}
	if strings.TrimSpace(f.agent) == "" {
		return usage("", "--agent must not be empty")
	}
	return nil
}

func (f *proxyFlags) refusalMode() mcp.RefusalMode {
	if f.refusal == "error" {
		return mcp.RefuseByError
	}
	return mcp.RefuseByResult
}

// configure reads the configuration; policies given by flag stand in place of those it names.
func (f *proxyFlags) configure(c *cobra.Command, environ []string) (host.State, host.Config, error) {
	home, err := host.Home(environ)
	if err != nil {
		return "", host.Config{}, err
	}
	state, err := host.OpenState(home)
	if err != nil {
		return "", host.Config{}, err
	}
	src := host.Sources{File: state.ConfigFile(), Environ: environ, Flags: c.Flags()}
	if f.config != "" {
		src.File, src.Required = f.config, true
	}
	config, err := host.LoadConfig(src)
	if err != nil {
		return "", host.Config{}, err
	}
	config.Request.MaxBytes = maxInput
	if len(f.policies) > 0 {
		config.Dirs.Policies = nil
		for _, name := range f.policies {
			config.Dirs.Policies = append(config.Dirs.Policies, policyName(name))
		}
	}
	if len(config.Dirs.Policies)+len(config.Dirs.Plugins) == 0 {
		config.Dirs.Policies = []string{presetScheme + "strict"}
	}
	f.policies = config.Dirs.Policies
	return state, config, nil
}

// policyName is a preset, or a file or folder by absolute path. A preset's name always means the preset: clients start us in
// folders that others fill.
func policyName(name string) string {
	if strings.HasPrefix(name, presetScheme) {
		return name
	}
	if slices.Contains(policies.Presets(), name) {
		return presetScheme + name
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// plainEnviron are the variables that --clean-env leaves.
func plainEnviron() []string {
	return []string{
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "TMPDIR", "TEMP", "TMP",
		"SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
	}
}

// environ is the server's environment. Our own variables never get there.
func (f *proxyFlags) environ(ours []string) ([]string, error) {
	var out []string
	for _, v := range ours {
		name, _, _ := strings.Cut(v, "=")
		if !f.cleanEnv || slices.Contains(plainEnviron(), strings.ToUpper(name)) {
			out = append(out, v)
		}
	}
	for _, v := range f.env {
		name, _, given := strings.Cut(v, "=")
		switch {
		case name == "":
			return nil, usage("--env NAME=VALUE, or --env NAME", "--env %q names no variable", v)
		case len(mcp.WithoutOwn([]string{v})) == 0:
			return nil, usage("", "--env %s: variables of AgentMesh are kept from servers", name)
		case !given:
			v = name + "=" + valueOf(ours, name)
		}
		out = append(out, v)
	}
	return mcp.WithoutOwn(out), nil
}

// valueOf is a variable's value; of one that stands there twice the last, as the system has it.
func valueOf(environ []string, name string) string {
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// treatment is what happens to results: nil, nothing. Where everything is allowed nothing is cleaned unless asked for.
func (f *proxyFlags) treatment() mcp.Treatment {
	results := f.results
	if results == "" && slices.Equal(f.policies, []string{presetScheme + "permissive"}) {
		results = mcp.Off.String()
	}
	r := &mcp.Results{Mode: mcp.Clean}
	if results != "" {
		r.Mode, _ = mcp.ParseResultMode(results) // checked before
	}
	r.Footer, _ = mcp.ParseFooter(f.footer)
	if r.Mode == mcp.Off && r.Footer == mcp.FooterNone {
		return nil
	}
	return r
}
