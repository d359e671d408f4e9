package policy

import (
	"agentmesh/pdk/abi"
)

// Pos is a place in a policy file: 1-based line, 1-based column in code points. The zero Pos is no place.
type Pos struct {
	Line, Column int
}

// Expr is a condition: something that is true, false or indeterminate.
type Expr interface {
	Position() Pos
	expr()
}

// Operand is a value in a condition: a path, a literal, a list, or a function of one of them.
type Operand interface {
	Position() Pos
	operand()
}

// LogicalOp joins conditions.
type LogicalOp uint8

// The two joins.
const (
	And LogicalOp = iota
	Or
)

// CompareOp compares two operands.
type CompareOp uint8

// The comparisons. Eq and Ne are deep equality; the others order numbers, or strings as bytes.
const (
	Eq CompareOp = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// TextOp is a function of two operands that is true or false.
type TextOp uint8

// The functions: Contains looks for a substring or a list's item, the others for a string's start or end.
const (
	Contains TextOp = iota
	StartsWith
	EndsWith
)

// The nodes of a condition. In is written `not in` when Negated; Truth is a bare path; Exists is exists(path); a
// Quantifier's Var is visible in its Body as the first step of a path whose Var is set.
type (
	Logical struct {
		Pos
		Op   LogicalOp
		Kids []Expr
	}
	Not struct {
		Pos
		X Expr
	}
	Compare struct {
		Pos
		Op   CompareOp
		L, R Operand
	}
	In struct {
		Pos
		L, R    Operand
		Negated bool
	}
	Text struct {
		Pos
		Op   TextOp
		L, R Operand
	}
	Matches struct {
		Pos
		L       Operand
		Pattern string
	}
	Exists struct {
		Pos
		Path *Path
	}
	Truth struct {
		Pos
		Path *Path
	}
	Constant struct {
		Pos
		Value bool
	}
	Quantifier struct {
		Pos
		All  bool
		Var  string
		Over *Path
		Body Expr
	}
)

// The operands. A Path begins at a root of the request (Var empty, Steps[0] names the root) or at a quantifier's
// variable (Var set, Steps below the item, perhaps none). A list of literals alone is a Literal, wherever it stands; a
// ListLiteral holds at least one path, besides other paths and literals, and stands only on the right of `in`.
type (
	Path struct {
		Pos
		Var   string
		Steps []abi.Step
	}
	Literal struct {
		Pos
		Value abi.Value
	}
	ListLiteral struct {
		Pos
		Items []Operand
	}
	Len struct {
		Pos
		X Operand
	}
	Lower struct {
		Pos
		X Operand
	}
)

// Position is where the node begins.
func (p Pos) Position() Pos { return p }

func (*Logical) expr()    {}
func (*Not) expr()        {}
func (*Compare) expr()    {}
func (*In) expr()         {}
func (*Text) expr()       {}
func (*Matches) expr()    {}
func (*Exists) expr()     {}
func (*Truth) expr()      {}
func (*Constant) expr()   {}
func (*Quantifier) expr() {}

func (*Path) operand()        {}
func (*Literal) operand()     {}
func (*ListLiteral) operand() {}
func (*Len) operand()         {}
func (*Lower) operand()       {}
