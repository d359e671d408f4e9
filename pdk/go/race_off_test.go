//go:build !race

package pdk_test

const raced = false
