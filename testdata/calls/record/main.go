// Command record runs published MCP servers over stdio against a scratch folder and writes down every line of the
// conversation: what testdata/calls/*.jsonl hold.
//
//	go run ./testdata/calls/record            # all servers
//	go run ./testdata/calls/record git fetch  # some
//
// It needs node with npm, Python 3 with pip, git, kubectl, PostgreSQL 15 and chromium, and writes below /srv, so that no
// path of the recording machine gets into the recordings. Run it in a container or a throw-away machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// script says how one server is installed and started, and what is asked of it.
type script struct {
	Server  string `json:"server"`
	Package string `json:"package"`
	Version string `json:"version"`
	Kind    string `json:"kind"` // npm or pypi
	// With are further pip requirements, where the newest dependencies break the server.
	With []string `json:"with,omitempty"`
	// Run is the installed program with its arguments; Target is what a person puts into a client's configuration.
	Run    []string `json:"run"`
	Target []string `json:"target"`
	Env    []string `json:"env,omitempty"`
	// Before and After are shell lines, run in the project folder.
	Before       string          `json:"before,omitempty"`
	After        string          `json:"after,omitempty"`
	Capabilities json.RawMessage `json:"capabilities,omitempty"`
	Calls        []step          `json:"calls"`
}

// step is one request: a tool with arguments, or any other method with params.
type step struct {
	Tool      string          `json:"tool,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	// Note says, in the recording and in the table of decisions, what is special about the request.
	Note string `json:"note,omitempty"`
}

type places struct {
	calls   string // testdata/calls
	root    string // /srv
	servers string // where packages are installed
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var p places
	flag.StringVar(&p.calls, "calls", "testdata/calls", "folder of the recordings")
	flag.StringVar(&p.root, "root", "/srv", "folder that holds the scratch project")
	flag.StringVar(&p.servers, "servers", "/srv/servers", "folder to install the servers in")
	flag.Parse()
	if err := run(ctx, p, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p places, names []string) error {
	scripts, err := readScripts(filepath.Join(p.calls, "record", "scripts"), names)
	if err != nil {
		return err
	}
	web, err := serveWeb()
	if err != nil {
		return err
	}
	defer web.Close()
	for _, s := range scripts {
		if err := record(ctx, p, s); err != nil {
			return fmt.Errorf("%s: %w", s.Server, err)
		}
	}
	return nil
}

func readScripts(dir string, names []string) ([]script, error) {
	if len(names) == 0 {
		files, err := fs.Glob(os.DirFS(dir), "*.json")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			names = append(names, strings.TrimSuffix(f, ".json"))
		}
	}
	var scripts []script
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n+".json"))
		if err != nil {
			return nil, err
		}
		s := script{Server: n}
		if err := json.Unmarshal(b, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		scripts = append(scripts, s)
	}
	return scripts, nil
}

func record(ctx context.Context, p places, s script) (err error) {
	program, err := install(ctx, p.servers, s)
	if err != nil {
		return err
	}
	if err := buildScratch(filepath.Join(p.calls, "scratch.json"), p.root); err != nil {
		return err
	}
	project := filepath.Join(p.root, "project")
	env := cleanEnv(p.root, s.Env)
	if err := shell(ctx, project, env, s.Before); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	defer func() { err = errors.Join(err, shell(context.WithoutCancel(ctx), project, env, s.After)) }()
	out, err := os.Create(filepath.Join(p.calls, s.Server+".jsonl"))
	if err != nil {
		return err
	}
	defer out.Close()
	sess := session{script: s, out: out, dir: project, env: env, program: program}
	n, err := sess.run(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%-22s %-45s %-12s %d requests\n", s.Server, s.Package, s.Version, n)
	return out.Close()
}

// cleanEnv is all that a server sees of the recording machine.
func cleanEnv(root string, extra []string) []string {
	return append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + filepath.Join(root, "home"), "LANG=C.UTF-8", "TZ=UTC",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada",
		"GIT_COMMITTER_EMAIL=ada@example.com",
	}, extra...)
}

func shell(ctx context.Context, dir string, env []string, line string) error {
	if line == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, "sh", "-ec", line)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
