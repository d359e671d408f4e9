package main_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	"github.com/rogpeppe/go-internal/testscript"

	"agentmesh/host/release"
)

// startRegistry starts an OCI registry for a story and sets $REGISTRY to its address: registry inside is one in this process,
// registry real a program of its own (.ci/registry), which keeps what it has in $WORK/NAME and begins again with it:
// registry real NAME. It ends with the story, or by registry stop.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: registry inside | registry real [NAME] | registry stop")
	}
	switch args[0] {
	case "inside":
		s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
		ts.Defer(s.Close)
		ts.Setenv("REGISTRY", strings.TrimPrefix(s.URL, "http://"))
	case "real":
		name := "storage"
		if len(args) > 1 {
			name = args[1]
		}
		realRegistry(ts, ts.MkAbs(name))
	case "stop":
		stopRegistry(ts)
	default:
		ts.Fatalf("unknown: registry %s", args[0])
	}
}

func realRegistry(ts *testscript.TestScript, storage string) {
	program, err := exec.Command(filepath.Join(ts.Getenv("ROOT"), ".ci", "registry")).Output()
	ts.Check(err)
	address := ts.Getenv("REGISTRY")
	if address == "" {
		address = "127.0.0.1:0"
	}
	file := storage + ".yml"
	ts.Check(os.WriteFile(file, fmt.Appendf(nil, "version: 0.1\nlog: {level: info, formatter: text}\n"+
		"storage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q}\n", storage, address), 0o600))
	server := exec.Command(strings.TrimSpace(string(program)), "serve", file)
	server.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	said, err := server.StderrPipe()
	ts.Check(err)
	ts.Check(server.Start())
	ts.Setenv(registryProcess, fmt.Sprint(server.Process.Pid))
	ts.Defer(func() { server.Process.Kill(); server.Wait() })
	listening := regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			ts.Setenv("REGISTRY", m[1])
			go io.Copy(io.Discard, said) // it must be able to go on writing
			return
		}
	}
	ts.Fatalf("the registry does not listen")
}

// registryProcess names the process of the registry in a story's environment.
const registryProcess = "REGISTRY_PROCESS"

func stopRegistry(ts *testscript.TestScript) {
	var pid int
	_, err := fmt.Sscan(ts.Getenv(registryProcess), &pid)
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	ts.Check(process.Kill())
}

// haveRegistry is the condition [registry]: there is a real one, or this is where there must be.
func haveRegistry(cond string) (bool, error) {
	if cond != "registry" {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	return os.Getenv("CI") != "" || exec.Command(filepath.Join("..", "..", ".ci", "registry")).Run() == nil, nil
}

// fingerprint sets $FINGERPRINT to that of a trust root's file: what its owners tell operators by another way.
func fingerprint(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fingerprint FILE")
	}
	e, err := release.ReadEnvelope([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Setenv("FINGERPRINT", e.Digest())
}

// alter changes a byte of the blob of a layout that has the content of a file.
func alter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: alter LAYOUT FILE")
	}
	data := []byte(ts.ReadFile(args[1]))
	blob := filepath.Join(ts.MkAbs(args[0]), "blobs", "sha256", digest.FromBytes(data).Encoded())
	data[len(data)/2] ^= 1
	ts.Check(os.WriteFile(blob, data, 0o600))
}
