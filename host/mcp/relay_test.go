package mcp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentmesh/host/gate"
	"agentmesh/host/ledger"
	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

// permissive lets everything pass and touches nothing.
func permissive() setup { return setup{policies: []string{"preset:permissive"}} }

// TestPassesThrough: what is well-formed goes through byte for byte, in both directions.
func TestPassesThrough(t *testing.T) {
	client := []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`  { "jsonrpc" : "2.0" , "method":"notifications/anything/unheard" , "params":{"x":[1, 2.50, 1e3, -0, "\u0041\/<>&"]}, "extra":null}  `,
		`{"jsonrpc":"2.0","id":-1,"method":"ping"}` + "\r",
		`{"jsonrpc":"2.0","id":1.5,"method":"ping","params":null}`,
		`{"jsonrpc":"2.0","id":18446744073709551615,"method":"ping"}`,
		"",
		`{"jsonrpc":"2.0","id":"","method":"ping"}`,
		`{"jsonrpc":"2.0","id":"a\"\u00e9","method":"logging/setLevel","params":{"level":"debug","_meta":{"progressToken":7}}}`,
		`{"jsonrpc":"2.0","id":"s","result":{"roots":[{"uri":"file:///x"}]}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`,
		`{"jsonrpc":"2.0","id":8,"result":{"content":{"text":"\ud83d cut, and ` + "\xff" + `"},"content":1}}`,
		`{"jsonrpc":"2.0","id":9,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
		`{"jsonrpc":"2.0","id":10,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}`,
		`{"jsonrpc":"2.0","id":11,"method":"custom/thing","params":{"traceparent":"00-x"}}`,
		`{"method":"tools/call","params":{"_meta":{"progressToken":"p"},"arguments":{"content":"` + strings.Repeat("é\\n", 100_000) + `","path":"a"},"name":"write_file"},"id":12,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never asked"}}`,
	}
	server := []string{
		`{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[]}}`,
		`{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{}}` + "\r",
		`{"jsonrpc":"2.0","id":2,"method":"ping"}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":1}}`,
		` {"method":"notifications/message", "params":{"data":"\ud800 half, and ` + "\xff" + ` no UTF-8"},"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		`{"id":11,"jsonrpc":"2.0","error":{"code":-32601,"message":"no"}}`,
		`{"result":{"content":[{"type":"text","text":"\ud83d cut"}],"isError":false},"jsonrpc":"2.0","id":12}`,
		`{"jsonrpc":"2.0","id":1.50,"result":{}}`,
		`{"jsonrpc":"2.0","id":18446744073709551615,"result":{"a":1,"a":2}}`,
		`{"jsonrpc":"2.0","id":"a\"é","result":{}}`,
	}
	r := start(t, permissive())
	for _, line := range client {
		r.send(line)
		if line == "" {
			continue // blank lines are nobody's message
		}
		if got := r.served(); got != line {
			t.Errorf("the server got %.200q\nwant           %.200q", got, line)
		}
	}
	for _, line := range server {
		r.say(line)
		if got := r.next(); got != line {
			t.Errorf("the client got %.200q\nwant           %.200q", got, line)
		}
	}
}

// recorded are the messages of a recording, in order.
type recorded struct {
	From    string
	Message json.RawMessage
	Text    *string
}

func recording(t *testing.T, file string) []recorded {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 8<<20)
	var out []recorded
	for lines.Scan() {
		var m recorded
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if m.From != "" && m.Text == nil {
			out = append(out, m)
		}
	}
	return out
}

// TestRecordings: conversations with published servers go through the transparent profile byte for byte.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../../testdata/calls/*.jsonl")
	if err != nil || len(files) < 4 {
		t.Fatalf("the recordings are not there: %v %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			r := start(t, permissive())
			for _, m := range recording(t, file) {
				want, got := string(m.Message), ""
				if m.From == "client" {
					r.send(want)
					got = r.served()
				} else {
					r.say(want)
					got = r.next()
				}
				if got != want {
					t.Fatalf("from the %s:\ngot  %.300s\nwant %.300s", m.From, got, want)
				}
			}
		})
	}
}

// TestOrder: each direction keeps its order, whatever has to be decided in between.
func TestOrder(t *testing.T) {
	r := start(t, permissive())
	const n = 500
	go func() {
		for i := range n {
			line := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/n","params":{"n":%d}}`, i)
			if i%2 == 0 {
				line = call(fmt.Sprint(i), "read_text_file", `{"path":"a.txt"}`)
			}
			fmt.Fprintln(r.in, line)
		}
	}()
	var sent []string
	for i := range n {
		got := r.served()
		sent = append(sent, got)
		if !strings.Contains(got, fmt.Sprintf(`:%d`, i)) {
			t.Fatalf("message %d came as %s", i, got)
		}
	}
	go func() {
		for i := range sent {
			line := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/n","params":{"n":%d}}`, i)
			if i%2 == 0 {
				line = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"content":[]}}`, i)
			}
			fmt.Fprintln(r.server.out, line)
		}
	}()
	for i := range n {
		if got := r.next(); !strings.Contains(got, fmt.Sprintf(`:%d`, i)) {
			t.Fatalf("answer %d came as %s", i, got)
		}
	}
}

// TestManyCalls: ten thousand calls under way at once, answered backwards; none is lost, each has its outcome.
func TestManyCalls(t *testing.T) {
	const n = 10_000
	r := start(t, permissive())
	go func() {
		for i := range n {
			fmt.Fprintln(r.in, call(fmt.Sprint(i), "read_text_file", `{"path":"a.txt"}`))
		}
	}()
	for range n {
		r.served()
	}
	go func() {
		for i := n - 1; i >= 0; i-- {
			fmt.Fprintf(r.server.out, `{"jsonrpc":"2.0","id":%d,"result":{"content":[],"isError":%t}}`+"\n", i, i%10 == 0)
		}
	}()
	seen := map[string]bool{}
	for range n {
		seen[string(read(t, r.next()).ID)] = true
	}
	if len(seen) != n {
		t.Errorf("%d calls were answered, want %d", len(seen), n)
	}
	bad := 0
	outcomes := r.log.of(ledger.KindOutcome)
	for _, e := range outcomes {
		o, err := abi.ReadOutcome(string(e.Body))
		if err != nil {
			t.Fatal(err)
		}
		if o.Status == abi.OutcomeError {
			bad++
		}
	}
	if len(outcomes) != n || bad != n/10 {
		t.Errorf("%d outcomes, %d of them errors, want %d and %d", len(outcomes), bad, n, n/10)
	}
}

// slow is a gate that decides when it is let.
type slow struct {
	mcp.Gate
	asked, let chan struct{}
}

func (s *slow) Decide(ctx context.Context, c *gate.Call) abi.Verdict {
	s.asked <- struct{}{}
	<-s.let
	return s.Gate.Decide(ctx, c)
}

// late is a gate whose decision is made, and then is slow to come.
type late struct{ slow }

func (s *late) Decide(ctx context.Context, c *gate.Call) abi.Verdict {
	v := s.Gate.Decide(ctx, c)
	s.asked <- struct{}{}
	<-s.let
	return v
}

// TestCancelWhileDeciding: a call that is called off before it was forwarded never is, and the ledger says so.
func TestCancelWhileDeciding(t *testing.T) {
	for name, after := range map[string]bool{"before the verdict": false, "after the verdict": true} {
		t.Run(name, func(t *testing.T) {
			s := permissive()
			waits := slow{asked: make(chan struct{}), let: make(chan struct{})}
			s.gate = func(g mcp.Gate) mcp.Gate {
				waits.Gate = g
				if after {
					return &late{waits}
				}
				return &waits
			}
			r := start(t, s)
			r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
			<-waits.asked
			r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
			const ping = `{"jsonrpc":"2.0","id":2,"method":"ping"}`
			r.send(ping) // read only after the cancel was
			r.raw("\n")
			close(waits.let)
			if got := r.served(); got != ping {
				t.Fatalf("the server got %s", got)
			}
			r.say(`{"jsonrpc":"2.0","id":2,"result":{}}`)
			if got := read(t, r.next()); string(got.ID) != "2" {
				t.Errorf("the client got %+v", got)
			}
			decision, outcomes := r.log.of(ledger.KindDecision)[0], r.log.of(ledger.KindOutcome)
			switch {
			case after && (decision.Decision != "allow" || len(outcomes) != 1 || !strings.Contains(string(outcomes[0].Body), `"cancelled"`)):
				t.Errorf("the ledger has %+v, %s", decision, outcomes)
			case !after && (decision.Decision != "deny" || decision.Code != "cancelled"):
				t.Errorf("the ledger has %+v", decision)
			}
		})
	}
}

// TestCancelForwarded: a cancel of a forwarded call passes; what the server still answers does too, and counts no more.
func TestCancelForwarded(t *testing.T) {
	r := start(t, permissive())
	r.send(call(`"x"`, "read_text_file", `{"path":"a.txt"}`))
	r.served()
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0078","reason":"r"}}`
	r.send(cancel)
	if got := r.served(); got != cancel {
		t.Fatalf("the server got %s", got)
	}
	answer := `{"jsonrpc":"2.0","id":"x","result":{"content":[]}}`
	r.say(answer)
	if got := r.next(); got != answer {
		t.Errorf("the client got %s", got)
	}
	outcomes := r.log.of(ledger.KindOutcome)
	if len(outcomes) != 1 || !strings.Contains(string(outcomes[0].Body), `"cancelled"`) {
		t.Errorf("the ledger has %s", outcomes)
	}
}

// TestBatches: where the session has batches, each message is decided by itself, and the answers come together.
func TestBatches(t *testing.T) {
	r := start(t, setup{})
	r.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26"}}`)
	r.served()
	r.say(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-03-26"}}`)
	r.next()
	good, bad := call("1", "read_text_file", `{"path":"a.txt"}`), call("2", "write_file", `{"path":"a.txt","content":""}`)
	note := `{"jsonrpc":"2.0","method":"notifications/x"}`
	r.send(`[ ` + good + `, ` + bad + `,` + note + `, {"jsonrpc":"2.0","id":3,"Method":"ping"}]`)
	for _, want := range []string{good, note} {
		if got := r.served(); got != want {
			t.Errorf("the server got %s, want %s", got, want)
		}
	}
	r.say(`{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`)
	var answers []reply
	if err := json.Unmarshal([]byte(r.next()), &answers); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, a := range answers {
		got[string(a.ID)] = a.Error != nil || a.tool(t).IsError
	}
	if len(got) != 3 || got["1"] || !got["2"] || !got["3"] {
		t.Errorf("refused by id: %v", got)
	}
	r.send(`[` + note + `]`)
	r.served()
	r.nothingServed()
	if got := read(t, r.next()); string(got.ID) != `"sentinel"` {
		t.Errorf("a batch that asks nothing was answered: %+v", got)
	}
	r.say(`[{"jsonrpc":"2.0","method":"notifications/a"},{"jsonrpc":"2.0","method":"notifications/b"}]`)
	for _, want := range []string{`{"jsonrpc":"2.0","method":"notifications/a"}`, `{"jsonrpc":"2.0","method":"notifications/b"}`} {
		if got := r.next(); got != want {
			t.Errorf("the client got %s, want %s", got, want)
		}
	}
}

// TestOddServers: what a server sends out of turn, or that is no message, does not reach the client; nobody waits in vain.
func TestOddServers(t *testing.T) {
	r := start(t, setup{policies: []string{"preset:permissive"}, config: mcp.Config{MaxMessage: 4096}})
	odd := 0
	for _, line := range []string{
		`Server started on stdio`,
		`{"jsonrpc":"2.0","id":99,"result":{"content":[]}}`,
		`{"jsonrpc":"2.0","ID":99,"Result":{}}`,
		`{"jsonrpc":"2.0","id":99,"method":"ping","result":{}}`,
		`{"jsonrpc":"2.0","method":"notifications/x","params":` + "\r" + `{}}`,
		`{"jsonrpc":"2.0","id":5}`,
		strings.Repeat("x", 10_000),
		`[1,`,
	} {
		r.say(line)
		odd++
	}
	const hello = `{"jsonrpc":"2.0","method":"notifications/hello"}`
	r.say(hello)
	if got := r.next(); got != hello {
		t.Fatalf("the client got %s", got)
	}
	if n := len(r.log.of(ledger.KindRefused)); n != odd {
		t.Errorf("%d oddities were written down, want %d", n, odd)
	}
	for i, answer := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"` + strings.Repeat("x", 10_000) + `"}]}}`,
		`{"result":{"content":[{"type":"text","text":"` + strings.Repeat("x", 10_000) + `"}]},"jsonrpc":"2.0","id":1}`,
		`{"jsonrpc":"2.0","id":1,"result":{"content":[]},"result":{"content":[]}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"content":[],}}`,
	} {
		r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
		r.served()
		r.say(answer)
		if got := read(t, r.next()); got.Error == nil || got.Error.Code != -32603 || string(got.ID) != "1" {
			t.Errorf("answer %d: the client got %+v", i, got)
		}
	}
}

// TestEarlyAnswer: a server that guesses the id of a call still being decided does not answer it.
func TestEarlyAnswer(t *testing.T) {
	waits := slow{asked: make(chan struct{}), let: make(chan struct{})}
	s := setup{gate: func(g mcp.Gate) mcp.Gate {
		waits.Gate = g
		return &waits
	}}
	r := start(t, s)
	r.send(call("1", "write_file", `{"path":"a.txt","content":""}`))
	<-waits.asked
	r.say(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}`)
	r.say(`{"jsonrpc":"2.0","method":"notifications/x"}`)
	if got := r.next(); !strings.Contains(got, "notifications/x") {
		t.Fatalf("the client got %s", got)
	}
	close(waits.let)
	if got := read(t, r.next()).tool(t); !got.IsError {
		t.Errorf("the client got %+v", got)
	}
}

// TestClientLeaves: what is on its way still goes in, and what the server says last still comes out.
func TestClientLeaves(t *testing.T) {
	r := start(t, permissive())
	last := call("1", "read_text_file", `{"path":"a.txt"}`)
	r.raw(last) // no line feed
	r.in.Close()
	if got := r.served(); got != last {
		t.Errorf("the server got %s", got)
	}
	answer := `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`
	if _, err := fmt.Fprint(r.server.out, answer); err != nil {
		t.Log(err) // it may have been ended before
	} else if got := r.next(); got != answer && !strings.Contains(got, "-32603") {
		t.Errorf("the client got %s", got)
	}
	if code := r.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestServerEnds: its exit code is ours, and whoever waits is answered.
func TestServerEnds(t *testing.T) {
	r := start(t, permissive())
	r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
	r.send(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	r.served()
	r.served()
	r.server.end(mcp.Exit{Code: 3, How: "exit status 3"})
	got := map[string]bool{}
	for range 2 {
		a := read(t, r.next())
		got[string(a.ID)] = a.Error != nil && a.Error.Code == -32603 && strings.Contains(a.Error.Message, "exit status 3")
	}
	if !got["1"] || !got["2"] {
		t.Errorf("told by id: %v", got)
	}
	if code := r.ended(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
}

// TestStop: a signal to us is as if the client had left; a server that does not care is stopped.
func TestStop(t *testing.T) {
	s := permissive()
	s.config.Grace = 50 * time.Millisecond
	r := start(t, s)
	r.server.deaf = true
	r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
	r.served()
	r.stop()
	if got := read(t, r.next()); got.Error == nil || string(got.ID) != "1" {
		t.Errorf("the client got %+v", got)
	}
	if code := r.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	<-r.server.stopped
}

// TestDeafServer: a server that reads nothing holds up neither the decisions nor the end.
func TestDeafServer(t *testing.T) {
	s := permissive()
	s.config.Grace = 50 * time.Millisecond
	r := start(t, s)
	r.server.deaf = true
	r.server.in.Close() // nobody reads
	for i := range 10 {
		r.send(call(fmt.Sprint(i), "read_text_file", `{"path":"a.txt"}`))
	}
	for range 10 {
		if got := read(t, r.next()); got.Error == nil {
			t.Errorf("the client got %+v", got)
		}
	}
	r.in.Close()
	r.ended()
}

// TestClientLeavesADeafServer: a client that has gone is noticed behind more than can be held for a server that reads nothing.
func TestClientLeavesADeafServer(t *testing.T) {
	s := permissive()
	r := start(t, s)
	gone := make(chan struct{})
	r.config.Gone, r.config.Grace = gone, 20*time.Millisecond
	child, err := mcp.Start(mcp.Command{Argv: []string{"sleep", "1000"}, Environ: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	in, client := io.Pipe()
	defer client.Close()
	go func() {
		for i := 0; ; i++ { // until the proxy has ended, without ever being at its end
			if _, err := io.WriteString(client, call(strconv.Itoa(i), "read_text_file", `{"path":"a.txt"}`)+"\n"); err != nil {
				return
			}
			if i == 1000 {
				close(gone)
			}
		}
	}()
	if code := r.proxy(t).Run(t.Context(), in, io.Discard, child); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestNothingIsLeft: when a run has ended, all it started has.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 20 {
		r := start(t, permissive())
		r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
		r.served()
		switch i % 3 {
		case 0:
			r.in.Close()
		case 1:
			r.stop()
		case 2:
			r.server.end(mcp.Exit{Code: 1})
		}
		r.ended()
		r.in.Close()
		r.server.end(mcp.Exit{})
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines are left over\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// TestMonitor: a monitoring proxy records what it would refuse and forwards it, but what no reader can be sure of.
func TestMonitor(t *testing.T) {
	r := start(t, setup{monitor: true})
	line := call("1", "write_file", `{"path":"a.txt","content":""}`)
	r.send(line)
	if got := r.served(); got != line {
		t.Errorf("the server got %s", got)
	}
	d := r.log.of(ledger.KindDecision)
	if len(d) != 1 || d[0].Decision != "deny" || !strings.Contains(string(d[0].Body), `"enforced":false`) {
		t.Errorf("the ledger has %+v", d)
	}
}

// TestLedgerFails: nothing passes that was not written down, not even when the proxy merely monitors.
func TestLedgerFails(t *testing.T) {
	log := &memory{err: os.ErrPermission}
	r := start(t, setup{policies: []string{"preset:permissive"}, monitor: true, log: log})
	r.send(call("1", "read_text_file", `{"path":"a.txt"}`))
	got := read(t, r.next()).tool(t)
	if why := got.Meta[verdictMember]; !got.IsError || why.Code != "ledger_failed" || !why.Retryable {
		t.Errorf("the client got %+v", got)
	}
	r.nothingServed()
}

// TestProtection: the mesh's own places are out of reach under every policy and for every method.
func TestProtection(t *testing.T) {
	for _, line := range []string{
		call("1", "read_text_file", `{"path":"/state/token"}`),
		call("1", "anything", `{"deep":[{"x":"/state/../state/keys"}]}`),
		`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///state/token"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"custom/read","params":{"f":"/state/token"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p","arguments":{"file":"/state/token"}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":{},"inputResponses":{"q":{"action":"accept","content":{"file":"/state/token"}}}}}`,
	} {
		s := setup{policies: []string{"preset:permissive"}, monitor: true}
		s.config.Protected = protects("/state")
		r := start(t, s)
		r.send(line)
		r.next()
		if d := r.log.of(ledger.KindDecision); len(d) != 1 || d[0].Code != "self_protected" {
			t.Errorf("%s: the ledger has %+v", line, d)
		}
		r.nothingServed()
	}
}
