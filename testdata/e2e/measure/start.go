package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// starts prints how much later the answer to initialize comes, counted from the start of the process: before a server that
// is there at once, and before one that takes the time an interpreter takes, which the proxy uses to get ready itself.
func starts(s *scene, o *options, out io.Writer) error {
	fmt.Fprintln(out, "start to the answer to initialize, in ms")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "policy\tserver starts in\tbare p50\tp90\tproxied p50\tp90\tadded p50\tp90")
	for _, delay := range []int{0, 100} {
		s.delay = delay
		for _, p := range o.policies {
			bare, proxied, err := s.startBoth(p, o.starts)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\n", p, delay,
				ms(bare, 50), ms(bare, 90), ms(proxied, 50), ms(proxied, 90), ms(proxied, 50)-ms(bare, 50), ms(proxied, 90)-ms(bare, 90))
		}
	}
	return w.Flush()
}

func (s *scene) startBoth(policy string, n int) (bare, proxied []time.Duration, err error) {
	for i := range n + 1 {
		direct, err := s.start()
		if err != nil {
			return nil, nil, err
		}
		through, err := s.start("--policy", policy)
		if err != nil {
			return nil, nil, err
		}
		if i > 0 { // the first makes keys, database and cache
			bare, proxied = append(bare, direct), append(proxied, through)
		}
	}
	slices.Sort(bare)
	slices.Sort(proxied)
	return bare, proxied, nil
}

func (s *scene) start(flags ...string) (time.Duration, error) {
	start := time.Now()
	c, err := s.open(1, flags...)
	if err != nil {
		return 0, err
	}
	took := time.Since(start)
	return took, c.leave()
}
