//go:build race

package extism

// raced: guests run on one thread, and compiling them takes the race detector minutes.
const raced = true
