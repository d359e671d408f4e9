package clients_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/clients"
)

func environ(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestPlacesBySystem(t *testing.T) {
	for name, c := range map[string]struct {
		system clients.System
		client string
		want   []string
	}{
		"linux": {
			clients.System{OS: "linux", Home: "/h"},
			clients.Claude,
			[]string{"/h/.config/Claude/claude_desktop_config.json", "/h/.claude.json"},
		},
		"linux, other folders": {
			clients.System{OS: "linux", Home: "/h", Env: environ(map[string]string{"XDG_CONFIG_HOME": "/x", "CLAUDE_CONFIG_DIR": "/c"})},
			clients.Claude,
			[]string{"/x/Claude/claude_desktop_config.json", "/c/.claude.json"},
		},
		"linux, a relative folder": {
			clients.System{OS: "linux", Home: "/h", Env: environ(map[string]string{"XDG_CONFIG_HOME": "x"})},
			clients.Claude,
			[]string{"/h/.config/Claude/claude_desktop_config.json", "/h/.claude.json"},
		},
		"macos": {
			clients.System{OS: "darwin", Home: "/Users/me"},
			clients.Claude,
			[]string{"/Users/me/Library/Application Support/Claude/claude_desktop_config.json", "/Users/me/.claude.json"},
		},
		"windows": {
			clients.System{OS: "windows", Home: `C:\Users\me`, Env: environ(map[string]string{"APPDATA": `D:\R`})},
			clients.Claude,
			[]string{
				`D:\R\Claude\claude_desktop_config.json`,
				`C:\Users\me\AppData\Local\Packages\Claude_pzs8sxrjxfjjc\LocalCache\Roaming\Claude\claude_desktop_config.json`,
				`C:\Users\me\.claude.json`,
			},
		},
		"cursor in a project": {
			clients.System{OS: "linux", Home: "/h", Dir: "/p"},
			clients.Cursor,
			[]string{"/h/.cursor/mcp.json", "/p/.cursor/mcp.json"},
		},
		"cursor at home": {clients.System{OS: "linux", Home: "/h", Dir: "/h"}, clients.Cursor, []string{"/h/.cursor/mcp.json"}},
		"vscode": {
			clients.System{OS: "darwin", Home: "/h", Dir: "/p"},
			clients.VSCode,
			[]string{
				"/h/Library/Application Support/Code/User/mcp.json", "/h/Library/Application Support/Code/User/settings.json",
				"/h/Library/Application Support/Code - Insiders/User/mcp.json", "/h/Library/Application Support/Code - Insiders/User/settings.json",
				"/h/Library/Application Support/VSCodium/User/mcp.json", "/h/Library/Application Support/VSCodium/User/settings.json",
				"/p/.vscode/mcp.json", "/p/.vscode/settings.json",
			},
		},
		"windsurf": {clients.System{OS: "linux", Home: "/h"}, clients.Windsurf, []string{"/h/.codeium/windsurf/mcp_config.json"}},
	} {
		var got []string
		for _, p := range c.system.Places() {
			if p.Client == c.client {
				got = append(got, p.Path)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// TestEveryPlaceKnowsItsServers puts a server where each client keeps it, and looks for it there and nowhere else.
func TestEveryPlaceKnowsItsServers(t *testing.T) {
	s := clients.System{OS: "linux", Home: "/h", Dir: "/p"}
	for _, p := range s.Places() {
		key := "mcpServers"
		switch {
		case p.Client == clients.VSCode && strings.HasSuffix(p.Path, "settings.json"):
			key = "mcp.servers"
		case p.Client == clients.VSCode:
			key = "servers"
		}
		for _, k := range []string{"mcpServers", "servers", "mcp.servers"} {
			f, err := clients.Parse(p, []byte(`{"`+k+`":{"a":{"command":"x"}}}`))
			if err != nil || (len(f.Servers) == 1) != (k == key) {
				t.Errorf("%s: %q: got %d servers, %v", p.Path, k, len(f.Servers), err)
			}
		}
	}
}

func TestProfilesOfVSCode(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, ".config", "Code", "User", "profiles", "-1a2b", "mcp.json")
	write(t, file, `{"servers":{}}`, 0o600)
	s := clients.System{OS: "linux", Home: home}
	if found := clients.Find(s.Places()); len(found) != 1 || found[0].Path != file {
		t.Errorf("found %v, want %s", found, file)
	}
}

func TestFindNamesAFileOnce(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, ".cursor", "mcp.json")
	write(t, file, `{}`, 0o600)
	project := filepath.Join(home, "p")
	if err := os.MkdirAll(project, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(file), filepath.Join(project, ".cursor")); err != nil {
		t.Fatal(err)
	}
	s := clients.System{OS: "linux", Home: home, Dir: project}
	if found := clients.Find(s.Places()); len(found) != 1 || found[0].Path != file {
		t.Errorf("found %v, want %s alone", found, file)
	}
}

func TestExtensionsAreNamed(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "Library", "Application Support", "Claude", "Claude Extensions")
	write(t, filepath.Join(dir, "ant.dir.files", "manifest.json"), `{}`, 0o600)
	write(t, filepath.Join(dir, "remains", "x"), ``, 0o600)
	got := clients.System{OS: "darwin", Home: home}.Extensions()
	if want := []string{filepath.Join(dir, "ant.dir.files")}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPathsToKeepToolsAwayFrom(t *testing.T) {
	home := t.TempDir()
	copied := filepath.Join(home, ".cursor", "mcp.json.before-agentmesh")
	write(t, copied, `{}`, 0o600)
	s := clients.System{OS: "linux", Home: home}
	got := append(s.Paths(), s.ProjectPaths("/p", "/q")...)
	for _, want := range []string{
		copied, filepath.Join(home, ".cursor", "mcp.json"), filepath.Join(home, ".claude.json"), filepath.Join(home, ".claude", "settings.json"),
		filepath.Join(home, ".config", "Claude", "claude_desktop_config.json"), "/p/.mcp.json", "/q/.vscode/mcp.json", "/q/.claude/settings.local.json",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among them", want)
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "bin", "tool")
	write(t, tool, "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "bin", "text"), "no program", 0o644)
	s := clients.System{OS: "linux", Home: dir, Env: environ(map[string]string{"PATH": ".:relative:" + filepath.Join(dir, "bin")})}
	for name, c := range map[string]struct {
		command, path, want string
		found               bool
	}{
		"a bare name":         {"tool", "", tool, true},
		"no program":          {"text", "", "text", false},
		"nowhere":             {"nobody-has-it", "", "nobody-has-it", false},
		"a PATH of its own":   {"tool", "/nowhere", "tool", false},
		"absolute":            {tool, "", tool, true},
		"absolute, not there": {"/nowhere/tool", "", "/nowhere/tool", false},
		"below home":          {"~/bin/tool", "", tool, true},
		"relative":            {"./bin/tool", "", "./bin/tool", false},
		"a variable":          {"${userHome}/bin/tool", "", "${userHome}/bin/tool", false},
		"a folder":            {"bin", dir, "bin", false},
	} {
		if got, found := s.Resolve(c.command, c.path); got != c.want || found != c.found {
			t.Errorf("%s: got %s, %v, want %s, %v", name, got, found, c.want, c.found)
		}
	}
}

// TestThePathOfAnEntryCounts looks a command up in the PATH that the entry gives its server.
func TestThePathOfAnEntryCounts(t *testing.T) {
	var asked []string
	w := wrapping()
	w.Resolve = func(command, path string) (string, bool) {
		asked = append(asked, path)
		return command, false
	}
	wrap(t, `{"mcpServers":{"a":{"command":"x","env":{"PATH":"/a:/b"}},"b":{"command":"x","env":{"PATH":"${PATH}:/c"}},"c":{"command":"x"}}}`, w)
	if want := []string{"/a:/b", "", ""}; !slices.Equal(asked, want) {
		t.Errorf("looked in %q, want %q", asked, want)
	}
}

func TestBinaryIsAbsolute(t *testing.T) {
	got, err := clients.Here(os.Environ(), "").Binary()
	if err != nil || !filepath.IsAbs(got) || !clients.Runs(got) {
		t.Errorf("got %q, %v", got, err)
	}
}
