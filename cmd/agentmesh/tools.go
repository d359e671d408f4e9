package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/host/mcp"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

func toolsCommand(e *env) *cobra.Command {
	return noun("tools", "What servers say their tools are, and what of it changed",
		`The proxy pins every tool at first sight: by server, name and the content of its whole definition. A definition that differs later
counts as changed, and the policy decides what that means: under strict the tool is refused and hidden until somebody approves it.`,
		toolsListCommand(e), toolsDiffCommand(e), toolsApproveCommand(e), toolsMeasureCommand(e))
}

// tools opens the pins of the state folder, nil where there are none yet. done closes them.
func (e *env) tools(ctx context.Context) (pins *mcp.Pins, done func() error, err error) {
	none := func() error { return nil }
	db, err := e.store(ctx, store.Options{Durability: store.Full})
	if db == nil || err != nil {
		return nil, none, err
	}
	if pins, err = mcp.NewPins(ctx, db); err != nil {
		return nil, none, errors.Join(err, db.Close())
	}
	return pins, db.Close, nil
}

// noTools says that there is nothing to look at.
func noTools(server string) error {
	what := "no tools were ever seen"
	if server != "" {
		what = fmt.Sprintf("no tools of %q were ever seen", server)
	}
	return withHint(errors.New(what), "the proxy pins tools when a client lists them; set AGENTMESH_HOME where that was another state folder")
}

// toolState are the states that --state takes.
func toolStates() []string { return []string{"pinned", "changed", "gone", "flagged"} }

func toolsListCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "list [SERVER]",
		Short: "List the tools that were seen, and how they stand to their pins",
		Long: `States: pinned (as it was first seen, or approved), changed (another definition waits for approval), gone (its server no longer lists
it). Flagged names what in a pinned definition may be aimed at the model.`,
		Example: "  agentmesh tools list\n  agentmesh tools list server-filesystem --state changed -o json",
		Args:    takes(0, 1, "at most one server"),
	}
	state := c.Flags().String("state", "", "only tools that are "+strings.Join(toolStates(), ", "))
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *state != "" && !slices.Contains(toolStates(), *state) {
			return usage("", "--state takes %s, not %q", strings.Join(toolStates(), ", "), *state)
		}
		return e.toolsList(c.Context(), first(args), *state, *output)
	}
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// toolRow is a tool as it is listed.
type toolRow struct {
	Server   string    `json:"server"`
	Tool     string    `json:"tool"`
	State    string    `json:"state"`
	Flagged  []string  `json:"flagged,omitempty"`
	Hash     string    `json:"hash"`
	Pinned   time.Time `json:"pinned"`
	Approved time.Time `json:"approved,omitzero"`
	Gone     time.Time `json:"gone,omitzero"`
}

func (e *env) toolsList(ctx context.Context, server, state, output string) error {
	pins, done, err := e.tools(ctx)
	if err != nil {
		return err
	}
	if pins == nil {
		return noTools(server)
	}
	rows, err := toolRows(ctx, pins, server)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	if len(rows) == 0 {
		return noTools(server)
	}
	rows = slices.DeleteFunc(rows, func(r toolRow) bool {
		return state != "" && r.State != state && !(state == "flagged" && len(r.Flagged) > 0)
	})
	if output == "json" {
		return e.json(rows)
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{
			r.Server, r.Tool, r.State, strings.Join(r.Flagged, " "), shortHash(r.Hash), moment(r.Pinned), moment(r.Approved),
		})
	}
	e.table([]string{"SERVER", "TOOL", "STATE", "FLAGGED", "HASH", "PINNED", "APPROVED"}, table)
	return nil
}

// toolRows are the pins of a server or of all, screened.
func toolRows(ctx context.Context, pins *mcp.Pins, server string) ([]toolRow, error) {
	list, err := pins.List(ctx, server)
	if err != nil {
		return nil, err
	}
	others := map[string][]string{}
	rows := make([]toolRow, 0, len(list))
	for _, p := range list {
		if _, known := others[p.Server]; !known {
			if others[p.Server], err = pins.Others(ctx, p.Server); err != nil {
				return nil, err
			}
		}
		row := toolRow{
			Server: p.Server, Tool: p.Name, State: p.State.String(), Hash: p.Hash, Pinned: p.Pinned, Approved: p.Approved, Gone: p.Gone,
			Flagged: kindsOf(flagsIn(p.Definition, others[p.Server])),
		}
		if !p.Gone.IsZero() && p.State == mcp.PinSame {
			row.State = "gone"
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// flagsIn screens a definition that stands in the store.
func flagsIn(definition string, others []string) []mcp.ToolFlag {
	v, err := abi.ReadValue(definition)
	if err != nil {
		return nil // the proxy wrote it, so it was JSON once
	}
	return mcp.Screen(v, others...)
}

func kindsOf(flags []mcp.ToolFlag) []string {
	var kinds []string
	for _, f := range flags {
		if !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
	}
	return kinds
}

// hashShown is how much of a hash a table shows: enough for people to compare.
const hashShown = len("sha256:") + 12

func shortHash(hash string) string { return hash[:min(len(hash), hashShown)] }

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}
