package facts_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

// TestLoadTableRefuses holds broken tables and what their errors must say.
func TestLoadTableRefuses(t *testing.T) {
	const head = "servers:\n  - name: s\n    tools:\n      - names: [a]\n"
	for name, c := range map[string]struct{ text, want string }{
		"no yaml":              {"servers: [", "read tool table t.yaml"},
		"not a mapping":        {"- x", "t.yaml:1:1: table must be a mapping"},
		"unknown top key":      {"server: []", `t.yaml:1:1: unknown key "server" in this table (did you mean "servers"?)`},
		"unknown server key":   {"servers:\n  - name: s\n    dialct: mysql\n", `t.yaml:3:5: unknown key "dialct" in this server (did you mean "dialect"?)`},
		"unknown row key":      {head + "        type: read\n        path: [p]\n", `t.yaml:6:9: unknown key "path" in this tool row (did you mean "paths"?)`},
		"doubled key":          {head + "        type: read\n        type: write\n", `stands twice`},
		"unknown type":         {head + "        type: reed\n", `t.yaml:5:15: unknown type "reed"`},
		"no type":              {head, "t.yaml:4:9: a tool row needs a type"},
		"no names":             {"servers:\n  - name: s\n    tools:\n      - type: read\n", "a tool row needs names"},
		"no server name":       {"servers:\n  - match: [x]\n", "a server needs a name"},
		"two servers":          {"servers:\n  - name: s\n  - name: s\n", `server "s" stands twice`},
		"two rows":             {head + "        type: read\n      - names: [a]\n        type: write\n", `tool "a" of server "s" stands in two rows`},
		"unknown dialect":      {"servers:\n  - name: s\n    dialect: oracle\n", `unknown dialect "oracle"`},
		"sql without dialect":  {head + "        sql: [q]\n", "needs a dialect"},
		"bad argument":         {head + "        type: read\n        paths: [\"a[x]\"]\n", `bad argument "a[x]"`},
		"k8s without verb":     {head + "        k8s: {resource: pods}\n", "k8s needs a verb"},
		"by without argument":  {head + "        type: read\n        by: {types: {x: read}}\n", "by needs an argument"},
		"local is no boolean":  {"servers:\n  - name: s\n    local: maybe\n", "local must be true or false"},
		"paths is no list":     {head + "        type: read\n        paths: p\n", "paths must be a list"},
		"empty place":          {"sensitive: [\"\"]", "bad place"},
		"exception with slash": {"sensitive: [\"!a/b\"]", "bad place"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := facts.LoadTable("t.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant … %s …", err, c.want)
			}
		})
	}
}

func TestLoadTableTellsAll(t *testing.T) {
	_, err := facts.LoadTable("t.yaml", []byte("x: 1\ny: 2\nservers:\n  - name: s\n    tools:\n      - names: [a]\n        type: no\n"))
	var all facts.TableErrors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("got %v, want three errors", err)
	}
}

// recording is what a published server answered to tools/list, without its texts.
type recording struct {
	Package, Version string
	Tools            []struct {
		Name        string
		Annotations map[string]bool
		Arguments   map[string]string
	}
}

func recordings(t *testing.T) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/tools/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	var all []recording
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, r)
	}
	return all
}

// TestTableKnowsRecordedTools holds the table against what the servers said of themselves: every tool has a row, every
// row a tool, the arguments of a row exist, and no annotation contradicts a row.
func TestTableKnowsRecordedTools(t *testing.T) {
	table := table(t)
	for _, r := range recordings(t) {
		server := table.Server(r.Package + "@" + "1.2.3")
		if server == nil {
			t.Errorf("%s: no server in the table", r.Package)
			continue
		}
		said := map[string]bool{}
		for _, tool := range r.Tools {
			said[tool.Name] = true
			row := table.Find(r.Package, tool.Name)
			if row == nil {
				t.Errorf("%s: tool %s has no row", r.Package, tool.Name)
				continue
			}
			if row.Base != "" && tool.Arguments[row.Base] == "" {
				t.Errorf("%s %s: base argument %s does not exist", r.Package, tool.Name, row.Base)
			}
			if ro := tool.Annotations["readOnlyHint"]; !ro && row.Type == facts.Read && tool.Annotations["destructiveHint"] {
				t.Errorf("%s %s: the table calls it reading, the server destructive", r.Package, tool.Name)
			}
			if ro := tool.Annotations["readOnlyHint"]; ro && (row.Type == facts.Delete) {
				t.Errorf("%s %s: the table calls it deleting, the server read-only", r.Package, tool.Name)
			}
		}
		for _, row := range server.Tools {
			for _, name := range row.Names {
				// Older versions of mcp-server-commands had more; the other is shown to clients that offer roots.
				if !said[name] && r.Package != "mcp-server-commands" && name != "get-roots-list" {
					t.Errorf("%s: the table knows tool %s, the server does not", r.Package, name)
				}
			}
		}
	}
}

// TestRecordedTypes shows the type of every recorded tool called with strings that name nothing: none may be unknown but
// those whose type hangs on an argument.
func TestRecordedTypes(t *testing.T) {
	table := table(t)
	for _, r := range recordings(t) {
		x := facts.New(facts.Config{Table: table, Package: r.Package, Where: facts.Here})
		for _, tool := range r.Tools {
			var ms []abi.Member
			for name, v := range map[string]bool(tool.Annotations) {
				ms = append(ms, abi.Member{Name: name, Value: abi.BoolValue(v)})
			}
			f := x.Extract(&facts.Call{Tool: tool.Name, Method: "tools/call", Arguments: abi.ObjectValue(), Annotations: abi.ObjectValue(ms...)})
			got := facts.Type(f.Action.Get("type").Text())
			row := f.Row
			if row == nil {
				t.Errorf("%s %s: there is no row", r.Package, tool.Name)
				continue
			}
			want, fixed := row.Type, row.Type != ""
			if left, ok := row.ByType[""]; ok {
				want = left // as without the argument that decides
			}
			if fixed && got != want {
				t.Errorf("%s %s: type %s, row says %s", r.Package, tool.Name, got, want)
			}
		}
	}
}

func TestServerName(t *testing.T) {
	for _, c := range []struct{ argv, name, row string }{
		{"npx -y @modelcontextprotocol/server-filesystem /data", "@modelcontextprotocol/server-filesystem", "filesystem"},
		{"npx @modelcontextprotocol/server-filesystem@2026.8.31 /data", "@modelcontextprotocol/server-filesystem", "filesystem"},
		{"npx -p @modelcontextprotocol/server-github mcp-server-github", "@modelcontextprotocol/server-github", "github-npm"},
		{"uvx mcp-server-git --repository .", "mcp-server-git", "git"},
		{"uvx mcp-server-git==2026.10.19", "mcp-server-git", "git"},
		{"uvx --from mcp-server-sqlite mcp-server-sqlite --db-path x", "mcp-server-sqlite", "sqlite"},
		{"uv tool run mcp-server-fetch", "mcp-server-fetch", "fetch"},
		{"python3 -m mcp_server_git", "mcp-server-git", "git"},
		{"/usr/bin/python3 -u -m mcp_server_fetch", "mcp-server-fetch", "fetch"},
		{"docker run -i --rm -e GITHUB_TOKEN ghcr.io/github/github-mcp-server", "ghcr.io/github/github-mcp-server", "github"},
		{"docker run -i --rm --mount type=bind,src=/a,dst=/b mcp/filesystem:latest /b", "mcp/filesystem", "filesystem"},
		{"docker run --network=host docker.io/mcp/postgres@sha256:0123 x", "docker.io/mcp/postgres", "postgres"},
		{"node /x/node_modules/@playwright/mcp/cli.js", "@playwright/mcp", "playwright"},
		{"/x/node_modules/.bin/mcp-server-filesystem /data", "mcp-server-filesystem", "filesystem"},
		{"/opt/kubernetes-mcp-server --read-only", "kubernetes-mcp-server", "kubernetes"},
		{"./my_server.py", "my_server", ""},
		{"node dist/index.js", "index", ""},
		{"node /srv/tools/weather/build/index.js", "weather", ""},
		{"env A=b npx -y mcp-server-kubernetes", "mcp-server-kubernetes", "kubernetes-npm"},
		{`cmd /c npx -y @modelcontextprotocol/server-memory`, "@modelcontextprotocol/server-memory", "memory"},
		{"MCP_SERVER_GIT", "MCP_SERVER_GIT", "git"},
		{"", "", ""},
	} {
		got := facts.ServerName(strings.Fields(c.argv))
		if got != c.name {
			t.Errorf("%s: name %q, want %q", c.argv, got, c.name)
		}
		row := ""
		if s := table(t).Server(got); s != nil {
			row = s.Name
		}
		if row != c.row {
			t.Errorf("%s: row %q, want %q", c.argv, row, c.row)
		}
	}
}

func TestMerge(t *testing.T) {
	more, err := facts.LoadTable("own.yaml", []byte(`
servers:
  - name: filesystem
    tools: [{names: [read_file], type: execute}]
  - name: billing
    match: [acme-billing]
    tools: [{names: [refund], type: write}]
sensitive: [payroll]
`))
	if err != nil {
		t.Fatal(err)
	}
	merged := table(t).Merge(more)
	if r := merged.Find("filesystem", "read_file"); r == nil || r.Type != facts.Execute {
		t.Errorf("the operator's row does not replace ours: %v", r)
	}
	if merged.Find("filesystem", "write_file") != nil {
		t.Error("rows of a replaced server are still there")
	}
	if merged.Find("acme_billing@2", "refund") == nil || merged.Find("git", "git_log") == nil {
		t.Error("rows are missing")
	}
	for _, p := range []string{"/x/payroll/a", "/x/.env"} {
		if _, ok := merged.Sensitive.Match(p); !ok {
			t.Errorf("%s is not sensitive", p)
		}
	}
}
