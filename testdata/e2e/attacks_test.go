package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// attack is a line that readers understand differently.
type attack struct {
	name string
	// line has %[1]s where a file to read stands, %[2]s where the file is that the attacker wants written, and %[3]d for an id.
	line string
	// lands: the JavaScript server itself, asked without us, writes the file.
	lands bool
	code  int // of the answer; 0: there is none
	// nameless: no id can be read safely, so the answer has null.
	nameless bool
}

func attacks() []attack {
	const write = `"name":"write_file","arguments":{"path":"%[2]s","content":"owned"}`
	const read = `"name":"read_text_file","arguments":{"path":"%[1]s"}`
	const head = `{"jsonrpc":"2.0","id":%[3]d,`
	bad := func(name, rest string, lands bool) attack {
		return attack{name: name, line: head + rest, lands: lands, code: -32600}
	}
	return []attack{
		bad("two tools", `"method":"tools/call","params":{`+read+`,`+write+`}}`, true),
		bad("a second name", `"method":"tools/call","params":{"name":"read_text_file",`+write+`}}`, true),
		bad("a second name, escaped", `"method":"tools/call","params":{"n\u0061me":"read_text_file",`+write+`}}`, true),
		bad("a second name after an escaped one", `"method":"tools/call","params":{"name":"read_text_file","n\u0061me":"write_file",`+
			`"arguments":{"path":"%[2]s","content":"owned"}}}`, true),
		bad("two params", `"method":"tools/call","params":{`+read+`},"params":{`+write+`}}`, true),
		bad("two methods", `"method":"ping","method":"tools/call","params":{`+write+`}}`, true),
		bad("two paths", `"method":"tools/call","params":{"name":"write_file","arguments":{"path":"%[1]s","path":"%[2]s","content":"owned"}}}`, true),
		bad("two contents, deep", `"method":"tools/call","params":{"name":"write_file","arguments":{"path":"%[2]s","content":"owned",`+
			`"x":{"y":[{"z":1,"z":2}]}}}}`, true),
		bad("Name", `"method":"tools/call","params":{"name":"read_text_file","Name":"write_file","arguments":{"path":"%[1]s"}}}`, false),
		bad("Arguments", `"method":"tools/call","params":{`+read+`,"Arguments":{"path":"%[2]s"}}}`, false),
		bad("Method", `"method":"ping","Method":"tools/call","params":{`+write+`}}`, false),
		bad("PARAMS", `"method":"tools/call","params":{`+read+`},"PARAMS":{`+write+`}}`, false),
		bad("Path", `"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"%[1]s","Path":"%[2]s"}}}`, false),
		bad("a Kelvin sign", `"method":"tools/call","params":{"name":"read_text_file","arguments":{"path":"%[1]s","k":1,"`+"\u212a"+`":2}}}`, false),
		bad("a byte that is no character", `"method":"tools/call","params":{"name":"write_file","arguments":{"path":"%[2]s","content":"`+"\xff"+`"}}}`, true),
		bad("an overlong slash", `"method":"tools/call","params":{"name":"write_file","arguments":{"path":"%[2]s","content":"`+"\xc0\xaf"+`"}}}`, true),
		bad("half a surrogate pair", `"method":"tools/call","params":{"name":"write_file","arguments":{"path":"%[2]s","content":"\ud800"}}}`, true),
		bad("nested too deep", `"method":"tools/call","params":{"name":"write_file","arguments":{"path":"%[2]s","content":"owned","x":`+
			strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}}}`, true),
		bad("a carriage return", `"method":"tools/call",`+"\r"+`"params":{`+write+`}}`, true),
		{name: "a batch", line: `[` + head + `"method":"tools/call","params":{` + write + `}}]`, code: -32600, nameless: true},
		{name: "two messages on a line", line: head + `"method":"ping"}` + head + `"method":"tools/call","params":{` + write + `}}`, code: -32700, nameless: true},
		{name: "two ids", line: `{"jsonrpc":"2.0","id":1,"id":%[3]d,"method":"tools/call","params":{` + write + `}}`, lands: true, code: -32600, nameless: true},
		{name: "no version", line: `{"id":%[3]d,"method":"tools/call","params":{` + write + `}}`, code: -32600},
		{name: "a call without an id", line: `{"jsonrpc":"2.0","method":"tools/call","params":{` + write + `}}`},
	}
}

// written reports whether the file is there, and removes it.
func written(name string) bool {
	_, err := os.Stat(name)
	os.Remove(name)
	return err == nil
}

// TestTheAttacksAreReal sends them to the server itself: those that are said to land do.
func TestTheAttacksAreReal(t *testing.T) {
	p := newPlace(t)
	bare := dial(t, p.command(installed(t, "npm", "mcp-server-filesystem"), p.project)).open()
	file := p.project + "/owned.txt"
	for i, a := range attacks() {
		bare.send(fmt.Sprintf(a.line, p.project+"/README.md", file, i))
		if a.lands {
			bare.answerTo(fmt.Sprint(i)) // when it has written
		}
		if r := bare.call("list_directory", args("path", p.project)); r.Error != nil {
			t.Fatalf("%s: the server no longer answers: %s", a.name, r.line)
		}
		if got := written(file); got != a.lands {
			t.Errorf("%s: the server wrote: %v, want %v", a.name, got, a.lands)
		}
	}
}

func TestAttacksAreRefused(t *testing.T) {
	for _, policy := range []string{"strict", "permissive"} {
		t.Run(policy, func(t *testing.T) {
			p := newPlace(t)
			w := dial(t, p.proxy("--policy "+policy, installed(t, "npm", "mcp-server-filesystem"), p.project)).open()
			file := p.project + "/owned.txt"
			ids := map[string]string{}
			for i, a := range attacks() {
				w.send(fmt.Sprintf(a.line, p.project+"/README.md", file, i))
				if a.code != 0 {
					r := w.answerTo(map[bool]string{false: fmt.Sprint(i), true: "null"}[a.nameless])
					if r.Error == nil || r.Error.Code != a.code {
						t.Errorf("%s: answered with %s, want code %d", a.name, r.line, a.code)
					}
					ids[r.verdict().DecisionID] = a.name
				}
				if r := w.call("read_text_file", args("path", p.project+"/README.md")); !strings.Contains(r.text(), "A small web shop.") {
					t.Fatalf("%s: afterwards a read is answered with %s", a.name, r.line)
				}
				if written(file) {
					t.Errorf("%s: the server wrote", a.name)
				}
			}
			unknownMethods(t, w, policy)
			if code := w.leave(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			refusals := p.audit("--kind", "refused")
			if len(refusals) != len(attacks()) {
				t.Errorf("the ledger has %d refusals, want %d", len(refusals), len(attacks()))
			}
			for _, e := range refusals {
				if e.Code != "malformed" || e.Decision != "deny" {
					t.Errorf("the ledger has %+v", e)
				}
				delete(ids, e.ID)
			}
			for id, name := range ids {
				t.Errorf("%s: no refusal in the ledger has the id %q that was answered", name, id)
			}
			recordedMethods(p, policy)
			p.verified()
		})
	}
}

// recordedMethods wants a decision in the ledger for each of the unknown methods.
func recordedMethods(p place, policy string) {
	p.Helper()
	want := map[string]string{"strict": "deny", "permissive": "allow"}[policy]
	got := map[string]string{}
	for _, e := range p.audit("--kind", "decision") {
		got[e.Method] = e.Decision
	}
	for _, method := range unknown() {
		if got[method] != want {
			p.Errorf("the ledger has the decision %q of the method %q, want %s", got[method], method, want)
		}
	}
}

// unknown are methods that no server has.
func unknown() []string {
	return []string{"tools/execute", "Tools/Call", "tools/call/", "resources/write", "shell/run", ""}
}

// unknownMethods are decided: strict refuses them, permissive leaves them to the server, which knows none.
func unknownMethods(t *testing.T, w *wire, policy string) {
	for _, method := range unknown() {
		r := w.ask(method, `{"name":"write_file","arguments":{}}`)
		rule := map[string]string{"strict": "no-unknown-tools"}[policy]
		if r.Error == nil || r.verdict().Rule != rule {
			t.Errorf("%q: answered with %s, want the rule %q", method, r.line, rule)
		}
	}
}
