// Package e2e proves `agentmesh proxy` from outside: the built command stands before published MCP servers, real clients
// talk through it, and what they see, what is on the disk afterwards and what the ledger says is compared.
//
//	make e2e                             # what make test runs of it
//	go run ./measure                     # what the proxy costs beside the bare server
//	SOAK=1 go test -run Soak -timeout 2h # memory over a million messages
//
// It imports nothing of AgentMesh, and is a module of its own, so that neither the SDK nor a server stands in AgentMesh's
// go.mod. The servers come from npm and PyPI at the versions, and with the hashes, that servers/ locks, into .tools/e2e of
// the checkout. What cannot be installed is skipped with a word on why, but in continuous integration (CI set), where it
// fails.
package e2e
