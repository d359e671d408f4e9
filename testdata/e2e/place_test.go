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
	"time"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// place is a scratch machine: a home with the state folder, the project that a server is given, and what it is not given.
type place struct {
	testing.TB
	root, home, project, outside, state string
}

// newPlace makes a place and the files that the stories are about.
func newPlace(t testing.TB) place {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := place{
		TB: t, root: root, home: filepath.Join(root, "home"), project: filepath.Join(root, "project"), outside: filepath.Join(root, "outside"),
		state: filepath.Join(root, "home", "state"),
	}
	for name, text := range map[string]string{
		"project/README.md":         "# Shop\n\nA small web shop.\n",
		"project/src/main.go":       "package main\n\nfunc main() { println(\"open on :8080\") }\n",
		"project/notes/todo.txt":    "buy pears\ncall Ada\n",
		"project/.env":              "DB_USER=shop\n",
		"project/deploy/server.pem": "not a real key\n",
		"outside/salaries.csv":      "name,salary\nJane Doe,52000\n",
		"home/.ssh/id_ed25519":      "not a real key\n",
	} {
		p.write(filepath.Join(root, name), text)
	}
	p.must(os.Chmod(p.home, 0o700))
	p.must(os.Symlink("../outside/salaries.csv", filepath.Join(p.project, "link")))
	p.must(os.Symlink("../outside", filepath.Join(p.project, "door")))
	p.must(os.Symlink("deploy/server.pem", filepath.Join(p.project, "innocent.txt")))
	return p
}

func (p place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p place) write(name, text string) {
	p.Helper()
	p.must(os.MkdirAll(filepath.Dir(name), 0o755))
	p.must(os.WriteFile(name, []byte(text), 0o644))
}

func (p place) read(name string) string {
	p.Helper()
	b, err := os.ReadFile(name)
	p.must(err)
	return string(b)
}

// environ is what every program of the place gets.
func (p place) environ() []string {
	return []string{
		"PATH=" + built + ":" + os.Getenv("PATH"), "HOME=" + p.home, "AGENTMESH_HOME=" + p.state, "TMPDIR=" + os.TempDir(), "LANG=C.UTF-8",
		"NO_COLOR=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
	}
}

// command is a program run in the project.
func (p place) command(argv ...string) *exec.Cmd {
	if argv[0] == "agentmesh" {
		argv[0] = filepath.Join(built, argv[0])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = p.project, p.environ()
	return cmd
}

// proxy is `agentmesh proxy` with flags, as one text, before a server.
func (p place) proxy(flags string, server ...string) *exec.Cmd {
	argv := append([]string{"agentmesh", "proxy"}, strings.Fields(flags)...)
	return p.command(append(append(argv, "--"), server...)...)
}

// run gives what a program prints on stdout, and its exit code.
func (p place) run(argv ...string) (string, int) {
	p.Helper()
	cmd := p.command(argv...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		p.Fatal(err)
	}
	if err != nil {
		p.Logf("%s: %v\n%s", strings.Join(argv[:2], " "), err, errs.Bytes())
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// recorded is an entry of the ledger.
type recorded struct {
	Kind, ID, Server, Tool, Method, Decision, Code, Rule string
	Body                                                 json.RawMessage
}

// audit is what `agentmesh audit list` says, the newest first.
func (p place) audit(flags ...string) []recorded {
	p.Helper()
	out, code := p.run(append([]string{"agentmesh", "audit", "list", "-o", "json", "-n", "0"}, flags...)...)
	if code != 0 {
		p.Fatalf("audit list: exit code %d", code)
	}
	var lines []struct{ Entry recorded }
	if err := json.Unmarshal([]byte(out), &lines); err != nil {
		p.Fatalf("audit list: %v: %.300s", err, out)
	}
	entries := make([]recorded, len(lines))
	for i := range lines {
		entries[i] = lines[i].Entry
	}
	return entries
}

// verified checks the ledger as an auditor does.
func (p place) verified() {
	p.Helper()
	if out, code := p.run("agentmesh", "audit", "verify"); code != 0 || !strings.Contains(out, "ok: the ledger is whole") {
		p.Errorf("audit verify: exit code %d: %s", code, out)
	}
}

// snapshot is every file below a folder, by its path.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			files[name], err = os.Readlink(name)
			return err
		}
		b, err := os.ReadFile(name)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
