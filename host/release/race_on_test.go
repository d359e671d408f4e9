//go:build race

package release_test

// race reports whether the race detector is on, under which a signature takes twenty times as long.
const race = true
