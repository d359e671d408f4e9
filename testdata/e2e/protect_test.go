package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// newHome is a place whose home holds all that a proxy must protect: the state folder, policies, the configurations of
// clients, and the program itself; and ordinary files beside them.
func newHome(t testing.TB) place {
	t.Helper()
	p := newPlace(t)
	p.state = filepath.Join(p.home, ".local/state/agentmesh")
	for name, text := range map[string]string{
		"policies/team.yaml":                        "version: \"1.0\"\nname: team\ndefault_action: allow\n",
		".config/Claude/claude_desktop_config.json": `{"mcpServers":{}}` + "\n",
		".cursor/mcp.json":                          `{"mcpServers":{}}` + "\n",
		".config/editor/settings.json":              "{}\n",
		"bin/tool":                                  "#!/bin/sh\n",
		"notes/todo.txt":                            "buy pears\n",
		"team/old/mcp_config.json":                  `{"mcpServers":{"evil":{"command":"evil"}}}` + "\n",
	} {
		p.write(filepath.Join(p.home, name), text)
	}
	program, err := os.ReadFile(filepath.Join(built, "agentmesh"))
	p.must(err)
	p.must(os.WriteFile(p.home+"/bin/agentmesh", program, 0o755))
	p.must(os.MkdirAll(p.home+"/.codeium", 0o755))
	p.must(os.MkdirAll(p.state, 0o700))
	p.must(os.Symlink("../.local/state/agentmesh", p.home+"/notes/door"))
	p.must(os.Symlink("../policies/team.yaml", p.home+"/notes/rules.txt"))
	p.must(os.Symlink("../.cursor", p.home+"/notes/cursor"))
	p.must(os.Symlink("../bin/agentmesh", p.home+"/notes/program"))
	p.must(os.Link(p.home+"/.config/Claude/claude_desktop_config.json", p.home+"/notes/same.json"))
	return p
}

// grab is a call that must be refused. lands: the server itself, asked without us, does it.
type grab struct {
	tool  string
	args  map[string]any
	lands bool
}

// grabs are all of them; none of those that land stands in the way of a later one.
func grabs(p place) []grab {
	var all []grab
	add := func(lands bool, tool string, pairs ...any) { all = append(all, grab{tool, args(pairs...), lands}) }
	for _, rel := range []string{
		".local/state/agentmesh/store.db", "policies/team.yaml", ".config/Claude/claude_desktop_config.json", ".cursor/mcp.json", "bin/agentmesh",
	} {
		abs := p.home + "/" + rel
		for _, s := range disguises(p, rel) {
			add(s.lands, "read_text_file", "path", s.path)
			add(s.lands, "write_file", "path", s.path, "content", "owned")
		}
		add(true, "get_file_info", "path", abs)
		add(true, "read_media_file", "path", abs)
		add(true, "read_multiple_files", "paths", []string{p.home + "/notes/todo.txt", abs})
		add(true, "edit_file", "path", abs, "edits", []any{map[string]any{"oldText": "owned", "newText": "edited"}})
		add(true, "edit_file", "path", abs, "edits", []any{map[string]any{"oldText": "edited", "newText": "x"}}, "dryRun", true)
		add(true, "move_file", "source", abs, "destination", p.home+"/notes/taken")
		add(true, "move_file", "source", p.home+"/notes/taken", "destination", abs)
	}
	for _, dir := range []string{p.state, p.home + "/policies", p.home + "/notes/door", p.home + "/notes/../policies"} {
		for _, tool := range []string{"list_directory", "list_directory_with_sizes", "directory_tree", "get_file_info"} {
			add(true, tool, "path", dir)
		}
		add(true, "search_files", "path", dir, "pattern", "**")
		add(true, "create_directory", "path", dir+"/new")
		add(true, "write_file", "path", dir+"/new.yaml", "content", "default_action: allow")
	}
	for _, link := range []string{"notes/rules.txt", "notes/cursor/mcp.json", "notes/program", "notes/same.json", "notes/door/store.db"} {
		add(true, "read_text_file", "path", p.home+"/"+link)
	}
	// The folder above what is protected is moved away, or another one is moved to where it would be.
	for _, dir := range []string{".local", ".local/state", "policies", ".config", ".config/Claude", ".cursor", "bin"} {
		add(true, "move_file", "source", p.home+"/"+dir, "destination", p.home+"/moved")
		add(true, "move_file", "source", p.home+"/moved", "destination", p.home+"/"+dir)
	}
	add(true, "move_file", "source", p.home+"/team/old", "destination", p.home+"/.codeium/windsurf")
	return all
}

// disguise is a way of writing a path, and whether the server finds the file by it.
type disguise struct {
	path  string
	lands bool
}

func disguises(p place, rel string) []disguise {
	abs := p.home + "/" + rel
	last := filepath.Base(rel)
	return []disguise{
		{abs, true},
		{p.home + "/notes/../" + rel, true},
		{p.home + "//./" + strings.ReplaceAll(rel, "/", "//"), true},
		{"~/" + rel, true},
		{rel, true},
		{p.home + "/" + strings.ToUpper(rel), false},
		{"file://" + abs, false},
		{"file://localhost" + abs, false},
		{fmt.Sprintf("%s%%%02x", abs[:len(abs)-1], abs[len(abs)-1]), false},
		{p.home + "/notes/%2e%2e/" + rel, false},
		{p.home + "/" + strings.TrimSuffix(rel, last) + string(rune(last[0])-'!'+'\uff01') + last[1:], false},
		{abs + ".", false},
		{abs + " ", false},
	}
}

// governed is the filesystem server rooted at the home, under the permissive preset and a policy that allows everything.
func (p place) governed(t testing.TB) []string {
	return []string{
		p.home + "/bin/agentmesh", "proxy", "--policy", "permissive", "--policy", p.home + "/policies", "--server", "files", "--",
		installed(t, "npm", "mcp-server-filesystem"), p.home,
	}
}

// TestTheGrabsAreReal does them with the server alone: those that are said to land do.
func TestTheGrabsAreReal(t *testing.T) {
	p := newHome(t)
	p.write(p.state+"/store.db", "")
	p.write(p.home+"/bin/agentmesh", "a program\n")
	cmd := p.command(installed(t, "npm", "mcp-server-filesystem"), p.home)
	cmd.Dir = p.home
	client := connect(t, cmd, legacy)
	for _, g := range grabs(p) {
		for _, gone := range []string{"/moved", "/notes/taken"} { // what only failed to land leaves nothing in the way
			if _, err := os.Lstat(p.home + gone); err == nil && g.args["destination"] == p.home+gone {
				t.Fatalf("%s is in the way", gone)
			}
		}
		missing := !g.lands && g.tool == "write_file" // it makes a file of that name
		if got := call(t, client, g.tool, g.args); got.isError == g.lands && !missing {
			t.Errorf("%s %v: lands: %v: %.200s", g.tool, g.args, !got.isError, got.text)
		}
	}
}

func TestTheProxyProtectsItself(t *testing.T) {
	p := newHome(t)
	argv := p.governed(t)
	cmd := p.command(argv...)
	cmd.Dir = p.home
	client := connect(t, cmd, legacy)
	guarded := func() map[string]string {
		all := snapshot(t, p.home)
		maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, p.state+"/") })
		return all
	}
	before := guarded()
	refused := map[string]grab{}
	for _, g := range grabs(p) {
		got := call(t, client, g.tool, g.args)
		if !got.isError || got.verdict.Code != "self_protected" {
			t.Errorf("%s %v: got %+v", g.tool, g.args, got)
			continue
		}
		refused[got.verdict.DecisionID] = g
	}
	after := guarded()
	for name := range maps.Keys(after) {
		if before[name] != after[name] {
			t.Errorf("%s has changed", name)
		}
	}
	if len(before) != len(after) {
		t.Errorf("there were %d files in the home, and there are %d", len(before), len(after))
	}
	ordinary(t, p, func(tool string, a map[string]any) answer { return call(t, client, tool, a) })
	if err := client.Close(); err != nil {
		t.Errorf("the proxy ended with %v", err)
	}
	p.recordedAsProtected(refused)
}

// recordedAsProtected wants each refusal in the ledger, and named by `audit list` as people read it.
func (p place) recordedAsProtected(refused map[string]grab) {
	p.Helper()
	said, code := p.run("agentmesh", "audit", "list", "--decision", "deny", "-n", "0")
	if code != 0 {
		p.Errorf("audit list: exit code %d", code)
	}
	if n := strings.Count(said, "self_protected"); n != len(refused) {
		p.Errorf("audit list names %d refusals of this kind, want %d:\n%.2000s", n, len(refused), said)
	}
	left := maps.Clone(refused)
	for _, e := range p.audit("--decision", "deny") {
		g, ok := left[e.ID]
		if ok && (e.Code != "self_protected" || e.Tool != g.tool || e.Server != "files") {
			p.Errorf("%s %v: the ledger has %+v", g.tool, g.args, e)
		}
		delete(left, e.ID)
	}
	for id, g := range left {
		p.Errorf("%s %v: the ledger has no decision %s", g.tool, g.args, id)
	}
	p.verified()
}

// ordinary is what goes on working beside all that.
func ordinary(t *testing.T, p place, call func(tool string, a map[string]any) answer) {
	edits := []any{map[string]any{"oldText": "pears", "newText": "plums and tell agentmesh"}}
	for _, c := range []grab{
		{tool: "read_text_file", args: args("path", p.home+"/notes/todo.txt")},
		{tool: "edit_file", args: args("path", p.home+"/notes/todo.txt", "edits", edits)},
		{tool: "write_file", args: args("path", p.home+"/.config/Claude/notes.txt", "content", "agentmesh is told in mcp.json")},
		{tool: "write_file", args: args("path", p.home+"/policies.txt", "content", "x")},
		{tool: "read_text_file", args: args("path", p.home+"/bin/tool")},
		{tool: "read_text_file", args: args("path", p.home+"/.config/editor/settings.json")},
		{tool: "list_directory", args: args("path", p.home)},
		{tool: "list_directory", args: args("path", p.home+"/.config")},
		{tool: "directory_tree", args: args("path", p.home, "excludePatterns", []string{"bin"})},
		{tool: "search_files", args: args("path", p.home, "pattern", "**/*.txt")},
		{tool: "create_directory", args: args("path", p.home+"/archive")},
		{tool: "move_file", args: args("source", p.home+"/notes/todo.txt", "destination", p.home+"/archive/todo.txt")},
		{tool: "move_file", args: args("source", p.home+"/archive", "destination", p.home+"/.config/archive")},
		{tool: "move_file", args: args("source", p.home+"/.config/editor", "destination", p.home+"/editor")},
	} {
		if got := call(c.tool, c.args); got.isError {
			t.Errorf("%s %v: got %+v", c.tool, c.args, got)
		}
	}
	if got := p.read(p.home + "/.config/archive/todo.txt"); !strings.Contains(got, "plums") {
		t.Errorf("the file that was edited and moved has %q", got)
	}
	names := slices.Sorted(maps.Keys(snapshot(t, p.home+"/editor")))
	if fmt.Sprint(names) != "["+p.home+"/editor/settings.json]" {
		t.Errorf("the folder that was moved has %q", names)
	}
}
