package policies_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

const (
	calls     = "../testdata/calls"
	decisions = calls + "/decisions.txt"
	// recordedRoot is where the recordings' scratch folders stood.
	recordedRoot = "/srv"
)

var update = flag.Bool("update", false, "write "+decisions+" anew")

// plumbing is what passes without a decision.
var plumbing = []string{
	"initialize", "ping", "tools/list", "resources/list", "resources/templates/list", "prompts/list", "completion/complete",
	"logging/setLevel",
}

// recording is what the replay takes from one file of testdata/calls.
type recording struct {
	Server, Package, Version string
	Target                   []string
	table                    *facts.Table
	annotations              map[string]abi.Value
	requests                 []recorded
}

// recorded is one request of a client.
type recorded struct {
	note, method, tool string
	arguments          abi.Value
	text               string // of the arguments, with the recording's own paths
}

// line is one line of a recording but the first.
type line struct {
	From, Note string
	Message    json.RawMessage
}

// readRecording reads a file, its paths moved from recordedRoot to root.
func readRecording(t *testing.T, file, root string) recording {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	r := recording{annotations: map[string]abi.Value{}}
	if err := json.Unmarshal(lines[0], &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for i, b := range lines[1:] {
		var l line
		if err := json.Unmarshal(b, &l); err != nil {
			t.Fatalf("%s:%d: %v", file, i+2, err)
		}
		r.add(t, l, root)
	}
	for i := range r.Target {
		r.Target[i] = moved(r.Target[i], root)
	}
	return r
}

func (r *recording) add(t *testing.T, l line, root string) {
	t.Helper()
	was, is := value(t, string(l.Message)), value(t, moved(string(l.Message), root))
	for _, m := range is.Get("result").Get("tools").Items() {
		r.annotations[m.Value.Get("name").Text()] = m.Value.Get("annotations")
	}
	method := is.Get("method").Text()
	if l.From != "client" || method == "" || !is.Get("id").Exists() || slices.Contains(plumbing, method) {
		return
	}
	q := recorded{note: l.Note, method: method, arguments: is.Get("params"), text: shown(was.Get("params"))}
	if method == "tools/call" {
		q.tool = is.Get("params").Get("name").Text()
		q.arguments, q.text = is.Get("params").Get("arguments"), shown(was.Get("params").Get("arguments"))
	}
	r.requests = append(r.requests, q)
}

func value(t *testing.T, text string) abi.Value {
	t.Helper()
	if text == "" {
		return abi.Value{}
	}
	v, err := abi.ReadValue(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func moved(text, root string) string {
	return strings.ReplaceAll(text, recordedRoot+"/", root+"/")
}

// shown is the arguments, short enough for a table.
func shown(v abi.Value) string {
	const most = 78
	var b strings.Builder
	for _, m := range v.Items() {
		fmt.Fprintf(&b, " %s=%s", m.Name, abi.AppendJSON(nil, m.Value))
	}
	r := []rune(strings.TrimSpace(b.String()))
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(r)
}

// extractor knows what a proxy knows that was started with the recording's target.
func (r *recording) extractor(root string) *facts.Extractor {
	c := facts.Config{
		Table: r.table, Package: facts.ServerName(r.Target), Home: root + "/home", Dir: root + "/project", Where: facts.Here,
	}
	for _, arg := range r.Target {
		if info, err := os.Stat(arg); err == nil && info.IsDir() {
			c.Roots = append(c.Roots, arg)
		}
	}
	return facts.New(c)
}

// request is what the gate would be handed.
func (r *recording) request(x *facts.Extractor, q recorded) abi.Request {
	found := x.Extract(&facts.Call{
		Server: facts.ServerName(r.Target), Tool: q.tool, Method: q.method, Arguments: q.arguments,
		Annotations: r.annotations[q.tool], Stage: abi.StagePreTool,
	})
	var out abi.Request
	found.Into(&out)
	return out
}

// scratch builds the folders that the recorded servers had. Its name has letters only: digits might be taken for data.
func scratch(t *testing.T) string {
	t.Helper()
	name := []byte("agentmesh-scratch-")
	for range 12 {
		name = append(name, byte('a'+rand.IntN(26)))
	}
	tmp, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(tmp, string(name))
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	text, err := os.ReadFile(calls + "/scratch.json")
	if err != nil {
		t.Fatal(err)
	}
	var files []struct{ Path, Text, Link string }
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		file := filepath.Join(root, f.Path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if f.Link != "" {
			err = os.Symlink(f.Link, file)
		} else {
			err = os.WriteFile(file, []byte(f.Text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// recordings reads all files of testdata/calls.
func recordings(t *testing.T, root string) []recording {
	t.Helper()
	files, err := filepath.Glob(calls + "/*.jsonl")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d recordings in %s: %v", len(files), calls, err)
	}
	table, err := facts.DefaultTable()
	if err != nil {
		t.Fatal(err)
	}
	var out []recording
	for _, f := range files {
		r := readRecording(t, f, root)
		r.table = table
		out = append(out, r)
	}
	return out
}
