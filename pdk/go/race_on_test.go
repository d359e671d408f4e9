//go:build race

package pdk_test

// raced says that the race detector watches: it makes compiling modules ten times slower and cannot look into them.
const raced = true
