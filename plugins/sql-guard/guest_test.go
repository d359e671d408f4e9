package sqlguard_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"agentmesh/pdk/abi"
	"agentmesh/pdk/rust/testdata/extism"
)

// crate is the plugin's; its one module is named like it.
var crate = extism.NewCrate("")

const module = "sql_guard"

// guest is an instance with the settings of a case.
func guest(t testing.TB, settings abi.Value) *extism.Guest {
	t.Helper()
	g := crate.Guest(t, module)
	if settings.Exists() {
		g.Config = map[string]string{"settings": string(abi.AppendJSON(nil, settings))}
	}
	return g
}

func ask(t testing.TB, g *extism.Guest, q *abi.Request) []abi.Finding {
	t.Helper()
	out, err := g.Call(context.Background(), "evaluate", abi.AppendRequest(nil, q))
	if err != nil {
		t.Fatal(err)
	}
	fs, err := abi.ReadFindings(string(out))
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return fs
}

// TestCasesInTheModule runs the golden cases in the built module. One finding of the decision and rule that a case wants
// must be there, and none where it wants none.
func TestCasesInTheModule(t *testing.T) {
	guests := map[string]*extism.Guest{}
	for _, c := range cases(t) {
		settings := string(abi.AppendJSON(nil, c.Settings))
		if guests[settings] == nil {
			guests[settings] = guest(t, c.Settings)
		}
		fs := ask(t, guests[settings], &c.Request)
		if c.Want.Decision == abi.Abstain {
			if len(fs) > 0 {
				t.Errorf("%s: got %+v, want nothing", c.Name, fs)
			}
			continue
		}
		if len(fs) == 0 || fs[0].Decision != c.Want.Decision || fs[0].Rule != c.Want.Rule {
			t.Errorf("%s: got %+v, want %s by %s", c.Name, fs, c.Want.Decision, c.Want.Rule)
		}
	}
}

func query(sql string) *abi.Request {
	return &abi.Request{Data: abi.ObjectValue(abi.Member{Name: "query", Value: abi.StringValue(sql)})}
}

// TestWhatWouldCostTooMuch gives the module texts that are deep or long: it denies them or traps, which denies too, and it
// never answers that it has nothing to say of a write.
func TestWhatWouldCostTooMuch(t *testing.T) {
	for name, sql := range map[string]string{
		"brackets":   "DELETE FROM t WHERE " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"not":        "DELETE FROM t WHERE " + strings.Repeat("NOT ", 50_000) + "1",
		"minus":      "DELETE FROM t WHERE " + strings.Repeat("- ", 50_000) + "1",
		"case":       "DELETE FROM t WHERE " + strings.Repeat("CASE WHEN ", 10_000) + "1",
		"and":        "DELETE FROM t WHERE 1" + strings.Repeat(" AND 1", 30_000),
		"or":         "DELETE FROM t WHERE id = 1" + strings.Repeat(" OR 1", 30_000),
		"union":      "DELETE FROM t; SELECT 1" + strings.Repeat(" UNION SELECT 1", 15_000),
		"subqueries": "DELETE FROM t WHERE a IN (" + strings.Repeat("SELECT 1 FROM (", 5000),
		"statements": strings.Repeat("DELETE FROM t;", 18_000),
		"too long":   "DELETE FROM t --" + strings.Repeat("x", 256<<10),
	} {
		t.Run(name, func(t *testing.T) {
			g := guest(t, abi.Value{})
			out, err := g.Call(t.Context(), "evaluate", abi.AppendRequest(nil, query(sql)))
			if err != nil {
				t.Logf("trapped: %.80s", err)
				return
			}
			fs, err := abi.ReadFindings(string(out))
			if err != nil || len(fs) == 0 || fs[0].Decision != abi.Deny {
				t.Errorf("got %+v, %v; want a denial", fs, err)
			} else {
				t.Logf("%d findings, the first by %s; %d bytes of memory", len(fs), fs[0].Rule, g.MemoryBytes())
			}
		})
	}
}

// ordinary are long texts as people write them, of which there is nothing to say.
func ordinary() map[string]string {
	return map[string]string{
		"rows":   "INSERT INTO t (a, b) VALUES (1, 'x')" + strings.Repeat(", (2, 'yyyyyyyyyyyyyyyyyyyy')", 1000),
		"list":   "SELECT * FROM t WHERE id IN (1" + strings.Repeat(", 1234567", 5000) + ")",
		"chain":  "SELECT * FROM t WHERE id = 1" + strings.Repeat(" OR id = 2", 500),
		"nested": "SELECT " + strings.Repeat("(", 20) + "1" + strings.Repeat(")", 20),
		"tables": strings.Repeat("SELECT a FROM (", 8) + "SELECT a FROM t" + strings.Repeat(") x", 8),
	}
}

// TestGrowth calls one instance, which nobody restores, again and again: a million times under SOAK=1.
func TestGrowth(t *testing.T) {
	calls := 3000
	if os.Getenv("SOAK") != "" {
		calls = 1_000_000
	}
	g := guest(t, abi.Value{})
	q := query("SELECT a FROM t WHERE id IN (SELECT id FROM s WHERE x = 'y'); DELETE FROM t")
	ask(t, g, q)
	before := g.MemoryBytes()
	for range calls {
		ask(t, g, q)
	}
	if after := g.MemoryBytes(); after > before {
		t.Errorf("memory grew from %d to %d bytes in %d calls", before, after, calls)
	}
	t.Logf("%d bytes after %d calls", before, calls)
}

func BenchmarkSelect(b *testing.B) {
	g := guest(b, abi.Value{})
	in := abi.AppendRequest(nil, query("SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer = c.id WHERE c.city = 'Ulm' GROUP BY c.name"))
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Call(ctx, "evaluate", in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		g, err := extism.Open(context.Background(), crate.Module(b, module), nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := g.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
