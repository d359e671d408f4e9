package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/api"
	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

func factsCommand(e *env) *cobra.Command {
	return noun("facts", "What the host finds out about actions by itself", "", factsExplainCommand(e))
}

func factsExplainCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "explain -i CALL",
		Short: "Show what is found in a tool call, and why",
		Long: `Takes a request as /v1/decide does, or an MCP tools/call message, and shows the facts that rules would see: the type of the
action, paths and whether they lie outside the roots, hosts, SQL statements, personal data and secrets, each with the reason it is held.`,
		Example: `  echo '{"action":{"server":"filesystem","tool":"read_file"},"data":{"path":"/etc/passwd"}}' | agentmesh facts explain -i - --root .
  agentmesh facts explain -i call.json --server postgres -o json`,
		Args: takes(0, 0, "no arguments"),
	}
	input := c.Flags().StringP("input", "i", "", "file with the call, - for standard input")
	server := c.Flags().String("server", "", "the server's name, where the call does not say")
	roots := c.Flags().StringSlice("root", nil, "folder the server may work in; repeatable")
	tables := c.Flags().StringSlice("tools", nil, "file that extends the tool table; repeatable")
	output := format(c, "table", "json")
	c.RunE = func(*cobra.Command, []string) error {
		q, err := e.request(*input)
		if err != nil {
			return err
		}
		if *server != "" {
			q.Action = q.Action.With("server", abi.StringValue(*server))
		}
		x, err := host.NewExtractor(*tables, *roots)
		if err != nil {
			return err
		}
		notes := host.Gather(x, &q, true)
		if *output == "json" {
			return e.json(map[string]any{"request": rawRequest(&q), "notes": append([]facts.Note{}, notes...)})
		}
		return e.explainFacts(&q, notes)
	}
	return c
}

func rawRequest(q *abi.Request) rawJSON { return abi.AppendRequest(nil, q) }

// rawJSON is JSON that stands as it is in what is printed.
type rawJSON []byte

// MarshalJSON gives the text itself.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func (e *env) explainFacts(q *abi.Request, notes []facts.Note) error {
	var rows [][]string
	for _, n := range notes {
		rows = append(rows, []string{n.Fact, short(n.Value, 60), n.Because})
	}
	e.table([]string{"FACT", "VALUE", "BECAUSE"}, rows)
	e.printf("\nrules see:\n")
	return e.indented(abi.AppendRequest(nil, q))
}

// request reads a request, or an MCP tools/call message, from a file.
func (e *env) request(input string) (abi.Request, error) {
	text, err := e.input(input)
	if err != nil {
		return abi.Request{}, err
	}
	if q, ok := toolCall(text); ok {
		return q, nil
	}
	q, err := api.ReadRequest(text)
	if err != nil {
		return abi.Request{}, withHint(fmt.Errorf("%s: %w", input, err),
			`a request looks like {"agent":{"name":"a"},"action":{"type":"read"},"resource":{"paths":["/tmp/x"]}}`)
	}
	return q, nil
}

// maxInput is the size of a request file at most.
const maxInput = 16 << 20

func (e *env) input(name string) (string, error) {
	if name == "" {
		return "", usage("-i FILE, or -i - for standard input", "there is no input")
	}
	in := e.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = errors.New(name + ": larger than 16 MiB")
	}
	return string(b), err
}

// toolCall makes a request of a JSON-RPC tools/call message, which is what people have at hand in logs.
func toolCall(text string) (abi.Request, bool) {
	v, err := abi.ReadValue(text)
	if err != nil || !v.Get("jsonrpc").Exists() || v.Get("method").Text() != "tools/call" {
		return abi.Request{}, false
	}
	params := v.Get("params")
	return abi.Request{
		Action: abi.ObjectValue(
			abi.Member{Name: "tool", Value: params.Get("name")},
			abi.Member{Name: "method", Value: abi.StringValue("tools/call")},
			abi.Member{Name: "protocol", Value: abi.StringValue("mcp")},
		),
		Data: params.Get("arguments"),
	}, true
}
