// Command trust-reward is a reward function: what an agent's trust score gains or loses by one action, from the verdict and
// the outcome. README.md says by how much.
package main

import (
	_ "embed"

	pdk "agentmesh/pdk/go"
)

//go:embed rules.json
var shipped string

var plugin = pdk.RewardWith(tableOf, reward)

//go:wasmexport score
func score() int32 { return plugin.Score() }

func main() {}
