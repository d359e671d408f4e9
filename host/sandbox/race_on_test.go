//go:build race

package sandbox_test

// race reports whether the race detector is on, under which wazero takes ten times as long and a process a second to start.
const race = true
