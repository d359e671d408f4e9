package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"agentmesh/host"
	"agentmesh/pdk/abi"
)

// A host over a state folder and a folder of policies decides, and has written down what it decided when it answers.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "agentmesh-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	policy := `version: "1.0"
rules:
  - {name: no-pii-export, condition: action.type == 'export' and data.contains_pii, action: deny}
`
	if err := os.WriteFile(filepath.Join(dir, "example.yaml"), []byte(policy), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	state, err := host.OpenState(filepath.Join(dir, "state"))
	if err != nil {
		fmt.Println(err)
		return
	}
	config := host.DefaultConfig()
	config.Dirs.Policies = []string{filepath.Join(dir, "example.yaml")}
	h, err := host.Open(context.Background(), state, config, host.Options{Command: "example"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	request, err := abi.ReadRequest(`{"action":{"type":"export"},"data":{"note":"for ada@example.com"}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict := h.Decide(context.Background(), &request)
	fmt.Println(verdict.Decision, "by", verdict.Rule)
	// Output: deny by no-pii-export
}

func ExampleLoadConfig() {
	config, err := host.LoadConfig(host.Sources{Environ: []string{"AGENTMESH_LEDGER__MODE=os"}})
	fmt.Println(config.Ledger.Mode, config.Listen, err)
	_, err = host.LoadConfig(host.Sources{Environ: []string{"AGENTMESH_LEDGER__MOD=os"}})
	fmt.Println(err)
	// Output:
	// os 127.0.0.1:8470 <nil>
	// environment: unknown key "ledger.mod"; did you mean "ledger.mode"?
}
