package mcp_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"agentmesh/host/facts"
	"agentmesh/host/gate"
	"agentmesh/host/mcp"
	"agentmesh/pdk/abi"
)

// closed is a gate that refuses everything.
type closed struct{}

func (closed) Decide(context.Context, *gate.Call) abi.Verdict {
	return abi.Verdict{Code: abi.CodeNoRule, ID: "d-1", Enforced: true}
}

func (c closed) DecideResult(ctx context.Context, q *gate.Call) abi.Verdict { return c.Decide(ctx, q) }
func (closed) Refuse(context.Context, gate.Refusal) abi.Verdict             { return abi.Verdict{} }
func (closed) Report(abi.Outcome, gate.Subject) error                       { return nil }
func (closed) List(_ context.Context, _ gate.Subject, calls []gate.Call) gate.Listing {
	return gate.Listing{Hidden: make([]bool, len(calls))}
}
func (closed) Note(context.Context, string, gate.Subject, abi.Value) error { return nil }

// A proxy before a server that is a process; here the client asks once and leaves.
func Example() {
	server, err := mcp.Start(mcp.Command{Argv: []string{"cat"}, Environ: os.Environ(), Stderr: os.Stderr})
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy, err := mcp.New(mcp.Config{Gate: closed{}, Facts: facts.New(facts.Config{}), Server: "cat"})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"meow"}}` + "\n")
	code := proxy.Run(context.Background(), client, os.Stdout, server)
	fmt.Println("exit code", code)
	// Output:
	// {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"Refused by AgentMesh: no rule allows this. Trying again will not help. Decision d-1."}],"isError":true,"_meta":{"ai.agentmesh/verdict":{"code":"no_rule","decisionId":"d-1","retryable":false}}}}
	// exit code 0
}
