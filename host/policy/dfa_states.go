package policy

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// dfaBuilder makes the states of an automaton: sets of instructions at which the byte program may stand, and what came
// just before, on which assertions depend.
type dfaBuilder struct {
	nfa      *nfa
	d        *automaton
	samples  []byte // a byte of each class
	byKey    map[string]int
	states   []dfaState
	seen     []int // instruction → the closure that saw it last
	closure  int
	followed []int // the byte instructions of the closure at hand
	work     int
	asserted syntax.EmptyOp // all that the program asserts
}

type dfaState struct {
	insts  []int
	before context
}

// context is what stands on one side of a place in the text.
type context uint8

const (
	edge context = iota // the beginning or the end
	newline
	word
	other
)

// wordOps and lineOps are the assertions that look at words and at lines.
const (
	wordOps = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	lineOps = syntax.EmptyBeginLine | syntax.EmptyEndLine
)

// context is what a byte is to the assertions that the program makes; what none asks about is other.
func (b *dfaBuilder) context(c byte) context {
	switch {
	case c == '\n' && b.asserted&lineOps != 0:
		return newline
	case b.asserted&wordOps != 0 && syntax.IsWordChar(rune(c)):
		return word
	default:
		return other
	}
}

// holding are the assertions that hold between two contexts.
func holding(before, after context) syntax.EmptyOp {
	var e syntax.EmptyOp
	if before == edge {
		e |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	}
	if before == newline {
		e |= syntax.EmptyBeginLine
	}
	if after == edge {
		e |= syntax.EmptyEndText | syntax.EmptyEndLine
	}
	if after == newline {
		e |= syntax.EmptyEndLine
	}
	if (before == word) != (after == word) {
		return e | syntax.EmptyWordBoundary
	}
	return e | syntax.EmptyNoWordBoundary
}

func determinise(n *nfa) (*automaton, error) {
	b := &dfaBuilder{nfa: n, d: &automaton{}, byKey: map[string]int{}, seen: make([]int, len(n.insts))}
	b.classify()
	b.states = make([]dfaState, dfaStart)
	b.d.table = make([]uint16, dfaStart*b.d.columns)
	for i := range b.d.columns {
		b.d.table[b.d.columns+i] = uint16(b.d.columns)
	}
	b.state(nil, edge)
	for i := dfaStart; i < len(b.states); i++ {
		if len(b.states) > maxStates || len(b.states)*b.d.columns > maxTable {
			return nil, errAutomatonTooLarge
		}
		b.row(b.states[i])
		if b.work > maxWork {
			return nil, errAutomatonTooLarge
		}
	}
	b.d.prune()
	return b.d, nil
}

// maxWork bounds the instructions looked at while states are made, about a tenth of a second.
const maxWork = 20_000_000

// prune leads to failure at once where no match can follow any more.
func (d *automaton) prune() {
	states := len(d.table) / d.columns
	live := make([]bool, states)
	live[dfaMatched] = true
	for changed := true; changed; {
		changed = false
		for s := states - 1; s > dfaFailed; s-- {
			if live[s] {
				continue
			}
			for _, next := range d.table[s*d.columns : (s+1)*d.columns] {
				if live[int(next)/d.columns] {
					live[s], changed = true, true
					break
				}
			}
		}
	}
	for i, next := range d.table {
		if !live[int(next)/d.columns] {
			d.table[i] = uint16(dfaFailed * d.columns)
		}
	}
}

// classify divides the bytes into classes that no instruction and no context tells apart. Bytes that continue a rune
// are classes of their own, for a search does not begin within a rune.
func (b *dfaBuilder) classify() {
	var cut [257]bool
	split := func(lo, hi int) { cut[lo], cut[hi+1] = true, true }
	split(0x80, 0xBF)
	for _, in := range b.nfa.insts {
		b.asserted |= in.empty
		if in.op == nfaByte {
			split(int(in.lo), int(in.hi))
		}
	}
	if b.asserted&lineOps != 0 {
		split('\n', '\n')
	}
	if b.asserted&wordOps != 0 {
		split('0', '9')
		split('A', 'Z')
		split('_', '_')
		split('a', 'z')
	}
	for i := range 256 {
		if i == 0 || cut[i] {
			b.samples = append(b.samples, byte(i))
		}
		b.d.classes[i] = byte(len(b.samples) - 1)
	}
	b.d.columns = len(b.samples) + 1
}

// state is the number of the state with these instructions.
func (b *dfaBuilder) state(insts []int, before context) int {
	slices.Sort(insts)
	insts = slices.Compact(insts)
	key := []byte{byte(before)}
	for _, i := range insts {
		key = binary.AppendUvarint(key, uint64(i))
	}
	if s, ok := b.byKey[string(key)]; ok {
		return s
	}
	b.byKey[string(key)] = len(b.states)
	b.states = append(b.states, dfaState{insts, before})
	return len(b.states) - 1
}

// row adds a state's transitions to the table. What a state's instructions lead to without a byte depends on little of
// the byte to come, so it is found once for all bytes that are alike in that.
func (b *dfaBuilder) row(s dfaState) {
	var reached [other + 1][2]*reach
	for _, c := range b.samples {
		begins := c < 0x80 || c >= 0xC0
		r := &reached[b.context(c)][boolWord(begins)]
		if *r == nil {
			matched := b.close(s, b.context(c), begins)
			*r = &reach{matched, slices.Clone(b.followed)}
		}
		b.d.table = append(b.d.table, uint16(b.step(*r, c)*b.d.columns))
	}
	end := dfaFailed
	if b.close(s, edge, true) {
		end = dfaMatched
	}
	b.d.table = append(b.d.table, uint16(end*b.d.columns))
}

// reach is what a state leads to without a byte: a match, or instructions that take one.
type reach struct {
	matched  bool
	followed []int
}

func (b *dfaBuilder) step(r *reach, c byte) int {
	if r.matched {
		return dfaMatched
	}
	var next []int
	for _, i := range r.followed {
		b.work++
		if in := &b.nfa.insts[i]; c >= in.lo && c <= in.hi {
			next = append(next, in.out)
		}
	}
	return b.state(next, b.context(c))
}

// close follows whatever takes no byte, from the state's instructions and, where a match may begin, from the start. It
// reports a match, and leaves the byte instructions reached in followed.
func (b *dfaBuilder) close(s dfaState, after context, begin bool) bool {
	b.closure++
	b.followed = b.followed[:0]
	holds := holding(s.before, after)
	todo := slices.Clone(s.insts)
	if begin {
		todo = append(todo, 0)
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		b.work++
		if b.seen[i] == b.closure {
			continue
		}
		b.seen[i] = b.closure
		switch in := &b.nfa.insts[i]; in.op {
		case nfaMatch:
			return true
		case nfaByte:
			b.followed = append(b.followed, i)
		case nfaSplit:
			todo = append(todo, in.out, in.alt)
		case nfaAssert:
			if in.empty&^holds == 0 {
				todo = append(todo, in.out)
			}
		}
	}
	return false
}
