package facts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

func TestCanonical(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	table, err := facts.DefaultTable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, pkg, tool, args string
		want                  map[string]string
	}{
		{"nothing to do", "server-filesystem", "read_text_file", `{"path":"` + root + `/a.txt"}`, nil},
		{"another server's file", "server-github", "get_file_contents", `{"path":"a/../b"}`, nil},
		{"a tool nobody knows", "server-filesystem", "frobnicate", `{"path":"a/../b"}`, nil},
		{"a URL", "server-filesystem", "read_text_file", `{"path":"file:///etc/../etc/passwd"}`, nil},
		{"relative", "server-filesystem", "read_text_file", `{"path":"x/../a.txt"}`, map[string]string{"path": root + "/a.txt"}},
		{"a link out", "server-filesystem", "read_text_file", `{"path":"` + root + `/out/a"}`, map[string]string{"path": other + "/a"}},
		{
			"up from where a link leads", "server-filesystem", "read_text_file", `{"path":"` + root + `/out/../a"}`,
			map[string]string{"path": filepath.Dir(other) + "/a"},
		},
		{
			"in a list", "server-filesystem", "read_multiple_files", `{"paths":["` + root + `/a","./b"]}`,
			map[string]string{"paths[1]": root + "/b"},
		},
		{"home", "server-filesystem", "write_file", `{"path":"~/x","content":"../y"}`, map[string]string{"path": "/home/someone/x"}},
		{"beside a base", "mcp-server-git", "git_diff", `{"repo_path":"./r","target":"../x"}`, map[string]string{"repo_path": root + "/r"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := facts.New(facts.Config{Table: table, Package: c.pkg, Roots: []string{root}, Home: "/home/someone", Dir: root, Where: facts.Here})
			args, err := abi.ReadValue(c.args)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]string
			for _, r := range x.Canonical(&facts.Call{Tool: c.tool, Method: "tools/call", Arguments: args}) {
				if got == nil {
					got = map[string]string{}
				}
				got[string(abi.AppendPath(nil, r.At))] = r.To
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
