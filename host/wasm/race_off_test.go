//go:build !race

package wasm_test

// race reports whether the race detector is on.
const race = false
