package rollout_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"agentmesh/host/rollout"
)

// A version goes through its stages, and what runs of it stands in the lock.
func Example() {
	dir, err := os.MkdirTemp("", "rollout-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	s, err := rollout.Open(dir, rollout.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	step := func(edit func(*rollout.Lock) (rollout.Change, error)) {
		c, err := s.Edit(context.Background(), edit)
		if err != nil {
			fmt.Println("refused:", err)
			return
		}
		fmt.Printf("revision %d: %s %s is %s\n", c.Revision, c.Name, c.Version, c.To)
	}
	for _, version := range []string{"1.0.0", "1.1.0"} {
		step(func(l *rollout.Lock) (rollout.Change, error) {
			return l.Stage(rollout.Newcomer{Name: "acme/exports", Kind: "policy", Version: rollout.Version{
				Version: version, Wasm: someDigest, Manifest: otherDigest,
			}}, now)
		})
	}
	for _, p := range []rollout.Promotion{
		{Version: "1.1.0", To: rollout.Active},
		{Version: "1.0.0", To: rollout.Active},
	} {
		p.Name = "acme/exports"
		step(func(l *rollout.Lock) (rollout.Change, error) { return l.Promote(p, now) })
	}
	// Output:
	// revision 1: acme/exports 1.0.0 is staged
	// revision 2: acme/exports 1.1.0 is staged
	// revision 3: acme/exports 1.1.0 is active
	// refused: acme/exports 1.0.0: it is older than 1.1.0, which is active
}
