package replay_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"agentmesh/host/gate"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// withManifest adds a manifest of kind policy to a module.
func withManifest(module []byte, members string) []byte {
	return wasm.AppendCustom(module, abi.SectionManifest, fmt.Appendf(nil, `{"kind":"policy","abi":1,%s}`, members))
}

// goPlugin is the shipped plugin in Go.
func goPlugin(t testing.TB) []byte {
	t.Helper()
	if testing.Short() || raced {
		t.Skip("-short, or under the race detector, which sees nothing of a guest: building and compiling Go takes its time")
	}
	out := filepath.Join(t.TempDir(), "plugin.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "agentmesh/plugins/pii-guard")
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	module, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return withManifest(module, `"name":"agentmesh/pii-guard","version":"1.0.0","effects":["allow","deny","require_approval","warn","log"],"settings":{"type":"object"}`)
}

// TestGuestsGiveTheSameBytes decides random requests by plugins in Rust and in Go, fuel included, and makes every decision
// again from the archive, in instances that have seen none of them.
func TestGuestsGiveTheSameBytes(t *testing.T) {
	for name, module := range map[string]func(testing.TB) []byte{"rust": rustPlugin, "go": goPlugin} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, sandbox.Options{})
			s.load([]sandbox.Module{{Path: name + ".wasm", Wasm: module(t)}}, house)
			c := chance{rand.New(rand.NewPCG(11, 3))}
			for i := range 200 {
				if i%3 == 0 {
					s.decide(usualRequest(i))
				} else {
					s.decide(c.request())
				}
			}
			report := s.replay(replay.Options{Judges: s.past(replay.PastOptions{})})
			if report.Identical != report.Replayed || report.Replayed < 100 || report.Fuel.Now == 0 || report.Fuel.Now != report.Fuel.Was {
				t.Errorf("got %s", asJSON(t, report))
			}
			for _, n := range report.NotReplayed {
				if n.Reason != string(gate.UnreplayableRedacted) {
					t.Errorf("%+v", n)
				}
			}
		})
	}
}
