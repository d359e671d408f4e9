package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// actor plays the client in a session that is recorded: it says what the script says, answers what the server asks, and
// keeps every line of both sides.
type actor struct {
	*wire
	said, heard []string
	// answers has the result that the client gives to a request of the server, by method.
	answers map[string]func(params json.RawMessage) string
	since   int // what was heard since the script last said something
}

// message is a line, read loosely.
type message struct {
	ID            json.RawMessage
	Method        string
	Params        json.RawMessage
	Result, Error json.RawMessage
	line          string
}

func parse(t testing.TB, line string) message {
	t.Helper()
	m := message{line: line}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v: %.300s", err, line)
	}
	return m
}

// say sends a line as it is.
func (a *actor) say(line string) {
	a.t.Helper()
	a.since = len(a.heard)
	a.said = append(a.said, line)
	a.send(line)
}

// hear takes a message, and answers it where it is a request.
func (a *actor) hear() message {
	a.t.Helper()
	line := a.next()
	a.heard = append(a.heard, line)
	m := parse(a.t, line)
	if m.Method == "" || m.ID == nil {
		return m
	}
	give, ok := a.answers[m.Method]
	if !ok {
		a.t.Fatalf("the server asks for %s", line)
	}
	reply := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, give(m.Params))
	a.said = append(a.said, reply)
	a.send(reply)
	return m
}

// await waits for a message that was not there before the script last spoke.
func (a *actor) await(want func(m message) bool) message {
	a.t.Helper()
	for _, line := range a.heard[a.since:] {
		if m := parse(a.t, line); want(m) {
			return m
		}
	}
	for {
		if m := a.hear(); want(m) {
			return m
		}
	}
}

// note waits for a notification in which a text stands.
func (a *actor) note(method, text string) {
	a.t.Helper()
	a.await(func(m message) bool { return m.Method == method && strings.Contains(m.line, text) })
}

// request sends the rest of a request after its id, and waits for the answer.
func (a *actor) request(id, rest string) message {
	a.t.Helper()
	a.say(`{"jsonrpc":"2.0","id":` + id + `,` + rest + `}`)
	return a.answered(id)
}

func (a *actor) answered(id string) message {
	a.t.Helper()
	want := value(a.t, id)
	return a.await(func(m message) bool { return m.Method == "" && m.ID != nil && value(a.t, string(m.ID)) == want })
}

// value is a JSON scalar, so that ids compare as readers compare them.
func value(t testing.TB, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// with sends a request under the next id.
func (a *actor) with(method, params string) message {
	a.t.Helper()
	a.last++
	return a.request(fmt.Sprint(a.last), fmt.Sprintf(`"method":%q,"params":%s`, method, params))
}

// tool calls a tool.
func (a *actor) tool(name, arguments string) message {
	a.t.Helper()
	return a.with("tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, name, arguments))
}

// end ends the session by end, takes what still comes, and gives the exit code.
func (a *actor) end(end func() error) int {
	a.t.Helper()
	if err := end(); err != nil {
		a.t.Fatal(err)
	}
	for line := range a.lines {
		a.heard = append(a.heard, line)
	}
	return a.exit()
}

// drama is a session to be recorded.
type drama struct {
	server func(t testing.TB) []string
	play   func(a *actor)
	// plain takes out of a line what differs each time a server is run.
	plain func(line string) string
}

// direct records the session with the server itself.
func (d drama) direct(p place) *actor {
	p.Helper()
	cmd := p.command(d.server(p)...)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "AGENTMESH_") })
	a := &actor{wire: dial(p, cmd)}
	d.play(a)
	a.end(func() error { return cmd.Process.Signal(syscall.SIGTERM) }) // some do not end with their input
	return a
}

// proxied records the session through the transparent profile, with a tap between proxy and server: each side must have got
// the very bytes that the other sent, in the same order.
func (d drama) proxied(p place) *actor {
	p.Helper()
	in, out := filepath.Join(p.root, "in"), filepath.Join(p.root, "out")
	tapped := append([]string{filepath.Join(built, "tap"), in, out}, d.server(p)...)
	a := &actor{wire: dial(p, p.proxy("--policy permissive --footer none --results off", tapped...))}
	d.play(a)
	if code := a.end(a.in.Close); code != 0 {
		p.Errorf("the proxy ended with %d", code)
	}
	sameBytes(p, "what the server got", lines(p.read(in)), a.said)
	sameBytes(p, "what the client got", a.heard, lines(p.read(out)))
	return a
}

// lines are the lines of a text that ends with one.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func sameBytes(t testing.TB, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := at(got, i), at(want, i)
		if g != w {
			t.Errorf("%s: line %d of %d is\n\t%.2000s\nand should be, of %d,\n\t%.2000s", what, i+1, len(got), g, len(want), w)
			return
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}

// ordered puts what a server said into an order that does not depend on what came first of things that happen beside each
// other: the answers in the order of their requests, then the server's requests in the order of their ids, then the
// notifications by method, those of one method as they came.
func ordered(t testing.TB, a *actor) []string {
	t.Helper()
	row := map[any]int{}
	for i, line := range a.said {
		if m := parse(t, line); m.ID != nil && m.Method != "" {
			row[value(t, string(m.ID))] = i
		}
	}
	rank := func(line string) string {
		m := parse(t, line)
		switch {
		case m.Method == "" && m.ID != nil:
			return fmt.Sprintf("1 %06d", row[value(t, string(m.ID))])
		case m.ID != nil:
			return fmt.Sprintf("2 %6s", m.ID)
		}
		return "3 " + m.Method
	}
	out := slices.Clone(a.heard)
	slices.SortStableFunc(out, func(x, y string) int { return strings.Compare(rank(x), rank(y)) })
	return out
}

// spoken puts what the client said into an order: what the script says as it says it, then the answers to the server's
// requests in the order of their ids.
func spoken(t testing.TB, a *actor) []string {
	t.Helper()
	rank := func(line string) string {
		if m := parse(t, line); m.Method == "" {
			return fmt.Sprintf("2 %6s", m.ID)
		}
		return "1"
	}
	out := slices.Clone(a.said)
	slices.SortStableFunc(out, func(x, y string) int { return strings.Compare(rank(x), rank(y)) })
	return out
}

// compare plays a session both ways and holds one recording against the other, message by message.
func (d drama) compare(t *testing.T) {
	p := newPlace(t)
	direct, proxied := d.direct(p), d.proxied(p)
	normal := func(lines []string) []string {
		var out []string
		for _, line := range lines {
			if line = d.plain(line); line != "" {
				out = append(out, line)
			}
		}
		return out
	}
	sameBytes(t, "what the client said through the proxy", normal(spoken(t, proxied)), normal(spoken(t, direct)))
	sameBytes(t, "what the server said through the proxy", normal(ordered(t, proxied)), normal(ordered(t, direct)))
	if !t.Failed() {
		t.Logf("%d messages of the client and %d of the server are the same", len(direct.said), len(direct.heard))
	}
	calls := 0
	for _, line := range proxied.said {
		if parse(t, line).Method == "tools/call" {
			calls++
		}
	}
	decided := 0
	for _, e := range p.audit("--kind", "decision") {
		if e.Decision != "allow" {
			t.Errorf("%s of %s%s is %s", e.Decision, e.Tool, e.Method, e.Rule)
		}
		if e.Tool != "" {
			decided++
		}
	}
	if decided != calls || calls == 0 {
		t.Errorf("the ledger has %d calls, want %d", decided, calls)
	}
	if odd := p.audit("--kind", "refused"); len(odd) != 0 {
		t.Errorf("the ledger has refusals: %+v", odd)
	}
	p.verified()
}

// member replaces the value of a member, a string of the given form, wherever it stands in a line, escaped or not.
func member(name, form string) func(line string) string {
	find := regexp.MustCompile(`(\\?"` + name + `\\?": ?\\?")` + form + `(\\?")`)
	return func(line string) string { return find.ReplaceAllString(line, "${1}…${2}") }
}
