package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"agentmesh/host/clients"
	"agentmesh/policies"
)

// integration is what `agentmesh init-integration` is asked to do.
type integration struct {
	env                         *env
	asked                       map[string]*bool // clients by name
	files                       []string
	policies                    []string
	agent                       string
	undo, dryRun, mayStay       bool
	updatePolicies, updateAgent bool
	output                      string
	system                      clients.System
	wrapping                    clients.Wrapping
}

func initIntegrationCommand(e *env) *cobra.Command {
	n := integration{env: e, asked: map[string]*bool{}}
	c := &cobra.Command{
		Use:   "init-integration",
		Short: "Put agentmesh before the MCP servers of a client",
		Long: `Puts ` + "`agentmesh proxy`" + ` before every server that a client starts over standard input and output, in the client's own configuration,
and leaves the rest of the file as it is. Restart the client afterwards.

Servers that are reached by URL cannot be wrapped: they are named UNPROTECTED, and the exit code is 1 unless --allow-unprotected
is given. Servers that are wrapped already are left, but for --policy and --agent where they are given. --undo gives back every
entry as it was. Before the first change a file is copied to FILE.before-agentmesh.

Besides the user's configuration those of the current folder are looked at (.mcp.json, .cursor/mcp.json, .vscode/mcp.json).`,
		Example: `  agentmesh init-integration --claude
  agentmesh init-integration --cursor --vscode --policy moderate --dry-run
  agentmesh init-integration --config ~/.gemini/settings.json --policy ./policies --agent reviewer
  agentmesh init-integration --claude --undo`,
		Args: takes(0, 0, "no arguments"),
	}
	f := c.Flags()
	n.asked[clients.Claude] = f.Bool("claude", false, "Claude Desktop and Claude Code")
	n.asked[clients.Cursor] = f.Bool("cursor", false, "Cursor")
	n.asked[clients.VSCode] = f.Bool("vscode", false, "Visual Studio Code")
	n.asked[clients.Windsurf] = f.Bool("windsurf", false, "Windsurf")
	f.StringArrayVar(&n.files, "config", nil, "another client's configuration file; repeatable")
	f.StringArrayVar(&n.policies, "policy", []string{"strict"}, "preset, policy file or folder that decides; repeatable")
	f.StringVar(&n.agent, "agent", "", "name of the agent that calls (default local)")
	f.BoolVar(&n.undo, "undo", false, "give back every entry as it was")
	f.BoolVar(&n.dryRun, "dry-run", false, "show what would change, other texts masked, and change nothing")
	f.BoolVar(&n.mayStay, "allow-unprotected", false, "exit with 0 although servers stay unprotected")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, _ []string) error {
		n.output = *output
		n.updatePolicies, n.updateAgent = c.Flags().Changed("policy"), c.Flags().Changed("agent")
		return n.run()
	}
	return c
}

func (n *integration) run() error {
	if err := n.prepare(); err != nil {
		return err
	}
	places, err := n.places()
	if err != nil {
		return err
	}
	// A client may write its configuration while we look at it; then everything is looked at again.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		plans, err := n.plan(places)
		if err != nil {
			return err
		}
		if !n.dryRun {
			err = n.write(plans)
		}
		if errors.Is(err, clients.ErrChanged) && attempt < attempts {
			continue
		}
		if errors.Is(err, clients.ErrChanged) {
			return withHint(err, "close the client and run the command again")
		}
		if err != nil {
			return err
		}
		return n.report(plans)
	}
}

// prepare checks what was asked for before any file is looked at.
func (n *integration) prepare() error {
	if n.undo && (n.updatePolicies || n.updateAgent) {
		return usage("", "--undo takes neither --policy nor --agent")
	}
	if n.updateAgent && strings.TrimSpace(n.agent) == "" {
		return usage("", "--agent must not be empty")
	}
	if slices.ContainsFunc(n.policies, func(p string) bool { return strings.TrimSpace(p) == "" }) {
		return usage("", "--policy must not be empty")
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	n.system = clients.Here(n.env.environ, dir)
	binary, err := n.system.Binary()
	if err != nil {
		return err
	}
	if !n.undo { // a configuration that names rules which do not load would leave its client without servers
		if _, err := loadRules(n.policies, false); err != nil {
			return err
		}
	}
	n.wrapping = clients.Wrapping{
		Binary: binary, Agent: n.agent, UpdatePolicies: n.updatePolicies, UpdateAgent: n.updateAgent,
		Resolve: n.system.Resolve, Runs: clients.Runs,
	}
	for _, name := range n.policies {
		name, err = lasting(name)
		if err != nil {
			return err
		}
		n.wrapping.Policies = append(n.wrapping.Policies, name)
	}
	return nil
}

// lasting names a policy so that it means the same in whatever folder a client starts servers.
func lasting(policy string) (string, error) {
	if strings.HasPrefix(policy, presetScheme) || slices.Contains(policies.Presets(), policy) {
		return policy, nil
	}
	return filepath.Abs(policy)
}

// places are the configurations meant, all of which exist.
func (n *integration) places() ([]clients.Place, error) {
	var wanted []clients.Place
	named := len(n.files) > 0
	for _, name := range n.files {
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no file", path)
		}
		if err != nil {
			return nil, withHint(fmt.Errorf("configuration: %w", err), "name the file in which the client keeps its servers")
		}
		wanted = append(wanted, clients.FileAt(path))
	}
	for _, client := range []string{clients.Claude, clients.Cursor, clients.VSCode, clients.Windsurf} {
		if !*n.asked[client] {
			continue
		}
		named = true
		places := slices.DeleteFunc(n.system.Places(), func(p clients.Place) bool { return p.Client != client })
		found := clients.Find(places)
		if len(found) == 0 {
			return nil, missing(client, places)
		}
		wanted = append(wanted, found...)
	}
	if !named {
		return nil, usage("agentmesh init-integration --claude", "say whose servers: --claude, --cursor, --vscode, --windsurf or --config FILE")
	}
	return clients.Find(wanted), nil
}

// missing says where a client's configuration was looked for.
func missing(client string, places []clients.Place) error {
	var text strings.Builder
	fmt.Fprintf(&text, "--%s: there is no configuration; looked for", client)
	for _, p := range places {
		fmt.Fprintf(&text, "\n  %s", p.Path)
	}
	return withHint(errors.New(text.String()), "add a server in the client first, or name its file by --config FILE")
}

// plan is what is to become of one configuration.
type plan struct {
	file    *clients.File
	after   []byte
	results []clients.Result
	backup  string
}

func (p *plan) changes() bool { return string(p.after) != string(p.file.Source()) }

// plan works out what is to become of every configuration. If one cannot be read, none is changed.
func (n *integration) plan(places []clients.Place) ([]*plan, error) {
	var plans []*plan
	var faults []error
	for _, place := range places {
		p := &plan{}
		var err error
		if p.file, err = clients.Read(place); err == nil {
			if n.undo {
				p.after, p.results, err = p.file.Unwrap()
			} else {
				p.after, p.results, err = p.file.Wrap(n.wrapping)
			}
		}
		if err != nil {
			faults = append(faults, err)
			continue
		}
		plans = append(plans, p)
	}
	err := errors.Join(faults...)
	var syntax *clients.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return nil, withHint(err, "correct it there; no file was changed")
	case errors.Is(err, fs.ErrPermission):
		return nil, withHint(err, "run it as the user whose file it is; no file was changed")
	}
	return plans, err
}

// write replaces the files, one after the other; an error says which were written before.
func (n *integration) write(plans []*plan) error {
	var done []string
	for _, p := range plans {
		if !p.changes() {
			continue
		}
		var err error
		if n.undo {
			err = p.file.Restore(p.after)
		} else {
			p.backup, err = p.file.Write(p.after)
		}
		if err != nil && len(done) > 0 {
			return fmt.Errorf("%w (written before that: %s)", err, strings.Join(done, ", "))
		}
		if err != nil {
			return err
		}
		done = append(done, p.file.Path)
	}
	return nil
}

// difference is what changes in a configuration, as a unified diff in which texts that may be secret are masked.
func (p *plan) difference() string {
	after, err := clients.Parse(p.file.Place, p.after)
	if err != nil {
		return "" // what comes out of wrapping can be read
	}
	return string(diff.Diff(p.file.Path, p.file.Masked(), p.file.Path, after.Masked()))
}
