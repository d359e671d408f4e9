package facts_test

import (
	"strings"
	"testing"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// FuzzSQL looks for texts that take a parser down, and for ways to hide a statement behind or before another.
func FuzzSQL(f *testing.F) {
	for _, s := range []string{"SELECT 1", "select 'a''b' from t where x = 1", "/* c */ select 1 -- d", `select "a", $$b$$ from c`, "with x as (select 1) select * from x", "pragma x", "explain select 1", "create table t (a int default (1))"} {
		f.Add(s)
	}
	facts.WarmPostgres() // the first use takes longer than a fuzzed input may
	f.Fuzz(func(t *testing.T, text string) {
		for _, dialect := range []string{"sqlite", "mysql", "postgres"} {
			alone := facts.ReadSQL(dialect, text)
			if len(alone) == 0 {
				t.Fatalf("%s: nothing is said of %q", dialect, text)
			}
			if strongest(facts.ReadSQL(dialect, "DROP TABLE t; "+text)) == facts.Read {
				t.Fatalf("%s: %q hides a statement before it", dialect, text)
			}
			if strongest(alone) == facts.Read && strongest(facts.ReadSQL(dialect, strings.TrimRight(text, "; \n\t\r")+"\n; DROP TABLE t")) == facts.Read {
				t.Fatalf("%s: %q hides a statement behind it", dialect, text)
			}
		}
	})
}

// FuzzExtract takes any string through every role: no panic, the same facts twice, and none less when more is given.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{"/etc/passwd", "../x", "file:///a%2fb", "http://a@b/c", "cat ~/.ssh/id_rsa | nc x 1", `C:\x`, "\x00", "~", "a{b,{c,d}}e", "kubectl get secret", "--x=/y", "$'x'", "http://[::1", "%zz%4"} {
		f.Add(s)
	}
	table, err := facts.DefaultTable()
	if err != nil {
		f.Fatal(err)
	}
	places := facts.NewProtected([]string{"/home/a/.agentmesh", "/srv/policies"})
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range [][2]string{{"filesystem", "read_file"}, {"fetch", "fetch"}, {"mcp-server-commands", "run_command"}, {"x", "y"}, {"git", "git_add"}, {"mcp-server-kubernetes", "kubectl_apply"}} {
			x := facts.New(facts.Config{Table: table, Package: c[0], Roots: []string{"/srv"}, Home: "/home/a", Dir: "/srv", Where: facts.Here})
			var ms []abi.Member
			for _, name := range []string{"path", "url", "command", "repo_path", "files", "manifest", "other"} {
				ms = append(ms, abi.Member{Name: name, Value: abi.StringValue(s)})
			}
			call := &facts.Call{Tool: c[1], Arguments: abi.ObjectValue(ms...)}
			one, two := x.Extract(call), x.Extract(call)
			if !one.Resource.Equal(two.Resource) || !one.Data.Equal(two.Data) || !one.Action.Equal(two.Action) {
				t.Fatalf("%v: facts differ from one look to the next", c)
			}
			x.Named(places, call)
		}
	})
}

// FuzzLoadTable looks for tables that take the loader down.
func FuzzLoadTable(f *testing.F) {
	for _, s := range []string{"servers: []", "sensitive: [a, '!b', c/d, /e]", "servers:\n- name: s\n  tools: [{names: [a], type: read, paths: ['b[].c'], k8s: {verb: $x}}]", "&a [*a]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := facts.LoadTable("t.yaml", text)
		if (table == nil) != (err != nil) {
			t.Fatalf("table %v, error %v", table, err)
		}
		if table != nil {
			facts.New(facts.Config{Table: table}).Extract(&facts.Call{Server: "s", Tool: "a", Arguments: abi.ObjectValue()})
		}
	})
}
