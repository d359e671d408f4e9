//go:build !race

package sandbox_test

// race reports whether the race detector is on.
const race = false
