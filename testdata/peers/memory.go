package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"agentmesh/host/ledger"
)

// growing makes many whole decisions and looks at the memory on the way: after the first tenth, in which pools and caches
// fill, it should stay as it is. It takes as long as the decisions take.
func growing(o *options, _ time.Duration) error {
	dir, err := os.MkdirTemp(o.dir, "memory-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := newDecider(dir, setting{mode: ledger.OS})
	if err != nil {
		return err
	}
	t := newTable(o.out, fmt.Sprintf("Memory over %s whole decisions, ledger in os mode", grouped(float64(o.calls))),
		"decisions", "live heap KiB", "resident KiB", "goroutines", "µs each")
	const steps = 10
	for step := range steps + 1 {
		start := time.Now()
		n := o.calls / steps
		for range n * min(step, 1) {
			if err := d.decide(); err != nil {
				return err
			}
		}
		each := "-"
		if step > 0 {
			each = fmt.Sprintf("%.1f", float64(time.Since(start))/1e3/float64(n))
		}
		t.row(grouped(float64(step*n)), grouped(liveHeap()), grouped(resident()), strconv.Itoa(runtime.NumGoroutine()), each)
	}
	t.end()
	return d.close()
}

// liveHeap is what the heap holds after a collection, in KiB.
func liveHeap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1024
}

// resident is the process's resident memory in KiB, 0 where the system does not say.
func resident() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return float64(pages) * float64(os.Getpagesize()) / 1024
}
