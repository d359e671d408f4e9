package policy

import (
	"errors"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// automaton is a regular expression as a table over bytes: the search is unanchored, and one step a byte whatever the
// text. It reads valid UTF-8 only. Rows are states, columns classes of bytes and, last, the end of the text; an entry is
// the next state's row times the number of columns, so that it is its place in the table.
type automaton struct {
	classes [256]byte
	columns int
	table   []uint16
}

// The first states: matched and failed for good, and the one to begin in.
const (
	dfaMatched = 0
	dfaFailed  = 1
	dfaStart   = 2
)

// maxStates and maxTable bound an automaton; the latter counts entries of 2 bytes.
const (
	maxStates = 2000
	maxTable  = 1<<16 - 1
)

const dfaHint = "shorten the expression: fewer or smaller repetitions {n,m}, fewer alternatives, and narrower classes than \\pL or (?i) over long lists"

var errAutomatonTooLarge = errors.New("automaton too large: the regular expression needs more than 2,000 states or 128 KiB")

// compileDFA builds the automaton of an expression in RE2 syntax.
func compileDFA(pattern string) (*automaton, error) {
	re, err := syntax.Parse(pattern, PatternFlags)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, err
	}
	n, err := bytesOf(prog)
	if err != nil {
		return nil, err
	}
	return determinise(n)
}

// nfa is a program over bytes. Instruction 0 is the start.
type nfa struct {
	insts  []nfaInst
	shared map[nfaInst]int // byte instructions, each once: encodings have their endings in common
}

type nfaOp uint8

const (
	nfaByte   nfaOp = iota // a byte from lo to hi, then out
	nfaSplit               // out and alt
	nfaAssert              // out, where empty holds
	nfaMatch
	nfaFail
)

type nfaInst struct {
	op     nfaOp
	lo, hi byte
	empty  syntax.EmptyOp
	out    int
	alt    int
}

// maxInsts bounds the byte program: what is larger would not fit the table either.
const maxInsts = 20000

// bytesOf translates a program over runes: each range of runes becomes alternatives of ranges of bytes.
func bytesOf(prog *syntax.Prog) (*nfa, error) {
	n := &nfa{shared: map[nfaInst]int{}}
	n.insts = make([]nfaInst, len(prog.Inst), 2*len(prog.Inst))
	for i := range prog.Inst {
		in := &prog.Inst[i]
		out := int(in.Out)
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			n.insts[i] = nfaInst{op: nfaSplit, out: out, alt: int(in.Arg)}
		case syntax.InstCapture, syntax.InstNop:
			n.insts[i] = nfaInst{op: nfaSplit, out: out, alt: out}
		case syntax.InstEmptyWidth:
			n.insts[i] = nfaInst{op: nfaAssert, empty: syntax.EmptyOp(in.Arg), out: out}
		case syntax.InstMatch:
			n.insts[i] = nfaInst{op: nfaMatch}
		case syntax.InstFail:
			n.insts[i] = nfaInst{op: nfaFail}
		default:
			n.runes(i, runesOf(in), out)
		}
		if len(n.insts) > maxInsts {
			return nil, errAutomatonTooLarge
		}
	}
	n.insts[0], n.insts[prog.Start] = n.insts[prog.Start], n.insts[0]
	if prog.Start != 0 {
		n.rename(0, prog.Start)
	}
	return n, nil
}

// rename exchanges two instructions' numbers wherever they are led to.
func (n *nfa) rename(a, b int) {
	swap := func(x int) int {
		switch x {
		case a:
			return b
		case b:
			return a
		default:
			return x
		}
	}
	for i := range n.insts {
		n.insts[i].out, n.insts[i].alt = swap(n.insts[i].out), swap(n.insts[i].alt)
	}
}

// runesOf are the ranges of runes that an instruction takes, as pairs.
func runesOf(in *syntax.Inst) []rune {
	switch in.Op {
	case syntax.InstRuneAny:
		return []rune{0, unicode.MaxRune}
	case syntax.InstRuneAnyNotNL:
		return []rune{0, '\n' - 1, '\n' + 1, unicode.MaxRune}
	}
	if len(in.Rune) != 1 {
		return in.Rune
	}
	pairs := []rune{in.Rune[0], in.Rune[0]}
	if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
		for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
			pairs = append(pairs, r, r)
		}
	}
	return pairs
}

// runes makes instruction i take one rune of the ranges and go on to out.
func (n *nfa) runes(i int, pairs []rune, out int) {
	var starts []int
	for k := 0; k+1 < len(pairs); k += 2 {
		eachSequence(pairs[k], pairs[k+1], func(seq []byteRange) {
			next := out
			for _, b := range slices.Backward(seq) {
				next = n.take(b, next)
			}
			starts = append(starts, next)
		})
	}
	if len(starts) == 0 {
		n.insts[i] = nfaInst{op: nfaFail}
		return
	}
	for len(starts) > 1 {
		last := len(starts) - 1
		n.insts = append(n.insts, nfaInst{op: nfaSplit, out: starts[last-1], alt: starts[last]})
		starts = append(starts[:last-1], len(n.insts)-1)
	}
	n.insts[i] = nfaInst{op: nfaSplit, out: starts[0], alt: starts[0]}
}

// take is an instruction that takes a byte of the range and goes on to next.
func (n *nfa) take(b byteRange, next int) int {
	in := nfaInst{op: nfaByte, lo: b.lo, hi: b.hi, out: next}
	if i, ok := n.shared[in]; ok {
		return i
	}
	n.insts = append(n.insts, in)
	n.shared[in] = len(n.insts) - 1
	return len(n.insts) - 1
}

type byteRange struct{ lo, hi byte }

// eachSequence splits a range of runes into ranges of bytes at each place of their encodings, as in RE2. Surrogates,
// which have no encoding, are left out.
func eachSequence(lo, hi rune, emit func([]byteRange)) {
	const surrogateLo, surrogateHi = 0xD800, 0xDFFF
	if lo <= surrogateHi && hi >= surrogateLo {
		eachSequence(lo, surrogateLo-1, emit)
		eachSequence(surrogateHi+1, hi, emit)
		return
	}
	if lo > hi {
		return
	}
	for _, last := range []rune{0x7f, 0x7ff, 0xffff} {
		if lo <= last && hi > last {
			eachSequence(lo, last, emit)
			eachSequence(last+1, hi, emit)
			return
		}
	}
	for shift := 6; shift <= 18 && hi > 0x7f; shift += 6 {
		m := rune(1)<<shift - 1
		if lo&^m == hi&^m {
			break
		}
		if lo&m != 0 {
			eachSequence(lo, lo|m, emit)
			eachSequence(lo|m+1, hi, emit)
			return
		}
		if hi&m != m {
			eachSequence(lo, hi&^m-1, emit)
			eachSequence(hi&^m, hi, emit)
			return
		}
	}
	var a, b [utf8.UTFMax]byte
	size := utf8.EncodeRune(a[:], lo)
	utf8.EncodeRune(b[:], hi)
	seq := make([]byteRange, size)
	for i := range seq {
		seq[i] = byteRange{a[i], b[i]}
	}
	emit(seq)
}
