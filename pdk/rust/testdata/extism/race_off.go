//go:build !race

package extism

const raced = false
