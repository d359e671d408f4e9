package sqlguard_test

import (
	"flag"
	"os"
	"testing"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

var update = flag.Bool("update", false, "write cases.json anew from cases.yaml")

// TestCasesAreOfToday fails when cases.json, from which cargo test runs the cases, is not what cases.yaml says.
func TestCasesAreOfToday(t *testing.T) {
	text := "[\n"
	for i, c := range cases(t) {
		if i > 0 {
			text += ",\n"
		}
		one := abi.AppendCases(nil, []abi.Case{c})
		text += string(one[1 : len(one)-1])
	}
	text += "\n]\n"
	if *update {
		if err := os.WriteFile("cases.json", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile("cases.json"); err != nil || string(have) != text {
		t.Errorf("cases.json is stale (%v): run go test ./plugins/sql-guard -run Today -update", err)
	}
}

func cases(t testing.TB) []abi.Case {
	t.Helper()
	text, err := os.ReadFile("cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cs, err := policy.ReadCases("cases.yaml", string(text))
	if err != nil {
		t.Fatal(err)
	}
	return cs
}
