package policy

import (
	"fmt"
	"strings"

	"agentmesh/pdk/abi"
)

// normaliser turns conditions into formulas, and collects the slots and strings they need.
type normaliser struct {
	root    *scope
	strings interner
	dfas    map[string]*automaton
	// rule's state
	allowing bool
	bindings []*binding
	err      *Error
}

func newNormaliser() *normaliser {
	return &normaliser{
		root: newScope(true), strings: interner{ids: map[string]uint32{}}, dfas: map[string]*automaton{},
	}
}

// formula normalises one rule's condition; nil is always true.
func (n *normaliser) formula(r *Rule) (*formula, *Error) {
	n.allowing, n.bindings, n.err = r.Action == abi.Allow, nil, nil
	if r.Condition == nil {
		return constant(true), nil
	}
	f := n.expr(r.Condition, false)
	return f, n.err
}

func (n *normaliser) fail(at Pos, format string, args ...any) *formula {
	if n.err == nil {
		n.err = &Error{Pos: at, Message: fmt.Sprintf(format, args...)}
	}
	return constant(false)
}

func (n *normaliser) expr(e Expr, negated bool) *formula {
	switch e := e.(type) {
	case *Logical:
		op := opAnd
		if (e.Op == Or) != negated {
			op = opOr
		}
		kids := make([]*formula, len(e.Kids))
		for i, k := range e.Kids {
			kids[i] = n.expr(k, negated)
		}
		return join(op, kids)
	case *Not:
		return n.expr(e.X, !negated)
	case *Constant:
		return constant(e.Value != negated)
	case *Compare:
		return n.compare(e, negated)
	case *In:
		return n.in(e, negated != e.Negated)
	case *Quantifier:
		return n.quantifier(e, negated)
	default:
		return n.simple(e, negated)
	}
}

// simple are the atoms that need no taking apart.
func (n *normaliser) simple(e Expr, negated bool) *formula {
	a := atom{negated: negated, allowing: n.allowing}
	switch e := e.(type) {
	case *Exists:
		a.kind, a.l = atomExists, n.operand(e.Path)
	case *Truth:
		a.kind, a.l = atomTruth, n.operand(e.Path)
	case *Text:
		a.kind, a.text, a.l, a.r = atomText, e.Op, n.operand(e.L), n.operand(e.R)
		n.wantText(&a)
	case *Matches:
		a.kind, a.l = atomMatches, n.operand(e.L)
		if a.l.slot != nil {
			a.l.slot.Bytes = true
		}
		dfa, err := n.automaton(e)
		if err != nil {
			n.err = err
			return constant(false)
		}
		a.dfa = dfa
	default:
		return n.fail(e.Position(), "condition of an unknown kind %T", e)
	}
	return atomOf(a)
}

func (n *normaliser) automaton(e *Matches) (*automaton, *Error) {
	if d := n.dfas[e.Pattern]; d != nil {
		return d, nil
	}
	d, err := compileDFA(e.Pattern)
	if err != nil {
		return nil, &Error{Pos: e.Pos, Message: err.Error(), Hint: dfaHint}
	}
	n.dfas[e.Pattern] = d
	return d, nil
}

// wantText asks for what a string function reads. The left side of contains may be a list as well.
func (n *normaliser) wantText(a *atom) {
	literal, isLiteral := a.r.text()
	for _, o := range []operand{a.l, a.r} {
		if o.slot != nil {
			o.slot.Bytes = true
		}
	}
	if a.l.slot == nil {
		return
	}
	switch {
	case a.text == StartsWith && isLiteral:
		a.l.slot.expectPrefix(literal)
	case a.text == Contains:
		a.l.slot.Mask = isLiteral && len(literal) > 1 || a.l.slot.Mask
		n.wantMember(a.r, a.l)
	}
}

func (n *normaliser) compare(e *Compare, negated bool) *formula {
	l, r := n.operand(e.L), n.operand(e.R)
	if e.Op == Eq || e.Op == Ne {
		return n.equal(l, r, negated != (e.Op == Ne))
	}
	a := atom{kind: atomOrder, negated: negated, allowing: n.allowing, l: l, r: r, order: maskOf(e.Op)}
	if l.lit != nil && r.lit == nil {
		a.l, a.r, a.order = r, l, a.order.swapped()
	}
	for _, o := range []operand{l, r} {
		if _, ok := a.r.number(); o.slot != nil && !ok {
			o.slot.Bytes = true
		}
	}
	return atomOf(a)
}

// equal compares ids where a literal has one, else whole values.
func (n *normaliser) equal(l, r operand, negated bool) *formula {
	if l.lit != nil && r.lit == nil {
		l, r = r, l
	}
	a := atom{kind: atomEqual, negated: negated, allowing: n.allowing, l: l, r: r}
	if id := r.id(&n.strings); id != 0 && l.slot != nil {
		a.kind, a.ids = atomSet, []uint32{id}
		l.slot.ID = l.slot.ID || r.lit.Kind() == abi.String
		return atomOf(a)
	}
	wantEqual(l, r)
	wantEqual(r, l)
	return atomOf(a)
}

// wantEqual asks of x's slot what comparing it with y needs.
func wantEqual(x, y operand) {
	if x.slot == nil {
		return
	}
	switch {
	case y.lit == nil:
		x.slot.whole()
	case y.lit.Kind() == abi.List || y.lit.Kind() == abi.Object:
		x.slot.Canonical = true
	case y.lit.Kind() == abi.String:
		x.slot.Bytes = true
	}
}

// in is a disjunction of equalities when the list is written out, else a search in a list's slot.
func (n *normaliser) in(e *In, negated bool) *formula {
	l := n.operand(e.L)
	var items []operand
	switch r := e.R.(type) {
	case *ListLiteral:
		for _, item := range r.Items {
			items = append(items, n.operand(item))
		}
	case *Literal:
		if r.Value.Kind() != abi.List {
			return n.member(l, n.operand(e.R), negated)
		}
		for _, item := range r.Value.Items() {
			items = append(items, operand{lit: &item.Value})
		}
	default:
		return n.member(l, n.operand(e.R), negated)
	}
	return n.oneOf(l, items, negated)
}

func (n *normaliser) oneOf(l operand, items []operand, negated bool) *formula {
	set := atom{kind: atomSet, negated: negated, allowing: n.allowing, l: l}
	var kids []*formula
	for _, item := range items {
		f := n.equal(l, item, negated)
		if f.atom.kind == atomSet && f.atom.l.same(l) {
			set.ids = append(set.ids, f.atom.ids...)
		} else {
			kids = append(kids, f)
		}
	}
	if len(set.ids) > 0 {
		kids = append(kids, atomOf(set))
	}
	if negated {
		return join(opAnd, kids)
	}
	return join(opOr, kids)
}

func (n *normaliser) member(l, r operand, negated bool) *formula {
	n.wantMember(l, r)
	return atomOf(atom{kind: atomMember, negated: negated, allowing: n.allowing, l: l, r: r})
}

// wantMember asks for what looking for x in the list needs.
func (n *normaliser) wantMember(x, list operand) {
	if list.slot == nil {
		return
	}
	items := list.slot.list()
	if id := x.id(&n.strings); id != 0 {
		items.item.ID = items.item.ID || x.lit.Kind() == abi.String
		return
	}
	item := operand{slot: items.item}
	wantEqual(x, item)
	wantEqual(item, x)
}

func (n *normaliser) quantifier(e *Quantifier, negated bool) *formula {
	over := n.operand(e.Over)
	if over.slot == nil {
		return n.fail(e.Pos, "any and all run over a path")
	}
	l := &loop{all: e.All != negated, over: over, bind: &binding{name: e.Var, items: over.slot.list()}}
	n.bindings = append(n.bindings, l.bind)
	l.body = n.expr(e.Body, negated)
	n.bindings = n.bindings[:len(n.bindings)-1]
	return &formula{op: opLoop, loop: l, cost: 50 + 4*l.body.cost}
}

func (n *normaliser) operand(o Operand) operand {
	switch o := o.(type) {
	case *Path:
		return n.path(o, abi.Slot{})
	case *Literal:
		return operand{lit: &o.Value}
	case *Len, *Lower:
		return n.function(o, abi.Slot{})
	case *ListLiteral:
		return n.list(o)
	default:
		n.fail(o.Position(), "operand of an unknown kind %T", o)
		return operand{lit: &abi.Value{}}
	}
}

// function unwraps len(…) and lower(…) down to a path or a literal. want holds what the outer functions asked for.
func (n *normaliser) function(o Operand, want abi.Slot) operand {
	switch o := o.(type) {
	case *Path:
		return n.path(o, want)
	case *Lower:
		want.Lower = true
		return n.function(o.X, want)
	case *Len:
		if !want.Len && !want.Lower {
			want.Len = true
			return n.function(o.X, want)
		}
		n.fail(o.Pos, "len gives a number, and here a string is needed")
	case *Literal:
		if v, ok := applied(o.Value, want); ok {
			return operand{lit: &v}
		}
		n.fail(o.Pos, "the function does not take this literal")
	default:
		n.fail(o.Position(), "the function takes a path or a literal")
	}
	return operand{lit: &abi.Value{}}
}

// applied is a literal after the functions asked for.
func applied(v abi.Value, want abi.Slot) (abi.Value, bool) {
	if want.Lower {
		s, ok := v.Str()
		if !ok {
			return v, false
		}
		v = abi.StringValue(strings.ToLower(s))
	}
	if want.Len {
		switch v.Kind() {
		case abi.String:
			return abi.IntValue(int64(len([]rune(v.Text())))), true
		case abi.List:
			return abi.IntValue(int64(v.Len())), true
		default:
			return v, false
		}
	}
	return v, true
}

// list is a list written out where a value stands: all its items must be literals.
func (n *normaliser) list(o *ListLiteral) operand {
	values := make([]abi.Value, len(o.Items))
	for i, item := range o.Items {
		l, ok := item.(*Literal)
		if !ok {
			n.fail(item.Position(), "a list with paths in it stands only on the right of 'in'")
			break
		}
		values[i] = l.Value
	}
	v := abi.ListValue(values...)
	return operand{lit: &v}
}

func (n *normaliser) path(p *Path, want abi.Slot) operand {
	want.Path = p.Steps
	if p.Var == "" {
		if len(p.Steps) == 0 {
			n.fail(p.Pos, "empty path")
			return operand{lit: &abi.Value{}}
		}
		return operand{slot: n.root.slot(want)}
	}
	for i := len(n.bindings) - 1; i >= 0; i-- {
		if b := n.bindings[i]; b.name == p.Var {
			return operand{slot: b.items.slot(want), bind: b}
		}
	}
	n.fail(p.Pos, "unknown variable %q", p.Var)
	return operand{lit: &abi.Value{}}
}
