package main

import "fmt"

// kind is what an expression does.
type kind int

const (
	and kind = iota
	or
	not
	equals   // a string equals another
	oneOf    // a string is one of several
	number   // a number compared with a constant
	numbers  // a number compared with another
	boolean  // a boolean
	contains // a string holds another
	prefix   // a string begins with another
	holds    // a list holds a string
)

// expr is one condition, before it is said in any engine's language.
type expr struct {
	kind   kind
	path   string
	op     string
	words  []string
	number float64
	other  string
	kids   []*expr
}

func all(kids ...*expr) *expr              { return &expr{kind: and, kids: kids} }
func either(kids ...*expr) *expr           { return &expr{kind: or, kids: kids} }
func no(kid *expr) *expr                   { return &expr{kind: not, kids: []*expr{kid}} }
func eq(path, s string) *expr              { return &expr{kind: equals, path: path, words: []string{s}} }
func in(path string, ss ...string) *expr   { return &expr{kind: oneOf, path: path, words: ss} }
func num(path, op string, n float64) *expr { return &expr{kind: number, path: path, op: op, number: n} }

func nums(path, op, other string) *expr {
	return &expr{kind: numbers, path: path, op: op, other: other}
}
func truth(path string) *expr        { return &expr{kind: boolean, path: path} }
func substring(path, s string) *expr { return &expr{kind: contains, path: path, words: []string{s}} }

func begins(path, s string) *expr { return &expr{kind: prefix, path: path, words: []string{s}} }

func has(path, s string) *expr { return &expr{kind: holds, path: path, words: []string{s}} }

func outsideOffice() *expr { return either(num("data.hour", "<", 6), num("data.hour", ">", 22)) }
func approved() *expr      { return truth("data.human_approved") }

// baseRules are ten rules of the kinds that people write for agents.
func baseRules() []*expr {
	return []*expr{
		num("agent.trust_score", "<", 30),
		in("data.tool", "shell.exec", "fs.delete", "db.drop", "iam.grant"),
		all(eq("data.env", "prod"), in("data.method", "DELETE", "PUT"), no(has("agent.roles", "admin"))),
		all(no(begins("data.url", "https://api.internal.example/")), no(begins("data.url", "https://api.partner.example/"))),
		all(num("data.amount", ">", 10000), no(approved())),
		nums("data.tokens_used", ">", "data.token_budget"),
		either(has("data.tags", "secret"), all(has("data.tags", "pii"), has("data.tags", "export"), no(approved()))),
		all(eq("data.env", "prod"), has("agent.roles", "deployer"), outsideOffice()),
		either(substring("data.args.path", ".."), begins("data.args.path", "/etc")),
		no(begins("data.ip", "10.")),
	}
}

// rulesFor is n rules: the base, then more of ten kinds that differ in their constants, as a long list of a company's
// services would.
func rulesFor(n int) []*expr {
	rules := baseRules()
	for j := len(rules); j < n; j++ {
		rules = append(rules, serviceRule(j))
	}
	return rules[:n]
}

func serviceRule(j int) *expr {
	name := func(format string) string { return fmt.Sprintf(format, j) }
	switch j % 10 {
	case 0:
		return all(eq("data.tool", name("svc%d.write")), num("data.amount", ">", float64(100+j)), no(approved()))
	case 1:
		return all(in("data.tool", name("svc%d.create"), name("svc%d.update"), name("svc%d.remove")), eq("data.env", "prod"))
	case 2:
		return all(eq("action.type", name("act.%d")), num("agent.trust_score", "<", 50))
	case 3:
		return all(eq("data.tool", name("svc%d.read")), begins("data.args.path", name("/data/%d/")))
	case 4:
		return substring("data.args.path", name("/secret%d/"))
	case 5:
		return all(eq("data.tool", name("svc%d.exec")), outsideOffice())
	case 6:
		return all(eq("action.type", name("act.%d")), in("data.method", "DELETE", "PUT"), no(has("agent.roles", "admin")))
	case 7:
		return begins("data.url", name("https://evil%d.example/"))
	case 8:
		return all(eq("data.tool", name("svc%d.pay")), num("data.amount", ">", 500))
	default:
		return all(eq("data.env", name("stage%d")), num("data.tokens_used", ">", 1000))
	}
}
