package e2e_test

import (
	"testing"
)

func sqliteStory(t testing.TB, p place) story {
	sql := func(tool, query string) ask { return ask{tool: tool, args: args("query", query)} }
	// refused gives the rules of strict and moderate; what permissive lets pass is answered with text.
	refused := func(a ask, strict, moderate, text string) ask {
		a.strict, a.moderate, a.text = strict, moderate, text
		return a
	}
	read := func(query, text string) ask { return refused(sql("read_query", query), through, through, text) }
	return story{
		server: []string{installed(t, "sqlite", "mcp-server-sqlite"), "--db-path", p.project + "/shop.db"},
		listed: []string{"append_insight", "create_table", "describe_table", "list_tables", "read_query", "write_query"},
		hidden: []string{"append_insight"},
		asks: func(place) []ask {
			return []ask{
				read("SELECT fruit, count FROM orders ORDER BY fruit", "'pear'"),
				read("SELECT 'DROP TABLE orders; --' AS text", "DROP TABLE orders"),
				read("SELECT /* DELETE FROM orders */ count(*) FROM orders", "2"),
				{tool: "list_tables", args: args(), text: "orders"},
				{tool: "describe_table", args: args("table_name", "orders"), text: "fruit"},
				refused(sql("read_query", "SELECT 1; DROP TABLE orders"), "no-deletes", "approve-deletes", "one statement"),
				refused(sql("read_query", "SELEC * FORM orders"), "no-unknown-tools", "approve-unknown-tools", "Only SELECT"),
				refused(sql("write_query", "UPDATE orders SET count = 4 WHERE fruit = 'pear'"), "no-writes", through, "affected_rows"),
				refused(sql("create_table", "CREATE TABLE notes (text TEXT)"), "no-writes", through, "created"),
				refused(sql("write_query", "DELETE FROM orders WHERE fruit = 'plum'"), "no-deletes", "approve-deletes", "affected_rows"),
				refused(sql("write_query", "delete\nfrom/**/orders"), "no-deletes", "approve-deletes", "affected_rows"),
				refused(sql("write_query", "ATTACH DATABASE '"+p.outside+"/other.db' AS other"), "no-execution", "approve-execution", "[]"),
				refused(ask{tool: "append_insight", args: args("insight", "pears sell well")}, "no-writes", through, "added"),
			}
		},
	}
}

func TestTheSQLiteServer(t *testing.T) {
	// What the database then holds, asked without us.
	want := map[string]string{
		"strict":     "[{'fruit': 'pear', 'count': 3}, {'fruit': 'plum', 'count': 5}]",
		"moderate":   "[{'fruit': 'pear', 'count': 4}, {'fruit': 'plum', 'count': 5}]",
		"permissive": "[]",
	}
	presets(t, func(t *testing.T, policy string) {
		p := newPlace(t)
		s := sqliteStory(t, p)
		bare := connect(t, p.command(s.server...), legacy)
		call(t, bare, "create_table", args("query", "CREATE TABLE orders (fruit TEXT, count INTEGER)"))
		call(t, bare, "write_query", args("query", "INSERT INTO orders VALUES ('pear', 3), ('plum', 5)"))
		s.tell(t, p, policy, legacy)
		if got := call(t, bare, "read_query", args("query", "SELECT * FROM orders ORDER BY fruit")); got.text != want[policy] {
			t.Errorf("the database holds %s, want %s", got.text, want[policy])
		}
	})
}
