package policy

import (
	"math"
	"slices"

	"agentmesh/pdk/abi"
)

// formula is a condition in the form that code is generated from: "not" stands at the atoms only, names are resolved
// to slots and literals, and membership in a list written out is a set of alternatives. Since it only joins atoms by
// "and" and "or", it grows truer as its atoms do; so the mode's bits, put in place of the atoms that cannot be told,
// answer what may and what must be true.
type formula struct {
	op   formulaOp
	kids []*formula
	atom *atom
	loop *loop
	cost int
}

type formulaOp uint8

const (
	opTrue formulaOp = iota
	opFalse
	opAnd
	opOr
	opAtom
	opLoop
)

// loop is any(…) or all(…): over is the list's slot, bind stands for the item in body.
type loop struct {
	all  bool
	over operand
	bind *binding
	body *formula
}

// binding is one quantifier's variable. Its local holds the address of the item's record while code is generated.
type binding struct {
	name  string
	items *scope
	local uint32
}

// operand is a slot, at the root or in the record of a binding's item, or a literal.
type operand struct {
	slot *slot
	bind *binding
	lit  *abi.Value
}

func (o operand) same(p operand) bool {
	return o.lit == nil && p.lit == nil && o.slot == p.slot && o.bind == p.bind
}

// id is the interned id of a literal that has one, else 0.
func (o operand) id(strings *interner) uint32 {
	if o.lit == nil {
		return 0
	}
	switch o.lit.Kind() {
	case abi.String:
		return strings.id(o.lit.Text())
	case abi.Bool:
		if o.lit.IsTrue() {
			return abi.IDTrue
		}
		return abi.IDFalse
	case abi.Null:
		return abi.IDNull
	default:
		return 0
	}
}

// number is a literal number that float64 compares say the truth about: the number itself is exact, and no int64 rounds
// across it.
func (o operand) number() (float64, bool) {
	if o.lit == nil {
		return 0, false
	}
	f, ok := o.lit.Float()
	return f, ok && math.Abs(f) < 1<<53
}

func (o operand) text() (string, bool) {
	if o.lit == nil {
		return "", false
	}
	return o.lit.Str()
}

// atom is a condition that cannot be taken apart.
type atom struct {
	kind    atomKind
	negated bool
	// allowing is set in rules that allow: there, what is true only because a value is missing is indeterminate.
	allowing bool
	l, r     operand
	ids      []uint32 // atomSet: the ids that l may have
	order    orderMask
	text     TextOp
	dfa      *automaton
}

type atomKind uint8

const (
	atomSet     atomKind = iota // l's id is one of ids
	atomEqual                   // l == r
	atomOrder                   // l and r are in one of the orders
	atomMember                  // l in r, a list's slot
	atomText                    // contains, startswith, endswith
	atomMatches                 // l matches dfa
	atomExists                  // exists(l)
	atomTruth                   // l itself
)

// orderMask is a set of outcomes of a comparison.
type orderMask uint32

const (
	less    orderMask = 1
	equal   orderMask = 2
	greater orderMask = 4
)

func maskOf(op CompareOp) orderMask {
	switch op {
	case Lt:
		return less
	case Le:
		return less | equal
	case Gt:
		return greater
	default:
		return greater | equal
	}
}

// swapped is the mask for the operands the other way round.
func (m orderMask) swapped() orderMask {
	return m&equal | m&less<<2 | m&greater>>2
}

// join makes an "and" or "or" of the kids: constants folded, nested joins of the same kind flattened, cheap kids first.
func join(op formulaOp, kids []*formula) *formula {
	neutral, absorbing := opTrue, opFalse
	if op == opOr {
		neutral, absorbing = opFalse, opTrue
	}
	f := &formula{op: op}
	for _, k := range kids {
		switch k.op {
		case neutral:
		case absorbing:
			return k
		case op:
			f.kids = append(f.kids, k.kids...)
		default:
			f.kids = append(f.kids, k)
		}
	}
	switch len(f.kids) {
	case 0:
		return &formula{op: neutral}
	case 1:
		return f.kids[0]
	}
	slices.SortStableFunc(f.kids, func(a, b *formula) int { return a.cost - b.cost })
	for _, k := range f.kids {
		f.cost += k.cost
	}
	return f
}

func constant(b bool) *formula {
	if b {
		return &formula{op: opTrue}
	}
	return &formula{op: opFalse}
}

func atomOf(a atom) *formula { return &formula{op: opAtom, atom: &a, cost: a.cost()} }

// cost estimates an atom's price, in units of a comparison of ids.
func (a *atom) cost() int {
	switch a.kind {
	case atomSet:
		return 1 + len(a.ids)/8
	case atomExists, atomTruth:
		return 1
	case atomEqual, atomOrder:
		if _, ok := a.r.number(); ok && a.l.slot != nil {
			return cheap
		}
		return 20
	case atomText:
		if a.text == Contains {
			return 5
		}
		return 3
	case atomMember:
		return 10
	default:
		return 100
	}
}

// cheap is the greatest cost of what is better computed than branched around.
const cheap = 2

// conjuncts are the parts that must all be true.
func (f *formula) conjuncts() []*formula {
	if f.op == opAnd {
		return f.kids
	}
	return []*formula{f}
}
