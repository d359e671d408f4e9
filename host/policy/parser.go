package policy

import (
	"fmt"
	"slices"
)

// What a condition may measure at most. The depth counts parentheses, not, lists, functions and quantifiers within each other;
// quantifiers are held shorter because each level multiplies the work of deciding.
const (
	maxConditionBytes = 64 << 10
	maxTokens         = 8 << 10
	maxDepth          = 32
	maxQuantifiers    = 4
	maxSteps          = 32
	maxIndex          = 1<<31 - 1
)

// keywords cannot name a quantifier's variable. After a dot they are names like any other.
var keywords = [...]string{
	"and", "or", "not", "in", "contains", "startswith", "endswith", "matches",
	"exists", "len", "lower", "any", "all", "true", "false", "null",
}

// Scope says where a condition stands, which settles what it may name.
type Scope struct {
	// File names the file in errors; it may be empty.
	File string
	// Stage of the rule: result can be named at PostTool alone.
	Stage Stage
}

// ParseCondition reads and checks one condition; the grammar stands in the package comment. Positions in the tree and in
// errors count from the condition's own beginning. The error is of type Errors: the first violation of the grammar, or else
// everything that the checker found.
func ParseCondition(src string, scope Scope) (Expr, error) {
	d := newDocument(scope.File, src)
	if e := d.checkText(); e != nil {
		return nil, Errors{e}
	}
	var errs Errors
	x := parseCondition(src, scope.Stage, place{d.pos, func(pos Pos, hint, message string) {
		errs = append(errs, d.errorAt(pos, hint, "%s", message))
	}})
	if err := errs.sorted(); err != nil {
		return nil, err
	}
	return x, nil
}

// place ties a text to the file it stands in: where its bytes are, and who hears what is wrong with it.
type place struct {
	pos  func(offset int) Pos
	tell func(pos Pos, hint, message string)
}

func (in place) report(pos Pos, hint, format string, args ...any) {
	in.tell(pos, hint, fmt.Sprintf(format, args...))
}

// parser reads a condition by recursive descent. The first violation of the grammar is kept and turns what follows into the
// end of the condition, so that every loop comes to its end by itself; the tree is worthless then.
type parser struct {
	place
	stage  Stage
	tokens []token
	at     int
	depth  int
	// vars are the quantifiers' variables in sight, the innermost last.
	vars   []string
	failed bool
}

// parseCondition reports what is wrong and returns nil, or returns a checked condition.
func parseCondition(src string, stage Stage, in place) Expr {
	if len(src) > maxConditionBytes {
		in.report(in.pos(0), "split the rule", "a condition of more than %d bytes", maxConditionBytes)
		return nil
	}
	p := newParser(src, stage, in)
	if p.peek().kind == tokenEnd {
		p.fail(p.peek(), "leave condition out if the rule always applies", "the condition is empty")
	}
	x := p.disjunction()
	if p.peek().kind != tokenEnd {
		p.unexpected("")
	}
	if p.failed {
		return nil
	}
	checker{in}.expr(x)
	return x
}

func newParser(src string, stage Stage, in place) *parser {
	p := &parser{place: in, stage: stage}
	tokens, err := lex(src)
	if err != nil {
		in.report(in.pos(err.offset), err.hint, "%s", err.message)
		p.failed = true
		tokens = []token{{}}
	}
	p.tokens = tokens
	return p
}

// peek is the token to come; the end is never passed.
func (p *parser) peek() token { return p.tokens[p.at] }

// after is the token behind the one to come.
func (p *parser) after() token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	p.at = min(p.at+1, len(p.tokens)-1)
	return t
}

// accept takes the token to come if it is one of these.
func (p *parser) accept(texts ...string) bool {
	if !p.peek().is(texts...) {
		return false
	}
	p.next()
	return true
}

// expect takes the token to come, which must be this one.
func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.unexpected(fmt.Sprintf("%q", text))
	}
}

// fail reports a violation of the grammar at a token, once, and gives up the rest.
func (p *parser) fail(t token, hint, format string, args ...any) {
	if !p.failed {
		p.report(p.pos(t.start), hint, format, args...)
	}
	p.failed = true
	p.at = len(p.tokens) - 1
}

// enter counts a level of nesting; leave counts it back.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > maxDepth {
		p.fail(p.peek(), "split the rule", "nested more than %d deep", maxDepth)
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// disjunction = conjunction { ( "or" | "||" ) conjunction } .
func (p *parser) disjunction() Expr { return p.joined(Or, p.conjunction, "or", "||") }

// conjunction = negation { ( "and" | "&&" ) negation } .
func (p *parser) conjunction() Expr { return p.joined(And, p.negation, "and", "&&") }

func (p *parser) joined(op LogicalOp, kid func() Expr, words ...string) Expr {
	start := p.pos(p.peek().start)
	first := kid()
	if !p.peek().is(words...) {
		return first
	}
	x := &Logical{Pos: start, Op: op, Kids: []Expr{first}}
	for p.accept(words...) {
		x.Kids = append(x.Kids, kid())
	}
	return x
}

// negation = ( "not" | "!" ) negation | predicate .
func (p *parser) negation() Expr {
	start := p.pos(p.peek().start)
	if !p.accept("not", "!") {
		return p.predicate()
	}
	if !p.enter() {
		return nil
	}
	defer p.leave()
	return &Not{Pos: start, X: p.negation()}
}

// predicate = "(" disjunction ")" | existence | quantifier | operand [ relation ] .
func (p *parser) predicate() Expr {
	t := p.peek()
	called := p.after().is("(")
	switch {
	case t.is("("):
		return p.group()
	case called && t.is("exists"):
		return p.existence()
	case called && t.is("any", "all"):
		return p.quantifier()
	}
	left := p.operand()
	if p.failed {
		return nil
	}
	x := p.relation(left)
	if x == nil {
		return p.bare(t, left)
	}
	if t := p.peek(); isRelation(t) {
		p.fail(t, "compare twice and join with and: a < b and b < c", "a comparison cannot be compared again")
	}
	return x
}

func (p *parser) group() Expr {
	open := p.next()
	if !p.enter() {
		return nil
	}
	defer p.leave()
	x := p.disjunction()
	p.expect(")")
	if t := p.peek(); isRelation(t) {
		p.fail(open, "parentheses hold whole conditions: leave them out around a value, and join conditions with and, or, not",
			"a condition in parentheses has no value to compare")
	}
	return x
}

// existence = "exists" "(" path ")" .
func (p *parser) existence() Expr {
	x := &Exists{Pos: p.pos(p.next().start)}
	p.next()
	x.Path = p.path("exists")
	p.expect(")")
	return x
}

// quantifier = ( "any" | "all" ) "(" name "in" path "," disjunction ")" .
func (p *parser) quantifier() Expr {
	word := p.next()
	p.next()
	if !p.enter() {
		return nil
	}
	defer p.leave()
	x := &Quantifier{Pos: p.pos(word.start), All: word.text == "all", Var: p.variable(word)}
	if !p.accept("in") {
		p.unexpected(`"in"`)
	}
	x.Over = p.path(word.text)
	p.expect(",")
	p.vars = append(p.vars, x.Var)
	x.Body = p.disjunction()
	p.vars = p.vars[:len(p.vars)-1]
	p.expect(")")
	return x
}

// variable takes the name a quantifier gives to each item.
func (p *parser) variable(quantifier token) string {
	t := p.next()
	switch {
	case t.kind != tokenWord:
		p.fail(t, "write "+quantifier.text+"(x in data.list, x == 'a')", "%s needs a name for each item, not %s", quantifier.text, t)
	case slices.Contains(keywords[:], t.text):
		p.fail(t, "choose another name", "%q is a word of the language", t.text)
	case slices.Contains(roots[:], t.text):
		p.fail(t, "choose another name", "%q is a root of the request", t.text)
	case slices.Contains(p.vars, t.text):
		p.fail(t, "choose another name", "%q already names the items of the list around", t.text)
	case len(p.vars) == maxQuantifiers:
		p.fail(t, "split the rule", "any and all nested more than %d deep", maxQuantifiers)
	}
	return t.text
}
