package main_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestTheRuleUpdatesOfTheReadme pastes the block of the README into a shell, as it stands, in an empty folder; the host that it
// ends with takes a free port and is asked to end once it serves.
func TestTheRuleUpdatesOfTheReadme(t *testing.T) {
	lines := readmeBlock(t, "Rule updates")
	serve := lines[len(lines)-1]
	if !strings.HasPrefix(serve, "meshhost serve --listen ") {
		t.Fatalf("the block ends with %q", serve)
	}
	script := strings.Join(lines[:len(lines)-1], "\n") + "\nexec meshhost serve --listen 127.0.0.1:0\n"
	shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	shell.Dir = t.TempDir()
	shell.Env = append(os.Environ(), "PATH="+commands+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+shell.Dir)
	out, err := shell.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	shell.Stdout = shell.Stderr
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for line := bufio.NewScanner(out); line.Scan(); {
		said.WriteString(line.Text() + "\n")
		if strings.Contains(line.Text(), "serving: addresses") {
			if err := shell.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	if err := shell.Wait(); err != nil {
		t.Errorf("%v", err)
	}
	for _, want := range []string{"signed by ann, bob", "acme/no-export 0.1.0: staged -> active", `trust=["acme"]`, "serving: addresses"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("it did not say %q:\n%s", want, said.String())
		}
	}
}

// readmeBlock is the first block of shell commands in a section of the README.
func readmeBlock(t *testing.T, section string) []string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n## "+section+"\n")
	_, rest, _ = strings.Cut(rest, "\n```sh\n")
	block, _, found := strings.Cut(rest, "\n```\n")
	if !found {
		t.Fatalf("section %s of the README has no block", section)
	}
	return strings.Split(block, "\n")
}
