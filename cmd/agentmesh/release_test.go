package main_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestReleaseStories are told to the built commands: keys, trust, signed plugins and their way to a host.
func TestReleaseStories(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "release"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer listener.Close()
			e.Setenv("PATH", commands+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("ADDR", listener.Addr().String())
			e.Setenv("ROOT", root)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("AGENTMESH_HOME", filepath.Join(e.WorkDir, "home", "state"))
			e.Setenv("NO_COLOR", "1")
			return os.Mkdir(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await": await, "exits": exits, "sigterm": sigterm, "replace": replace,
		},
	})
}
