package policy_test

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// The reference evaluator: a walk over the tree as it was written, with nothing of the compiler's in it. Where the
// compiler moves every "not" to the atoms and gives a value for what it cannot know, the walk keeps five values
//
//	false < false for want of a value < indeterminate < true for want of a value < true
//
// on which "and" is the least, "or" the greatest, and "not" turns the scale round, and carries both ends of what is
// possible when values are unknown.
type level int8

const (
	isFalse level = iota
	missingFalse
	indeterminate
	missingTrue
	isTrue
)

// span is the least and the greatest a condition may come to.
type span struct{ least, most level }

func exactly(l level) span { return span{l, l} }

func anything() span { return span{isFalse, isTrue} }

func truly(b bool) span {
	if b {
		return exactly(isTrue)
	}
	return exactly(isFalse)
}

func (s span) not() span { return span{isTrue - s.most, isTrue - s.least} }

func (s span) and(t span) span { return span{min(s.least, t.least), min(s.most, t.most)} }

func (s span) or(t span) span { return span{max(s.least, t.least), max(s.most, t.most)} }

// judged is a level's meaning in a rule: true, indeterminate or false.
func judged(l level, allowing bool) level {
	switch {
	case l == missingTrue && allowing:
		return indeterminate
	case l == missingTrue:
		return isTrue
	case l == missingFalse:
		return isFalse
	default:
		return l
	}
}

// walker evaluates conditions over one request.
type walker struct {
	request *abi.Request
	vars    map[string]abi.Value
}

// given is an operand's value. mistyped is one that a function was not for, or a string that is none.
type given struct {
	abi.Value
	mistyped bool
}

func (g given) unknown() bool { return !g.mistyped && g.Kind() == abi.Unknown }

func (g given) missing() bool { return !g.mistyped && g.Kind() == abi.Missing }

func (g given) list() bool { return !g.mistyped && g.Kind() == abi.List }

func checked(v abi.Value) given {
	s, ok := v.Str()
	return given{v, ok && !utf8.ValidString(s)}
}

func (w *walker) path(p *policy.Path) given {
	if p.Var != "" {
		return checked(w.vars[p.Var].Lookup(p.Steps))
	}
	return checked(w.request.Lookup(p.Steps))
}

func (w *walker) operand(o policy.Operand) given {
	switch o := o.(type) {
	case *policy.Path:
		return w.path(o)
	case *policy.Literal:
		return checked(o.Value)
	case *policy.Lower:
		x := w.operand(o.X)
		if s, ok := x.Str(); ok && !x.mistyped {
			return given{Value: abi.StringValue(strings.ToLower(s))}
		}
		return given{x.Value, !x.unknown()}
	case *policy.Len:
		x := w.operand(o.X)
		if s, ok := x.Str(); ok && !x.mistyped {
			return given{Value: abi.IntValue(int64(utf8.RuneCountInString(s)))}
		}
		if x.list() {
			return given{Value: abi.IntValue(int64(x.Len()))}
		}
		return given{x.Value, !x.unknown()}
	case *policy.ListLiteral:
		var items []abi.Value
		for _, item := range o.Items {
			items = append(items, w.operand(item).Value)
		}
		return given{Value: abi.ListValue(items...)}
	}
	panic("unheard-of operand")
}

func (w *walker) condition(e policy.Expr) span {
	switch e := e.(type) {
	case nil:
		return exactly(isTrue)
	case *policy.Logical:
		out := w.condition(e.Kids[0])
		for _, k := range e.Kids[1:] {
			if e.Op == policy.And {
				out = out.and(w.condition(k))
			} else {
				out = out.or(w.condition(k))
			}
		}
		return out
	case *policy.Not:
		return w.condition(e.X).not()
	case *policy.Constant:
		return truly(e.Value)
	case *policy.Exists:
		x := w.path(e.Path)
		if x.unknown() {
			return anything()
		}
		return truly(!x.missing())
	case *policy.Truth:
		return w.bare(w.path(e.Path))
	case *policy.Compare:
		return w.compare(e)
	case *policy.In:
		if e.Negated {
			return w.in(e).not()
		}
		return w.in(e)
	case *policy.Text:
		return w.text(e.Op, w.operand(e.L), w.operand(e.R))
	case *policy.Matches:
		x := w.operand(e.L)
		if x.unknown() {
			return anything()
		}
		if s, ok := x.Str(); ok && !x.mistyped {
			return truly(regexp.MustCompile(e.Pattern).MatchString(s))
		}
		return exactly(indeterminate)
	case *policy.Quantifier:
		return w.quantifier(e)
	}
	panic("unheard-of condition")
}

func (w *walker) bare(x given) span {
	b, isBool := x.Bool()
	switch {
	case x.unknown():
		return anything()
	case x.missing():
		return exactly(missingFalse)
	case isBool:
		return truly(b)
	default:
		return exactly(indeterminate)
	}
}

func (w *walker) compare(e *policy.Compare) span {
	l, r := w.operand(e.L), w.operand(e.R)
	switch e.Op {
	case policy.Eq:
		return same(l, r)
	case policy.Ne:
		return same(l, r).not()
	}
	if l.unknown() || r.unknown() {
		return anything()
	}
	order, ok := l.CompareNumber(r.Value)
	a, isA := l.Str()
	b, isB := r.Str()
	if isA && isB {
		order, ok = strings.Compare(a, b), true
	}
	if !ok || l.mistyped || r.mistyped {
		return exactly(indeterminate)
	}
	switch e.Op {
	case policy.Lt:
		return truly(order < 0)
	case policy.Le:
		return truly(order <= 0)
	case policy.Gt:
		return truly(order > 0)
	default:
		return truly(order >= 0)
	}
}

func same(l, r given) span {
	switch {
	case l.unknown() || r.unknown():
		return anything()
	case l.mistyped || r.mistyped:
		return exactly(indeterminate)
	case l.missing() || r.missing():
		return exactly(missingFalse)
	case l.Kind() == r.Kind() && (hides(l.Value) || hides(r.Value)):
		return anything()
	default:
		return truly(l.Equal(r.Value))
	}
}

// hides reports whether an unknown value stands anywhere inside.
func hides(v abi.Value) bool {
	if v.Kind() == abi.Unknown {
		return true
	}
	for _, m := range v.Items() {
		if hides(m.Value) {
			return true
		}
	}
	return false
}

func (w *walker) in(e *policy.In) span {
	l := w.operand(e.L)
	if list, ok := e.R.(*policy.ListLiteral); ok {
		out := exactly(isFalse)
		for _, item := range list.Items {
			out = out.or(same(l, w.operand(item)))
		}
		return out
	}
	r := w.operand(e.R)
	if _, literal := e.R.(*policy.Literal); literal && r.list() {
		return w.among(l, r)
	}
	switch {
	case l.unknown() || r.unknown():
		return anything()
	case l.mistyped || !r.list() && !r.missing():
		return exactly(indeterminate)
	case l.missing() || r.missing():
		return exactly(missingFalse)
	default:
		return w.among(l, r)
	}
}

// among looks for x among a list's items. An unknown item makes the whole unknown, unless the others settle it.
func (w *walker) among(x, list given) span {
	out := exactly(isFalse)
	for _, item := range list.Items() {
		s := same(x, checked(item.Value))
		switch {
		case s == exactly(isTrue):
			return s
		case s == anything() || out == anything():
			out = anything()
		default:
			out = out.or(s)
		}
	}
	return out
}

func (w *walker) text(op policy.TextOp, l, r given) span {
	if l.unknown() || r.unknown() {
		return anything()
	}
	if l.mistyped || r.mistyped || l.missing() || r.missing() {
		return exactly(indeterminate)
	}
	if op == policy.Contains && l.list() {
		return w.among(r, l)
	}
	a, isA := l.Str()
	b, isB := r.Str()
	if !isA || !isB {
		return exactly(indeterminate)
	}
	switch op {
	case policy.Contains:
		return truly(strings.Contains(a, b))
	case policy.StartsWith:
		return truly(strings.HasPrefix(a, b))
	default:
		return truly(strings.HasSuffix(a, b))
	}
}

func (w *walker) quantifier(e *policy.Quantifier) span {
	list := w.path(e.Over)
	if list.unknown() {
		return anything()
	}
	if !list.list() {
		return exactly(indeterminate)
	}
	before, had := w.vars[e.Var]
	out := truly(e.All)
	for _, item := range list.Items() {
		w.vars[e.Var] = item.Value
		if e.All {
			out = out.and(w.condition(e.Body))
		} else {
			out = out.or(w.condition(e.Body))
		}
	}
	delete(w.vars, e.Var)
	if had {
		w.vars[e.Var] = before
	}
	return out
}

// firedBy is what the module must list for a rule, as a bit for each mode.
func (w *walker) firedBy(r *policy.Rule) uint8 {
	s := w.condition(r.Condition)
	allowing := r.Action == abi.Allow
	least, most := judged(s.least, allowing), judged(s.most, allowing)
	var bits uint8
	set := func(mode uint32, fires bool) {
		if fires {
			bits |= 1 << mode
		}
	}
	set(0, least == isTrue)
	set(abi.ModeIndeterminate, least >= indeterminate)
	set(abi.ModeUnknown, most == isTrue)
	set(abi.ModeIndeterminate|abi.ModeUnknown, most >= indeterminate)
	return bits
}
