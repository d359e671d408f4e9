package pdk_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestGrowthOfAMillionCalls makes calls without putting memory back, as other hosts than ours do: linear memory must be as
// large after them as after the first few thousand. SOAK=1 makes a million calls; otherwise it is a look.
func TestGrowthOfAMillionCalls(t *testing.T) {
	calls := 20_000
	if os.Getenv("SOAK") != "" {
		calls = 1_000_000
	}
	for _, p := range append(shippedPlugins(), shippedPlugin{tenRules, "evaluate"}) {
		t.Run(filepath.Base(p.folder), func(t *testing.T) {
			inputs := []input{{request: measured}}
			if p.folder != tenRules {
				inputs = p.inputs(t)
			}
			grows(t, instantiate(t, build(t, p.folder), p.export, nil), inputs, calls)
		})
	}
}

func grows(t *testing.T, b *bare, inputs []input, calls int) {
	t.Helper()
	ctx := context.Background()
	ways := []caller{b.call, b.enter}
	var settled uint32
	for i := range calls {
		in := inputs[i%len(inputs)]
		if _, failure, err := ways[i/len(inputs)%len(ways)](ctx, []byte(in.request)); err != nil || failure != "" {
			t.Fatalf("call %d, %s: %s %v", i, in.name, failure, err)
		}
		if i == 5000 {
			settled = b.module.Memory().Size()
		}
	}
	after := b.module.Memory().Size()
	if after != settled {
		t.Errorf("linear memory grew from %d to %d bytes in %d calls", settled, after, calls)
	}
	t.Logf("%d calls, linear memory %d bytes", calls, after)
}

// TestTinyGo builds the shipped plugins with TinyGo, where it is installed, and asks them what the standard build is asked.
func TestTinyGo(t *testing.T) {
	if _, err := exec.LookPath("tinygo"); err != nil {
		t.Skip("tinygo is not installed")
	}
	ctx := context.Background()
	for _, p := range shippedPlugins() {
		t.Run(filepath.Base(p.folder), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "plugin.wasm")
			c := exec.Command("tinygo", "build", "-target=wasip1", "-buildmode=c-shared", "-no-debug", "-o", out, "./"+p.folder)
			c.Dir = filepath.Join("..", "..")
			if text, err := c.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			module, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			want := p.native(t)
			for _, in := range p.inputs(t) {
				b := instantiate(t, module, p.export, settingsConfig(in.settings))
				for name, call := range map[string]caller{"imports": b.call, "mailbox": b.enter} {
					if out, failure, err := call(ctx, []byte(in.request)); err != nil || string(out) != want[in.name] {
						t.Errorf("%s by %s: %s %v\n got %s\nwant %s", in.name, name, failure, err, out, want[in.name])
					}
				}
			}
			t.Logf("module %d bytes", len(module))
		})
	}
}
