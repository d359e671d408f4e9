// Package pdktest runs a plugin's cases natively, as part of go test:
//
//	func TestCases(t *testing.T) { pdktest.Policy(t, plugin, "cases.json") }
//
// cases.json is what agentmesh plugin test writes from cases.yaml; its shape is that of abi.Case, for reward plugins that
// of abi.ScoreCase. What runs is the plugin's own code behind the kit's reading and writing of messages; that the built
// module answers the same is what agentmesh plugin test shows.
//
// Where the environment names a file by AnswersTo, the answers are written there as well, for whoever holds those of the
// module against them byte by byte: a list of {"name","answer"}.
package pdktest

import (
	"os"
	"testing"

	"agentmesh/pdk/abi"
	pdk "agentmesh/pdk/go"
)

// AnswersTo is the environment variable with the file that answers are written to.
const AnswersTo = "PDKTEST_ANSWERS"

// Policy runs the file's cases, each as a subtest of its name.
func Policy(t *testing.T, p *pdk.PolicyPlugin, file string) {
	t.Helper()
	cases, err := abi.ReadCases(text(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	some(t, file, len(cases))
	var answers []answer
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name, func(t *testing.T) {
			fs, err := Findings(p, &c.Request, c.Settings)
			report(t, c.Want.Differences(fs), err)
			answers = append(answers, answer{c.Name, abi.AppendFindings(nil, fs)})
		})
	}
	record(t, answers)
}

// Reward runs the file's cases, each as a subtest of its name.
func Reward(t *testing.T, p *pdk.RewardPlugin, file string) {
	t.Helper()
	cases, err := abi.ReadScoreCases(text(t, file))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	some(t, file, len(cases))
	var answers []answer
	for i := range cases {
		c := &cases[i]
		t.Run(c.Name, func(t *testing.T) {
			s, err := Score(p, &c.Request, c.Settings)
			report(t, c.Want.Differences(&s), err)
			answers = append(answers, answer{c.Name, abi.AppendScore(nil, &s)})
		})
	}
	record(t, answers)
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

// answer is what a plugin said to a case.
type answer struct {
	name string
	text []byte
}

func record(t *testing.T, answers []answer) {
	t.Helper()
	file := os.Getenv(AnswersTo)
	if file == "" {
		return
	}
	list := make([]abi.Value, len(answers))
	for i, a := range answers {
		list[i] = abi.ObjectValue(abi.Member{Name: "name", Value: abi.StringValue(a.name)}, abi.Member{Name: "answer", Value: abi.StringValue(string(a.text))})
	}
	if err := os.WriteFile(file, abi.AppendJSON(nil, abi.ListValue(list...)), 0o600); err != nil {
		t.Fatal(err)
	}
}
