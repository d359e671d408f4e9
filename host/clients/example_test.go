package clients_test

import (
	"fmt"

	"agentmesh/host/clients"
)

func ExampleFile_Wrap() {
	src := `{"mcpServers": {"git": {"command": "uvx", "args": ["mcp-server-git"]}, "docs": {"url": "https://docs.example/mcp"}}}`
	f, err := clients.Parse(clients.FileAt("mcp.json"), []byte(src))
	if err != nil {
		fmt.Println(err)
		return
	}
	after, results, err := f.Wrap(clients.Wrapping{Binary: "/usr/bin/agentmesh", Policies: []string{"strict"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		fmt.Println(r.Server.Name, r.Outcome)
	}
	fmt.Println(string(after))
	// Output:
	// git wrapped
	// docs UNPROTECTED
	// {"mcpServers": {"git": {"command": "/usr/bin/agentmesh", "args": ["proxy", "--policy", "strict", "--server", "git", "--wraps", "list:uvx", "--", "uvx", "mcp-server-git"]}, "docs": {"url": "https://docs.example/mcp"}}}
}

func ExampleSystem_Places() {
	s := clients.System{OS: "darwin", Home: "/Users/me"}
	for _, p := range s.Places() {
		if p.Client == clients.Claude {
			fmt.Println(p.Title, p.Path)
		}
	}
	// Output:
	// Claude Desktop /Users/me/Library/Application Support/Claude/claude_desktop_config.json
	// Claude Code /Users/me/.claude.json
}
