package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/ledger"
	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

// approval is what is to be approved.
type approval struct {
	server, tool string
	all          bool
	hash         string
}

func toolsApproveCommand(e *env) *cobra.Command {
	var a approval
	c := &cobra.Command{
		Use:   "approve SERVER TOOL | SERVER --all",
		Short: "Make a changed definition the one that is trusted",
		Long: `Read ` + "`agentmesh tools diff`" + ` first. --hash (the beginning is enough) makes sure that what is approved is what was read: a server
may have changed it again. The approval is written to the ledger before it takes effect.`,
		Example: "  agentmesh tools approve server-filesystem read_file --hash sha256:3f2a91\n  agentmesh tools approve server-git --all",
		Args:    takes(1, 2, "a server and a tool, or a server and --all"),
	}
	c.Flags().BoolVar(&a.all, "all", false, "all changes of the server")
	c.Flags().StringVar(&a.hash, "hash", "", "hash of the definition meant, or how it begins")
	c.RunE = func(c *cobra.Command, args []string) error {
		a.server = args[0]
		if len(args) == 2 {
			a.tool = args[1]
		}
		switch {
		case (a.tool == "") != a.all:
			return usage("usage: "+c.UseLine(), "name one tool, or --all")
		case a.all && a.hash != "":
			return usage("", "--hash names the definition of one tool, not of --all")
		}
		return e.toolsApprove(c.Context(), a)
	}
	return c
}

func (e *env) toolsApprove(ctx context.Context, a approval) error {
	pins, done, err := e.tools(ctx)
	if err != nil {
		return err
	}
	if pins == nil {
		return noTools(a.server)
	}
	changes, err := a.meant(ctx, pins)
	if err == nil && len(changes) > 0 {
		err = e.approve(ctx, pins, changes)
	}
	return errors.Join(err, done())
}

// meant are the changes that the approval is about.
func (a *approval) meant(ctx context.Context, pins *mcp.Pins) ([]mcp.Change, error) {
	if a.all {
		list, err := pins.List(ctx, a.server)
		if err == nil && len(list) == 0 {
			err = noTools(a.server)
		}
		if err != nil {
			return nil, err
		}
	}
	changes, err := pins.Diff(ctx, a.server, a.tool)
	switch {
	case errors.Is(err, mcp.ErrNoPin):
		return nil, withHint(fmt.Errorf("%s %s: %w", a.server, a.tool, mcp.ErrNoPin), "`agentmesh tools list` shows servers and tools")
	case errors.Is(err, mcp.ErrNoChange):
		return nil, fmt.Errorf("%s %s: %w", a.server, a.tool, mcp.ErrNoChange)
	case err != nil:
		return nil, err
	}
	if len(changes) == 1 && !begins(changes[0].NewHash, a.hash) {
		return nil, withHint(fmt.Errorf("what waits has the hash %s, not %s", shortHash(changes[0].NewHash), a.hash),
			"read `agentmesh tools diff %s %s` again", a.server, a.tool)
	}
	return changes, nil
}

// begins reports whether a hash begins so, with its algorithm's name or without.
func begins(hash, prefix string) bool {
	return strings.HasPrefix(hash, prefix) || strings.HasPrefix(strings.TrimPrefix(hash, "sha256:"), prefix)
}

// approve records the approval, then lets it take effect: what the ledger does not know of is not trusted.
func (e *env) approve(ctx context.Context, pins *mcp.Pins, changes []mcp.Change) error {
	log, err := e.ledger(ctx, "tools approve")
	if err != nil {
		return err
	}
	for i := range changes {
		c := &changes[i]
		if err = record(ctx, log, c); err == nil {
			err = pins.Approve(ctx, *c)
		}
		if err != nil {
			break
		}
		e.printf("approved %s %s, now %s\n", plain(c.Server), plain(c.Name), shortHash(c.NewHash))
	}
	return errors.Join(err, log.Close())
}

func record(ctx context.Context, log *ledger.Ledger, c *mcp.Change) error {
	by := ""
	if u, err := user.Current(); err == nil {
		by = u.Username
	}
	body := abi.ObjectValue(abi.Member{Name: "approved", Value: abi.ObjectValue(
		abi.Member{Name: "from", Value: abi.StringValue(c.OldHash)},
		abi.Member{Name: "to", Value: abi.StringValue(c.NewHash)},
		abi.Member{Name: "by", Value: abi.StringValue(by)},
	)})
	_, err := log.Append(ctx, ledger.Entry{
		Kind: ledger.KindTools, Server: c.Server, Tool: c.Name, Body: abi.AppendJSON(nil, body),
	})
	return err
}

// ledger opens the state folder's ledger for writing, in a shard of its own beside those of running hosts and proxies.
func (e *env) ledger(ctx context.Context, command string) (*ledger.Ledger, error) {
	state, config, err := e.config()
	if err != nil {
		return nil, err
	}
	mode, err := ledger.ParseMode(config.Ledger.Mode)
	if err != nil {
		return nil, err
	}
	about := abi.ObjectValue(
		abi.Member{Name: "command", Value: abi.StringValue("agentmesh " + command)},
		abi.Member{Name: "version", Value: abi.StringValue(version)},
	)
	return ledger.Open(ctx, ledger.Config{Dir: state.LedgerDir(), Keys: state.KeyDir(), Mode: mode, About: abi.AppendJSON(nil, about)})
}
