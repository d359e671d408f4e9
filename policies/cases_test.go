package policies_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

// TestShippedCases runs the cases beside every shipped policy, and holds that every rule of a policy is reached by one.
func TestShippedCases(t *testing.T) {
	for _, name := range policies.Presets() {
		t.Run(name, func(t *testing.T) {
			cases, err := policies.PresetCases(name)
			if err != nil {
				t.Fatal(err)
			}
			runCases(t, presetName(name), name+".cases.yaml", string(cases))
		})
	}
	files, err := filepath.Glob("example/*.cases.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases beside the examples: %v", err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			cases, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			runCases(t, strings.Replace(file, ".cases.yaml", ".yaml", 1), file, string(cases))
		})
	}
}

func runCases(t *testing.T, name, file, text string) {
	j := load(t, name)
	cases, err := policy.ReadCases(file, text)
	if err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	for _, c := range cases {
		v := j.verdict(t, &c.Request)
		for _, f := range j.out.Findings {
			reached[f.Rule] = true
		}
		if difference := compare(c.Want, v); difference != "" {
			t.Errorf("%s: %s", c.Name, difference)
		}
	}
	for _, r := range j.policy.Rules {
		if !reached[r.Name] && len(r.Redact) == 0 {
			t.Errorf("no case reaches the rule %s", r.Name)
		}
	}
}

func compare(want abi.Want, got abi.Verdict) string {
	switch {
	case got.Decision != want.Decision:
		return "got " + got.Decision.String() + " by " + got.Rule + ", want " + want.Decision.String() + " by " + want.Rule
	case want.Rule != "" && got.Rule != want.Rule:
		return "got rule " + got.Rule + ", want " + want.Rule
	case want.Code != "" && got.Code != want.Code:
		return "got code " + string(got.Code) + ", want " + string(want.Code)
	}
	for _, w := range want.Warnings {
		if !slices.ContainsFunc(got.Warnings, func(s string) bool { return warns(s, w) }) {
			return "got warnings " + strings.Join(got.Warnings, "; ") + ", want " + w
		}
	}
	return ""
}

// warns reports whether a warning is the rule's.
func warns(warning, rule string) bool {
	return strings.Contains(warning+":", " "+rule+":")
}
