package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// built is where TestMain puts the commands that are built from source.
var built string

// TestMain builds the commands. Tests that run beside each other mostly wait, so more of them may than there are processors.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(withCommands(m))
}

func withCommands(m *testing.M) int {
	syscall.Umask(0o022)
	dir, err := os.MkdirTemp("", "agentmesh-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built = dir
	for _, b := range []struct{ dir, pkg string }{
		{"../..", "agentmesh/cmd/agentmesh"},
		{".", "github.com/modelcontextprotocol/go-sdk/conformance/everything-server"},
		{".", "./servers/tap"},
		{".", "./servers/odd"},
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/", b.pkg)
		cmd.Dir, cmd.Stderr = b.dir, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build", b.pkg+":", err)
			return 1
		}
	}
	return m.Run()
}

// installed gives the path of a program of one of the locked sets of packages, which it installs where it is not yet.
func installed(t testing.TB, set, program string) string {
	t.Helper()
	dir, err := sets()[set]()
	if err == nil {
		return filepath.Join(dir, map[bool]string{true: "node_modules/.bin", false: "bin"}[set == "npm"], program)
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s cannot be installed: %v", program, err)
	}
	t.Skipf("%s cannot be installed here (node with npm and Python 3 with venv are needed, and the network the first time): %v", program, err)
	return ""
}

// sets are the locked sets, each installed once.
var sets = sync.OnceValue(func() map[string]func() (string, error) {
	return map[string]func() (string, error){
		"npm": sync.OnceValues(func() (string, error) {
			return install("npm", "package-lock.json", func(dir string) [][]string {
				return [][]string{
					{"cp", "servers/package.json", "servers/package-lock.json", dir},
					{"npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund"},
				}
			})
		}),
		"git":    sync.OnceValues(func() (string, error) { return installPython("git") }),
		"sqlite": sync.OnceValues(func() (string, error) { return installPython("sqlite") }),
	}
})

func installPython(set string) (string, error) {
	return install(set, set+".txt", func(dir string) [][]string {
		return [][]string{
			{"python3", "-m", "venv", dir},
			{
				filepath.Join(dir, "bin", "pip"), "install", "-q", "--no-deps", "--require-hashes", "--only-binary", ":all:",
				"-r", "servers/" + set + ".txt",
			},
		}
	})
}

// install runs the steps that fill a folder, unless the folder of this lock file is whole.
func install(set, lock string, steps func(dir string) [][]string) (string, error) {
	locked, err := os.ReadFile(filepath.Join("servers", lock))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(locked)
	dir, err := filepath.Abs(filepath.Join("../../.tools/e2e", set+"-"+hex.EncodeToString(sum[:6])))
	if err != nil {
		return "", err
	}
	release, err := lockFile(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer release()
	whole := filepath.Join(dir, ".whole")
	if _, err := os.Stat(whole); err == nil {
		return dir, nil
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return "", err
	}
	for _, args := range steps(dir) {
		cmd := exec.Command(args[0], args[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", args[0], err, bytes.TrimSpace(out))
		}
	}
	return dir, os.WriteFile(whole, nil, 0o644)
}

// lockFile keeps other test runs of this checkout waiting until release is called.
func lockFile(name string) (release func(), err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
