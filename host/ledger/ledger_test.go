package ledger_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/host/ledger"
)

// config is a ledger in a state folder of its own.
func config(t testing.TB) ledger.Config {
	dir := t.TempDir()
	return ledger.Config{
		Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys"),
		Report: func(err error) { t.Errorf("in the background: %v", err) },
	}
}

func open(t testing.TB, c ledger.Config) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func decision(n int) ledger.Entry {
	return ledger.Entry{
		Kind: ledger.KindDecision, ID: fmt.Sprintf("d-%d", n), Agent: fmt.Sprintf("agent-%d", n%3), Tool: "read_file",
		Decision: "allow", Code: "rule", Rule: "reads", Body: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func fill(t testing.TB, l *ledger.Ledger, n int) {
	t.Helper()
	for i := range n {
		if _, err := l.Append(t.Context(), decision(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func closeLedger(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAppendAndRead(t *testing.T) {
	for _, mode := range []ledger.Mode{ledger.Sync, ledger.OS} {
		t.Run(mode.String(), func(t *testing.T) {
			c := config(t)
			c.Mode = mode
			l := open(t, c)
			fill(t, l, 600)
			big := ledger.Entry{Kind: ledger.KindOutcome, ID: "big", Body: fmt.Appendf(nil, "%q", strings.Repeat("x", 70_000))}
			if err := l.AppendAsync(big); err != nil {
				t.Fatal(err)
			}
			closeLedger(t, l)
			l = open(t, c)
			closeLedger(t, l)
			count := 0
			for r, err := range ledger.NewReader(c.Dir, nil).Records(t.Context(), ledger.Filter{OldestFirst: true}) {
				if err != nil {
					t.Fatal(err)
				}
				if r.At.Index != int64(count) {
					t.Fatalf("entry %d at %v", count, r.At)
				}
				count++
			}
			if count != 605 {
				t.Fatalf("%d entries, want 605", count)
			}
			r, err := ledger.NewReader(c.Dir, nil).Show(t.Context(), "big")
			if err != nil || string(r.Body) != string(big.Body) {
				t.Fatalf("Show(big): %v, %d bytes", err, len(r.Body))
			}
		})
	}
}

func itoa(n int) string { return fmt.Sprint(n) }
