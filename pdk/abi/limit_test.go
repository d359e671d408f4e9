package abi_test

import (
	"testing"

	"agentmesh/pdk/abi"
)

func TestParseLimit(t *testing.T) {
	for _, text := range []string{
		"", "/", "100", "/hour", "100/", "100/hours", "100/Hour", "+5/hour", "-5/hour", " 5/hour", "5 /hour", "5/ hour", "0x5/hour", "1_000/hour", "5.0/hour",
		"5/hour/hour", "9223372036854775808/hour", "٥/hour",
	} {
		if n, w, ok := abi.ParseLimit(text); ok {
			t.Errorf("%q is read as %d in %d s", text, n, w)
		}
	}
	for text, want := range map[string][2]int64{
		"0/second": {0, 1}, "1/minute": {1, 60}, "100/hour": {100, 3600}, "007/day": {7, 86400}, "9223372036854775807/day": {1<<63 - 1, 86400},
	} {
		if n, w, ok := abi.ParseLimit(text); !ok || n != want[0] || w != want[1] {
			t.Errorf("%q is read as %d in %d s, %v", text, n, w, ok)
		}
	}
}
