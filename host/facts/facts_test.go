package facts_test

import (
	"strings"
	"testing"

	"agentmesh/host/clients"
	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

func value(t testing.TB, text string) abi.Value {
	t.Helper()
	v, err := abi.ReadValue(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestTypes holds calls and the types they must have: the dangerous first.
func TestTypes(t *testing.T) {
	for _, c := range []struct{ pkg, tool, args, annotations, want string }{
		{"x", "read_file", `{}`, `{"readOnlyHint":true}`, "unknown"},
		{"x", "read_file", `{}`, `{}`, "unknown"},
		{"filesystem", "delete_everything", `{}`, `{"readOnlyHint":true}`, "unknown"},
		{"filesystem", "Read_file", `{}`, `{}`, "unknown"},
		{"filesystem", "read_file", `{"path":"a"}`, `{"destructiveHint":true}`, "delete"},
		{"filesystem", "read_file", `{"path":"a"}`, `{"readOnlyHint":false}`, "write"},
		{"filesystem", "read_file", `{"path":"a"}`, `{"readOnlyHint":true,"destructiveHint":true}`, "read"},
		{"filesystem", "write_file", `{"path":"a"}`, `{"readOnlyHint":true}`, "write"},
		{"filesystem", "read_file", `{"path":"a"}`, `{}`, "read"},
		{"github", "label_write", `{"method":"delete"}`, `{}`, "delete"},
		{"github", "label_write", `{"method":" DELETE "}`, `{}`, "delete"},
		{"github", "label_write", `{"method":"create"}`, `{}`, "write"},
		{"github", "delete_file", `{"path":"a"}`, `{}`, "delete"},
		{"github", "actions_run_trigger", `{}`, `{}`, "execute"},
		{"github", "get_me", `{}`, `{}`, "read"},
		{"@modelcontextprotocol/server-postgres", "query", `{"sql":"select 1"}`, `{}`, "read"},
		{"@modelcontextprotocol/server-postgres", "query", `{"sql":"select 1; drop table x"}`, `{}`, "delete"},
		{"@modelcontextprotocol/server-postgres", "query", `{"sql":["select 1","drop table x"]}`, `{}`, "delete"},
		{"@modelcontextprotocol/server-postgres", "query", `{}`, `{}`, "unknown"},
		{"@modelcontextprotocol/server-postgres", "query", `{"sql":5}`, `{}`, "unknown"},
		{"@modelcontextprotocol/server-postgres", "query", `{"SQL":"select 1"}`, `{}`, "unknown"},
		{"mcp-server-sqlite", "read_query", `{"query":"delete from t"}`, `{}`, "delete"},
		{"mcp-server-sqlite", "write_query", `{"query":"insert into t values (1)"}`, `{}`, "write"},
		{"@henkey/postgres-mcp-server", "pg_manage_query", `{"operation":"explain","query":"explain analyze delete from t"}`, `{}`, "delete"},
		{"@henkey/postgres-mcp-server", "pg_manage_query", `{"operation":"explain","query":"select 1"}`, `{}`, "read"},
		{"@henkey/postgres-mcp-server", "pg_manage_query", `{"operation":"other","query":"select 1"}`, `{}`, "write"},
		{"mcp-server-kubernetes", "kubectl_generic", `{"command":"delete","resourceType":"pod"}`, `{}`, "delete"},
		{"mcp-server-kubernetes", "kubectl_generic", `{"command":"exec"}`, `{}`, "execute"},
		{"mcp-server-kubernetes", "kubectl_generic", `{"command":"get","resourceType":"pods"}`, `{}`, "read"},
		{"mcp-server-kubernetes", "kubectl_generic", `{"command":"frobnicate"}`, `{}`, "unknown"},
		{"mcp-server-kubernetes", "kubectl_generic", `{}`, `{}`, "unknown"},
		{"mcp-server-kubernetes", "node_management", `{"operation":"drain"}`, `{}`, "delete"},
		{"kubernetes-mcp-server", "pods_exec", `{"command":["id"]}`, `{}`, "execute"},
		{"kubernetes-mcp-server", "pods_run", `{"image":"x"}`, `{}`, "execute"},
		{"slack", "slack_post_message", `{"text":"x"}`, `{}`, "export"},
		{"playwright", "browser_run_code_unsafe", `{"code":"x"}`, `{}`, "execute"},
		{"mcp-shell-server", "shell_execute", `{"command":["ls"]}`, `{}`, "execute"},
		// What a program would take for an option can do anything: `git diff --output=FILE` writes.
		{"mcp-server-git", "git_diff", `{"repo_path":"/srv","target":"--output=pwned"}`, `{}`, "unknown"},
		{"mcp-server-git", "git_diff", `{"repo_path":"/srv","target":["main","-Opwned"]}`, `{}`, "unknown"},
		{"mcp-server-git", "git_show", `{"repo_path":"/srv","revision":" --ext-diff"}`, `{}`, "unknown"},
		{"mcp-server-git", "git_show", `{"repo_path":"/srv","revision":"\u2013-output=x"}`, `{}`, "read"},
		{"mcp-server-git", "git_checkout", `{"repo_path":"/srv","branch_name":"--orphan"}`, `{}`, "unknown"},
		{"mcp-server-git", "git_log", `{"repo_path":"/srv","start_timestamp":"--output=x"}`, `{}`, "unknown"},
		{"mcp-server-git", "git_diff", `{"repo_path":"/srv","target":"HEAD~1","context_lines":-1}`, `{}`, "read"},
		{"mcp-server-git", "git_commit", `{"repo_path":"/srv","message":"--amend is what I did"}`, `{}`, "write"},
		{"filesystem", "search_files", `{"path":"/srv","pattern":"-x"}`, `{}`, "read"},
		{"filesystem", "read_file", `{"path":"/srv/--x"}`, `{}`, "read"},
		{"playwright", "browser_snapshot", `{"filename":"page.md"}`, `{}`, "write"},
		{"playwright", "browser_snapshot", `{"filename":" "}`, `{}`, "write"},
		{"playwright", "browser_snapshot", `{"filename":["page.md"]}`, `{}`, "write"},
		{"playwright", "browser_console_messages", `{"filename":"/srv/log"}`, `{}`, "write"},
		{"playwright", "browser_snapshot", `{}`, `{}`, "read"},
		{"playwright", "browser_snapshot", `{"filename":null}`, `{}`, "read"},
	} {
		x := facts.New(facts.Config{Table: table(t), Package: c.pkg, Where: facts.Here, Roots: []string{"/srv"}})
		f := x.Extract(&facts.Call{Tool: c.tool, Method: "tools/call", Arguments: value(t, c.args), Annotations: value(t, c.annotations)})
		if got := f.Action.Get("type").Text(); got != c.want {
			t.Errorf("%s %s %s %s: type %s, want %s", c.pkg, c.tool, c.args, c.annotations, got, c.want)
		}
	}
}

func TestMethods(t *testing.T) {
	x := facts.New(facts.Config{Table: table(t), Where: facts.Here, Home: "/home/a"})
	for _, c := range []struct{ method, params, want string }{
		{"resources/read", `{"uri":"file:///home/a/.ssh/id_rsa"}`, "read"},
		{"resources/subscribe", `{"uri":"https://example.com/x"}`, "read"},
		{"prompts/get", `{"name":"x"}`, "read"},
		{"tasks/cancel", `{}`, "unknown"},
		{"vendor/delete_all", `{"path":"/home/a/.ssh/id_rsa"}`, "unknown"},
	} {
		f := x.Extract(&facts.Call{Method: c.method, Arguments: value(t, c.params)})
		if got := f.Action.Get("type").Text(); got != c.want {
			t.Errorf("%s: type %s, want %s", c.method, got, c.want)
		}
		if path := c.params; len(path) > 20 && path[2] != 'n' && c.method != "resources/subscribe" && !f.Resource.Get("sensitive").IsTrue() {
			t.Errorf("%s %s is not sensitive", c.method, c.params)
		}
	}
}

// TestGiven holds what a caller states against what the host finds.
func TestGiven(t *testing.T) {
	x := facts.New(facts.Config{Table: table(t)})
	ssn := "078-05-" + "1121"
	for _, c := range []struct {
		name, server, tool, given, path string
		want                            string
	}{
		{"no fact is cleared", "", "", `{"data":{"contains_pii":false,"note":"ssn ` + ssn + `"}}`, "data.contains_pii", "true"},
		{"a stated fact stays", "", "", `{"data":{"contains_pii":true}}`, "data.contains_pii", "true"},
		{"lists grow", "", "", `{"data":{"pii":["medical"],"note":"ssn ` + ssn + `"}}`, "data.pii", `["us_ssn","medical"]`},
		{"an open type stays without a row", "", "", `{"action":{"type":"refund"}}`, "action.type", `"refund"`},
		{"a weaker type does not", "filesystem", "write_file", `{"action":{"type":"read"}}`, "action.type", `"write"`},
		{"a stronger one does", "filesystem", "read_file", `{"action":{"type":"export"}}`, "action.type", `"export"`},
		{"an open one does not hide ours", "filesystem", "write_file", `{"action":{"type":"harmless"}}`, "action.type", `"write"`},
		{"a stated path is looked at", "", "", `{"resource":{"paths":["/x/../etc/shadow"],"sensitive":false}}`, "resource.sensitive", "true"},
		{"a stated url is looked at", "", "", `{"resource":{"urls":["http://0x7f.1/"]}}`, "resource.hosts", `["127.0.0.1"]`},
		{"others stay", "", "", `{"resource":{"row":7},"action":{"cost":3}}`, "resource.row", "7"},
		{"stated sensitive stays", "", "", `{"resource":{"sensitive":true}}`, "resource.sensitive", "true"},
		{"stated local stays", "", "", `{"resource":{"local":true}}`, "resource.local", "true"},
		{"but not against the table", "github", "get_me", `{"resource":{"local":true}}`, "resource.local", "false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			given, err := abi.RequestOf(value(t, c.given))
			if err != nil {
				t.Fatal(err)
			}
			f := x.Extract(&facts.Call{Server: c.server, Tool: c.tool, Given: given})
			var q abi.Request
			f.Into(&q)
			path, err := abi.ParsePath(c.path)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(abi.AppendJSON(nil, q.Lookup(path))); got != c.want {
				t.Errorf("%s is %s, want %s", c.path, got, c.want)
			}
		})
	}
}

// TestDataFacts finds what arguments carry, by their own text and under the name of their member.
func TestDataFacts(t *testing.T) {
	x := facts.New(facts.Config{Table: table(t)})
	for _, c := range []struct{ args, pii, secrets string }{
		{`{"a":{"b":["write to ann@example.org"]}}`, `["email"]`, `[]`},
		{`{"password":"hunter2!"}`, `[]`, `["password"]`},
		{`{"env":{"API_KEY":"` + "9f8Kd0aQ2mZx71LtPb4e" + `"}}`, `[]`, `["generic_secret"]`},
		{`{"ann@example.org":1}`, `["email"]`, `[]`},
		{`{"note":"nothing here"}`, `[]`, `[]`},
	} {
		f := x.Extract(&facts.Call{Tool: "t", Arguments: value(t, c.args)})
		if got := string(abi.AppendJSON(nil, f.Data.Get("pii"))); got != c.pii {
			t.Errorf("%s: pii %s, want %s", c.args, got, c.pii)
		}
		if got := string(abi.AppendJSON(nil, f.Data.Get("secrets"))); got != c.secrets {
			t.Errorf("%s: secrets %s, want %s", c.args, got, c.secrets)
		}
		if f.Data.Get("contains_pii").IsTrue() != (c.pii != "[]") || f.Data.Get("contains_secret").IsTrue() != (c.secrets != "[]") {
			t.Errorf("%s: %s", c.args, abi.AppendJSON(nil, f.Data))
		}
	}
}

func TestKubernetes(t *testing.T) {
	for _, c := range []struct{ pkg, tool, args, want string }{
		{"mcp-server-kubernetes", "kubectl_get", `{"resourceType":"secret","name":"db","namespace":"prod"}`, `{"verb":"get","resource":"secrets","namespace":"prod","name":"db"}`},
		{"mcp-server-kubernetes", "kubectl_get", `{"resourceType":"Secrets"}`, `{"verb":"list","resource":"secrets"}`},
		{"mcp-server-kubernetes", "kubectl_get", `{"resourceType":"secret/db"}`, `{"verb":"get","resource":"secrets","name":"db"}`},
		{"mcp-server-kubernetes", "kubectl_apply", `{"manifest":"kind: Secret\nmetadata: {name: a, namespace: n}\n---\nkind: Secret\nmetadata: {name: b}\n"}`, `{"verb":"apply","resource":"secrets","namespace":"n","name":"several"}`},
		{"kubernetes-mcp-server", "resources_create_or_update", `{"resource":"{\"kind\":\"Secret\",\"metadata\":{\"name\":\"x\"}}"}`, `{"verb":"apply","resource":"secrets","name":"x"}`},
		{"mcp-server-commands", "run_command", `{"command":"kubectl -n prod get secret db -o yaml"}`, `{"verb":"get","resource":"secrets","namespace":"prod","name":"db"}`},
		{"mcp-server-commands", "run_command", `{"command":"kubectl get pods,secrets --namespace=x"}`, `{"verb":"list","resource":"pods,secrets","namespace":"x"}`},
		{"mcp-shell-server", "shell_execute", `{"command":["/usr/bin/kubectl","get","secret/db"]}`, `{"verb":"get","resource":"secrets","name":"db"}`},
	} {
		x := facts.New(facts.Config{Table: table(t), Package: c.pkg, Where: facts.Here})
		f := x.Extract(&facts.Call{Tool: c.tool, Arguments: value(t, c.args)})
		if got := string(abi.AppendJSON(nil, f.Resource.Get("k8s"))); got != c.want {
			t.Errorf("%s %s: k8s\ngot  %s\nwant %s", c.tool, c.args, got, c.want)
		}
		if !f.Resource.Get("sensitive").IsTrue() {
			t.Errorf("%s %s is not sensitive", c.tool, c.args)
		}
	}
}

func TestExplainSaysWhy(t *testing.T) {
	x := facts.New(facts.Config{Table: table(t), Package: "filesystem", Roots: []string{"/srv"}, Where: facts.Here})
	call := &facts.Call{Tool: "read_file", Arguments: value(t, `{"path":"/srv/../etc/shadow"}`)}
	f, notes := x.Explain(call)
	said := map[string]bool{}
	for _, n := range notes {
		if n.Because == "" || n.Value == "" {
			t.Errorf("an empty note: %+v", n)
		}
		said[n.Fact] = true
	}
	for _, fact := range []string{"action.type", "resource.paths", "resource.outside_roots", "resource.sensitive"} {
		if !said[fact] {
			t.Errorf("no note on %s in %+v", fact, notes)
		}
	}
	plain := x.Extract(call)
	if !plain.Resource.Equal(f.Resource) || !plain.Action.Equal(f.Action) {
		t.Error("Explain and Extract differ")
	}
}

func BenchmarkExtract(b *testing.B) {
	dir := b.TempDir()
	x := facts.New(facts.Config{Table: table(b), Package: "filesystem", Roots: []string{dir}, Home: "/home/a", Where: facts.Here})
	for name, c := range map[string]*facts.Call{
		"path":    {Tool: "read_file", Method: "tools/call", Server: "files", Arguments: object("path", abi.StringValue(dir+"/src/main.go"))},
		"content": {Tool: "write_file", Method: "tools/call", Arguments: value(b, `{"path":"a/b/c.txt","content":"some lines of text, as they come\nand another one\n"}`)},
		"none":    {Tool: "list_allowed_directories", Method: "tools/call", Arguments: value(b, `{}`)},
		"unknown": {Tool: "other", Method: "tools/call", Arguments: value(b, `{"id":"42","title":"a title","items":["x","y"]}`)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Extract(c)
			}
		})
	}
}

func BenchmarkSQL(b *testing.B) {
	const text = "SELECT u.id, lower(u.name), count(*) FROM users u JOIN orders o ON o.user_id = u.id WHERE u.age > 18 GROUP BY 1, 2"
	for _, dialect := range []string{"sqlite", "mysql", "postgres"} {
		facts.ReadSQL(dialect, text)
		b.Run(dialect, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				facts.ReadSQL(dialect, text)
			}
		})
	}
}

// BenchmarkLarge is a megabyte of text that looks like paths, words, URLs, or braces, in arguments of an unknown tool and of
// a command.
func BenchmarkLarge(b *testing.B) {
	const n = 1 << 20
	places := facts.NewProtected([]string{"/home/a/.agentmesh", "/srv/policies"})
	for name, s := range map[string]string{
		"words": "some words of a text\n", "paths": "/srv/a/b/c ", "urls": "http://a.example/b ", "braces": "{a,b}", "quotes": `"a" 'b' `, "dots": "../", "tilde": "~/x ", "globs": "*.* ",
		"cd": "cd x;",
	} {
		text := abi.StringValue(strings.Repeat(s, n/len(s)))
		for role, tool := range map[string]string{"command": "run_command", "other": "unheard_of"} {
			x := facts.New(facts.Config{Table: table(b), Package: "mcp-server-commands", Roots: []string{"/srv"}, Home: "/home/a", Dir: "/srv", Where: facts.Here})
			call := &facts.Call{Tool: tool, Arguments: object("command", text)}
			b.Run(name+"/"+role, func(b *testing.B) {
				for b.Loop() {
					x.Extract(call)
					x.Named(places, call)
				}
			})
		}
	}
}

// BenchmarkText is what a call costs that reads a file, and one that writes a file of prose and code of some size, in a
// home with the places that known clients have.
func BenchmarkText(b *testing.B) {
	const text = "see docs/orders.md and https://shop.example/help?page=2 (in German). Größe: 17 %, 2026-11-20\n" +
		"func main() { fmt.Println(\"open\", len(orders)) } // the first of 12\n\tif err := load(ctx, path); err != nil {\n"
	home := clients.System{OS: "linux", Home: "/home/a", Dir: "/srv"}
	places := facts.NewProtected(append(home.Paths(), "/home/a/.local/state/agentmesh", "/srv/policies"))
	x := facts.New(facts.Config{Table: table(b), Package: "filesystem", Roots: []string{"/srv"}, Home: "/home/a", Dir: "/srv", Where: facts.Here})
	path := abi.Member{Name: "path", Value: abi.StringValue("notes/orders.md")}
	for _, c := range []struct {
		name string
		call *facts.Call
	}{
		{"read", &facts.Call{Tool: "read_text_file", Arguments: abi.ObjectValue(path)}},
		{"write 1 KiB", write(path, strings.Repeat(text, 1<<10/len(text)))},
		{"write 1 MiB", write(path, strings.Repeat(text, 1<<20/len(text)))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Extract(c.call)
				x.Named(places, c.call)
			}
		})
	}
}

func write(path abi.Member, text string) *facts.Call {
	return &facts.Call{Tool: "write_file", Arguments: abi.ObjectValue(path, abi.Member{Name: "content", Value: abi.StringValue(text)})}
}
