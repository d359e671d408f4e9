package clients_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"agentmesh/host/clients"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

const binary = "/opt/agentmesh/bin/agentmesh"

// wrapping is strict, on a machine that has npx, uvx and docker.
func wrapping() clients.Wrapping {
	return clients.Wrapping{
		Binary: binary, Policies: []string{"strict"},
		Resolve: func(command, _ string) (string, bool) {
			switch command {
			case "npx", "uvx", "docker":
				return "/usr/bin/" + command, true
			}
			return command, strings.HasPrefix(command, "/usr/")
		},
		Runs: func(program string) bool { return program == binary },
	}
}

func parse(t *testing.T, src string) *clients.File {
	t.Helper()
	f, err := clients.Parse(clients.FileAt("/c.json"), []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wrap(t *testing.T, src string, w clients.Wrapping) (string, []clients.Result) {
	t.Helper()
	after, results, err := parse(t, src).Wrap(w)
	if err != nil {
		t.Fatal(err)
	}
	return string(after), results
}

func unwrap(t *testing.T, src string) (string, []clients.Result) {
	t.Helper()
	after, results, err := parse(t, src).Unwrap()
	if err != nil {
		t.Fatal(err)
	}
	return string(after), results
}

// TestGolden holds what comes out of whole configurations: wrapped, what is said of each server, and undone.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) < 5 {
		t.Fatalf("golden files: %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			place, before := strings.TrimSpace(string(archive.Files[0].Data)), archive.Files[1].Data
			got := append(archive.Files[:2:2], golden(t, place, before)...)
			if *update {
				archive.Files = got
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(archive.Files, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func golden(t *testing.T, name string, before []byte) []txtar.File {
	t.Helper()
	f, err := clients.Parse(clients.FileAt(name), before)
	if err != nil {
		return []txtar.File{{Name: "error", Data: []byte(err.Error() + "\n")}}
	}
	after, results, err := f.Wrap(wrapping())
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := clients.Parse(clients.FileAt(name), after)
	if err != nil {
		t.Fatal(err)
	}
	undone, restored, err := wrapped.Unwrap()
	if err != nil {
		t.Fatal(err)
	}
	out := []txtar.File{{Name: "results", Data: told(results)}, {Name: "after", Data: after}, {Name: "restored", Data: told(restored)}}
	if bytes.Equal(undone, before) {
		return append(out, txtar.File{Name: "undone is before", Data: []byte{}})
	}
	return append(out, txtar.File{Name: "undone", Data: undone})
}

func told(results []clients.Result) []byte {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%d %s%s: %s %s\n", r.Server.Line, r.Server.Scope, r.Server.Name, r.Outcome, strings.Join(r.Notes, "; "))
	}
	return []byte(b.String())
}

func TestBrokenFilesAreLocated(t *testing.T) {
	for name, c := range map[string]struct {
		src          string
		line, column int
	}{
		"cut off":              {"{\n \"mcpServers\": {", 2, 17},
		"a second value":       {"{}\n{}", 2, 1},
		"no object":            {"\n []", 2, 2},
		"servers in a list":    {"{\"mcpServers\":\n []}", 2, 2},
		"single quotes":        {"{'a': 1}", 1, 2},
		"utf-16":               {"\xff\xfe{\x00}\x00", 1, 1},
		"unended comment":      {"{} /* ", 1, 4},
		"deeper than anything": {strings.Repeat("[", 5000), 1, 1001},
		"deep in a value":      {`{"a":"[[","b":` + strings.Repeat("[", 100_000), 1, 1014},
	} {
		_, err := clients.Parse(clients.FileAt("f"), []byte(c.src))
		var fault *clients.SyntaxError
		if !errors.As(err, &fault) || fault.Line != c.line || fault.Column != c.column {
			t.Errorf("%s: got %v, want a fault at %d:%d", name, err, c.line, c.column)
		}
	}
	if _, err := clients.Parse(clients.FileAt("f"), bytes.Repeat([]byte(" "), 65<<20)); err == nil {
		t.Error("65 MiB were taken")
	}
}

// TestUndoGivesBackTheBytes wraps and unwraps files of unusual writing, once and twice.
func TestUndoGivesBackTheBytes(t *testing.T) {
	for name, src := range unusual() {
		t.Run(name, func(t *testing.T) {
			after, results := wrap(t, src, wrapping())
			wrapped := 0
			for _, r := range results {
				if r.Outcome == clients.NowWrapped {
					wrapped++
				}
			}
			if wrapped == 0 || after == src {
				t.Fatalf("nothing was wrapped: %v", results)
			}
			again, _ := wrap(t, after, wrapping())
			if again != after {
				t.Errorf("wrapped twice (-once +twice)\n%s", cmp.Diff(after, again))
			}
			undone, _ := unwrap(t, after)
			if undone != src {
				t.Errorf("undone (-want +got)\n%s", cmp.Diff(src, undone))
			}
			w := wrapping()
			w.Policies, w.Agent, w.UpdatePolicies, w.UpdateAgent = []string{"moderate", "/p"}, "bob", true, true
			updated, _ := wrap(t, after, w)
			if undone, _ := unwrap(t, updated); undone != src || updated == after {
				t.Errorf("undone after an update (-want +got)\n%s", cmp.Diff(src, undone))
			}
		})
	}
}

func unusual() map[string]string {
	huge := `{"history":[` + strings.Repeat(`{"a":"x\"[{","b":[1,2,{"c":null}]},`, 50_000) + `0],"mcpServers":{"a":{"command":"npx","args":["a"]}}}`
	return map[string]string{
		"huge":                huge,
		"crlf":                "{\r\n\t\"mcpServers\": {\r\n\t\t\"a\": {\r\n\t\t\t\"command\": \"npx\",\r\n\t\t\t\"args\": [\r\n\t\t\t\t\"-y\"\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}\r\n",
		"byte order mark":     "\xef\xbb\xbf" + `{"mcpServers":{"a":{"command":"npx"}}}`,
		"minified":            `{"mcpServers":{"a":{"command":"npx","args":["-y","b"]},"b":{"args":[],"command":"uvx"}}}`,
		"no newline":          `{"mcpServers":{"a":{"command":"npx"}}} // end`,
		"tabs and spaces":     "{ \"mcpServers\" :\t{\n\n\"a\"\t:{ \"command\"  :  \"npx\"  ,  \"args\"  :  [  \"x\"  ]  } } }\n\n\n",
		"leading commas":      "{\"mcpServers\":{\"a\":{\"command\":\"npx\"\n,\"args\":[\"x\"\n,\"y\"\n]}}}",
		"escaped names":       `{"mcp\u0053ervers":{"\u0061":{"\u0063ommand":"np\u0078","args":["\ud83d\ude00","\/"]}}}`,
		"lone surrogates":     `{"mcpServers":{"\ud800":{"command":"npx","args":["\udc00"]}}}`,
		"null args":           `{"mcpServers":{"a":{"command":"npx","args": null, "x":1}}}`,
		"comments":            "{\"mcpServers\":{\"a\":{/*1*/\"command\"/*2*/:/*3*/\"npx\"/*4*/,/*5*/\"args\"/*6*/:/*7*/[/*8*/\"x\"/*9*/,/*10*/\"y\"/*11*/]/*12*/}/*13*/}}",
		"comment alone":       "{\"mcpServers\":{\"a\":{\"command\":\"npx\"// c\n}}}",
		"trailing commas":     `{"mcpServers":{"a":{"command":"npx","args":["x",],},},}`,
		"in empty list":       "{\"mcpServers\":{\"a\":{\"command\":\"npx\",\"args\":[\n // none\n ]}}}",
		"twice by name":       `{"mcpServers":{"a":{"command":"npx"}},"mcpServers":{"a":{"command":"uvx"}}}`,
		"settings":            `{"mcp":{"servers":{"a":{"command":"npx"}}},"mcp.servers":{"b":{"command":"npx"}},"mcp":false}`,
		"flags of its own":    `{"mcpServers":{"a":{"command":"npx","args":["--","--wraps","list:x","proxy"]}}}`,
		"colon in command":    `{"mcpServers":{"a":{"command":"C:\\x\\npx.cmd","args":["a"]}}}`,
		"empty arguments":     `{"mcpServers":{"":{"command":"npx","args":["",""]}}}`,
		"proxy of its own":    `{"mcpServers":{"a":{"command":"npx","args":["proxy","--","x"]}}}`,
		"agentmesh, not ours": `{"mcpServers":{"a":{"command":"agentmesh","args":["serve"]}}}`,
	}
}

// TestUndoKeepsWhatTheOwnerDid edits a wrapped file as its owner might before undoing.
func TestUndoKeepsWhatTheOwnerDid(t *testing.T) {
	const src = `{"mcpServers":{"a":{"command":"npx","args":["x"]},"b":{"command":"npx"},"c":{"command":"npx","args":null},"d":{"command":"npx","args":[ ]}}}`
	after, _ := wrap(t, src, wrapping())
	for name, c := range map[string]struct{ old, now, want string }{
		"argument added":       {`"/usr/bin/npx", "x"]`, `"/usr/bin/npx", "x", "y"]`, `{"command":"npx","args":["x", "y"]},"b"`},
		"argument where none":  {`"none:npx", "--", "/usr/bin/npx"`, `"none:npx", "--", "/usr/bin/npx", "z"`, `"b":{"command":"npx","args":["z"]}`},
		"argument where null":  {`"null:npx", "--", "/usr/bin/npx"`, `"null:npx", "--", "/usr/bin/npx", "z"`, `"c":{"command":"npx","args":["z"]}`},
		"another program":      {`"/usr/bin/npx", "x"`, `"/usr/bin/uvx", "x"`, `{"command":"/usr/bin/uvx","args":["x"]}`},
		"a flag of the proxy":  {`"--server", "b"`, `"--footer", "none", "--server", "b"`, `"b":{"command":"npx"}`},
		"variables":            {`"--server", "b", `, `"--server", "b", "--env", "A=1",`, `"b":{"command":"npx"}`},
		"a server more":        {`"d":`, `"e":{"command":"x"},"d":`, `"e":{"command":"x"},"d":{"command":"npx","args":[ ]}`},
		"a key before command": {`"b":{`, `"b":{"env":{},`, `"b":{"env":{},"command":"npx"}`},
		"a trailing comma":     {`"list:npx", "--", "/usr/bin/npx" ]`, `"list:npx", "--", "/usr/bin/npx", ]`, `"d":{"command":"npx","args":[ ]}`},
	} {
		edited := strings.Replace(after, c.old, c.now, 1)
		if edited == after {
			t.Errorf("%s: %s does not stand in %s", name, c.old, after)
			continue
		}
		if undone, _ := unwrap(t, edited); !strings.Contains(undone, c.want) {
			t.Errorf("%s: got %s, want %s in it", name, undone, c.want)
		}
	}
}

// TestUndoAfterReformatting takes a wrapped file through a formatter, which changes every line.
func TestUndoAfterReformatting(t *testing.T) {
	after, _ := wrap(t, `{"mcpServers":{"a":{"command":"npx"},"b":{"args":[],"command":"npx"}}}`, wrapping())
	formatted := strings.NewReplacer(",", ",\n\t", ":{", ": {\n\t", "[", "[\n\t", "]", "\n]").Replace(after)
	undone, _ := unwrap(t, formatted)
	for _, s := range parse(t, undone).Servers {
		if s.State != clients.Bare || s.Command != "npx" || strings.Contains(undone, "wraps") {
			t.Errorf("%s is %v, %q, in %s", s.Name, s.State, s.Command, undone)
		}
	}
}

func TestOtherFlagsOnlyOnRequest(t *testing.T) {
	after, _ := wrap(t, `{"mcpServers":{"a":{"command":"npx"}}}`, wrapping())
	w := wrapping()
	w.Policies, w.Agent = []string{"moderate"}, "bob"
	if got, results := wrap(t, after, w); got != after || results[0].Outcome != clients.WasWrapped {
		t.Errorf("changed unasked: %v, %s", results[0].Outcome, got)
	}
	w.UpdatePolicies = true
	got, _ := wrap(t, after, w)
	if p := parse(t, got).Servers[0].Proxy; !cmp.Equal(p.Policies, w.Policies) || p.Agent != "" {
		t.Errorf("policy asked for: got %+v", p)
	}
	w.UpdateAgent, w.UpdatePolicies = true, false
	got, _ = wrap(t, got, w)
	if p := parse(t, got).Servers[0].Proxy; !cmp.Equal(p.Policies, w.Policies) || p.Agent != "bob" {
		t.Errorf("agent asked for: got %+v", p)
	}
	if more, results := wrap(t, got, w); more != got || results[0].Outcome != clients.WasWrapped {
		t.Errorf("asked for again: %v, %s", results[0].Outcome, more)
	}
}

// TestAProgramThatMovedIsFoundAgain wraps while npx is in one folder and again when it is in another.
func TestAProgramThatMovedIsFoundAgain(t *testing.T) {
	const src = `{"mcpServers":{"a":{"command":"npx","args":["x"]},"b":{"command":"/own/npx"}}}`
	w := wrapping()
	w.Resolve = func(command, _ string) (string, bool) { return "/v20/" + command, command == "npx" }
	after, _ := wrap(t, src, w)
	w.Resolve = func(command, _ string) (string, bool) { return "/v22/" + command, command == "npx" }
	moved, results := wrap(t, after, w)
	if moved != strings.Replace(after, `"/v20/npx"`, `"/v22/npx"`, 1) || results[0].Outcome != clients.NowWrapped || results[1].Outcome != clients.WasWrapped {
		t.Errorf("got %v\n%s", results, moved)
	}
	if undone, _ := unwrap(t, moved); undone != src {
		t.Errorf("undone %s", undone)
	}
	w.Runs = func(string) bool { return true }
	if same, _ := wrap(t, after, w); same != after {
		t.Errorf("changed although its program is there: %s", same)
	}
}

// TestAProgramOfAnotherName wraps by a program that is not called agentmesh, as downloads are.
func TestAProgramOfAnotherName(t *testing.T) {
	const src = `{"mcpServers":{"a":{"command":"npx"}}}`
	w := wrapping()
	w.Binary, w.Runs = "/opt/agentmesh-v1-linux-amd64", nil
	after, _ := wrap(t, src, w)
	if again, results := wrap(t, after, w); again != after || results[0].Outcome != clients.WasWrapped {
		t.Errorf("wrapped twice: %s", again)
	}
	if undone, _ := unwrap(t, after); undone != src {
		t.Errorf("undone %s", undone)
	}
}

// TestByHand reads the ways in which people write a proxy themselves.
func TestByHand(t *testing.T) {
	for name, c := range map[string]struct {
		entry string
		want  clients.Proxy
		runs  string
	}{
		"targets":   {`{"command":"/b/agentmesh","args":["proxy","--target","npx","--target","-y"]}`, clients.Proxy{Binary: "/b/agentmesh"}, "npx"},
		"joined":    {`{"command":"/b/agentmesh","args":["proxy","--policy=p","--agent=x","--monitor","--","npx"]}`, clients.Proxy{Binary: "/b/agentmesh", Policies: []string{"p"}, Agent: "x", Monitor: true}, "npx"},
		"windows":   {`{"command":"C:\\b\\AgentMesh.EXE","args":["proxy","npx","--policy","strict"]}`, clients.Proxy{Binary: `C:\b\AgentMesh.EXE`}, "npx"},
		"no switch": {`{"command":"agentmesh","args":["proxy","--monitor=false","--policy","a","--policy","b","--","x"]}`, clients.Proxy{Binary: "agentmesh", Policies: []string{"a", "b"}}, "x"},
		"dashes":    {`{"command":"agentmesh","args":["proxy","--server","--","--policy","a","--","x"]}`, clients.Proxy{Binary: "agentmesh", Policies: []string{"a"}}, "x"},
	} {
		src := `{"mcpServers":{"a":` + c.entry + `}}`
		s := parse(t, src).Servers[0]
		if s.State != clients.Wrapped || !cmp.Equal(*s.Proxy, c.want) || s.Command != c.runs {
			t.Errorf("%s: got %v %+v %q", name, s.State, s.Proxy, s.Command)
		}
		if undone, results := unwrap(t, src); undone != src || results[0].Outcome != clients.Left {
			t.Errorf("%s: undone although it is not ours: %s", name, undone)
		}
	}
}
