package facts_test

import (
	"os"
	"path/filepath"
	"testing"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// protectedHome is a home folder with a state folder, a link to it and a hard link to its database.
func protectedHome(t *testing.T) (home string, x *facts.Extractor, p *facts.Protected) {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(home, ".local/state/agentmesh")
	work := filepath.Join(home, "work")
	for _, dir := range []string{state, work, filepath.Join(home, "policies")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(home, "claude_desktop_config.json")
	here, none := filepath.Join(work, ".config.json"), filepath.Join(work, ".none.yaml")
	for _, file := range []string{filepath.Join(state, "store.db"), config, here} {
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(state, filepath.Join(work, "innocent")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(config, filepath.Join(work, "hard")); err != nil {
		t.Fatal(err)
	}
	table, err := facts.DefaultTable()
	if err != nil {
		t.Fatal(err)
	}
	x = facts.New(facts.Config{Table: table, Package: "mcp-server-commands", Roots: []string{work}, Home: home, Dir: work, Where: facts.Here})
	return home, x, facts.NewProtected([]string{state, config, here, none, filepath.Join(home, "policies")})
}

func TestNamed(t *testing.T) {
	home, x, p := protectedHome(t)
	for _, s := range []string{
		home + "/.local/state/agentmesh",
		home + "/.local/state/agentmesh/store.db",
		home + "/.local/state/agentmesh/",
		home + "//.local/./state/x/../agentmesh/token",
		"../.local/state/agentmesh/store.db",
		"~/.local/state/agentmesh/store.db",
		"$HOME/.local/state/agentmesh",
		"@" + home + "/.local/state/agentmesh/token", // as curl -d has it
		"@~/.local/state/agentmesh/token",
		"fi\tle://" + home + "/.local/state/agentmesh/token",
		"\x01file://" + home + "/.local/state/agentmesh/token",
		`"` + home + "/.local/state/agentmesh/token\"",
		"${HOME}/.local/state/agentmesh",
		"file://" + home + "/.local/state/agentmesh/store.db",
		"FILE:" + home + "/.local/state/agentmesh/store.db",
		home + "/.local/state/agentmesh%2Fstore.db",
		home + "/%2elocal/state/agentmesh/store.db",
		home + "/.LOCAL/State/AgentMesh/store.db",
		home + "/.local/state/agentmesh./store.db",
		home + "/.local/state/agentmesh /store.db",
		home + `\.local\state\agentmesh\store.db`,
		home + "/.local/state/ａgentmesh/store.db",
		home + "/.local/state/agent\u200bmesh/store.db",
		"innocent/store.db",
		home + "/work/innocent",
		"hard",
		"cat ~/.local/state/agentmesh/store.db",
		`cat "$HOME/.local/state/agentmesh/store.db"`,
		`cat ~/.local/st""ate/agent'me'sh/store.db`,
		`cat ~/.local/state/agent\mesh/store.db`,
		"cd ~/.local/state && rm -rf agentmesh",
		"cd ~ && rm -rf policies",
		"cat innocent/token",
		"cat </dev/null >" + home + "/policies/x.yaml",
		"tar -C" + home + "/policies -x",
		"dd of=" + home + "/policies/a",
		"cp x{a,b} ~/{policies,x}/",
		"sh -c 'echo x > ~/policies/p.yaml'",
		"cat ~/.local/state/agent*/store.db",
		"cat ~/.local/*/a?entmesh/store.db",
		"~/**/agentmesh/store.db",
		"**/.config.json",
		home + "/**/state/*/store.db",
		"~/pol*/x.yaml",
		".conf*.json",
		"*.json",
		"python -c \"open('" + home + "/.local/state/agentmesh/store.db','w')\"",
		"a long text that says (" + home + "/policies/strict.yaml), as if by chance",
	} {
		for shape, args := range map[string]abi.Value{
			"argument": object("command", abi.StringValue(s)),
			"other":    object("whatever", abi.StringValue(s)),
			"nested":   object("a", object("b", abi.ListValue(abi.NullValue(), object("c", abi.StringValue(s))))),
			"name":     object("files", object(s, abi.StringValue("x"))),
		} {
			if place, named := x.Named(p, &facts.Call{Tool: "run_command", Arguments: args}); !named || place == "" {
				t.Errorf("%s: %q names no protected place", shape, s)
			}
		}
	}
}

func TestNotNamed(t *testing.T) {
	home, x, p := protectedHome(t)
	for _, s := range []string{
		"", "x", "store.db", home, home + "/work/notes.txt", "~", "~/.local/state/agentmesh2", "policies", "the policies of the house",
		"ls -la && cat README.md | grep policies", home + "/.local/state", "100% sure", "a [b] {c} *d*",
		"https://example.com/.local/state/agentmesh", "echo agentmesh",
		"**", "**/*", "**/*.go", "**/**/*", "../**/*.go", "~/**/*.go", "*/*.json.go", "../work/*.g?", "~/**", ".n*", "../work/*t*.yaml",
	} {
		if place, named := x.Named(p, &facts.Call{Tool: "run_command", Arguments: object("command", abi.StringValue(s))}); named {
			t.Errorf("%q names %s", s, place)
		}
	}
	if _, named := x.Named(nil, &facts.Call{}); named {
		t.Error("nothing is protected, and something was named")
	}
}

func object(name string, v abi.Value) abi.Value {
	return abi.ObjectValue(abi.Member{Name: name, Value: v})
}
