package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/ledger"
	"agentmesh/host/mcp"
)

// list asks for a list and answers it.
func (r *rig) list(method, result string) string {
	r.t.Helper()
	r.send(`{"jsonrpc":"2.0","id":"list","method":"` + method + `"}`)
	r.served()
	r.say(`{"jsonrpc":"2.0","id":"list","result":` + result + `}`)
	return r.next()
}

// TestHiddenTools: what a policy could never let through is not listed; everything else in the answer stays as it is.
func TestHiddenTools(t *testing.T) {
	read, edit := `{"name":"read_text_file" , "x":1.50}`, `{"name":"edit_file","description":"],},{"}`
	odd := `{ "description":"\ud83d\ude00", "name":"frobnicate"}`
	for name, c := range map[string]struct{ in, want string }{
		"nothing":           {`{"tools":[]}`, `{"tools":[]}`},
		"no list":           {`{"tool":[` + edit + `]}`, `{"tool":[` + edit + `]}`},
		"all shown":         {`{ "tools" : [ ` + read + ` ] }`, `{ "tools" : [ ` + read + ` ] }`},
		"all hidden":        {`{"tools":[ ` + edit + ` , ` + odd + ` ],"nextCursor":"2"}`, `{"tools":[  ],"nextCursor":"2"}`},
		"first hidden":      {`{"tools":[ ` + edit + ` , ` + read + ` ]}`, `{"tools":[ ` + read + ` ]}`},
		"last hidden":       {`{"tools":[ ` + read + ` , ` + edit + ` ]}`, `{"tools":[ ` + read + ` ]}`},
		"between":           {`{"tools":[` + read + `,` + edit + `,` + odd + `,` + read + `]}`, `{"tools":[` + read + `,` + read + `]}`},
		"around":            {`{"tools":[` + edit + `, ` + read + `, ` + odd + `,` + edit + `],"_meta":{"a":1}}`, `{"tools":[` + read + `],"_meta":{"a":1}}`},
		"no longer for all": {`{"ttlMs":5,"cacheScope":"public","tools":[` + edit + `]}`, `{"ttlMs":5,"cacheScope":"private","tools":[]}`},
		"for all":           {`{"ttlMs":5,"cacheScope":"public","tools":[` + read + `]}`, `{"ttlMs":5,"cacheScope":"public","tools":[` + read + `]}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{})
			want := `{"jsonrpc":"2.0","id":"list","result":` + c.want + `}`
			if got := r.list("tools/list", c.in); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// TestHiddenEntry: one entry names what was hidden.
func TestHiddenEntry(t *testing.T) {
	r := start(t, setup{})
	r.list("tools/list", `{"tools":[{"name":"read_file"},{"name":"write_file"},{"name":"move_file"}]}`)
	e := r.log.of(ledger.KindList)
	if len(e) != 1 || !strings.Contains(string(e[0].Body), `"hidden":["write_file","move_file"],"listed":3`) {
		t.Errorf("the ledger has %s", e)
	}
}

// TestRecordedLists: what strict leaves of the lists that published servers gave.
func TestRecordedLists(t *testing.T) {
	for file, c := range map[string]struct {
		pkg   string
		shown []string
		some  bool
	}{
		"filesystem": {pkg: "server-filesystem", shown: []string{
			"read_file", "read_text_file", "read_media_file", "read_multiple_files", "list_directory", "list_directory_with_sizes",
			"directory_tree", "search_files", "get_file_info", "list_allowed_directories",
		}},
		"sqlite": {pkg: "mcp-server-sqlite", shown: []string{"read_query", "write_query", "list_tables", "describe_table"}, some: true},
	} {
		t.Run(file, func(t *testing.T) {
			var result json.RawMessage
			for _, m := range recording(t, "../../testdata/calls/"+file+".jsonl") {
				var answer struct {
					Result struct{ Tools json.RawMessage }
				}
				if json.Unmarshal(m.Message, &answer) == nil && answer.Result.Tools != nil {
					result = answer.Result.Tools
					break
				}
			}
			if result == nil {
				t.Fatal("the recording has no list")
			}
			r := start(t, setup{pkg: c.pkg})
			var got struct {
				Result struct{ Tools []struct{ Name string } }
			}
			if err := json.Unmarshal([]byte(r.list("tools/list", `{"tools":`+string(result)+`}`)), &got); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, tool := range got.Result.Tools {
				names = append(names, tool.Name)
			}
			for _, want := range c.shown {
				if !slices.Contains(names, want) {
					t.Errorf("%s is hidden", want)
				}
			}
			if !c.some && len(names) != len(c.shown) {
				t.Errorf("shown: %v", names)
			}
			if slices.Contains(names, "write_file") || slices.Contains(names, "append_insight") {
				t.Errorf("a tool that writes is shown: %v", names)
			}
		})
	}
}

// TestOtherLists: prompts, resources and templates are held against the same rules as their use.
func TestOtherLists(t *testing.T) {
	r := start(t, setup{})
	inside := `{"uri":"file://` + r.root + `/a.txt","name":"a"}`
	for _, c := range []struct{ method, in, want string }{
		{"prompts/list", `{"prompts":[{"name":"p"}]}`, `{"prompts":[{"name":"p"}]}`},
		{"resources/list", `{"resources":[{"uri":"file:///etc/passwd","name":"x"},` + inside + `]}`, `{"resources":[` + inside + `]}`},
		{"resources/templates/list", `{"resourceTemplates":[{"uriTemplate":"file:///{x}"}]}`, `{"resourceTemplates":[{"uriTemplate":"file:///{x}"}]}`},
	} {
		want := `{"jsonrpc":"2.0","id":"list","result":` + c.want + `}`
		if got := r.list(c.method, c.in); got != want {
			t.Errorf("%s: got  %s\nwant %s", c.method, got, want)
		}
	}
}

// TestUnreadableLists: a list that cannot be read is kept back, for it cannot be filtered.
func TestUnreadableLists(t *testing.T) {
	for _, result := range []string{
		`{"tools":[{"name":"a","name":"write_file"}]}`, `{"tools":{"name":"a"}}`, `{"tools":[],"tools":[{"name":"write_file"}]}`,
		`{"tools":[],"Tools":[{"name":"write_file"}]}`, `{"TOOLS":[{"name":"write_file"}]}`,
		`{"tools":[{"name":"` + "\xff" + `"}]}`,
	} {
		r := start(t, setup{})
		if got := read(t, r.list("tools/list", result)); got.Error == nil || got.Error.Code != -32603 {
			t.Errorf("%s: got %+v", result, got)
		}
	}
}

const noticed = `
version: "1.0"
name: notices
default_action: allow
rules:
  - {name: flagged, condition: tool.flagged, action: deny}
  - {name: changed, condition: tool.changed, action: deny}
`

// TestInspected: what looking at the tools finds is what rules see, in lists and in calls, and is written down once.
func TestInspected(t *testing.T) {
	s := setup{policies: []string{noticed}}
	s.config.Inspect = func(_ context.Context, about mcp.Shown) ([]mcp.Notes, error) {
		notes := make([]mcp.Notes, len(about.Items))
		for i, tool := range about.Items {
			name := tool.Get("name").Text()
			notes[i] = mcp.Notes{New: name == "new", Changed: name == "changed"}
			if name == "flagged" {
				notes[i].Flagged, notes[i].Kinds = true, []string{"override"}
			}
		}
		return notes, nil
	}
	r := start(t, s)
	got := r.list("tools/list", `{"tools":[{"name":"new"},{"name":"flagged"},{"name":"old"},{"name":"changed"}]}`)
	if want := `{"jsonrpc":"2.0","id":"list","result":{"tools":[{"name":"new"},{"name":"old"}]}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for tool, rule := range map[string]string{"flagged": "flagged", "changed": "changed"} {
		r.send(call("1", tool, `{}`))
		if why := read(t, r.next()).tool(t).Meta[verdictMember]; why.Rule != rule {
			t.Errorf("%s: %+v", tool, why)
		}
	}
	r.send(call("1", "old", `{}`))
	r.served()
	notes := r.log.of(ledger.KindTools)
	want := `{"new":["new"],"changed":["changed"],"flagged":[{"tool":"flagged","kinds":["override"]}]}`
	if len(notes) != 1 {
		t.Fatalf("the ledger has %d notes", len(notes))
	}
	if diff := cmp.Diff(want, string(notes[0].Body)); diff != "" {
		t.Error(diff)
	}
}

// TestInspectionFails: tools that nobody could look at count as changed.
func TestInspectionFails(t *testing.T) {
	s := setup{policies: []string{noticed}}
	s.config.Inspect = func(context.Context, mcp.Shown) ([]mcp.Notes, error) {
		return nil, errors.New("no store")
	}
	r := start(t, s)
	if got, want := r.list("tools/list", `{"tools":[{"name":"a"}]}`), `{"jsonrpc":"2.0","id":"list","result":{"tools":[]}}`; got != want {
		t.Errorf("got %s", got)
	}
}

// TestAnnotationsTighten: a tool that its own server calls destructive is no read, in the list and when it is called.
func TestAnnotationsTighten(t *testing.T) {
	r := start(t, setup{})
	got := r.list("tools/list", `{"tools":[{"name":"read_text_file","annotations":{"destructiveHint":true}},{"name":"frobnicate","annotations":{"readOnlyHint":true}}]}`)
	if want := `{"jsonrpc":"2.0","id":"list","result":{"tools":[]}}`; got != want {
		t.Errorf("got %s", got)
	}
	r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
	if got := read(t, r.next()).tool(t); !got.IsError {
		t.Errorf("got %+v", got)
	}
}

// TestSchemaSpellings: an argument that a tool's schema knows in another case is refused, one it knows as it is is not.
func TestSchemaSpellings(t *testing.T) {
	r := start(t, permissive())
	r.list("tools/list", `{"tools":[{"name":"t","inputSchema":{"type":"object","properties":{"target":{},"Path":{}}}},{"name":"read_text_file","inputSchema":{"properties":{"Path":{}}}}]}`)
	r.send(call("1", "t", `{"Target":"x"}`))
	if got := read(t, r.next()); got.Error == nil || got.Error.Code != -32600 {
		t.Errorf("got %+v", got)
	}
	for _, line := range []string{call("2", "t", `{"target":"x","Path":"y"}`), call("3", "read_text_file", `{"Path":"y"}`)} {
		r.send(line)
		if got := r.served(); got != line {
			t.Errorf("the server got %s", got)
		}
	}
}

// TestChangedBefore: a change that waited for approval when the session began counts before any list is seen.
func TestChangedBefore(t *testing.T) {
	s := setup{policies: []string{noticed}}
	s.config.Changed = []string{"a"}
	r := start(t, s)
	r.send(call("1", "a", `{}`))
	if why := read(t, r.next()).tool(t).Meta[verdictMember]; why.Rule != "changed" {
		t.Errorf("got %+v", why)
	}
	r.list("tools/list", `{"tools":[{"name":"a"}]}`)
	r.send(call("1", "a", `{}`))
	r.served()
}
