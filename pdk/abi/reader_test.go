package abi_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
)

func TestSyntaxErrorSaysWhere(t *testing.T) {
	_, err := abi.ReadValue(`{"a": nope}`)
	var syntax *abi.SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != 6 {
		t.Fatalf("got %v, want a syntax error at byte 6", err)
	}
}

func TestShapeErrorNamesTheMember(t *testing.T) {
	_, err := abi.ReadFindings(`{"abi":1,"findings":[{"decision":"allow","rule":7}]}`)
	var shape *abi.ShapeError
	if !errors.As(err, &shape) || shape.Member != "rule" || shape.Got != abi.Int {
		t.Fatalf("got %v, want a shape error about rule", err)
	}
}

// TestReaderForgets reads one thing after another with one reader: what was read last is whole, whatever came before.
func TestReaderForgets(t *testing.T) {
	var r abi.Reader
	for i := range 300 {
		src := fmt.Sprintf(`{"n":%d,"s":"\u0041%s","l":[%s1],"o":{"k":"\n%d"}}`, i, strings.Repeat("x", i), strings.Repeat("1,", i), i)
		if i%3 == 0 {
			if _, err := r.Read(src[:len(src)-1-i%7]); err == nil {
				t.Fatalf("round %d: a cut message was read", i)
			}
		}
		v, err := r.Read(src)
		if err != nil {
			t.Fatal(err)
		}
		fresh := mustRead(t, src)
		if !v.Equal(fresh) {
			t.Fatalf("round %d: got %s, want %s", i, abi.AppendJSON(nil, v), abi.AppendJSON(nil, fresh))
		}
	}
}

// TestValuesOutliveTheirReader keeps values of ReadValue, whose readers nobody has any more.
func TestValuesOutliveTheirReader(t *testing.T) {
	var kept []abi.Value
	for i := range 200 {
		kept = append(kept, mustRead(t, fmt.Sprintf(`["\t%d","\u00e9%s\n",{"\\":"%d"}]`, i, strings.Repeat(`\"`, i), i)))
	}
	for i, v := range kept {
		if got, want := v.At(0).Text(), fmt.Sprintf("\t%d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := v.At(1).Text(), "é"+strings.Repeat(`"`, i)+"\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestReaderLetsGoOfLargeMessages reads one large message and then small ones: the room it took is not kept.
func TestReaderLetsGoOfLargeMessages(t *testing.T) {
	var r abi.Reader
	large := "[" + strings.Repeat(`"\n",`, 1<<18) + "0]"
	small := `{"a":["\n"]}`
	for _, src := range []string{large, small, large, small} {
		v, err := r.Read(src)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(abi.AppendJSON(nil, v)); got != src {
			t.Fatalf("%d bytes came back as %d", len(src), len(got))
		}
	}
}

func message() string {
	return `{"abi":1,"agent":{"name":"a","trust_score":640},"action":{"type":"read","tool":"fs.read"},"data":{"path":"a\\b\n","n":1.5,` +
		`"wide":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":13,"n":14,"o":15,"p":16,"q":17,"r":18}},` +
		`"resource":{"paths":["/srv/a","/srv/b"],"local":true}}`
}

func allocations(t *testing.T, what string, f func()) {
	t.Helper()
	f()
	if n := testing.AllocsPerRun(200, f); n != 0 {
		t.Errorf("%s allocates %v times", what, n)
	}
}

func TestReadingWithAReaderDoesNotAllocate(t *testing.T) {
	src := message()
	var r abi.Reader
	allocations(t, "Reader.Read", func() {
		if _, err := r.Read(src); err != nil {
			t.Fatal(err)
		}
	})
	var q abi.Request
	allocations(t, "Reader.Read and RequestOf", func() {
		v, err := r.Read(src)
		if err != nil {
			t.Fatal(err)
		}
		if q, err = abi.RequestOf(v); err != nil {
			t.Fatal(err)
		}
	})
	path, err := abi.ParsePath("data.wide.r")
	if err != nil {
		t.Fatal(err)
	}
	allocations(t, "Request.Lookup", func() {
		if n, _ := q.Lookup(path).Int(); n != 18 {
			t.Fatal(n)
		}
	})
	answer := `{"abi":1,"findings":[{"decision":"deny","rule":"r","reason":"a \"b\"","priority":3,"obligations":[]}]}`
	var found []abi.Finding
	allocations(t, "Reader.Read and FindingsOf", func() {
		v, err := r.Read(answer)
		if err != nil {
			t.Fatal(err)
		}
		if found, err = abi.FindingsOf(found[:0], v); err != nil || len(found) != 1 {
			t.Fatal(err)
		}
	})
}

func TestWritingIntoABufferDoesNotAllocate(t *testing.T) {
	v := mustRead(t, message())
	q, err := abi.RequestOf(v)
	if err != nil {
		t.Fatal(err)
	}
	verdict := abi.Verdict{
		Decision: abi.Deny, Code: abi.CodeRule, Rule: "r", Reason: "a\nb", Warnings: []string{"w"}, RetryAfter: 3,
		Judges:      []abi.Judged{{Name: "local/p", Decision: abi.Deny, Fuel: 7}},
		Obligations: []abi.Obligation{{Kind: abi.ObligationLimit, Rule: "r", Limit: "1/day"}},
	}
	found := []abi.Finding{{Decision: abi.Warn, Rule: "r", Obligations: verdict.Obligations}}
	outcome := abi.Outcome{DecisionID: "x", Status: abi.OutcomeOK, Bytes: 1}
	score := abi.Score{Delta: 1, Reasons: []string{"r"}}
	request := abi.ScoreRequest{Agent: q.Agent, Verdict: verdict, Outcome: outcome}
	path := []abi.Step{{Name: "data"}, {Name: "x-y"}, {Index: 3, IsIndex: true}}
	buf := make([]byte, 0, 1<<14)
	for what, write := range map[string]func() []byte{
		"AppendJSON":         func() []byte { return abi.AppendJSON(buf, v) },
		"AppendCanonical":    func() []byte { return abi.AppendCanonical(buf, v) },
		"AppendString":       func() []byte { return abi.AppendString(buf, "a\x00\xff\"é") },
		"AppendPath":         func() []byte { return abi.AppendPath(buf, path) },
		"AppendRequest":      func() []byte { return abi.AppendRequest(buf, &q) },
		"AppendFindings":     func() []byte { return abi.AppendFindings(buf, found) },
		"AppendVerdict":      func() []byte { return abi.AppendVerdict(buf, &verdict) },
		"AppendOutcome":      func() []byte { return abi.AppendOutcome(buf, &outcome) },
		"AppendScore":        func() []byte { return abi.AppendScore(buf, &score) },
		"AppendScoreRequest": func() []byte { return abi.AppendScoreRequest(buf, &request) },
	} {
		allocations(t, what, func() {
			if len(write()) == 0 {
				t.Fatal("nothing written")
			}
		})
	}
	w := mustRead(t, string(abi.AppendJSON(nil, v)))
	allocations(t, "Equal", func() {
		if !v.Equal(w) {
			t.Fatal("a copy differs")
		}
	})
}

func BenchmarkReadRequest(b *testing.B) {
	src := message()
	var r abi.Reader
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := r.Read(src)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := abi.RequestOf(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	q, err := abi.ReadRequest(message())
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = abi.AppendRequest(buf[:0], &q)
	}
	b.SetBytes(int64(len(buf)))
}
