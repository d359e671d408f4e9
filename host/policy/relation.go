package policy

import (
	"slices"
	"unicode/utf8"

	"agentmesh/pdk/abi"
)

// relation = comparison | membership | textual | match, after its left operand; nil if there is none.
func (p *parser) relation(left Operand) Expr {
	t := p.peek()
	pos := left.Position()
	switch {
	case t.is(compareSymbols[:]...):
		p.next()
		return &Compare{Pos: pos, Op: CompareOp(slices.Index(compareSymbols[:], t.text)), L: left, R: p.operand()}
	case t.is(textWords[:]...):
		p.next()
		return &Text{Pos: pos, Op: TextOp(slices.Index(textWords[:], t.text)), L: left, R: p.operand()}
	case t.is("in"):
		p.next()
		return &In{Pos: pos, L: left, R: p.operand()}
	case t.is("not") && p.after().is("in"):
		p.next()
		p.next()
		return &In{Pos: pos, L: left, R: p.operand(), Negated: true}
	case t.is("matches"):
		p.next()
		return &Matches{Pos: pos, L: left, Pattern: p.pattern()}
	default:
		return nil
	}
}

// How comparisons and textual relations are written, by their operators.
var (
	compareSymbols = [...]string{Eq: "==", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">="}
	textWords      = [...]string{Contains: "contains", StartsWith: "startswith", EndsWith: "endswith"}
)

func isRelation(t token) bool {
	return t.is(compareSymbols[:]...) || t.is(textWords[:]...) || t.is("in", "matches")
}

// pattern takes a regular expression, which has to be known when the policy is compiled, and checks its syntax.
func (p *parser) pattern() string {
	t := p.peek()
	if t.kind != tokenString {
		p.fail(t, `write matches '^/etc/'`, "matches needs a regular expression in quotes, not %s", t)
		return ""
	}
	p.next()
	if reason := badPattern(t.text); reason != "" {
		p.report(p.pos(t.start), "the syntax is RE2's: no look-around, no back-references", "bad regular expression: %s", reason)
	}
	return t.text
}

// bare makes a condition of an operand that nothing is compared with.
func (p *parser) bare(t token, x Operand) Expr {
	switch x := x.(type) {
	case *Path:
		return &Truth{Pos: x.Pos, Path: x}
	case *Literal:
		if b, ok := x.Value.Bool(); ok {
			return &Constant{Pos: x.Pos, Value: b}
		}
	}
	if next := p.peek(); next.kind != tokenEnd && !next.is("and", "or", "&&", "||", ")", ",") {
		p.unexpected("a comparison")
		return nil
	}
	p.fail(t, bareHint(x), "%s is no condition", describe(x))
	return nil
}

func bareHint(x Operand) string {
	if l, ok := x.(*Literal); ok && l.Value.Kind() == abi.String && utf8.RuneCountInString(l.Value.Text()) > 8 {
		return "if the quotes stand around the whole condition, there is one pair too many"
	}
	return "compare it with something"
}
