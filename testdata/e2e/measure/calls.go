package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// flow is which way the payload goes.
type flow string

const (
	reads  flow = "read"  // in the answer
	writes flow = "write" // in the arguments
)

// row is one line of the table of calls.
type row struct {
	name  string
	flags []string
	flow  flow
	kib   int
}

// rows are what is measured: each policy reading and writing (strict never writes), and what the sync of each decision and
// the treatment of results cost.
func rows(policies []string) []row {
	var out []row
	for _, kib := range []int{1, 1 << 10} {
		for _, p := range policies {
			flags := []string{"--policy", p}
			out = append(out, row{p, flags, reads, kib}, row{p + ", ledger os", append(flags, "--ledger-mode", "os"), reads, kib})
			if p != "strict" {
				out = append(out, row{p + ", ledger os", append(flags, "--ledger-mode", "os"), writes, kib})
			}
			if p == "permissive" {
				flags = append(flags, "--ledger-mode", "os", "--footer", "none", "--results", "off")
				out = append(out, row{"transparent, ledger os", flags, reads, kib})
			}
		}
	}
	return out
}

func (r *row) params() string {
	if r.flow == reads {
		return `{"name":"read_text_file","arguments":{"path":"notes/orders.md"}}`
	}
	return `{"name":"write_file","arguments":{"path":"notes/orders.md","content":"` + strings.Repeat(text, r.kib) + `"}}`
}

func (r *row) size() string {
	if r.kib < 1<<10 {
		return fmt.Sprintf("%d KiB", r.kib)
	}
	return fmt.Sprintf("%d MiB", r.kib>>10)
}

// calls prints what each call costs more through the proxy.
func calls(s *scene, o *options, out io.Writer) error {
	floor, err := syncs(filepath.Dir(s.home), 200)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "calls, in ms; a sync of the disk takes %.3f (p50) and %.3f (p99)\n", ms(floor, 50), ms(floor, 99))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "policy\tcall\tsize\tbare p50\tp99\tproxied p50\tp99\tadded p50\tp99")
	for _, r := range rows(o.policies) {
		n := o.calls
		if r.kib > 1 {
			n /= 10
		}
		bare, proxied, err := r.run(s, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\n", r.name, r.flow, r.size(),
			ms(bare, 50), ms(bare, 99), ms(proxied, 50), ms(proxied, 99), ms(proxied, 50)-ms(bare, 50), ms(proxied, 99)-ms(bare, 99))
	}
	return w.Flush()
}

// run makes every call to both, in turns, after some that do not count.
func (r *row) run(s *scene, n int) (bare, proxied []time.Duration, err error) {
	a, err := s.open(r.kib)
	if err != nil {
		return nil, nil, err
	}
	defer a.leave()
	b, err := s.open(r.kib, r.flags...)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range []*session{a, b} {
		if _, err := c.ask("tools/list", "{}"); err != nil {
			return nil, nil, err
		}
	}
	params := r.params()
	for i := range n + n/10 {
		direct, err1 := a.ask("tools/call", params)
		through, err2 := b.ask("tools/call", params)
		if err := errors.Join(err1, err2); err != nil {
			return nil, nil, err
		}
		if i >= n/10 {
			bare, proxied = append(bare, direct), append(proxied, through)
		}
	}
	slices.Sort(bare)
	slices.Sort(proxied)
	return bare, proxied, b.leave()
}

// ms is a percentile of sorted durations, in milliseconds.
func ms(sorted []time.Duration, percent int) float64 {
	return float64(sorted[min(len(sorted)*percent/100, len(sorted)-1)].Nanoseconds()) / 1e6
}

// syncs is what it takes to write 1 KiB into a file that has its size already, and to have it on the disk.
func syncs(dir string, n int) (took []time.Duration, err error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, n<<10)); err != nil {
		return nil, err
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	for i := range n {
		start := time.Now()
		if _, err := f.WriteAt([]byte(text), int64(i)<<10); err != nil {
			return nil, err
		}
		if err := datasync(f); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took, nil
}
