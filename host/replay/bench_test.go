package replay_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/replay"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/testdata/usual"
)

// usualRequest is what a tool call looks like, with its facts.
func usualRequest(i int) string {
	return fmt.Sprintf(`{"agent":{"did":"did:mesh:agent-%d:k7q2mxk7q2mxk7q2mxk7q2mx","name":"agent-%d","trust_score":%d,"tier":"standard","asserted_by":"config"},
"action":{"type":%q,"tool":"read_file","server":"server-filesystem","method":"tools/call","protocol":"mcp"},
"tool":{"annotations":{"readOnlyHint":true}},"data":{"path":"/srv/projects/atlas/notes/2026-11-%02d.md","head":40,"contains_pii":false,"contains_secret":false},
"resource":{"paths":["/srv/projects/atlas/notes/2026-11-%02d.md"],"outside_roots":false,"sensitive":false,"local":true},
"context":{"session":"01a20774-6c3b-774f-a49a-1bb54582d5a4","environment":"dev"}}`,
		i%100, i%100, 250+i%700, []string{"read", "read", "read", "write", "delete"}[i%5], 1+i%28, 1+i%28)
}

// decided is a ledger of decisions by a set.
func decided(b testing.TB, n int, modules []sandbox.Module, policies ...string) *rig {
	b.Helper()
	r := newRig(b, gate.Options{})
	r.adopt(load(b, r.engine, modules, policies...))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < n; i += 8 {
				q, err := abi.ReadRequest(usualRequest(i))
				if err != nil {
					b.Error(err)
					return
				}
				r.gate.Decide(b.Context(), &gate.Call{Request: q})
			}
		})
	}
	wg.Wait()
	r.close()
	return r
}

// BenchmarkReplay decides the past again: a compiled policy of ten rules, and a plugin in Rust of ten rules, by the same
// rules (an audit) and with another version in their place.
//
//	go test ./host/replay -run '^$' -bench Replay
func BenchmarkReplay(b *testing.B) {
	const n = 50_000
	b.Run("policy", func(b *testing.B) {
		r := decided(b, n, nil, usual.House)
		b.Run("audit", func(b *testing.B) { benchReplay(b, r, n, r.past, false) })
		other := load(b, newEngine(b, sandbox.Options{}), nil, usual.House+"  - name: small-hours\n    condition: \"context.time contains 'T03'\"\n    action: deny\n")
		defer other.Release()
		b.Run("candidate", func(b *testing.B) { benchReplay(b, r, n, always(other), true) })
	})
	b.Run("rust", func(b *testing.B) {
		r := decided(b, n, []sandbox.Module{{Path: "ten_rules.wasm", Wasm: rustPlugin(b)}})
		b.Run("audit", func(b *testing.B) { benchReplay(b, r, n, r.past, false) })
	})
}

func benchReplay(b *testing.B, r *rig, n int64, judges replay.Judges, candidate bool) {
	o := replay.Options{Reader: ledger.NewReader(r.ledgerDir(), nil), Judges: judges}
	if candidate {
		o.Candidates = []replay.Candidate{{Name: "local/house"}}
	}
	b.ReportAllocs()
	before := processorTime(b)
	for b.Loop() {
		report, err := replay.Run(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if report.Replayed != n || !candidate && report.Identical != n {
			b.Fatalf("%d replayed, %d identical, want %d", report.Replayed, report.Identical, n)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	// What a decision takes of a processor tells what an idle machine does, however busy this one is.
	each := float64(processorTime(b)-before) / float64(n) / float64(b.N)
	b.ReportMetric(each, "cpu-ns/decision")
	b.ReportMetric(float64(runtime.GOMAXPROCS(0))*1e9/each, "decisions/s-idle")
}

// processorTime is what this process has used so far.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rustPlugin is the Rust kit's example of ten rules, as a plugin with a manifest.
func rustPlugin(t testing.TB) []byte {
	t.Helper()
	if testing.Short() || raced {
		t.Skip("-short, or under the race detector, which sees nothing of a guest: building Rust takes its time")
	}
	kit := filepath.Join("..", "..", "pdk", "rust")
	c := exec.Command("../../.ci/rust", "build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown", "--examples")
	c.Dir = kit
	if out, err := c.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("no Rust guests can be built here: %v\n%s", err, out)
		}
		t.Fatalf("%v\n%s", err, out)
	}
	module, err := os.ReadFile(filepath.Join(kit, "target", "wasm32-unknown-unknown", "release", "examples", "ten_rules.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return withManifest(module, `"name":"acme.co/ten-rules","version":"1.0.0","effects":["allow","deny","require_approval","warn","log"],"settings":{"type":"object"}`)
}
