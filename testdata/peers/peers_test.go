package main

import (
	"strings"
	"testing"
	"time"
)

// TestEnginesAgree is the check that every run makes, on the numbers of rules that build quickly.
func TestEnginesAgree(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		es, err := newEngines(rulesFor(n))
		if err != nil {
			t.Fatal(err)
		}
		if err := agree(es, n); err != nil {
			t.Errorf("%d rules: %v", n, err)
		}
	}
}

// TestTheCheckSeesAMistake swaps a rule behind the engines' backs.
func TestTheCheckSeesAMistake(t *testing.T) {
	rules := rulesFor(10)
	rules[0] = no(rules[0])
	es, err := newEngines(rules)
	if err != nil {
		t.Fatal(err)
	}
	if err := agree(es, 10); err == nil {
		t.Error("engines with another rule agree with the reference")
	}
}

// TestMatchingFactsMatchOneRule holds the facts that are timed to what their tables say of them.
func TestMatchingFactsMatchOneRule(t *testing.T) {
	for _, n := range []int{1, 10, 100, 1000} {
		quiet := quietFacts()
		if got := matching(rulesFor(n), &quiet); len(got) != 0 {
			t.Errorf("%d rules: rules %v match facts that none should", n, got)
		}
		loud, want := matchingFacts(n)
		if got := matching(rulesFor(n), &loud); len(got) != 1 || got[0] != want {
			t.Errorf("%d rules: rules %v match, want %d", n, got, want)
		}
	}
}

// TestEveryPart runs each part as briefly as it can: that it works, not how fast.
func TestEveryPart(t *testing.T) {
	for _, p := range parts() {
		t.Run(p.name, func(t *testing.T) {
			var out strings.Builder
			o := &options{
				parts: []string{p.name}, rules: []int{1}, callers: []int{2}, time: 50 * time.Millisecond, dir: t.TempDir(), calls: 100, out: &out,
			}
			if err := o.measure(); err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(out.String(), "\n"); lines < 6 {
				t.Errorf("%d lines: %s", lines, out.String())
			}
		})
	}
}

func TestGrouped(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.6: "1,234,568", -1000: "-1,000"} {
		if got := grouped(f); got != want {
			t.Errorf("%v: got %s, want %s", f, got, want)
		}
	}
}
