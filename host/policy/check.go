package policy

import (
	"agentmesh/pdk/abi"
)

// checker finds what a condition says with literals alone that cannot be meant: a comparison that is false or indeterminate
// whatever the request holds. Paths may hold anything and are never blamed.
type checker struct{ place }

func (c checker) expr(e Expr) {
	switch e := e.(type) {
	case *Logical:
		for _, kid := range e.Kids {
			c.expr(kid)
		}
	case *Not:
		c.expr(e.X)
	case *Compare:
		c.compare(e)
	case *In:
		c.in(e)
	case *Text:
		c.text(e)
	case *Matches:
		c.operand(e.L)
		c.want(e.L, "matches searches strings", abi.String)
	case *Quantifier:
		c.expr(e.Body)
	}
}

// compare wants two of a kind, and for an order numbers or strings.
func (c checker) compare(e *Compare) {
	c.operand(e.L)
	c.operand(e.R)
	if e.Op != Eq && e.Op != Ne {
		hint := compareSymbols[e.Op] + " orders numbers, or strings"
		if !c.want(e.L, hint, abi.String, abi.Float) || !c.want(e.R, hint, abi.String, abi.Float) {
			return
		}
	}
	l, r := kindOf(e.L), kindOf(e.R)
	if l != r && l != abi.Missing && r != abi.Missing {
		c.report(e.R.Position(), "write both as numbers, or both as strings", "%s cannot be compared with %s", describe(e.L), describe(e.R))
	}
}

// in wants a list on its right, and is the one place for a list that holds paths.
func (c checker) in(e *In) {
	c.operand(e.L)
	if list, ok := e.R.(*ListLiteral); ok {
		c.items(list)
		return
	}
	c.operand(e.R)
	hint := "write in ['a', 'b'], or in data.list"
	if kindOf(e.R) == abi.String {
		hint = "for a part of a string write 'abc' contains 'b'"
	}
	c.want(e.R, hint, abi.List)
}

func (c checker) text(e *Text) {
	c.operand(e.L)
	c.operand(e.R)
	word := textWords[e.Op]
	if e.Op != Contains {
		c.want(e.L, word+" is about strings", abi.String)
		c.want(e.R, word+" is about strings", abi.String)
		return
	}
	if c.want(e.L, "contains looks into strings and lists", abi.String, abi.List) && kindOf(e.L) == abi.String {
		c.want(e.R, "a string can contain only a string", abi.String)
	}
}

// operand checks what functions are applied to, and that lists of paths stand where they may.
func (c checker) operand(x Operand) {
	switch x := x.(type) {
	case *Len:
		c.operand(x.X)
		c.want(x.X, "len counts the characters of a string or the items of a list", abi.String, abi.List)
	case *Lower:
		c.operand(x.X)
		c.want(x.X, "lower is about strings", abi.String)
	case *ListLiteral:
		c.items(x)
		c.report(x.Pos, "compare the items one by one", "a list of attributes can stand on the right of in alone")
	}
}

func (c checker) items(list *ListLiteral) {
	for _, item := range list.Items {
		switch item.(type) {
		case *Path, *Literal:
		default:
			c.report(item.Position(), "join two conditions with or", "a list holds literals and paths, not %s", describe(item))
		}
	}
}

// want reports an operand that is known to be of another kind than these.
func (c checker) want(x Operand, hint string, kinds ...abi.Kind) bool {
	known := kindOf(x)
	if known == abi.Missing {
		return true
	}
	for _, k := range kinds {
		if k == known {
			return true
		}
	}
	c.report(x.Position(), hint, "%s cannot stand here", describe(x))
	return false
}

// kindOf is what is known of an operand before any request: Missing where nothing is. Whole numbers count as Float, for they
// compare with decimals.
func kindOf(x Operand) abi.Kind {
	switch x := x.(type) {
	case *Literal:
		if x.Value.Kind() == abi.Int {
			return abi.Float
		}
		return x.Value.Kind()
	case *ListLiteral:
		return abi.List
	case *Len:
		return abi.Float
	case *Lower:
		return abi.String
	default:
		return abi.Missing
	}
}
