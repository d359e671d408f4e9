// Package pdk is what a plugin in Go is written with. A plugin decides and does nothing else: it is a pure function of
// the request and its settings, without clock, randomness, files, network, or memory of earlier calls.
//
// # A policy
//
//	// Command no-exports is a plugin.
//	package main
//
//	import pdk "agentmesh/pdk/go"
//
//	var plugin = pdk.Policy(decide)
//
//	//go:wasmexport evaluate
//	func evaluate() int32 { return plugin.Evaluate() }
//
//	func main() {}
//
//	func decide(q *pdk.Request, a *pdk.Answer) {
//		if q.ActionType() == "export" && q.Data.Get("contains_pii").IsTrue() {
//			a.Deny("no-pii-export", "personal data stays here")
//		}
//	}
//
// It is built with standard Go, GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared, or with TinyGo, tinygo build
// -target=wasip1 -buildmode=c-shared. On the author's own machine the same package is an ordinary program: go test tests
// it (package pdktest runs its cases).
//
// A plugin that says nothing abstains. Where it speaks, any deny wins, then require_approval, then allow; warn and log are
// recorded and decide nothing. A fact that is not known is missing from the request (Value.Exists), which must never help
// the caller: a rule that allows asks for what it wants to see, and not for the absence of what it fears.
//
// # Settings
//
// PolicyWith and RewardWith take a function that reads the settings, which the host has checked against the manifest's
// JSON Schema; it runs once per instance, before the first decision. Its error fails every call, and a judge that fails
// denies. A plugin without need for that finds them in Request.Settings.
//
// # Memory
//
// Request, its values and its strings are read in place and are good until the handler returns; so is what Answer.Join
// makes. A handler that keeps to them allocates nothing. The host puts a plugin's memory back after every call, so nothing
// kept in a variable is there at the next one; under other hosts the kit collects garbage from time to time.
//
// # Failing
//
// A handler that panics traps, and an input that is no request is answered with an error: to the host both are a deny.
//
// # On the wire
//
// The ABI is Extism's (imports of extism:host/env, used: input_length, input_load_u64, input_load_u8, alloc, length,
// load_u64, load_u8, store_u64, store_u8, output_set, error_set, config_get, and for logs get_log_level and log_*; what a
// plugin does not use it does not import); under agentmesh's own host, input and answer go by the export agentmesh_mailbox
// instead, which is quicker. The messages are those of agentmesh/pdk/abi, as JSON. An export returns 0, or
// 1 with an error set.
package pdk
