package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// variant is one thing to be timed.
type variant struct {
	name     string
	baseline bool // the one that ratios are taken to
	run      func() error
}

// measured is the median of the rounds of a variant, and what one run of it allocates.
type measured struct {
	variant
	ns, low, high float64
	bytes, allocs float64
}

const rounds = 9

// interleaved times every variant in turn, round after round, so that whatever else the machine does falls on all of
// them alike. Each variant gets the same share of the time.
func interleaved(vs []variant, total time.Duration) ([]measured, error) {
	if len(vs) == 0 {
		return nil, errors.New("nothing has that in its name")
	}
	share := total / time.Duration(len(vs)*(rounds+1))
	out := make([]measured, len(vs))
	times := make([]int, len(vs))
	for i, v := range vs {
		out[i].variant = v
		n, err := calibrated(v.run, share)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		times[i] = n
		out[i].bytes, out[i].allocs = garbage(v.run, n)
	}
	samples := make([][]float64, len(vs))
	for range rounds {
		for i, v := range vs {
			samples[i] = append(samples[i], timed(v.run, times[i]))
		}
	}
	for i := range out {
		slices.Sort(samples[i])
		out[i].ns, out[i].low, out[i].high = samples[i][rounds/2], samples[i][0], samples[i][rounds-1]
	}
	return out, nil
}

// calibrated is how many runs fill the share of time, after some to warm up.
func calibrated(run func() error, share time.Duration) (int, error) {
	for range 20 {
		if err := run(); err != nil {
			return 0, err
		}
	}
	n, start := 0, time.Now()
	for time.Since(start) < min(share/2, 10*time.Millisecond) || n < 3 {
		if err := run(); err != nil {
			return 0, err
		}
		n++
	}
	each := time.Since(start) / time.Duration(n)
	return max(3, int(share/max(each, 1))), nil
}

func timed(run func() error, n int) float64 {
	start := time.Now()
	for range n {
		_ = run() // it did not fail before, on the same input
	}
	return float64(time.Since(start)) / float64(n)
}

func garbage(run func() error, n int) (bytes, allocs float64) {
	n = min(n, 20000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		_ = run()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)
}

// median of durations.
func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}
