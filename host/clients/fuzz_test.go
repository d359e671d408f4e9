package clients_test

import (
	"bytes"
	"testing"

	"agentmesh/host/clients"
)

// FuzzWrapThenUndo holds that undoing gives back every byte, that nothing is wrapped twice, and that what comes out of
// wrapping has no server left bare.
func FuzzWrapThenUndo(f *testing.F) {
	for name, src := range unusual() {
		if name != "huge" {
			f.Add([]byte(src))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		before, err := clients.Parse(clients.FileAt("f"), src)
		if err != nil {
			return
		}
		ours := 0
		for _, s := range before.Servers {
			if s.Proxy != nil && s.Proxy.Ours {
				ours++
			}
		}
		after, _, err := before.Wrap(wrapping())
		if err != nil {
			t.Fatalf("wrap: %v", err)
		}
		wrapped, err := clients.Parse(clients.FileAt("f"), after)
		if err != nil {
			t.Fatalf("what was wrapped: %v\n%s", err, after)
		}
		for _, s := range wrapped.Servers {
			if s.State == clients.Bare {
				t.Fatalf("%q is bare in\n%s", s.Name, after)
			}
		}
		again, _, err := wrapped.Wrap(wrapping())
		if err != nil || !bytes.Equal(again, after) {
			t.Fatalf("wrapped twice: %v\n%s\n%s", err, after, again)
		}
		undone, _, err := wrapped.Unwrap()
		if err != nil {
			t.Fatalf("unwrap: %v\n%s", err, after)
		}
		if ours == 0 && !bytes.Equal(undone, src) {
			t.Fatalf("undone\n%s\nwant\n%s", undone, src)
		}
	})
}
