package main_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"agentmesh/host/mcp"
	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// TestToolStories are told to the built commands; "lists SERVER FILE" is what a proxy does when its server lists the tools
// that stand in the file.
func TestToolStories(t *testing.T) {
	p := stories(t, "tools")
	p.Cmds["lists"] = lists
	testscript.Run(t, p)
}

func lists(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: lists SERVER FILE")
	}
	list, err := abi.ReadValue(ts.ReadFile(args[1]))
	ts.Check(err)
	home := ts.Getenv("AGENTMESH_HOME")
	ts.Check(os.MkdirAll(home, 0o700))
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(home, "store.db"), store.Options{})
	ts.Check(err)
	defer db.Close()
	pins, err := mcp.NewPins(ctx, db)
	ts.Check(err)
	var tools []abi.Value
	var names []string
	for _, m := range list.Items() {
		tools = append(tools, m.Value)
		names = append(names, m.Value.Get("name").Text())
	}
	inspector := mcp.NewInspector(pins)
	_, err = inspector.Inspect(ctx, mcp.Shown{Server: args[0], Method: "tools/list", Items: tools})
	ts.Check(err)
	ts.Check(inspector.Whole(ctx, args[0], names))
}
