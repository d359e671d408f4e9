package mcp_test

import (
	"context"
	"strings"
	"testing"

	"agentmesh/host/ledger"
	"agentmesh/host/mcp"
)

// TestUnsafeMessages: what parsers may read differently is refused, written down, and never reaches the server.
func TestUnsafeMessages(t *testing.T) {
	reading := `"params":{"name":"read_text_file","arguments":{"path":"a.txt"}}`
	for name, c := range map[string]struct {
		line string
		code int
		id   string
	}{
		"method twice":                {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call",` + reading + `}`, -32600, `1`},
		"method twice, escaped":       {`{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call",` + reading + `}`, -32600, `1`},
		"params twice":                {`{"jsonrpc":"2.0","id":1,"method":"tools/call",` + reading + `,` + reading + `}`, -32600, `1`},
		"id twice":                    {`{"jsonrpc":"2.0","id":1,"method":"ping","id":2}`, -32600, `null`},
		"name twice":                  {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_text_file","name":"write_file","arguments":{}}}`, -32600, `1`},
		"an argument twice":           {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"a","path":"/etc/passwd"}}}`, -32600, `1`},
		"twice in an argument":        {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{"a":[{"b":{"c":1,"c":2}}]}}}`, -32600, `1`},
		"twice in a ping":             {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":2}}`, -32600, `1`},
		"Method":                      {`{"jsonrpc":"2.0","id":1,"Method":"tools/call",` + reading + `}`, -32600, `1`},
		"METHOD beside method":        {`{"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call",` + reading + `}`, -32600, `1`},
		"Params":                      {`{"jsonrpc":"2.0","id":1,"method":"tools/call","Params":{"name":"write_file"}}`, -32600, `1`},
		"ID":                          {`{"jsonrpc":"2.0","ID":1,"method":"tools/call",` + reading + `}`, -32600, `null`},
		"paramſ with a long s":        {`{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}`, -32600, `1`},
		"NAME":                        {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_text_file","NAME":"write_file","arguments":{}}}`, -32600, `1`},
		"Arguments":                   {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_text_file","Arguments":{"path":"/etc/passwd"}}}`, -32600, `1`},
		"Uri":                         {`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a","Uri":"file:///etc/passwd"}}`, -32600, `1`},
		"arguments alike but case":    {call("1", "write_file", `{"path":"a","Path":"/etc/passwd"}`), -32600, `1`},
		"arguments alike, Kelvin":     {call("1", "x", `{"key":"a","Key":"b"}`), -32600, `1`},
		"an argument in capitals":     {call("1", "read_text_file", `{"PATH":"a.txt"}`), -32600, `1`},
		"what an object inherits":     {call("1", "label_write", `{"a":[{"__proto__":{"method":"delete"}}]}`), -32600, `1`},
		"the same, escaped":           {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"\u005f_proto__":{}}}`, -32600, `1`},
		"invalid UTF-8":               {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"` + "\xff" + `"}}}`, -32600, `1`},
		"invalid UTF-8 in a ping":     {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + "\xc0\xae" + `"}}`, -32600, `1`},
		"half a surrogate pair":       {call("1", "read_text_file", `{"path":"\ud800"}`), -32600, `1`},
		"a carriage return within":    {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":` + "\r" + call("2", "write_file", `{}`) + "\r" + `}}`, -32600, `1`},
		"no JSON":                     {`{"jsonrpc":"2.0","id":1,`, -32700, `null`},
		"a word":                      {`hello`, -32700, `null`},
		"a comma too many":            {`{"jsonrpc":"2.0","id":1,"method":"ping",}`, -32700, `null`},
		"two messages in a line":      {`{"jsonrpc":"2.0","id":1,"method":"ping"}{"jsonrpc":"2.0","id":2,"method":"ping"}`, -32700, `null`},
		"a number":                    {`17`, -32600, `null`},
		"a NUL":                       {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\x00", -32700, `null`},
		"a byte order mark":           {"\ufeff" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`, -32700, `null`},
		"no version":                  {`{"id":1,"method":"ping"}`, -32600, `1`},
		"another version":             {`{"jsonrpc":"1.0","id":1,"method":"ping"}`, -32600, `1`},
		"id null":                     {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, -32600, `null`},
		"id an object":                {`{"jsonrpc":"2.0","id":{"a":1},"method":"ping"}`, -32600, `null`},
		"id a list":                   {`{"jsonrpc":"2.0","id":[1],"method":"ping"}`, -32600, `null`},
		"id a boolean":                {`{"jsonrpc":"2.0","id":true,"method":"ping"}`, -32600, `null`},
		"id too long":                 {`{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 2000) + `","method":"ping"}`, -32600, `null`},
		"method a number":             {`{"jsonrpc":"2.0","id":1,"method":7}`, -32600, `1`},
		"method and result":           {`{"jsonrpc":"2.0","id":1,"method":"tools/call",` + reading + `,"result":{}}`, -32600, `1`},
		"result and error":            {`{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`, -32600, `1`},
		"nothing asked":               {`{"jsonrpc":"2.0","id":1}`, -32600, `1`},
		"an answer without an id":     {`{"jsonrpc":"2.0","result":{}}`, -32600, `null`},
		"params a list":               {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["read_text_file"]}`, -32600, `1`},
		"nested too deep":             {call("1", "x", `{"a":`+strings.Repeat("[", 80)+strings.Repeat("]", 80)+`}`), -32600, `1`},
		"a batch":                     {`[` + call("1", "read_text_file", `{"path":"a.txt"}`) + `]`, -32600, `null`},
		"an empty batch":              {`[]`, -32600, `null`},
		"a batch that is none":        {`[{]`, -32700, `null`},
		"too long":                    {`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", 5000) + `"}}`, -32600, `1`},
		"too long, its id at the end": {`{"method":"ping","params":{"id":7,"x":"` + strings.Repeat(`\"{`, 2000) + `"},"jsonrpc":"2.0","id":"e"}`, -32600, `"e"`},
		"too long, two ids":           {`{"id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", 5000) + `"},"id":2}`, -32600, `null`},
		"no tool named":               {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}`, -32602, `1`},
		"a tool's name a number":      {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}`, -32602, `1`},
		"arguments a list":            {call("1", "read_text_file", `["a.txt"]`), -32602, `1`},
		"arguments a string":          {call("1", "read_text_file", `"a.txt"`), -32602, `1`},
		"a resource without a uri":    {`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{}}`, -32602, `1`},
		"a prompt without a name":     {`{"jsonrpc":"2.0","id":1,"method":"prompts/get"}`, -32602, `1`},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{policies: []string{"preset:permissive"}, monitor: true, config: mcp.Config{MaxMessage: 4096}})
			r.send(c.line)
			got := read(t, r.next())
			if got.Error == nil || got.Error.Code != c.code || string(got.ID) != c.id {
				t.Fatalf("got id %s, error %+v, want %s, %d", got.ID, got.Error, c.id, c.code)
			}
			why := got.Error.Data[verdictMember]
			if why.Code != "malformed" || why.DecisionID == "" || why.Retryable {
				t.Errorf("its data says %+v", why)
			}
			entries := r.log.of(ledger.KindRefused)
			if len(entries) != 1 || entries[0].ID != why.DecisionID || entries[0].Decision != "deny" {
				t.Errorf("the ledger has %+v", entries)
			}
			r.nothingServed()
		})
	}
}

// TestMisspeltPlaces: an argument that decides is refused in another case wherever the table finds it; in its own it is not.
func TestMisspeltPlaces(t *testing.T) {
	for name, c := range map[string]struct{ pkg, tool, slip, right string }{
		"in a list":      {"server-github", "push_files", `{"files":[{"path":"a"},{"Path":".github/workflows/a.yml"}]}`, `{"files":[{"path":"a","Content":"x"}]}`},
		"of a statement": {"mcp-server-sqlite", "read_query", `{"Query":"DROP TABLE a"}`, `{"query":"SELECT 1"}`},
		"of a cluster":   {"mcp-server-kubernetes", "kubectl_get", `{"resourceType":"pods","NAMESPACE":"kube-system"}`, `{"resourceType":"pods","namespace":"a"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := permissive()
			s.pkg = c.pkg
			r := start(t, s)
			r.send(call("1", c.tool, c.slip))
			if got := read(t, r.next()); got.Error == nil || got.Error.Code != -32600 || len(r.log.of(ledger.KindRefused)) != 1 {
				t.Errorf("got %+v", got)
			}
			r.send(call("2", c.tool, c.right))
			if got := r.served(); got != call("2", c.tool, c.right) {
				t.Errorf("the server got %s", got)
			}
		})
	}
}

// TestCallsWithoutAnID: a request that wants no answer is no way round a decision.
func TestCallsWithoutAnID(t *testing.T) {
	r := start(t, setup{})
	r.send(`{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"a.txt"}}}`)
	r.send(`{"jsonrpc":"2.0","method":"admin/reset"}`)
	r.nothingServed()
	if n := len(r.log.of(ledger.KindRefused)); n != 1 {
		t.Errorf("%d messages were refused, want 1: the tool call", n)
	}
	if n := len(r.log.of(ledger.KindDecision)); n != 1 {
		t.Errorf("%d were decided, want 1: the unknown method", n)
	}
}

// TestRefusals: how a policy's no is said.
func TestRefusals(t *testing.T) {
	modern := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for name, c := range map[string]struct {
		line   string
		mode   mcp.RefusalMode
		result bool // else an error
		kind   string
		rule   string
	}{
		"a tool":             {line: call("1", "write_file", `{"path":"a.txt","content":"x"}`), result: true, rule: "no-writes"},
		"a tool, by error":   {line: call("1", "write_file", `{"path":"a.txt","content":"x"}`), mode: mcp.RefuseByError, rule: "no-writes"},
		"outside":            {line: call("1", "read_text_file", `{"path":"../../etc/passwd"}`), result: true, rule: "outside-the-folders"},
		"an unknown tool":    {line: call("1", "frobnicate", `{}`), result: true, rule: "no-unknown-tools"},
		"modern":             {line: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"a","content":""},` + modern + `}}`, result: true, kind: "complete", rule: "no-writes"},
		"tried again":        {line: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"a","content":""},"inputResponses":{"q":{"action":"accept"}},"requestState":"s",` + modern + `}}`, result: true, kind: "complete", rule: "no-writes"},
		"an unknown method":  {line: `{"jsonrpc":"2.0","id":1,"method":"admin/reset","params":{}}`, rule: "no-unknown-tools"},
		"a method like ours": {line: `{"jsonrpc":"2.0","id":1,"method":"Tools/call","params":{"name":"read_text_file","arguments":{"path":"a.txt"}}}`, rule: "no-unknown-tools"},
		"another's task":     {line: `{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"t"}}`, rule: "no-unknown-tools"},
		"a resource outside": {line: `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}`, rule: "outside-the-folders"},
		"listening outside":  {line: `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["file:///etc/passwd"]}}}`, rule: "outside-the-folders"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{config: mcp.Config{Refusal: c.mode}})
			r.send(c.line)
			got := read(t, r.next())
			var why refused
			if c.result {
				tool := got.tool(t)
				why = tool.Meta[verdictMember]
				if !tool.IsError || tool.ResultType != c.kind || len(tool.Content) != 1 || !strings.Contains(tool.Content[0].Text, c.rule) {
					t.Errorf("got %+v", tool)
				}
			} else {
				if got.Error == nil || got.Error.Code != mcp.CodeRefused {
					t.Fatalf("got %+v", got)
				}
				why = got.Error.Data[verdictMember]
			}
			if why.Code != "rule" || why.Rule != c.rule || why.Retryable {
				t.Errorf("got %+v, want rule %s", why, c.rule)
			}
			if d := r.log.of(ledger.KindDecision); len(d) != 1 || d[0].ID != why.DecisionID || d[0].Rule != c.rule || d[0].Agent != "tester" {
				t.Errorf("the ledger has %+v", d)
			}
			r.nothingServed()
		})
	}
}

// TestAdvice: a refusal that a person can do something about says what. Names that a shell would obey are left out.
func TestAdvice(t *testing.T) {
	changed := func(_ context.Context, about mcp.Shown) ([]mcp.Notes, error) {
		notes := make([]mcp.Notes, len(about.Items))
		for i := range notes {
			notes[i].Changed = true
		}
		return notes, nil
	}
	for name, c := range map[string]struct {
		setup  setup
		tool   string
		advice string
	}{
		"an approval": {
			setup{policies: []string{"preset:moderate"}},
			"delete_file",
			"A person can do it by hand, or let it pass from now on by a policy in the place of local/moderate whose rules allow it (agentmesh proxy --policy FILE). Trying again",
		},
		"a changed tool": {
			setup{config: mcp.Config{Inspect: changed}},
			"read_text_file",
			"`agentmesh tools diff server-filesystem read_text_file` shows how, `agentmesh tools approve server-filesystem read_text_file` accepts it for the next session. Trying again",
		},
		"a changed tool, by approval": {
			setup{policies: []string{"preset:moderate"}, config: mcp.Config{Inspect: changed}},
			"read_text_file",
			"`agentmesh tools approve server-filesystem read_text_file` accepts it",
		},
		"a name for a shell": {
			setup{policies: []string{noticed}, config: mcp.Config{Inspect: changed}},
			"x;rm -rf ~",
			"`agentmesh tools approve server-filesystem TOOL` accepts it",
		},
		"a name like a flag": {
			setup{policies: []string{noticed}, config: mcp.Config{Inspect: changed}},
			"--all",
			"`agentmesh tools approve server-filesystem TOOL` accepts it",
		},
		"nothing to be done": {setup{}, "write_file", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, c.setup)
			r.list("tools/list", `{"tools":[{"name":"`+c.tool+`"}]}`)
			r.send(call("1", c.tool, `{}`))
			got := read(t, r.next()).tool(t).Content[0].Text
			silent := !strings.Contains(got, "A person can") && !strings.Contains(got, "agentmesh tools")
			if !strings.Contains(got, c.advice) || silent != (c.advice == "") || strings.Contains(got, "rm -rf") || strings.Contains(got, "--all") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// TestToolsNobodyListed: a refused tool that the last whole list lacks is unknown, as the server itself would say.
func TestToolsNobodyListed(t *testing.T) {
	r := start(t, setup{})
	ask := func(tool string) reply {
		r.send(call(`"c"`, tool, `{}`))
		return read(t, r.next())
	}
	list := func(cursor, answer string) {
		r.send(`{"jsonrpc":"2.0","id":"l","method":"tools/list","params":{` + cursor + `}}`)
		r.served()
		r.say(`{"jsonrpc":"2.0","id":"l","result":` + answer + `}`)
		r.next()
	}
	isResult := func(tool string) {
		t.Helper()
		if got := ask(tool); got.Error != nil || !got.tool(t).IsError {
			t.Errorf("%s: got %+v, want a result", tool, got)
		}
	}
	unknown := func(tool string) {
		t.Helper()
		if got := ask(tool); got.Error == nil || got.Error.Code != -32602 || got.Error.Message != "Unknown tool: "+tool {
			t.Errorf("%s: got %+v, want an error", tool, got)
		}
	}
	isResult("frobnicate") // no list was seen
	list(``, `{"tools":[{"name":"write_file"}],"nextCursor":"2"}`)
	isResult("frobnicate") // it may stand on the next page
	list(`"cursor":"2"`, `{"tools":[{"name":"move_file"}]}`)
	isResult("write_file") // hidden, and yet the server has it
	isResult("move_file")
	unknown("frobnicate")
	list(``, `{"tools":[{"name":"frobnicate"}]}`)
	unknown("write_file")
	isResult("frobnicate")
	r.nothingServed()
}

// TestIDsInUse: an id that waits for an answer cannot name another request.
func TestIDsInUse(t *testing.T) {
	r := start(t, setup{})
	r.send(call("7", "read_text_file", `{"path":"a.txt"}`))
	r.served()
	for _, id := range []string{"7", "7.0", "70e-1"} {
		r.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`)
		if got := read(t, r.next()); got.Error == nil || got.Error.Code != -32600 || string(got.ID) != id {
			t.Errorf("%s: got %+v", id, got)
		}
	}
	r.nothingServed()
	r.next()
	r.send(`{"jsonrpc":"2.0","id":"7","method":"ping"}`) // a string is no number
	r.served()
	r.say(`{"jsonrpc":"2.0","id":7,"result":{"content":[]}}`)
	r.next()
	r.send(`{"jsonrpc":"2.0","id":7,"method":"ping"}`)
	if got := r.served(); !strings.Contains(got, `"id":7`) {
		t.Errorf("the id is not free again: the server got %s", got)
	}
}
