package e2e_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheTwoMinutesOfTheReadme pastes the README's start with MCP servers into a shell: a fresh copy of the checkout, an empty
// home. In the end a desktop client's configuration is governed, and a write is refused in the log.
func TestTheTwoMinutesOfTheReadme(t *testing.T) {
	n := newcomer(t)
	out := n.paste(pasteable(t, "## Two minutes with MCP servers"))
	for _, want := range []string{
		"Claude Desktop  files   wrapped  strict",
		`"text":"buy pears\n"`, // read by the client
		"Refused by AgentMesh (rule no-writes of local/strict)",
		"\nbuy pears\n", // read afterwards
		"ok: the ledger is whole",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("what was pasted does not print %q", want)
		}
	}
	n.governed()
	n.refused()
	if got := n.ask("init-integration", "--claude", "--undo"); !strings.Contains(got, "restored") {
		t.Errorf("undoing prints\n%s", got)
	}
	n.bare()
}

// fresh is a machine on which nobody has worked yet.
type fresh struct {
	*testing.T
	home, checkout string
	environ        []string
}

func newcomer(t *testing.T) fresh {
	dir := t.TempDir()
	n := fresh{T: t, home: filepath.Join(dir, "home"), checkout: filepath.Join(dir, "checkout")}
	if err := os.Mkdir(n.home, 0o700); err != nil {
		t.Fatal(err)
	}
	copyCheckout(t, n.checkout)
	// What was built and fetched before is shared: it saves minutes, and shows nowhere in what is pasted.
	cache, err := filepath.Abs("../../.tools/e2e/npx-cache")
	if err != nil {
		t.Fatal(err)
	}
	n.environ = []string{
		"HOME=" + n.home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "NO_COLOR=1", "npm_config_cache=" + cache, "npm_config_prefer_offline=true",
		"npm_config_update_notifier=false", "GOMODCACHE=" + goEnv(t, "GOMODCACHE"), "GOCACHE=" + goEnv(t, "GOCACHE"),
	}
	n.published("@modelcontextprotocol/server-filesystem")
	return n
}

// published skips the test where a server can be had neither from the cache nor from the network.
func (n fresh) published(server string) {
	cmd := exec.Command("npx", "-y", server, n.home)
	cmd.Env = n.environ // its input is empty: it starts, and ends
	if out, err := cmd.CombinedOutput(); err != nil && os.Getenv("CI") != "" {
		n.Fatalf("npx %s: %v\n%s", server, err, out)
	} else if err != nil {
		n.Skipf("npx cannot fetch %s here: %v", server, err)
	}
}

// paste gives a shell what a terminal would: a program that reads its input would swallow the lines behind it.
func (n fresh) paste(text string) string {
	n.Helper()
	cmd := exec.Command("bash", "-e", "-s")
	cmd.Dir, cmd.Env, cmd.Stdin = n.checkout, n.environ, strings.NewReader(text)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		n.Fatalf("what was pasted ends with %v\n%s\n%s", err, out.Bytes(), errs.Bytes())
	}
	return out.String()
}

// ask runs the command that was built by what was pasted.
func (n fresh) ask(args ...string) string {
	n.Helper()
	cmd := exec.Command(filepath.Join(n.checkout, "bin", "agentmesh"), args...)
	cmd.Dir, cmd.Env = n.home, n.environ
	out, err := cmd.Output()
	if err != nil {
		n.Fatalf("agentmesh %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func (n fresh) governed() {
	n.Helper()
	var status struct {
		Clients []struct {
			Client, Path string
			Servers      []struct {
				Name, Result string
				Policies     []string
			}
		}
	}
	if err := json.Unmarshal([]byte(n.ask("status", "-o", "json")), &status); err != nil {
		n.Fatal(err)
	}
	if len(status.Clients) != 1 || status.Clients[0].Client != "Claude Desktop" || len(status.Clients[0].Servers) != 1 {
		n.Fatalf("status has %+v", status)
	}
	if s := status.Clients[0].Servers[0]; s.Name != "files" || s.Result != "wrapped" || strings.Join(s.Policies, " ") != "strict" {
		n.Errorf("status has %+v", s)
	}
	if text := n.config(); !strings.Contains(text, filepath.Join(n.checkout, "bin", "agentmesh")) {
		n.Errorf("the configuration does not start our command:\n%s", text)
	}
}

func (n fresh) refused() {
	n.Helper()
	var lines []struct{ Entry recorded }
	if err := json.Unmarshal([]byte(n.ask("audit", "list", "--decision", "deny", "-o", "json")), &lines); err != nil {
		n.Fatal(err)
	}
	if len(lines) != 1 || lines[0].Entry.Tool != "write_file" || lines[0].Entry.Server != "files" || lines[0].Entry.Rule != "no-writes" {
		n.Errorf("the log has the refusals %+v", lines)
	}
}

// bare holds that the configuration is as it was written.
func (n fresh) bare() {
	n.Helper()
	want := `{
  "mcpServers": {
    "files": { "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "` + n.home + `/project"] }
  }
}
`
	if got := n.config(); got != want {
		n.Errorf("undone, the configuration is\n%s", got)
	}
}

func (n fresh) config() string {
	n.Helper()
	text, err := os.ReadFile(filepath.Join(n.home, ".config", "Claude", "claude_desktop_config.json"))
	if err != nil {
		n.Fatal(err)
	}
	return string(text)
}

// pasteable is the first block of shell below a heading of the README.
func pasteable(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, block, opened := strings.Cut(section, "\n```sh\n")
	block, _, closed := strings.Cut(block, "\n```\n")
	if !found || !opened || !closed {
		t.Fatalf("the README has no shell under %q", heading)
	}
	return block + "\n"
}

// copyCheckout copies what a clone would have: all but what is fetched and built.
func copyCheckout(t *testing.T, dir string) {
	t.Helper()
	source := os.DirFS("../..")
	err := fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == ".git" || name == ".tools" || name == ".agentmesh" || name == "bin" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(dir, name)
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		text, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
