package mcp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

// readers is a gate that lets through what reads, by the tool table. Policies decide in a *gate.Gate, which also records.
type readers struct{}

func (readers) Decide(_ context.Context, c *gate.Call) abi.Verdict {
	if c.Request.Action.Get("type").Text() == "read" {
		return abi.Verdict{Decision: abi.Allow, Code: abi.CodeRule, Rule: "reads", Policy: "local/readers", ID: "d-1", Enforced: true}
	}
	return abi.Verdict{Decision: abi.Deny, Code: abi.CodeNoRule, ID: "d-2", Enforced: true}
}

func (r readers) DecideResult(ctx context.Context, c *gate.Call) abi.Verdict { return r.Decide(ctx, c) }

func (r readers) List(ctx context.Context, _ gate.Subject, calls []gate.Call) gate.Listing {
	hidden := make([]bool, len(calls))
	for i := range calls {
		v := r.Decide(ctx, &calls[i])
		hidden[i] = !gate.Permits(&v)
	}
	return gate.Listing{Hidden: hidden}
}

func (readers) Refuse(context.Context, gate.Refusal) abi.Verdict            { return abi.Verdict{} }
func (readers) Report(abi.Outcome, gate.Subject) error                      { return nil }
func (readers) Note(context.Context, string, gate.Subject, abi.Value) error { return nil }

// notes is an MCP server of two tools.
const notes = `while read -r line; do case "$line" in
	*tools/list*) echo '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_file"},{"name":"write_file"}]}}';;
	*)            echo '{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"milk, eggs"}]}}';;
esac; done`

// A session from its first message to its last: the server is a process, the client lists its tools, reads, writes and leaves.
func Example() {
	server, err := mcp.Start(mcp.Command{Argv: []string{"sh", "-c", notes}, Environ: os.Environ(), Stderr: os.Stderr})
	if err != nil {
		fmt.Println(err)
		return
	}
	table, err := facts.DefaultTable()
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy, err := mcp.New(mcp.Config{
		Gate: readers{}, Facts: facts.New(facts.Config{Table: table, Package: "filesystem"}), Server: "filesystem", Results: &mcp.Results{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	in, client := io.Pipe()
	answers, out := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- proxy.Run(context.Background(), in, out, server) }()

	lines := bufio.NewReader(answers)
	for _, request := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"notes.txt"}}}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"notes.txt","content":""}}}`,
	} {
		fmt.Fprintln(client, request)
		line, _ := lines.ReadString('\n')
		fmt.Println(strings.TrimSpace(line))
	}
	client.Close()
	fmt.Println("exit code", <-code)
	// Output:
	// {"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_file"}]}}
	// {"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"milk, eggs"},{"type":"text","text":"[agentmesh] allowed by rule reads of local/readers; decision d-1"}]}}
	// {"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"Refused by AgentMesh: no rule allows this. Trying again will not help. Decision d-2."}],"isError":true,"_meta":{"ai.agentmesh/verdict":{"code":"no_rule","decisionId":"d-2","retryable":false}}}}
	// exit code 0
}
