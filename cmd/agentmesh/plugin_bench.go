package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"agentmesh/pdk/abi"
)

func benchPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "bench [PLUGIN]",
		Short: "Measure a plugin: latency, fuel, memory, compile time",
		Long: `Asks the plugin its golden cases again and again, one caller, in the sandbox as it decides for real: fuel counted and memory restored
after every call. Shows per case what a call takes, in percentiles, and what it costs in fuel; then what the plugin takes to load and
to keep. Latencies depend on the machine; fuel does not.`,
		Example: "  agentmesh plugin bench pii-guard.wasm\n  agentmesh plugin bench -n 100000 -o json",
		Args:    takes(0, 1, "one plugin"),
	}
	k := e.toolkit(c)
	calls := c.Flags().IntP("calls", "n", 10_000, "calls of each case")
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *calls < 1 || *calls > 10_000_000 {
			return usage("", "-n takes 1 to 10000000, not %d", *calls)
		}
		look := func(s *subject) (*benchJSON, error) { return s.bench(c.Context(), *calls) }
		r, err := lookInto(c.Context(), k, args, look)
		if err != nil {
			return err
		}
		return e.report(*output, r, func() { e.benched(r) })
	}
	return c
}

// benchJSON is a plugin's measures. Times are in nanoseconds, memory in bytes.
type benchJSON struct {
	Plugin    string          `json:"plugin"`
	Digest    string          `json:"digest"`
	CompileNS int64           `json:"compile_ns"`
	StartNS   int64           `json:"start_ns"`
	Memory    benchMemoryJSON `json:"memory"`
	Cases     []benchCaseJSON `json:"cases"`
}

type benchMemoryJSON struct {
	Instance int64 `json:"instance"` // what the guest has
	Snapshot int64 `json:"snapshot"` // shared by all instances
	Reserved int64 `json:"reserved"` // what an instance counts for in the budget
}

type benchCaseJSON struct {
	Name  string `json:"name"`
	Calls int    `json:"calls"`
	Fuel  int64  `json:"fuel"`
	P50NS int64  `json:"p50_ns"`
	P90NS int64  `json:"p90_ns"`
	P99NS int64  `json:"p99_ns"`
	MaxNS int64  `json:"max_ns"`
}

func (s *subject) bench(ctx context.Context, calls int) (_ *benchJSON, err error) {
	if len(s.golden) == 0 {
		return nil, withHint(fmt.Errorf("%s: there are no cases to measure by", s.name), "write some into cases.yaml")
	}
	r := &benchJSON{Plugin: s.manifest().Name, Digest: s.file.Digest}
	begun := time.Now()
	asked, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, asked.close(ctx)) }()
	r.CompileNS = time.Since(begun).Nanoseconds()
	if p, ok := asked.(*pluginRunner); ok {
		r.CompileNS = p.compiled.Nanoseconds()
		begun = time.Now()
		one, err := p.plugin(ctx, s.golden[0].settings)
		if err != nil {
			return nil, err
		}
		r.StartNS = time.Since(begun).Nanoseconds()
		stats := one.Stats()
		r.Memory = benchMemoryJSON{stats.MemoryBytes, stats.SnapshotBytes, stats.ReservedBytes}
	}
	for i := range s.golden {
		c, err := measure(ctx, asked, &s.golden[i], calls)
		if err != nil {
			return nil, err
		}
		r.Cases = append(r.Cases, c)
	}
	return r, nil
}

func measure(ctx context.Context, asked runner, g *golden, calls int) (benchCaseJSON, error) {
	c := benchCaseJSON{Name: g.name, Calls: calls}
	_, fuel, err := asked.ask(ctx, g) // the answer itself is the business of plugin test
	if err != nil {
		return c, fmt.Errorf("case %q: %w", g.name, err)
	}
	c.Fuel = fuel
	call, err := bare(ctx, asked, g)
	if err != nil {
		return c, err
	}
	took := make([]int64, calls)
	for i := range took {
		begun := time.Now()
		if err := call(); err != nil {
			return c, fmt.Errorf("case %q: %w", g.name, err)
		}
		took[i] = time.Since(begun).Nanoseconds()
	}
	slices.Sort(took)
	at := func(percent int) int64 { return took[(len(took)-1)*percent/100] }
	c.P50NS, c.P90NS, c.P99NS, c.MaxNS = at(50), at(90), at(99), at(100)
	return c, nil
}

// bare is a call and nothing else: what a decision takes of the plugin.
func bare(ctx context.Context, asked runner, g *golden) (func() error, error) {
	switch r := asked.(type) {
	case *pluginRunner:
		p, err := r.plugin(ctx, g.settings)
		var dst []byte
		return func() (err error) {
			dst, _, err = p.Call(ctx, g.export, g.input, dst[:0])
			return err
		}, err
	case *policyRunner:
		q, err := abi.ReadRequest(string(g.input))
		judge := r.court.set.Judge(0)
		var found []abi.Finding
		return func() (err error) {
			found, _, err = judge.Evaluate(ctx, &q, found[:0])
			return err
		}, err
	default:
		return nil, fmt.Errorf("%T is not measured", asked)
	}
}

func (e *env) benched(r *benchJSON) {
	rows := [][]string{
		{"plugin", r.Plugin}, {"compile", time.Duration(r.CompileNS).Round(time.Microsecond).String()},
	}
	if r.StartNS > 0 {
		rows = append(rows, []string{"start", time.Duration(r.StartNS).Round(time.Microsecond).String()},
			[]string{"instance", bytesText(r.Memory.Instance) + ", counts for " + bytesText(r.Memory.Reserved)},
			[]string{"snapshot", bytesText(r.Memory.Snapshot)})
	}
	e.table(nil, rows)
	e.printf("\n")
	rows = nil
	for _, c := range r.Cases {
		rows = append(rows, []string{short(c.Name, 60), fmt.Sprint(c.Fuel), micro(c.P50NS), micro(c.P90NS), micro(c.P99NS), micro(c.MaxNS)})
	}
	e.table([]string{"CASE", "FUEL", "P50 µs", "P90 µs", "P99 µs", "MAX µs"}, rows)
}

func micro(ns int64) string { return fmt.Sprintf("%.1f", float64(ns)/1000) }

func bytesText(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
