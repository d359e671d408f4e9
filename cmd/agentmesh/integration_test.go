package main_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"agentmesh/host/clients"
)

// TestIntegrationStories are told to the built commands in a home of their own; "starts FILE SERVER" starts a server as the
// client does whose configuration the file is.
func TestIntegrationStories(t *testing.T) {
	p := with(stories(t, "integration"), "BIN="+commands, "AGENTMESH_HOME=")
	p.Cmds["starts"] = starts
	testscript.Run(t, p)
}

func starts(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: starts FILE SERVER")
	}
	var config struct {
		Servers map[string]struct {
			Command string
			Args    []string
		} `json:"mcpServers"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &config))
	s := config.Servers[args[1]]
	if !filepath.IsAbs(s.Command) {
		ts.Fatalf("%q is not absolute: the client would not find it", s.Command)
	}
	ts.Check(ts.Exec(s.Command, s.Args...))
}

// TestEveryFlagOfTheProxyIsUnderstood puts each flag that `agentmesh proxy` has before a server, and looks for the server:
// a flag whose value were taken for the command would hide what is started.
func TestEveryFlagOfTheProxyIsUnderstood(t *testing.T) {
	text, err := exec.Command(filepath.Join(commands, "agentmesh"), "proxy", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	help := string(text)
	flags := regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)( \S+)?  `).FindAllStringSubmatch(help, -1)
	if len(flags) < 10 {
		t.Fatalf("found %d flags in\n%s", len(flags), help)
	}
	for _, f := range flags {
		name, valued := f[1], strings.TrimSpace(f[2]) != ""
		if name == "target" {
			continue // names the server itself
		}
		words := fmt.Sprintf(`"--%s"`, name)
		if valued {
			words += `, "value"`
		}
		src := fmt.Sprintf(`{"mcpServers":{"a":{"command":"agentmesh","args":["proxy", %s, "--", "the-server"]}}}`, words)
		file, err := clients.Parse(clients.FileAt("f"), []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if s := file.Servers[0]; s.State != clients.Wrapped || s.Command != "the-server" {
			t.Errorf("--%s: the server is %v %q (%s)", name, s.State, s.Command, s.Why)
		}
	}
}
