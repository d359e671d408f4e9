// Command pii-guard is a policy: what the host found in an action's arguments, personal data and credentials, is judged by
// what it is, where it goes, what for, and who sends it. It finds nothing itself. README.md says what it can be told.
package main

import (
	_ "embed"

	pdk "agentmesh/pdk/go"
)

//go:embed rules.json
var shipped string

var plugin = pdk.PolicyWith(tableOf, decide)

//go:wasmexport evaluate
func evaluate() int32 { return plugin.Evaluate() }

func main() {}
