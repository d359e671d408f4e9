package abi_test

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
)

func TestMissingAndUnknownEqualNothing(t *testing.T) {
	all := []abi.Value{
		{},
		abi.UnknownValue(), abi.NullValue(), abi.BoolValue(false), abi.BoolValue(true), abi.IntValue(0), abi.FloatValue(0.5),
		abi.StringValue(""), abi.ListValue(), abi.ObjectValue(),
	}
	for i, a := range all {
		for j, b := range all {
			want := i == j && a.Kind() != abi.Missing && a.Kind() != abi.Unknown
			if got := a.Equal(b); got != want {
				t.Errorf("%v equals %v: %v, want %v", a.Kind(), b.Kind(), got, want)
			}
		}
	}
}

func TestCompareNumber(t *testing.T) {
	const big = 1 << 53
	for _, c := range []struct {
		name string
		a, b abi.Value
		want int
	}{
		{"integers", abi.IntValue(-1), abi.IntValue(1), -1},
		{"decimals", abi.FloatValue(1.5), abi.FloatValue(-2), 1},
		{"5 and 5.0", abi.IntValue(5), abi.FloatValue(5), 0},
		{"5 and 5.5", abi.IntValue(5), abi.FloatValue(5.5), -1},
		{"-5 and -5.5", abi.IntValue(-5), abi.FloatValue(-5.5), 1},
		{"0 and the least above it", abi.IntValue(0), abi.FloatValue(math.SmallestNonzeroFloat64), -1},
		{"2^53+1 is above 2^53", abi.IntValue(big + 1), abi.FloatValue(big), 1},
		{"largest int64 is below 2^63", abi.IntValue(math.MaxInt64), abi.FloatValue(1 << 63), -1},
		{"smallest int64 is -2^63", abi.IntValue(math.MinInt64), abi.FloatValue(-1 << 63), 0},
		{"smallest int64 is above the next below", abi.IntValue(math.MinInt64), abi.FloatValue(-1<<63 - 2048), 1},
		{"largest float64", abi.IntValue(math.MaxInt64), abi.FloatValue(math.MaxFloat64), -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := c.a.CompareNumber(c.b); got != c.want || !ok {
				t.Errorf("got %d %v, want %d", got, ok, c.want)
			}
			if got, ok := c.b.CompareNumber(c.a); got != -c.want || !ok {
				t.Errorf("turned round: got %d %v, want %d", got, ok, -c.want)
			}
		})
	}
	if _, ok := abi.IntValue(1).CompareNumber(abi.StringValue("1")); ok {
		t.Error("a number was ordered with a string")
	}
}

func TestLookup(t *testing.T) {
	v := mustRead(t, `{"user":{"role":"admin","n":null},"rows":[{"id":1},{"id":2}],"s":"text"}`)
	v = v.With("later", abi.UnknownValue())
	for path, want := range map[string]abi.Kind{
		"user.role": abi.String, "user.n": abi.Null, "user.n.x": abi.Missing, "user.none": abi.Missing, "user[0]": abi.Missing,
		"rows[1].id": abi.Int, "rows[2]": abi.Missing, "rows.id": abi.Missing, "s.x": abi.Missing, "s[0]": abi.Missing,
		"later": abi.Unknown, "later.x[3].y": abi.Unknown, "User.role": abi.Missing,
	} {
		steps, err := abi.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Lookup(steps).Kind(); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
}

func TestWith(t *testing.T) {
	v := mustRead(t, `{"a":1,"b":2}`)
	for _, c := range []struct {
		name string
		got  abi.Value
		want string
	}{
		{"replaced in its place", v.With("a", abi.StringValue("x")), `{"a":"x","b":2}`},
		{"added at the end", v.With("c", abi.NullValue()), `{"a":1,"b":2,"c":null}`},
		{"removed", v.With("a", abi.Value{}), `{"b":2}`},
		{"nothing to remove", v.With("c", abi.Value{}), `{"a":1,"b":2}`},
		{"a list counts as empty", abi.ListValue(abi.IntValue(1)).With("c", abi.IntValue(1)), `{"c":1}`},
		{"missing counts as empty", abi.Value{}.With("c", abi.IntValue(1)), `{"c":1}`},
		{"the original", v, `{"a":1,"b":2}`},
	} {
		if got := string(abi.AppendJSON(nil, c.got)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMadeValuesReadBackAsThemselves(t *testing.T) {
	for _, v := range []abi.Value{
		abi.FloatValue(5), abi.FloatValue(math.Copysign(0, -1)), abi.FloatValue(1e21), abi.FloatValue(1e-7), abi.FloatValue(0.1),
		abi.FloatValue(math.MaxFloat64), abi.FloatValue(math.SmallestNonzeroFloat64), abi.IntValue(math.MinInt64),
		abi.StringsValue([]string{"", "a\x00\n\"\\\u2028"}), abi.ObjectValue(abi.Member{Name: "\x1f", Value: abi.BoolValue(true)}),
	} {
		text := string(abi.AppendJSON(nil, v))
		back, err := abi.ReadValue(text)
		if err != nil || !back.Equal(v) || back.Kind() != v.Kind() {
			t.Errorf("%s: read back as %v %v", text, back.Kind(), err)
		}
	}
}

func TestWhatJSONCannotSay(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if k := abi.FloatValue(f).Kind(); k != abi.Null {
			t.Errorf("%v became %v, want null", f, k)
		}
	}
	v := abi.ObjectValue(
		abi.Member{Name: "gone", Value: abi.Value{}},
		abi.Member{Name: "later", Value: abi.UnknownValue()},
		abi.Member{Name: "list", Value: abi.ListValue(abi.Value{}, abi.UnknownValue())},
		abi.Member{Name: "bad\xff", Value: abi.StringValue("\xc0\xafx")},
	)
	want := `{"list":[null,null],"bad` + "\ufffd" + `":"` + "\ufffd\ufffd" + `x"}`
	if got := string(abi.AppendJSON(nil, v)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDecisions(t *testing.T) {
	var zero abi.Verdict
	if zero.Decision != abi.Deny || zero.Decision.String() != "deny" {
		t.Errorf("the zero verdict reads %v", zero.Decision)
	}
	if s := abi.Decision(200).String(); s != "deny" {
		t.Errorf("an undefined decision reads %s", s)
	}
	for d := abi.Deny; d <= abi.Abstain; d++ {
		if got, ok := abi.ParseDecision(d.String()); got != d || !ok {
			t.Errorf("%v parses as %v %v", d, got, ok)
		}
		if want := d == abi.Deny || d == abi.RequireApproval || d == abi.Allow; d.Deciding() != want {
			t.Errorf("%v decides: %v, want %v", d, d.Deciding(), want)
		}
	}
	for _, name := range []string{"", "Allow", "allow ", "permit"} {
		if d, ok := abi.ParseDecision(name); ok || d != abi.Deny {
			t.Errorf("%q parses as %v %v", name, d, ok)
		}
	}
	set := abi.SetOf(abi.Allow, abi.Abstain)
	if !set.Has(abi.Allow) || !set.Has(abi.Abstain) || set.Has(abi.Deny) || set.Has(abi.Decision(200)) {
		t.Errorf("the set of allow and abstain is %b", set)
	}
}

// TestLargeObjects holds objects that a square of their size would make unbearable: a quarter of a million members take well under the
// minutes that comparing each with each would.
func TestLargeObjects(t *testing.T) {
	const members = 1 << 18
	var b bytes.Buffer
	b.WriteString("{")
	for i := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + strings.Repeat("k", 3) + string(rune('a'+i%26)))
		b.WriteString(decimal(i) + `":0`)
	}
	src := b.String()
	v := mustRead(t, src+"}")
	if v.Len() != members || !v.Equal(mustRead(t, src+"}")) {
		t.Errorf("%d members, want %d that equal themselves", v.Len(), members)
	}
	if _, err := abi.ReadValue(src + `,"kkka0":1}`); err == nil {
		t.Error("a name that stands twice among many was read")
	}
}

func decimal(i int) string { return strconv.Itoa(i) }
