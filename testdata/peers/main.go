// Command peers measures AgentMesh beside the engines and logs that people would otherwise use, in one run and in
// interleaved rounds, on the same rules, facts and entries. It reports and never fails for being slow; it does fail
// when two engines disagree on what a rule says, for then nothing measured would mean anything.
//
//	go run -mod=mod . -parts engines,compile,decide,ledger,memory -time 3m
//
// It is a module of its own, so that no peer stands in AgentMesh's go.mod.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the command line chooses.
type options struct {
	parts   []string
	rules   []int
	callers []int
	time    time.Duration // for all parts together
	dir     string
	profile string
	allocs  string
	calls   int
	only    string
	out     io.Writer
}

// part is one table or a few of them, and its share of the time.
type part struct {
	name  string
	share float64
	run   func(*options, time.Duration) error
}

func parts() []part {
	return []part{
		{"engines", 0.5, engines},
		{"compile", 0.06, compiling},
		{"decide", 0.14, deciding},
		{"ledger", 0.2, logging},
		{"memory", 0.1, growing},
	}
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if err != nil {
		return 2
	}
	o.out = out
	if err := o.measure(); err != nil {
		fmt.Fprintln(errs, "peers:", err)
		return 1
	}
	return 0
}

func parse(args []string, errs io.Writer) (*options, error) {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(errs)
	o := &options{}
	chosen := flags.String("parts", "engines,compile,decide,ledger,memory", "what to measure")
	rules := flags.String("rules", "1,10,100,1000", "how many rules")
	callers := flags.String("callers", "1,8,64", "how many append to a log at once")
	flags.DurationVar(&o.time, "time", 3*time.Minute, "for all parts together, about; parts left out give back their share")
	flags.StringVar(&o.dir, "dir", "", "where logs are written (default: a new folder in the system's temporary folder)")
	flags.StringVar(&o.profile, "profile", "", "write a CPU profile here")
	flags.StringVar(&o.only, "only", "", "time only what has this in its name, for profiles; parts engines, decide, ledger")
	flags.StringVar(&o.allocs, "allocs", "", "write a profile of allocations here")
	flags.IntVar(&o.calls, "calls", 1_000_000, "decisions that part memory makes")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.parts = strings.Split(*chosen, ",")
	var err error
	if o.rules, err = numbersOf(*rules); err == nil {
		o.callers, err = numbersOf(*callers)
	}
	if err != nil {
		fmt.Fprintln(errs, "peers:", err)
	}
	return o, err
}

func numbersOf(list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no list of positive numbers", list)
		}
		out = append(out, n)
	}
	return out, nil
}

func (o *options) measure() error {
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "agentmesh-peers-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	o.heading()
	return firstError(o.runParts(), o.writeAllocs())
}

func (o *options) writeAllocs() error {
	if o.allocs == "" {
		return nil
	}
	f, err := os.Create(o.allocs)
	if err != nil {
		return err
	}
	return firstError(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}

func (o *options) heading() {
	fmt.Fprintf(o.out, "%s, %s/%s, %d CPUs; %d interleaved rounds, medians\n", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.GOMAXPROCS(0), rounds)
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	var peers []string
	for _, d := range info.Deps {
		for _, p := range []string{"cel.dev/cel-go", "github.com/cedar-policy/cedar-go", "github.com/open-policy-agent/opa", "github.com/transparency-dev/tessera", "github.com/tetratelabs/wazero"} {
			if d.Path == p {
				peers = append(peers, d.Path[strings.LastIndex(d.Path, "/")+1:]+" "+d.Version)
			}
		}
	}
	fmt.Fprintln(o.out, strings.Join(peers, ", "))
}

func (o *options) runParts() error {
	var chosen []part
	var shares float64
	for _, name := range o.parts {
		p, ok := partOf(name)
		if !ok {
			return fmt.Errorf("no part %q; there are engines, compile, decide, ledger, memory", name)
		}
		chosen, shares = append(chosen, p), shares+p.share
	}
	for _, p := range chosen {
		if err := p.run(o, time.Duration(float64(o.time)*p.share/shares)); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func partOf(name string) (part, bool) {
	for _, p := range parts() {
		if p.name == name {
			return p, true
		}
	}
	return part{}, false
}

// chosen leaves only what -only names.
func chosen[T any](o *options, name func(T) string, all []T) []T {
	return slices.DeleteFunc(all, func(x T) bool { return !strings.Contains(name(x), o.only) })
}
