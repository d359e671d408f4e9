package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// sameTree compares conditions by all but their positions.
var sameTree = cmp.Options{
	cmp.Comparer(func(a, b policy.Pos) bool { return true }),
	cmp.Comparer(func(a, b abi.Value) bool { return a.Kind() == b.Kind() && a.Equal(b) }),
}

func TestConditionsRefused(t *testing.T) {
	deep := strings.Repeat("(", 33) + "data.x" + strings.Repeat(")", 33)
	tests := []struct {
		name, src, message string
		column             int
	}{
		{"empty", " ", "the condition is empty", 1},
		{"nothing behind and", "data.x and", "expected a value, not the end of the condition", 11},
		{"nothing before or", "or data.x", `expected a value, not "or"`, 1},
		{"two conditions", "data.x data.y", `unexpected "data"`, 8},
		{"open parenthesis", "(data.x", `expected ")", not the end of the condition`, 8},
		{"closed parenthesis", "data.x)", `unexpected ")"`, 7},
		{"value in parentheses", "(data.x) == 1", "a condition in parentheses has no value to compare", 1},
		{"conditions compared", "(data.x == 1) == (data.y == 2)", "a condition in parentheses has no value to compare", 1},
		{"comparison compared", "data.x == 1 == true", "a comparison cannot be compared again", 13},
		{"chain", "1 < data.x < 5", "a comparison cannot be compared again", 12},
		{"single =", "data.x = 1", `"=" is no operator`, 8},
		{"===", "data.x === 1", `"===" is no operator`, 8},
		{"<>", "data.x <> 1", `"<>" is no operator`, 8},
		{"single &", "data.x & data.y", `"&" is no operator`, 8},
		{"capital AND", "data.x AND data.y", `unexpected "AND"`, 8},
		{"! in", "data.x ! in ['a']", `unexpected "!"`, 8},
		{"not contains", "data.x not contains 'a'", `unexpected "not"`, 8},
		{"sum", "data.x + 1 == 2", "unexpected character '+'", 8},
		{"difference", "data.x -1 == 2", `unexpected "-1"`, 8},
		{"hyphen", "data.x-y", "unexpected character '-'", 7},
		{"letter", "data.größe", "unexpected character 'ö'", 8},
		{"curly quotes", "data.x == ‘a’", "unexpected character '‘'", 11},
		{"open string", "data.x == 'a", "the string does not end", 11},
		{"string over lines", "data.x == 'a\nb'", "the string does not end on its line", 11},
		{"unknown escape", `data.x == 'a\.b'`, `unknown escape \.`, 13},
		{"hexadecimal escape", `data.x == '\x41'`, `unknown escape \x`, 12},
		{"short escape", `data.x == '\u41'`, `incomplete escape \u`, 12},
		{"half a pair", `data.x == '\ud83d'`, "half a surrogate pair is no character", 12},
		{"backslash at the end", `data.x == 'a\`, "the string does not end", 13},
		{"string alone", "'data.x'", "a string is no condition", 1},
		{"number alone", "5", "5 is no condition", 1},
		{"null alone", "null or data.x", "null is no condition", 1},
		{"list alone", "[data.x] and true", "a list is no condition", 1},
		{"len alone", "len(data.x)", "len(…), a number, is no condition", 1},
		{"lower alone", "not lower(data.x)", "lower(…), a string, is no condition", 5},
		{"literal in front of a value", "5 data.x", `expected a comparison, not "data"`, 3},
		{"too large", "data.x == 9223372036854775808", "9223372036854775808 does not fit 64 bits", 11},
		{"too small", "data.x == -9223372036854775809", "-9223372036854775809 does not fit 64 bits", 11},
		{"infinite", "data.x == 1e400", "1e400 is too large for a decimal", 11},
		{"octal", "data.x == 010", "010 is no number", 11},
		{"hexadecimal", "data.x == 0x1F", "0x1F is no number", 11},
		{"point in front", "data.x == .5", "a number cannot begin with a point", 11},
		{"point behind", "data.x == 5.", "5. is no number", 11},
		{"exponent without digits", "data.x == 5e", "5e is no number", 11},
		{"two points", "data.x == 1.2.3", "1.2.3 is no number", 11},
		{"point at the end", "data.", "a point must be followed by a name, not the end of the condition", 6},
		{"index after a point", "data.0", "a number cannot begin with a point", 5},
		{"negative index", "data[-1]", `brackets hold a name in quotes or an index from 0, not "-1"`, 6},
		{"decimal index", "data[1.5]", `brackets hold a name in quotes or an index from 0, not "1.5"`, 6},
		{"huge index", "data[2147483648]", `brackets hold a name in quotes or an index from 0, not "2147483648"`, 6},
		{"name in brackets", "data[x]", `brackets hold a name in quotes or an index from 0, not "x"`, 6},
		{"open bracket", "data['x' == 1", `expected "]", not "=="`, 10},
		{"unknown root", "dta.x", `unknown root "dta"`, 1},
		{"bare word", "agent.name == alice", `unknown name "alice"`, 15},
		{"result before the action", "result.text", "result is not known before the action", 1},
		{"root with a capital", "Data.x", `unknown root "Data"`, 1},
		{"unknown function", "size(data.x) > 1", `unknown function "size"`, 1},
		{"method", "data.x.contains('a')", `"contains" is an operator, not a method`, 8},
		{"exists without parentheses", "exists data.x", `expected a value, not "exists"`, 1},
		{"exists of a literal", "exists('x')", "exists needs a path, not string 'x'", 8},
		{"exists of a function", "exists(len(data.x))", "exists needs a path, not \"len\"", 8},
		{"pattern from the request", "data.x matches data.y", `matches needs a regular expression in quotes, not "data"`, 16},
		{"broken pattern", "data.x matches '('", "bad regular expression: missing closing ): '('", 16},
		{"look-around", "data.x matches '(?=a)'", "bad regular expression: invalid or unsupported Perl syntax: '(?='", 16},
		{"quantifier without body", "any(x in data.l)", `expected ",", not ")"`, 16},
		{"quantifier without variable", "any('x' in data.l, true)", "any needs a name for each item, not string 'x'", 5},
		{"quantifier over a literal", "all(x in ['a'], x == 'a')", `all needs a path, not "["`, 10},
		{"variable named like a root", "any(data in data.l, true)", `"data" is a root of the request`, 5},
		{"variable named like result", "any(result in data.l, true)", `"result" is a root of the request`, 5},
		{"variable named like a word", "any(all in data.l, true)", `"all" is a word of the language`, 5},
		{"variable named twice", "any(x in data.l, any(x in data.m, x))", `"x" already names the items of the list around`, 22},
		{"variable in its own list", "any(x in x.l, true)", `unknown root "x"`, 10},
		{"variable out of sight", "any(x in data.l, x) or x", `unknown name "x"`, 24},
		{
			"quantifiers too deep", "any(a in data.l, any(b in a.l, any(c in b.l, any(d in c.l, any(e in d.l, e)))))",
			"any and all nested more than 4 deep", 64,
		},
		{"too deep", deep, "nested more than 32 deep", 34},
		{"nots too deep", strings.Repeat("not ", 33) + "data.x", "nested more than 32 deep", 133},
		{"path too long", "data" + strings.Repeat(".x", 32), "a path of more than 32 steps", 1},
		{"too many words", "data.x in [" + strings.Repeat("1,", 4200) + "1]", "a condition of more than 8192 words and symbols", 8199},
		{"too long", "data.x == '" + strings.Repeat("x", 64<<10) + "'", "a condition of more than 65536 bytes", 1},
		{"control character", "data.x\x00", "invisible character U+0000", 7},
		{"override", "data.x == 'a\u202e'", "invisible character U+202E", 13},
		{"not UTF-8", "data.x == '\xff'", "byte 0xff is not UTF-8", 12},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantRefusal(t, tt.src, policy.PreTool, policy.Pos{Line: 1, Column: tt.column}, tt.message)
		})
	}
}

// wantRefusal wants exactly one error, with this place and message.
func wantRefusal(t *testing.T, src string, stage policy.Stage, at policy.Pos, message string) {
	t.Helper()
	x, err := policy.ParseCondition(src, policy.Scope{File: "f", Stage: stage})
	var errs policy.Errors
	if !errors.As(err, &errs) || x != nil {
		t.Fatalf("got %v and error %v, want an error of type Errors alone", x, err)
	}
	if len(errs) != 1 || errs[0].Message != message || errs[0].Pos != at {
		t.Errorf("got %v\nwant %d:%d: %s", err, at.Line, at.Column, message)
	}
}

func TestConditionsParse(t *testing.T) {
	steps := func(names ...string) (steps []abi.Step) {
		for _, n := range names {
			steps = append(steps, abi.Step{Name: n})
		}
		return steps
	}
	path := func(names ...string) *policy.Path { return &policy.Path{Steps: steps(names...)} }
	truth := func(name string) policy.Expr { return &policy.Truth{Path: path("data", name)} }
	literal := func(v abi.Value) *policy.Literal { return &policy.Literal{Value: v} }
	equal := func(name string, v abi.Value) policy.Expr {
		return &policy.Compare{Op: policy.Eq, L: path("data", name), R: literal(v)}
	}
	a, b, c := truth("a"), truth("b"), truth("c")
	tests := []struct {
		name, src string
		want      policy.Expr
	}{
		{
			"and binds closer than or", "data.a or data.b and data.c",
			&policy.Logical{Op: policy.Or, Kids: []policy.Expr{a, &policy.Logical{Op: policy.And, Kids: []policy.Expr{b, c}}}},
		},
		{
			"symbols are words", "data.a || data.b && !data.c",
			&policy.Logical{Op: policy.Or, Kids: []policy.Expr{a, &policy.Logical{Op: policy.And, Kids: []policy.Expr{b, &policy.Not{X: c}}}}},
		},
		{"one join for many", "data.a and data.b && data.c", &policy.Logical{Op: policy.And, Kids: []policy.Expr{a, b, c}}},
		{
			"parentheses are kept", "(data.a or data.b) and data.c",
			&policy.Logical{Op: policy.And, Kids: []policy.Expr{&policy.Logical{Op: policy.Or, Kids: []policy.Expr{a, b}}, c}},
		},
		{"not takes the comparison", "not data.a == 1", &policy.Not{X: equal("a", abi.IntValue(1))}},
		{"! takes the comparison", "!data.a == 1", &policy.Not{X: equal("a", abi.IntValue(1))}},
		{"not binds closer than and", "not data.a and data.b", &policy.Logical{Op: policy.And, Kids: []policy.Expr{&policy.Not{X: a}, b}}},
		{"constants", "true or false", &policy.Logical{Op: policy.Or, Kids: []policy.Expr{&policy.Constant{Value: true}, &policy.Constant{}}}},
		{"strings", `data.a == "it's \"so\" \\ \n\t\r \u00e9 \ud83d\ude00 é"`, equal("a", abi.StringValue("it's \"so\" \\ \n\t\r é 😀 é"))},
		{"words in quotes", `data.a == 'x and y or not'`, equal("a", abi.StringValue("x and y or not"))},
		{"least integer", "data.a == -9223372036854775808", equal("a", abi.IntValue(-1<<63))},
		{"signs", "data.a == +5", equal("a", abi.IntValue(5))},
		{"decimal", "data.a == -0.25", equal("a", abi.FloatValue(-0.25))},
		{"exponent", "data.a == 1e3", equal("a", abi.FloatValue(1000))},
		{"whole decimal", "data.a == 5.0", equal("a", abi.FloatValue(5))},
		{"null", "data.a == null", equal("a", abi.NullValue())},
		{"literals on both sides", "5 == 5.0", &policy.Compare{Op: policy.Eq, L: literal(abi.IntValue(5)), R: literal(abi.FloatValue(5))}},
		{
			"literal list", "data.a == ['x', [1, true], null,]",
			equal("a", abi.ListValue(abi.StringValue("x"), abi.ListValue(abi.IntValue(1), abi.BoolValue(true)), abi.NullValue())),
		},
		{
			"in a list with paths", "data.a in ['x', data.b]",
			&policy.In{L: path("data", "a"), R: &policy.ListLiteral{Items: []policy.Operand{literal(abi.StringValue("x")), path("data", "b")}}},
		},
		{"not in", "'x' not in data.a", &policy.In{Negated: true, L: literal(abi.StringValue("x")), R: path("data", "a")}},
		{"words as names", "data.contains contains data.in", &policy.Text{Op: policy.Contains, L: path("data", "contains"), R: path("data", "in")}},
		{
			"functions within each other", "len(lower(data.a)) >= 1",
			&policy.Compare{Op: policy.Ge, L: &policy.Len{X: &policy.Lower{X: path("data", "a")}}, R: literal(abi.IntValue(1))},
		},
		{"matches", "data.a matches '^a\\\\.b$'", &policy.Matches{L: path("data", "a"), Pattern: `^a\.b$`}},
		{"brackets", `exists(data["x-y"]['é'][0].z)`, &policy.Exists{Path: &policy.Path{
			Steps: append(steps("data", "x-y", "é"), abi.Step{IsIndex: true}, abi.Step{Name: "z"}),
		}}},
		{"quantifiers", "any(x in data.a, x[0].y or all(z in x.b, z == x))", &policy.Quantifier{
			Var: "x", Over: path("data", "a"),
			Body: &policy.Logical{Op: policy.Or, Kids: []policy.Expr{
				&policy.Truth{Path: &policy.Path{Var: "x", Steps: []abi.Step{{IsIndex: true}, {Name: "y"}}}},
				&policy.Quantifier{
					All: true, Var: "z", Over: &policy.Path{Var: "x", Steps: steps("b")},
					Body: &policy.Compare{Op: policy.Eq, L: &policy.Path{Var: "z"}, R: &policy.Path{Var: "x"}},
				},
			}},
		}},
		{"a variable may be used again beside", "any(x in data.a, x) and any(x in data.b, x)", &policy.Logical{Op: policy.And, Kids: []policy.Expr{
			&policy.Quantifier{Var: "x", Over: path("data", "a"), Body: &policy.Truth{Path: &policy.Path{Var: "x"}}},
			&policy.Quantifier{Var: "x", Over: path("data", "b"), Body: &policy.Truth{Path: &policy.Path{Var: "x"}}},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := policy.ParseCondition(tt.src, policy.Scope{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, sameTree); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestResultIsKnownAfterTheAction(t *testing.T) {
	if _, err := policy.ParseCondition("result.is_error and data.x", policy.Scope{Stage: policy.PostTool}); err != nil {
		t.Error(err)
	}
}

func TestPositionsInTheTree(t *testing.T) {
	x, err := policy.ParseCondition("data.é or\n  not data.x == len(data.y)", policy.Scope{})
	if err == nil {
		t.Fatalf("a letter outside ASCII was taken: %s", policy.Format(x))
	}
	x, err = policy.ParseCondition("'é' == data.x or\n  not data.x == len(data.y)", policy.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	or := x.(*policy.Logical)
	not := or.Kids[1].(*policy.Not)
	compare := not.X.(*policy.Compare)
	got := fmt.Sprint(or.Pos, or.Kids[0].(*policy.Compare).R.Position(), not.Pos, compare.Pos, compare.R.Position(), compare.R.(*policy.Len).X.Position())
	if want := "{1 1} {1 8} {2 3} {2 7} {2 17} {2 21}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
