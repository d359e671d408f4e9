//go:build !race

package main_test

// raceFlag builds the commands as the tests are built.
const raceFlag = "-race=false"
