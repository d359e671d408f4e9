package main_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// commands is the folder with the commands built for this run.
var commands string

// TestMain builds both commands, as make build does but for the flags that only shrink them, and lets the test binary
// stand in for the small programs that stories need beside them.
func TestMain(m *testing.M) {
	testscript.Main(builder{m}, map[string]func(){"ask": ask})
}

type builder struct{ *testing.M }

func (b builder) Run() int {
	syscall.Umask(0o022) // policies that others may write are refused
	dir, err := os.MkdirTemp("", "agentmesh-commands-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", raceFlag, "-trimpath", "-buildvcs=false", "-o", dir, "agentmesh/cmd/agentmesh", "agentmesh/cmd/meshhost")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the commands:", err)
		return 1
	}
	commands = dir
	return b.M.Run()
}

var update = flag.Bool("update", false, "write what the commands print into the stories")

func TestStories(t *testing.T) {
	p := stories(t, ".")
	p.Cmds["asksoon"], p.Cmds["tamper"] = askSoon, tamper
	testscript.Run(t, p)
}

// stories are the scripts in a folder below testdata. Each has the built commands on its PATH, a home and a state folder of
// its own, the checkout as ROOT, and in ADDR an address where nobody listens.
func stories(t *testing.T, folder string) testscript.Params {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir:                 filepath.Join("testdata", folder),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer listener.Close()
			e.Setenv("PATH", commands+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("ADDR", listener.Addr().String())
			e.Setenv("ROOT", root)
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("AGENTMESH_HOME", filepath.Join(e.WorkDir, "home", "state"))
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", "atexit_sleep_ms=10") // a command built for finding races else rests a second before it ends
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await": await, "exits": exits, "replace": replace, "sigterm": sigterm,
		},
	}
}

// with sets variables beside those that all stories have, or in place of them.
func with(p testscript.Params, vars ...string) testscript.Params {
	before := p.Setup
	p.Setup = func(e *testscript.Env) error {
		err := before(e)
		for _, v := range vars {
			name, value, _ := strings.Cut(v, "=")
			e.Setenv(name, value)
		}
		return err
	}
	return p
}

// askSoon asks over a unix socket as soon as somebody answers there.
func askSoon(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: asksoon SOCKET FILE")
	}
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = ts.Exec("ask", "-socket", args[0], args[1]); err == nil {
			return
		}
	}
	ts.Fatalf("nobody answers at %s: %v", args[0], err)
}

// sigterm asks the background programs whose command line holds a text to end, as a service manager does.
func sigterm(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: sigterm TEXT")
	}
	found := false
	for _, c := range ts.BackgroundCmds() {
		if strings.Contains(strings.Join(c.Args, " "), args[0]) && c.ProcessState == nil {
			found = true
			ts.Check(c.Process.Signal(syscall.SIGTERM))
		}
	}
	if !found {
		ts.Fatalf("no background program has %q in its command line", args[0])
	}
}

// exits runs a program and holds its exit code: exits 3 agentmesh policy eval …
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENTS...")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// await polls a path of the host until its answer holds a text: await /readyz '"status":"ready"'
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: await PATH TEXT")
	}
	deadline := time.Now().Add(30 * time.Second)
	last := ""
	for time.Now().Before(deadline) {
		response, err := http.Get("http://" + ts.Getenv("ADDR") + args[0])
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if last = string(body); strings.Contains(last, args[1]) {
				return
			}
		} else {
			last = err.Error()
		}
		for _, c := range ts.BackgroundCmds() {
			if errors.Is(c.Process.Signal(syscall.Signal(0)), os.ErrProcessDone) {
				ts.Fatalf("%s has ended; %s at last: %s", c.Args, args[0], last)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s never said %s; at last: %s", args[0], args[1], last)
}

// ask is a program that puts a request file to the host as often as -n says and prints the last answer: status line,
// Retry-After where there is one, body. -header adds headers; -token is the token file; without it none is presented.
func ask() {
	flags := flag.NewFlagSet("ask", flag.ExitOnError)
	times := flags.Int("n", 1, "how often")
	tokenFile := flags.String("token", "", "token file")
	header := flags.String("header", "", "NAME: VALUE")
	socket := flags.String("socket", "", "unix socket")
	large := flags.Int("large", 0, "add so many bytes of numbers to data")
	kind := flags.String("type", "application/json", "content type")
	_ = flags.Parse(os.Args[1:])
	body, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		fail(err)
	}
	if *large > 0 {
		numbers := strings.Repeat("1234567,", *large/8)
		body = fmt.Appendf(nil, `%s,"data":{"rows":[%s0]}}`, bytes.TrimSuffix(bytes.TrimSpace(body), []byte("}")), numbers)
	}
	client := http.DefaultClient
	if *socket != "" {
		client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", *socket)
		}}}
	}
	for i := range *times {
		r, err := http.NewRequest(http.MethodPost, "http://"+os.Getenv("ADDR")+"/v1/decide", bytes.NewReader(body))
		if err != nil {
			fail(err)
		}
		r.Header.Set("Content-Type", *kind)
		if *tokenFile != "" {
			token, err := os.ReadFile(*tokenFile)
			if err != nil {
				fail(err)
			}
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		}
		if name, value, ok := strings.Cut(*header, ": "); ok {
			r.Header.Set(name, value)
			if name == "Host" {
				r.Host = value
			}
		}
		response, err := client.Do(r)
		if err != nil {
			fail(err)
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			fail(err)
		}
		if i == *times-1 {
			fmt.Println(response.Status)
			if retry := response.Header.Get("Retry-After"); retry != "" {
				fmt.Println("Retry-After:", retry)
			}
			os.Stdout.Write(answer)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "ask:", err)
	os.Exit(1)
}
