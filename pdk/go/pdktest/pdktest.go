// Package pdktest runs a plugin's cases natively, as part of go test:
//
//	func TestCases(t *testing.T) { pdktest.Policy(t, plugin, "cases.json") }
//
// cases.json is what agentmesh plugin test writes from cases.yaml; its shape is that of abi.Case, for reward plugins that
// of abi.ScoreCase. What runs is the plugin's own code behind the kit's reading and writing of messages; that the built
// module answers the same is what agentmesh plugin test shows.
package pdktest

import (
	"os"
	"testing"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// Policy runs the file's cases, each as a subtest of its name.
func Policy(t *testing.T, p *pdk.PolicyPlugin, file string) {
	t.Helper()
	cases, err := abi.ReadCases(text(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	some(t, file, len(cases))
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name, func(t *testing.T) {
			fs, err := Findings(p, &c.Request, c.Settings)
			report(t, c.Want.Differences(fs), err)
		})
	}
}

// Reward runs the file's cases, each as a subtest of its name.
func Reward(t *testing.T, p *pdk.RewardPlugin, file string) {
	t.Helper()
	cases, err := abi.ReadScoreCases(text(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	some(t, file, len(cases))
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name, func(t *testing.T) {
			s, err := Score(p, &c.Request, c.Settings)
			report(t, c.Want.Differences(&s), err)
		})
	}
}

// Findings is what a policy answers to a request, with the settings or, where these are missing, none. An answer that the
// host would not take is an error.
func Findings(p *pdk.PolicyPlugin, q *abi.Request, settings abi.Value) ([]abi.Finding, error) {
	out, err := p.Native(abi.AppendRequest(nil, q), Settings(settings))
	if err != nil {
		return nil, err
	}
	return abi.ReadFindings(string(out))
}

// Score is what a reward plugin answers to a score request, as Findings is what a policy answers.
func Score(p *pdk.RewardPlugin, q *abi.ScoreRequest, settings abi.Value) (abi.Score, error) {
	out, err := p.Native(abi.AppendScoreRequest(nil, q), Settings(settings))
	if err != nil {
		return abi.Score{}, err
	}
	return abi.ReadScore(string(out))
}

// Settings are settings as a host hands them over: JSON, or empty where they are missing.
func Settings(v abi.Value) string {
	if !v.Exists() {
		return ""
	}
	return string(abi.AppendJSON(nil, v))
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the cases: %v (agentmesh plugin test writes them from cases.yaml)", err)
	}
	return string(b)
}

func some(t *testing.T, file string, n int) {
	t.Helper()
	if n == 0 {
		t.Fatalf("%s holds no cases", file)
	}
}

func report(t *testing.T, problems []string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}
