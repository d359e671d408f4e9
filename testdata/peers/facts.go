package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// facts are what the rules read, as a program would hold them.
type facts struct {
	Agent  agentFacts  `json:"agent"`
	Action actionFacts `json:"action"`
	Data   dataFacts   `json:"data"`
}

type agentFacts struct {
	ID         string   `json:"name"`
	Team       string   `json:"team"`
	Roles      []string `json:"roles"`
	TrustScore int      `json:"trust_score"`
}

type actionFacts struct {
	Type string `json:"type"`
}

type dataFacts struct {
	Tool          string   `json:"tool"`
	Method        string   `json:"method"`
	URL           string   `json:"url"`
	Amount        float64  `json:"amount"`
	Env           string   `json:"env"`
	Hour          int      `json:"hour"`
	Args          argFacts `json:"args"`
	Tags          []string `json:"tags"`
	TokensUsed    int      `json:"tokens_used"`
	TokenBudget   int      `json:"token_budget"`
	IP            string   `json:"ip"`
	HumanApproved bool     `json:"human_approved"`
}

type argFacts struct {
	Path      string `json:"path"`
	Recursive bool   `json:"recursive"`
}

// quietFacts match no rule.
func quietFacts() facts {
	return facts{
		Agent:  agentFacts{ID: "agent-7f3a91", Team: "payments", Roles: []string{"reader", "deployer"}, TrustScore: 72},
		Action: actionFacts{Type: "tool.invoke"},
		Data: dataFacts{
			Tool: "http.fetch", Method: "POST", URL: "https://api.internal.example/v1/orders/123", Amount: 1250.5,
			Env: "prod", Hour: 14, Args: argFacts{Path: "/srv/data/report.csv"}, Tags: []string{"pii", "export"},
			TokensUsed: 18234, TokenBudget: 50000, IP: "10.1.2.3", HumanApproved: true,
		},
	}
}

// matchingFacts match one rule in the middle of n, and the rule's index.
func matchingFacts(n int) (facts, int) {
	f := quietFacts()
	switch {
	case n < 6:
		f.Agent.TrustScore = 10
		return f, 0
	case n < 100:
		f.Data.TokensUsed = 60000
		return f, 5
	default:
		f.Data.Tool = fmt.Sprintf("svc%d.pay", n/2+8)
		return f, n/2 + 8
	}
}

// randomFacts wander about what n rules look at, so that every kind of rule matches now and then.
func randomFacts(r *rand.Rand, n int) facts {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	j := r.IntN(n+1) / 10 * 10
	name := func(format string, kind int) string { return fmt.Sprintf(format, j+kind) }
	f := quietFacts()
	if r.IntN(2) == 0 {
		f.Agent.TrustScore = r.IntN(100)
	}
	f.Data.Tool = pick("http.fetch", name("svc%d.write", 0), name("svc%d.update", 1), name("svc%d.read", 3),
		name("svc%d.exec", 5), name("svc%d.pay", 8), "db.drop")
	f.Action.Type = pick("tool.invoke", name("act.%d", 2), name("act.%d", 6))
	f.Data.Method = pick("POST", "PUT", "DELETE")
	f.Data.Env = pick("prod", "dev", name("stage%d", 9))
	f.Data.Hour = r.IntN(24)
	f.Data.Amount = float64(r.IntN(2000))
	f.Data.HumanApproved = r.IntN(2) == 0
	f.Agent.Roles = []string{pick("reader", "admin"), pick("deployer", "writer")}[:r.IntN(3)]
	f.Data.Args.Path = pick("/srv/x", "", "/s", "/etc/x", "/a/../b", name("/data/%d/x", 3), name("/x/secret%d/", 4), name("/x/secret%d", 4))
	f.Data.Tags = []string{pick("pii", "secret", "x"), "export"}[:r.IntN(3)]
	f.Data.URL = pick("https://api.internal.example/a", "https://api.partner.example/", name("https://evil%d.example/q", 7))
	f.Data.TokensUsed = pickInt(r, 500, 18234, 60000)
	f.Data.IP = pick("10.1.2.3", "10.9.9.9", "192.0.2.1")
	return f
}

func pickInt(r *rand.Rand, ns ...int) int { return ns[r.IntN(len(ns))] }

// asJSON is the facts as they come over a wire.
func (f *facts) asJSON() string {
	b, err := json.Marshal(f)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return string(b)
}

// asMap is the facts as encoding/json decodes them.
func (f *facts) asMap() map[string]any {
	var m map[string]any
	if err := json.Unmarshal([]byte(f.asJSON()), &m); err != nil {
		panic(err) // written a line before
	}
	return m
}
