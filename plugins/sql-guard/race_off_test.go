//go:build !race

package sqlguard_test

const raced = false
