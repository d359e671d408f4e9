package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/hostile"
)

// decided is what came of one call.
type decided struct {
	Plugin, Input, Answer string
	Code                  abi.Code
	Detail                string
	Fuel                  int64
}

// asked is a module and what it is asked, in order.
type asked struct {
	Name   string
	Wasm   []byte
	Inputs []string
}

// decide asks all modules everything in a new engine.
func decide(ctx context.Context, interpreter bool, all []asked) ([]decided, error) {
	// A busy machine must not have the watchdog decide.
	e, err := sandbox.NewEngine(ctx, sandbox.Options{Interpreter: interpreter, Watchdog: time.Hour})
	if err != nil {
		return nil, err
	}
	defer e.Close(ctx)
	var out []decided
	for _, a := range all {
		f, err := sandbox.NewPluginFile(a.Name, a.Wasm)
		if err != nil {
			return nil, err
		}
		pm, err := e.CompilePlugin(ctx, f, sandbox.PluginOptions{Fuel: 1_000_000})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		p, err := pm.New(abi.Value{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		for _, input := range a.Inputs {
			answer, fuel, err := p.Call(ctx, "evaluate", []byte(input), nil)
			d := decided{Plugin: a.Name, Input: input, Answer: string(answer), Fuel: fuel}
			var failure *abi.Failure
			if errors.As(err, &failure) {
				d.Code, d.Detail = failure.Code, failure.Detail
			}
			out = append(out, d)
		}
		p.Close()
		pm.Close(ctx)
	}
	return out, nil
}

// decideMain is decide in a process of its own.
func decideMain(stdin io.Reader, stdout io.Writer) int {
	var all []asked
	err := json.NewDecoder(bufio.NewReader(stdin)).Decode(&all)
	if err == nil {
		var out []decided
		if out, err = decide(context.Background(), false, all); err == nil {
			err = json.NewEncoder(stdout).Encode(out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func elsewhere(t *testing.T, all []asked) []decided {
	t.Helper()
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	command := by(t, "decide")
	c := exec.Command(command[0], command[1:]...)
	c.Stdin, c.Stderr = bytes.NewReader(in), os.Stderr
	text, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []decided
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheSameDecisionForTheSameFuel holds one run against another, against one in another process, and against one that
// compiles nothing: plugins that mean no harm and those that do, in Go and by hand.
func TestTheSameDecisionForTheSameFuel(t *testing.T) {
	all := []asked{{Name: "keeping", Wasm: hostile.Keeping(), Inputs: []string{"{}", "{}"}}}
	for _, m := range hostile.Modules() {
		if !m.AtLoad {
			all = append(all, asked{m.Name, m.Wasm, []string{`{"abi":1}`, hostile.Trigger, `{"abi":1}`, hostile.Trigger}})
		}
	}
	if race { // it is told by the other runs, and no two goroutines meet in it
		all = all[:8]
	} else {
		all = append(all, shipped(t))
	}
	first, err := decide(t.Context(), false, all)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) < 4*(len(all)-1) || slices.ContainsFunc(first, func(d decided) bool { return d.Fuel <= 0 }) {
		t.Fatalf("%d decisions, not all of which cost something", len(first))
	}
	second, err := decide(t.Context(), false, all)
	if err != nil {
		t.Fatal(err)
	}
	interpreted, err := decide(t.Context(), true, all)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string][]decided{
		"in a second run": second, "in another process": elsewhere(t, all), "under the interpreter": interpreted,
	} {
		want := first
		if name == "under the interpreter" {
			want, other = shallow(first), shallow(other)
		}
		if diff := cmp.Diff(want, other); diff != "" {
			t.Errorf("%s it came out otherwise (-first +other):\n%s", name, diff)
		}
	}
	t.Logf("%d decisions of %d plugins are the same, with the same fuel, in two runs, two processes, compiled and interpreted", len(first), len(all))
}

// shallow leaves out where recursion without end was stopped: wazero's interpreter stops at 2,000 calls, earlier than this
// host does, which never runs a plugin by it.
func shallow(all []decided) []decided {
	out := slices.Clone(all)
	for i := range out {
		if d := &out[i]; d.Detail == "call stack exhausted" || d.Detail == "stack overflow" {
			d.Detail, d.Fuel = "recursion", 0
		}
	}
	return out
}

// shipped is the shipped plugin in Go with its own cases.
func shipped(t *testing.T) asked {
	t.Helper()
	dir := filepath.Join("..", "..", "plugins", "pii-guard")
	text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	cases, err := abi.ReadCases(string(text))
	if err != nil {
		t.Fatal(err)
	}
	a := asked{Name: "pii-guard", Wasm: withManifest(goPlugin(t, ".", "agentmesh/plugins/pii-guard"), `,"effects":["allow","deny","warn","log","require_approval"]`)}
	for i := range cases {
		a.Inputs = append(a.Inputs, string(abi.AppendRequest(nil, &cases[i].Request)))
	}
	return a
}
