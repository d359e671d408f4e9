package gate

import (
	"fmt"
	"testing"
	"time"

	"agentmesh/pdk/abi"
)

func TestTheBreakerForgetsRatherThanGrows(t *testing.T) {
	var b breaker
	now := time.Unix(0, 0)
	judge := abi.Judged{Name: "judge", Version: "1.0.0"}
	for i := range 3 * breakerPairs {
		b.report(&judge, fmt.Sprint("agent-", i), true, now.Add(time.Duration(i)))
	}
	if len(b.pairs) != breakerPairs {
		t.Errorf("%d pairs are remembered", len(b.pairs))
	}
	if _, oldest := b.pairs[pairOf(&judge, "agent-0")]; oldest {
		t.Error("the pair that failed longest ago is remembered")
	}
	for p := range b.pairs {
		b.report(&judge, p.agent, false, now)
	}
	if b.some.Load() || len(b.pairs) != 0 {
		t.Error("successes are not forgotten")
	}
}
