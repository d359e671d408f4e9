//go:build race

package sqlguard_test

// raced: guests run on one thread, and compiling them takes the race detector minutes.
const raced = true
