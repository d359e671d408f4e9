package policy

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"agentmesh/pdk/abi"
)

// unexpected reports the token to come, where something else had to stand, with the likeliest mend.
func (p *parser) unexpected(want string) {
	t := p.peek()
	hint := p.slip(t, want)
	if want == "" {
		p.fail(t, hint, "unexpected %s", t)
		return
	}
	p.fail(t, hint, "expected %s, not %s", want, t)
}

// slip guesses what was meant by a token that does not fit where it stands.
func (p *parser) slip(t token, want string) string {
	after := p.after()
	switch {
	case t.is("not") && isRelation(after):
		return fmt.Sprintf("write not (data.x %s …)", after.text)
	case t.is("exists", "len", "lower", "any", "all"):
		return fmt.Sprintf("%s is followed by a parenthesis", t.text)
	case t.kind == tokenWord:
		return wordSlip(t.text)
	case t.kind == tokenNumber && strings.ContainsAny(t.text[:1], "+-"):
		return "there is no arithmetic in conditions"
	case t.is(")") && want == "":
		return "no parenthesis is open here"
	case want == `")"`:
		return "close the parenthesis"
	case t.kind == tokenString:
		return "join values with ==, in, contains, and conditions with and, or"
	default:
		return ""
	}
}

// wordSlip guesses which word of the language was meant.
func wordSlip(word string) string {
	switch strings.ToLower(word) {
	case "is", "eq", "equals":
		return "write =="
	case "ne":
		return "write !="
	case "lt", "gt", "le", "ge", "lte", "gte":
		return "write <, <=, > or >="
	case "like", "regex", "regexp", "match":
		return "write matches"
	case "includes", "has", "contain":
		return "write contains"
	}
	if near := suggest(word, keywords[:]); near != "" {
		return "did you mean " + near + "?"
	}
	return "a string stands in quotes"
}

// constantSlip is how a constant is written that another language writes so.
func constantSlip(word string) string {
	switch word = strings.ToLower(word); word {
	case "true", "false", "null":
		return "write " + word
	case "none", "nil", "undefined":
		return "write null, or not exists(…)"
	default:
		return ""
	}
}

// unknownFunction reports a name with a parenthesis that is no function.
func (p *parser) unknownFunction(t token) {
	functions := []string{"exists", "len", "lower", "any", "all"}
	hint := ""
	switch strings.ToLower(t.text) {
	case "size", "length", "count":
		hint = "write len(…)"
	case "has", "defined":
		hint = "write exists(…)"
	case "lowercase", "tolower", "downcase":
		hint = "write lower(…)"
	default:
		hint = didYouMean(t.text, functions)
	}
	if isRelation(t) {
		hint = fmt.Sprintf("write data.x %s …", t.text)
	}
	p.fail(t, hint, "unknown function %q", t.text)
}

// badPattern says what is wrong with a regular expression, or nothing.
func badPattern(pattern string) string {
	_, err := syntax.Parse(pattern, PatternFlags)
	if err == nil {
		return ""
	}
	if e, ok := err.(*syntax.Error); ok {
		return fmt.Sprintf("%s: %s", e.Code, quote(e.Expr))
	}
	return err.Error()
}

// PatternFlags is how matches reads a regular expression: RE2's syntax with Perl's classes, ^ and $ for the whole text.
const PatternFlags = syntax.Perl

// describe names an operand by what is known of it.
func describe(x Operand) string {
	switch x := x.(type) {
	case *Path:
		return formatOperand(x)
	case *Len:
		return "len(…), a number,"
	case *Lower:
		return "lower(…), a string,"
	case *Literal:
		if slices.Contains([]abi.Kind{abi.List, abi.String}, x.Value.Kind()) {
			return "a " + x.Value.Kind().String()
		}
		return formatOperand(x)
	default:
		return "a list"
	}
}
