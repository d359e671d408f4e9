package e2e_test

import (
	"encoding/json"
	"maps"
	"testing"
)

// TestTheInspector is the filesystem story's gist, as the MCP inspector's command line sees it.
func TestTheInspector(t *testing.T) {
	p := newPlace(t)
	before := snapshot(t, p.project)
	inspector := installed(t, "npm", "mcp-inspector-cli")
	server := installed(t, "npm", "mcp-server-filesystem")
	inspect := func(out any, flags ...string) {
		t.Helper()
		argv := []string{
			inspector, "--cli", built + "/agentmesh", "proxy", "--policy", "strict", "--target", server, "--target", p.project,
		}
		text, code := p.run(append(argv, flags...)...)
		if err := json.Unmarshal([]byte(text), out); code != 0 || err != nil {
			t.Fatalf("inspector %q: exit code %d, %v: %s", flags, code, err, text)
		}
	}
	var list struct{ Tools []struct{ Name string } }
	inspect(&list, "--method", "tools/list")
	hidden := map[string]bool{"create_directory": true, "edit_file": true, "move_file": true, "write_file": true}
	for _, tool := range list.Tools {
		if hidden[tool.Name] {
			t.Errorf("%s is listed", tool.Name)
		}
	}
	if len(list.Tools) != 10 {
		t.Errorf("%d tools are listed, want 10", len(list.Tools))
	}
	type result struct {
		Content []struct{ Text string }
		IsError bool
		Meta    map[string]verdict `json:"_meta"`
	}
	refused := 0
	for _, c := range []struct {
		tool string
		args []string
		rule string
	}{
		{"read_text_file", []string{"path=" + p.project + "/README.md"}, through},
		{"read_text_file", []string{"path=" + p.project + "/.env"}, "sensitive-places"},
		{"read_text_file", []string{"path=" + p.project + "/deploy/./server.pem"}, "sensitive-places"},
		{"read_text_file", []string{"path=" + p.project + "/link"}, "outside-the-folders"},
		{"read_text_file", []string{"path=" + p.project + "/../outside/salaries.csv"}, "outside-the-folders"},
		{"create_directory", []string{"path=" + p.project + "/archive"}, "no-writes"},
		{"write_file", []string{"path=" + p.project + "/README.md", "content=owned"}, "no-writes"},
		{"move_file", []string{"source=" + p.project + "/README.md", "destination=" + p.project + "/x"}, "no-writes"},
	} {
		var got result
		argv := []string{"--method", "tools/call", "--tool-name", c.tool}
		for _, arg := range c.args {
			argv = append(argv, "--tool-arg", arg)
		}
		inspect(&got, argv...)
		if c.rule != through {
			refused++
		}
		if rule := got.Meta[verdictMember].Rule; rule != c.rule || got.IsError != (c.rule != through) {
			t.Errorf("%s %q: got %+v, want the rule %q", c.tool, c.args, got, c.rule)
		}
	}
	if !maps.Equal(before, snapshot(t, p.project)) {
		t.Error("strict changed the project")
	}
	if n := len(p.audit("--decision", "deny")); n != refused {
		t.Errorf("the ledger has %d refusals, want %d", n, refused)
	}
	p.verified()
}
