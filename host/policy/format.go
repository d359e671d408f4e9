package policy

import (
	"slices"
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// Format writes a condition in one way of the many it can be written in: parsed again, it gives the same tree but for positions.
func Format(e Expr) string {
	switch e := e.(type) {
	case *Logical:
		return formatLogical(e)
	case *Not:
		return "not " + grouped(e.X, isSimple(e.X))
	case *Compare:
		return formatRelation(e.L, compareSymbols[e.Op], e.R)
	case *In:
		if e.Negated {
			return formatRelation(e.L, "not in", e.R)
		}
		return formatRelation(e.L, "in", e.R)
	case *Text:
		return formatRelation(e.L, textWords[e.Op], e.R)
	case *Matches:
		return formatOperand(e.L) + " matches " + quote(e.Pattern)
	case *Exists:
		return "exists(" + formatOperand(e.Path) + ")"
	case *Truth:
		return formatOperand(e.Path)
	case *Constant:
		return strconv.FormatBool(e.Value)
	case *Quantifier:
		return formatQuantifier(e)
	default:
		return ""
	}
}

// formatLogical puts parentheses around what would otherwise bind differently: an or within an and, and a join of one kind
// within another of the same.
func formatLogical(e *Logical) string {
	word := " or "
	if e.Op == And {
		word = " and "
	}
	kids := make([]string, len(e.Kids))
	for i, kid := range e.Kids {
		inner, logical := kid.(*Logical)
		kids[i] = grouped(kid, !logical || inner.Op == And && e.Op == Or)
	}
	return strings.Join(kids, word)
}

func formatQuantifier(e *Quantifier) string {
	word := "any("
	if e.All {
		word = "all("
	}
	return word + e.Var + " in " + formatOperand(e.Over) + ", " + Format(e.Body) + ")"
}

func formatRelation(l Operand, word string, r Operand) string {
	return formatOperand(l) + " " + word + " " + formatOperand(r)
}

func grouped(e Expr, bare bool) string {
	if bare {
		return Format(e)
	}
	return "(" + Format(e) + ")"
}

// isSimple reports what reads well behind a not without parentheses.
func isSimple(e Expr) bool {
	switch e.(type) {
	case *Not, *Exists, *Truth, *Constant, *Quantifier:
		return true
	default:
		return false
	}
}

func formatOperand(x Operand) string {
	switch x := x.(type) {
	case *Path:
		return formatPath(x)
	case *Literal:
		return formatValue(x.Value)
	case *ListLiteral:
		items := make([]string, len(x.Items))
		for i, item := range x.Items {
			items[i] = formatOperand(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case *Len:
		return "len(" + formatOperand(x.X) + ")"
	case *Lower:
		return "lower(" + formatOperand(x.X) + ")"
	default:
		return ""
	}
}

func formatPath(x *Path) string {
	var b strings.Builder
	b.WriteString(x.Var)
	for _, s := range x.Steps {
		switch {
		case s.IsIndex:
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case !isName(s.Name):
			b.WriteString("[" + quote(s.Name) + "]")
		case b.Len() > 0:
			b.WriteString("." + s.Name)
		default:
			b.WriteString(s.Name)
		}
	}
	return b.String()
}

// isName reports whether a name can stand after a dot.
func isName(s string) bool {
	return s != "" && isLetter(s[0]) && !slices.ContainsFunc([]byte(s), func(c byte) bool { return !isLetter(c) && !isDigit(c) })
}

// formatValue writes a literal. A float keeps its point, for without one it would come back as a whole number.
func formatValue(v abi.Value) string {
	switch v.Kind() {
	case abi.Bool:
		return strconv.FormatBool(v.IsTrue())
	case abi.Int:
		n, _ := v.Int()
		return strconv.FormatInt(n, 10)
	case abi.Float:
		f, _ := v.Float()
		s := strconv.FormatFloat(f, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	case abi.String:
		return quote(v.Text())
	case abi.List:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = formatValue(v.At(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return "null"
	}
}
