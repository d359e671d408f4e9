package sandbox_test

import (
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// TestGrowthOfShippedPlugins asks each shipped plugin its golden cases again and again: its guest's memory and this
// process's stay as large as they were. It is for make soak, which makes a million calls of each.
func TestGrowthOfShippedPlugins(t *testing.T) {
	if !soaking() {
		t.Skip("takes minutes; SOAK=1 runs it")
	}
	const calls = 1_000_000
	set, err := newEngine(t, sandbox.Options{}).Load(t.Context(), sandbox.ShippedFolder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Release()
	for _, p := range set.Plugins() {
		t.Run(p.Info().Name, func(t *testing.T) { staysAsItIs(t, p, calls) })
	}
}

func staysAsItIs(t *testing.T, p *sandbox.Plugin, calls int) {
	export, inputs := questions(t, p)
	fuel := make([]int64, len(inputs))
	var out []byte
	ask := func(n int) {
		for i := range n {
			at := i % len(inputs)
			var used int64
			var err error
			if out, used, err = p.Call(t.Context(), export, inputs[at], out[:0]); err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			if fuel[at] != 0 && fuel[at] != used {
				t.Fatalf("call %d costs %d, the one before cost %d", i, used, fuel[at])
			}
			fuel[at] = used
		}
	}
	ask(calls / 10)
	before, stats := holds(t), p.Stats()
	ask(calls)
	after := holds(t)
	t.Logf("%d calls of %d cases, %+v: before %+v, after %+v", calls, len(inputs), stats, before, after)
	// An instance whose memory grew is dropped, so none grew if none was.
	if got := p.Stats(); got != stats || got.Instances != 1 || got.Dropped != 0 {
		t.Errorf("stats %+v, before %+v", got, stats)
	}
	if after.heap > before.heap+1<<20 || after.resident > before.resident+4<<20 || after.files > before.files {
		t.Errorf("it grew: %+v, before %+v", after, before)
	}
}

// questions are a plugin's golden cases, and the export that is asked them.
func questions(t *testing.T, p *sandbox.Plugin) (export string, inputs [][]byte) {
	f := p.Module().File()
	if p.Kind() == abi.KindReward {
		cases, err := f.ScoreCases()
		if err != nil {
			t.Fatal(err)
		}
		for i := range cases {
			inputs = append(inputs, abi.AppendScoreRequest(nil, &cases[i].Request))
		}
		return "score", inputs
	}
	cases, err := f.PolicyCases()
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		inputs = append(inputs, abi.AppendRequest(nil, &cases[i].Request))
	}
	return "evaluate", inputs
}
