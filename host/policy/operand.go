package policy

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// roots are what a path can begin with. The last is known after the action alone.
var roots = [...]string{"agent", "action", "tool", "data", "resource", "context", resultRoot}

const resultRoot = "result"

// operand = path | literal | list | ( "len" | "lower" ) "(" operand ")" .
func (p *parser) operand() Operand {
	t := p.peek()
	switch {
	case t.is("[") || t.kind == tokenString || t.kind == tokenNumber || t.is("true", "false", "null"):
		return p.literal()
	case t.is("len", "lower") && p.after().is("("):
		return p.function()
	case t.kind == tokenWord && p.after().is("("):
		p.unknownFunction(t)
		return nil
	case t.kind == tokenWord && !slices.Contains(keywords[:], t.text):
		return p.path("")
	default:
		p.unexpected("a value")
		return nil
	}
}

func (p *parser) function() Operand {
	word := p.next()
	p.next()
	if !p.enter() {
		return nil
	}
	defer p.leave()
	x := p.operand()
	p.expect(")")
	if word.text == "len" {
		return &Len{Pos: p.pos(word.start), X: x}
	}
	return &Lower{Pos: p.pos(word.start), X: x}
}

// literal = string | number | "true" | "false" | "null" | list .
func (p *parser) literal() Operand {
	if p.peek().is("[") {
		return p.list()
	}
	t := p.next()
	x := &Literal{Pos: p.pos(t.start)}
	switch {
	case t.kind == tokenString:
		x.Value = abi.StringValue(t.text)
	case t.kind == tokenNumber:
		x.Value = p.number(t)
	case t.text == "null":
		x.Value = abi.NullValue()
	default:
		x.Value = abi.BoolValue(t.text == "true")
	}
	return x
}

// number is exact: a whole number beyond int64 is an error and not rounded. What has a fraction or an exponent is a float64.
func (p *parser) number(t token) abi.Value {
	if !strings.ContainsAny(t.text, ".eE") {
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			p.report(p.pos(t.start), "add .0 to compare with the nearest decimal", "%s does not fit 64 bits", t.text)
		}
		return abi.IntValue(n)
	}
	f, err := strconv.ParseFloat(t.text, 64)
	if errors.Is(err, strconv.ErrRange) {
		p.report(p.pos(t.start), "", "%s is too large for a decimal", t.text)
		return abi.IntValue(0)
	}
	return abi.FloatValue(f)
}

// list = "[" [ item { "," item } ] "]", an item being a literal or a path. It is a single literal if all items are.
func (p *parser) list() Operand {
	start := p.pos(p.next().start)
	if !p.enter() {
		return nil
	}
	defer p.leave()
	var items []Operand
	for !p.peek().is("]") {
		item := p.operand()
		if p.failed {
			return nil
		}
		items = append(items, item)
		if !p.accept(",") {
			break
		}
	}
	p.expect("]")
	return newList(start, items)
}

func newList(pos Pos, items []Operand) Operand {
	values := make([]abi.Value, len(items))
	for i, item := range items {
		literal, ok := item.(*Literal)
		if !ok {
			return &ListLiteral{Pos: pos, Items: items}
		}
		values[i] = literal.Value
	}
	return &Literal{Pos: pos, Value: abi.ListValue(values...)}
}

// path = name { "." name | "[" ( string | index ) "]" } . The function is the one that wants a path and nothing else, if any.
func (p *parser) path(function string) *Path {
	t := p.peek()
	if t.kind != tokenWord || slices.Contains(keywords[:], t.text) {
		if function != "" {
			p.fail(t, "name an attribute, like data.rows", "%s needs a path, not %s", function, t)
		} else {
			p.unexpected("a path")
		}
		return nil
	}
	p.next()
	x := &Path{Pos: p.pos(t.start)}
	if slices.Contains(p.vars, t.text) {
		x.Var = t.text
	} else {
		x.Steps = []abi.Step{{Name: t.text}}
	}
	for p.step(x) {
		if len(x.Steps) > maxSteps {
			p.fail(t, "", "a path of more than %d steps", maxSteps)
		}
	}
	if x.Var == "" {
		p.checkRoot(t, x)
	}
	return x
}

// step takes one more step of a path, if there is one.
func (p *parser) step(x *Path) bool {
	switch {
	case p.accept("."):
		t := p.next()
		if t.kind != tokenWord {
			p.fail(t, `other names are written data["x-y"]`, "a point must be followed by a name, not %s", t)
			return false
		}
		x.Steps = append(x.Steps, abi.Step{Name: t.text})
		if isRelation(t) && p.peek().is("(") {
			p.fail(t, "write data.text "+t.text+" 'x'", "%q is an operator, not a method", t.text)
		}
		return true
	case p.accept("["):
		x.Steps = append(x.Steps, p.bracketed())
		p.expect("]")
		return true
	default:
		return false
	}
}

func (p *parser) bracketed() abi.Step {
	t := p.next()
	if t.kind == tokenString {
		return abi.Step{Name: t.text}
	}
	n, err := strconv.ParseInt(t.text, 10, 64)
	if t.kind != tokenNumber || err != nil || n < 0 || n > maxIndex || !isDigit(t.text[0]) {
		p.fail(t, `write data["name"] or data.rows[0]`, "brackets hold a name in quotes or an index from 0, not %s", t)
		return abi.Step{}
	}
	return abi.Step{Index: int(n), IsIndex: true}
}

// checkRoot reports a path that begins with nothing there is.
func (p *parser) checkRoot(t token, x *Path) {
	switch known := p.roots(); {
	case p.failed || slices.Contains(known, t.text):
	case t.text == resultRoot:
		p.report(x.Pos, "add stage: post_tool to the rule", "result is not known before the action")
	case len(x.Steps) == 1 && constantSlip(t.text) != "":
		p.report(x.Pos, constantSlip(t.text), "unknown name %q", t.text)
	case suggest(t.text, append(known, p.vars...)) != "":
		p.report(x.Pos, didYouMean(t.text, append(known, p.vars...)), "unknown root %q", t.text)
	case len(x.Steps) == 1:
		p.report(x.Pos, "a string stands in quotes; a path begins with "+strings.Join(known, ", "), "unknown name %q", t.text)
	default:
		p.report(x.Pos, "a path begins with "+strings.Join(known, ", "), "unknown root %q", t.text)
	}
}

// roots are those that a path may begin with at this stage.
func (p *parser) roots() []string {
	if p.stage == PostTool {
		return slices.Clone(roots[:])
	}
	return slices.Clone(roots[:len(roots)-1])
}
