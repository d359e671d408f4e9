package sandbox

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

const pooled = `version: "1.0"
name: pooled
rules:
  - name: known
    condition: data.text contains 'needle' or data.n == 7
    action: allow
  - name: limited
    condition: data.n == 7
    limit: 5/hour
`

// pooledJudge is the judge of a set whose module has so many instances at most.
func pooledJudge(t testing.TB, instances int) *PolicyJudge {
	t.Helper()
	e, err := NewEngine(context.Background(), Options{Instances: instances})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Sources{{Name: "p.yaml", Text: pooled}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Policies(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Release()
		if len(e.modules) != 0 {
			t.Errorf("%d modules are left of no set", len(e.modules))
		}
		e.Close(context.Background())
	})
	return s.Judge(0).(*PolicyJudge)
}

func requestWith(data ...abi.Member) *abi.Request {
	return &abi.Request{Data: abi.ObjectValue(data...)}
}

func TestARequestThatIsTooLargeFailsAloneAndGrowsNothing(t *testing.T) {
	j := pooledJudge(t, 1)
	small := requestWith(abi.Member{Name: "n", Value: abi.IntValue(7)})
	for _, c := range []struct {
		name string
		size int
		code abi.Code
	}{{"too large", 128 << 20, abi.CodeInputTooLarge}, {"large", 4 << 20, ""}} {
		text := strings.Repeat("x", c.size-6) + "needle"
		found, _, err := j.Evaluate(t.Context(), requestWith(abi.Member{Name: "text", Value: abi.StringValue(text)}), nil)
		var f *abi.Failure
		switch {
		case c.code == "" && (err != nil || len(found) != 1):
			t.Errorf("%s: %v, %v", c.name, found, err)
		case c.code != "" && (!errors.As(err, &f) || f.Code != c.code || len(found) != 0):
			t.Errorf("%s: %v, %v", c.name, found, err)
		}
		if found, _, err := j.Evaluate(t.Context(), small, nil); err != nil || len(found) != 2 {
			t.Errorf("after one that was %s: %v, %v", c.name, found, err)
		}
		i, err := j.pool.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if size := i.direct.MemorySize(); size > j.pool.size+growth {
			t.Errorf("after one that was %s an instance holds %d bytes", c.name, size)
		}
		j.pool.put(i, false)
	}
}

func TestARequestThatAsksForTooMuchWorkIsOutOfFuel(t *testing.T) {
	e, err := NewEngine(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	p, err := policy.Load(policy.Sources{{Name: "p.yaml", Text: `version: "1.0"
rules:
  - {name: search, action: deny, condition: "data.a contains data.b"}
`}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Policies(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	half := strings.Repeat("a", 4<<20)
	q := requestWith(abi.Member{Name: "a", Value: abi.StringValue(half + half)}, abi.Member{Name: "b", Value: abi.StringValue(half + "b")})
	_, _, err = s.Judge(0).Evaluate(t.Context(), q, nil)
	var f *abi.Failure
	if !errors.As(err, &f) || f.Code != abi.CodeOutOfFuel {
		t.Errorf("got %v, want %s", err, abi.CodeOutOfFuel)
	}
}

func TestACallerThatGoesAwayStopsWaiting(t *testing.T) {
	j := pooledJudge(t, 1)
	i, err := j.pool.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = j.Evaluate(ctx, requestWith(), nil)
	var f *abi.Failure
	if !errors.As(err, &f) || f.Code != abi.CodeCancelled {
		t.Errorf("got %v", err)
	}
	j.pool.put(i, true) // dropped: the next caller makes another
	if _, _, err := j.Evaluate(t.Context(), requestWith(), nil); err != nil {
		t.Error(err)
	}
}

func TestManyCallersShareFewInstances(t *testing.T) {
	j := pooledJudge(t, 2)
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			n := int64(g % 8)
			q := requestWith(abi.Member{Name: "n", Value: abi.IntValue(n)})
			want := 0
			if n == 7 {
				want = 2
			}
			for range 500 {
				found, _, err := j.Evaluate(context.Background(), q, nil)
				if err != nil || len(found) != want {
					t.Errorf("n = %d: %v, %v", n, found, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if made := j.pool.made.Load(); made > 2 {
		t.Errorf("%d instances were made of two", made)
	}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	j := pooledJudge(t, 2)
	q := requestWith(abi.Member{Name: "n", Value: abi.IntValue(7)}, abi.Member{Name: "text", Value: abi.StringValue("hay")})
	found := make([]abi.Finding, 0, 8)
	n := testing.AllocsPerRun(1000, func() {
		var err error
		if found, _, err = j.Evaluate(context.Background(), q, found[:0]); err != nil || len(found) != 2 {
			t.Errorf("%v, %v", found, err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestModulesAreSharedAndClosedWithTheLastSet(t *testing.T) {
	e, err := NewEngine(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(policy.Sources{{Name: "p.yaml", Text: pooled}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, err := e.Policies(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := e.Policies(t.Context(), p)
	if err != nil || len(e.modules) != 1 {
		t.Fatalf("%d modules, %v", len(e.modules), err)
	}
	first.Release()
	if _, _, err := second.Judge(0).Evaluate(t.Context(), requestWith(), nil); err != nil {
		t.Errorf("after the other set let go: %v", err)
	}
	second.Release()
	if len(e.modules) != 0 || second.Acquire() {
		t.Errorf("%d modules are left", len(e.modules))
	}
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Policies(t.Context(), p); !errors.Is(err, ErrClosed) && (err == nil || !strings.Contains(err.Error(), ErrClosed.Error())) {
		t.Errorf("a closed engine: %v", err)
	}
}

func BenchmarkJudge(b *testing.B) {
	j := pooledJudge(b, 8)
	q := requestWith(abi.Member{Name: "n", Value: abi.IntValue(7)})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		var found []abi.Finding
		for pb.Next() {
			found, _, _ = j.Evaluate(context.Background(), q, found[:0])
		}
	})
}
