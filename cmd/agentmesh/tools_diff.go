package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

func toolsDiffCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff [SERVER [TOOL]]",
		Short: "Show what waits for approval: the definition pinned, and the one the server gives now",
		Long: `Shows every change that waits, line by line, with what in the new definition may be aimed at the model. Long texts are broken after
sentences; characters that nobody sees are shown by their numbers. Exits 3 when a change waits, 0 when none does.`,
		Example: "  agentmesh tools diff\n  agentmesh tools diff server-filesystem read_file -o json",
		Args:    takes(0, 2, "at most a server and a tool"),
	}
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		tool := ""
		if len(args) == 2 {
			tool = args[1]
		}
		return e.toolsDiff(c.Context(), first(args), tool, *output)
	}
	return c
}

func (e *env) toolsDiff(ctx context.Context, server, tool, output string) error {
	pins, done, err := e.tools(ctx)
	if err != nil {
		return err
	}
	if pins == nil {
		return noTools(server)
	}
	changes, err := toolChanges(ctx, pins, server, tool)
	if err = errors.Join(err, done()); err != nil {
		return err
	}
	if output == "json" {
		if err := e.json(changes); err != nil {
			return err
		}
	} else {
		for i := range changes {
			e.showChange(&changes[i])
		}
	}
	if len(changes) > 0 {
		return told(exitDenied)
	}
	return nil
}

// toolChange is a change as it is shown.
type toolChange struct {
	Server  string    `json:"server"`
	Tool    string    `json:"tool"`
	OldHash string    `json:"old_hash"`
	NewHash string    `json:"new_hash"`
	Seen    time.Time `json:"seen"`
	Flagged []string  `json:"flagged,omitempty"`
	Old     rawJSON   `json:"old"`
	New     rawJSON   `json:"new"`
}

// toolChanges are the changes that wait. That nothing waits of one tool is no error.
func toolChanges(ctx context.Context, pins *mcp.Pins, server, tool string) ([]toolChange, error) {
	changes, err := pins.Diff(ctx, server, tool)
	out := make([]toolChange, 0, len(changes))
	switch {
	case errors.Is(err, mcp.ErrNoChange):
		return out, nil
	case errors.Is(err, mcp.ErrNoPin):
		return nil, withHint(fmt.Errorf("%s %s: %w", server, tool, mcp.ErrNoPin), "`agentmesh tools list` shows servers and tools")
	case err != nil:
		return nil, err
	}
	for _, c := range changes {
		others, err := pins.Others(ctx, c.Server)
		if err != nil {
			return nil, err
		}
		row := toolChange{
			Server: c.Server, Tool: c.Name, OldHash: c.OldHash, NewHash: c.NewHash, Seen: c.Seen, Old: rawJSON(c.Old), New: rawJSON(c.New),
		}
		for _, f := range flagsIn(c.New, others) {
			row.Flagged = append(row.Flagged, f.String())
		}
		out = append(out, row)
	}
	return out, nil
}

// showChange prints a unified diff, and what the new definition is flagged for.
func (e *env) showChange(c *toolChange) {
	name := plain(c.Server + " " + c.Tool)
	text := diff.Diff(name+" (pinned, "+shortHash(c.OldHash)+")", []byte(definitionLines(string(c.Old))),
		name+" (now, "+shortHash(c.NewHash)+")", []byte(definitionLines(string(c.New))))
	if len(text) == 0 {
		e.printf("%s: only blanks differ (%s, now %s)\n", name, shortHash(c.OldHash), shortHash(c.NewHash))
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if !strings.HasPrefix(line, "diff ") {
			e.printf("%s\n", e.marked(line))
		}
	}
	for _, f := range c.Flagged {
		e.printf("! flagged: %s\n", plain(f))
	}
	e.printf("\n")
}

// marked colours a line of a diff by its sign.
func (e *env) marked(line string) string {
	colour := 0
	switch {
	case !e.colour || line == "":
	case line[0] == '+':
		colour = 32
	case line[0] == '-':
		colour = 31
	}
	if colour == 0 {
		return line
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, line)
}

// definitionLines are a definition's lines for people: members by name, long texts broken after sentences and line ends,
// what a terminal would obey or hide escaped.
func definitionLines(definition string) string {
	v, err := abi.ReadValue(definition)
	if err != nil {
		return plain(definition) + "\n"
	}
	var b strings.Builder
	writeLines(&b, "", "", v)
	return b.String()
}

func writeLines(b *strings.Builder, indent, name string, v abi.Value) {
	switch v.Kind() {
	case abi.Object, abi.List:
		open, end := "{", "}"
		items := slices.Clone(v.Items())
		if v.Kind() == abi.List {
			open, end = "[", "]"
		} else {
			slices.SortFunc(items, func(a, b abi.Member) int { return cmp.Compare(a.Name, b.Name) })
		}
		if len(items) == 0 {
			fmt.Fprintf(b, "%s%s%s%s\n", indent, name, open, end)
			return
		}
		fmt.Fprintf(b, "%s%s%s\n", indent, name, open)
		for _, m := range items {
			below := ""
			if v.Kind() == abi.Object {
				below = plain(string(abi.AppendString(nil, m.Name))) + ": "
			}
			writeLines(b, indent+"  ", below, m.Value)
		}
		fmt.Fprintf(b, "%s%s\n", indent, end)
	case abi.String:
		writeText(b, indent, name, v.Text())
	default:
		fmt.Fprintf(b, "%s%s%s\n", indent, name, abi.AppendJSON(nil, v))
	}
}

// longText is the length from which on a text is broken into lines.
const longText = 80

func writeText(b *strings.Builder, indent, name, text string) {
	if len(text) < longText && !strings.Contains(text, "\n") {
		fmt.Fprintf(b, "%s%s%s\n", indent, name, plain(string(abi.AppendString(nil, text))))
		return
	}
	fmt.Fprintf(b, "%s%s|\n", indent, name)
	for line := range strings.Lines(text) {
		for _, sentence := range strings.SplitAfter(strings.TrimSuffix(line, "\n"), ". ") {
			fmt.Fprintf(b, "%s  %s\n", indent, plain(strings.TrimSuffix(sentence, " ")))
		}
	}
}
