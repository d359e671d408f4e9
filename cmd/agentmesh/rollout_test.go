package main_test

import (
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// until runs a program again and again until its output holds a text: until '"decision":"deny"' ask …
func until(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: until TEXT PROGRAM ARGUMENTS...")
	}
	last := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err != nil {
			last = err.Error()
			continue
		}
		if last = ts.ReadFile("stdout"); strings.Contains(last, args[0]) {
			return
		}
	}
	ts.Fatalf("%s never said %s; at last: %s", args[1], args[0], last)
}
