//go:build race

package wasm_test

// race reports whether the race detector is on, under which wazero takes ten times as long.
const race = true
