package facts_test

import (
	"fmt"

	"agentmesh/host/facts"
	"agentmesh/pdk/abi"
)

func ExampleExtractor_Extract() {
	table, err := facts.DefaultTable()
	if err != nil {
		fmt.Println(err)
		return
	}
	x := facts.New(facts.Config{
		Table:   table,
		Package: facts.ServerName([]string{"npx", "-y", "@modelcontextprotocol/server-filesystem", "/srv/data"}),
		Roots:   []string{"/srv/data"},
		Home:    "/home/ann",
		Where:   facts.Here,
	})
	args, _ := abi.ReadValue(`{"path":"notes/../../../home/ann/.ssh/id_ed25519"}`)
	f := x.Extract(&facts.Call{Server: "files", Tool: "read_file", Method: "tools/call", Arguments: args})
	fmt.Println(string(abi.AppendJSON(nil, f.Action)))
	fmt.Println(string(abi.AppendJSON(nil, f.Resource)))
	// Output:
	// {"type":"read","tool":"read_file","server":"files","method":"tools/call"}
	// {"paths":["/home/ann/.ssh/id_ed25519"],"outside_roots":true,"sensitive":true,"hosts":[],"urls":[],"private_hosts":false,"sql":[],"local":true}
}
