package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// engine is one way to ask the same rules.
type engine interface {
	// matching lists the rules that match, by index, for the check before anything is timed.
	matching(f *facts) ([]int, error)
	// variants are the ways in which the engine is timed on these facts.
	variants(f *facts) ([]variant, error)
}

// checked is how many random facts all engines must agree on, fewer where there are many rules.
const checked = 600

// engines times every engine on each number of rules, once with facts that match no rule and once with facts that
// match one.
func engines(o *options, total time.Duration) error {
	fmt.Fprintln(o.out, "\nOurs, cedar-go and OPA look at every rule; cel-go, which has no rule sets, is asked rule by rule up to the first that\nis true. All are held against plain Go on random facts before they are timed.")
	var aims []aim
	for _, n := range o.rules {
		es, err := newEngines(rulesFor(n))
		if err != nil {
			return err
		}
		if err := agree(es, n); err != nil {
			return fmt.Errorf("%d rules: %w", n, err)
		}
		quiet := quietFacts()
		results, err := timeEngines(o, es, &quiet, total/time.Duration(2*len(o.rules)))
		if err != nil {
			return err
		}
		report(o, fmt.Sprintf("%d rules, none matches: facts to finding", n), results)
		aims = append(aims, aimFor(n, results))
		loud, which := matchingFacts(n)
		if results, err = timeEngines(o, es, &loud, total/time.Duration(2*len(o.rules))); err != nil {
			return err
		}
		report(o, fmt.Sprintf("%d rules, rule %d matches", n, which), results)
	}
	if o.only == "" {
		reportAims(o, aims)
	}
	return nil
}

func newEngines(rules []*expr) ([]engine, error) {
	ours, err := newOurs(rules)
	if err != nil {
		return nil, err
	}
	c, err := newCEL(rules)
	if err != nil {
		return nil, err
	}
	k, err := newCedar(rules)
	if err != nil {
		return nil, err
	}
	p, err := newOPA(rules)
	return []engine{ours, k, c, p}, err
}

// agree holds every engine against the reference.
func agree(es []engine, n int) error {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	rules := rulesFor(n)
	for range checked {
		f := randomFacts(r, n)
		want := matching(rules, &f)
		for _, e := range es {
			got, err := e.matching(&f)
			if err != nil {
				return fmt.Errorf("%T: %w", e, err)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%T finds rules %v in %s, want %v", e, got, f.asJSON(), want)
			}
		}
	}
	return nil
}

func timeEngines(o *options, es []engine, f *facts, total time.Duration) ([]measured, error) {
	var vs []variant
	for _, e := range es {
		more, err := e.variants(f)
		if err != nil {
			return nil, err
		}
		vs = append(vs, more...)
	}
	return interleaved(chosen(o, func(v variant) string { return v.name }, vs), total)
}

// report prints the variants; ratios are to the first, which is ours.
func report(o *options, title string, ms []measured) {
	t := newTable(o.out, title, "", "ns", "lowest", "highest", "B", "allocs", "to ours")
	for _, m := range ms {
		t.row(m.name, grouped(m.ns), grouped(m.low), grouped(m.high), grouped(m.bytes), grouped(m.allocs), times(m.ns/ms[0].ns))
	}
	t.end()
}

// aim compares ours with cedar-go's prepared request where the project has set itself a mark.
type aim struct {
	rules            int
	ours, cedar      float64
	mark             float64
	allocationsFound float64
}

func aimFor(n int, ms []measured) aim {
	a := aim{rules: n, ours: ms[0].ns, allocationsFound: ms[0].allocs}
	a.mark = map[int]float64{10: 7, 100: 20, 1000: 50}[n]
	for _, m := range ms {
		if m.baseline {
			a.cedar = m.ns
		}
	}
	return a
}

func reportAims(o *options, aims []aim) {
	t := newTable(o.out, "Facts to finding beside cedar-go's prepared request", "rules", "ours ns", "cedar-go ns", "cedar-go / ours", "aim", "reached", "allocations")
	for _, a := range aims {
		mark, reached := "-", "-"
		if a.mark > 0 {
			mark, reached = fmt.Sprintf("%.0fx", a.mark), "no"
			if a.cedar/a.ours >= a.mark {
				reached = "yes"
			}
		}
		t.row(grouped(float64(a.rules)), grouped(a.ours), grouped(a.cedar), fmt.Sprintf("%.1fx", a.cedar/a.ours), mark, reached, fmt.Sprintf("%.2f", a.allocationsFound))
	}
	t.end()
}
