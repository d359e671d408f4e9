//go:build !race

package release_test

// race reports whether the race detector is on.
const race = false
