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

func contextOf(b byte) context {
	switch {
	case b == '\n':
		return newline
	case syntax.IsWordChar(rune(b)):
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
	split('\n', '\n')
	split('0', '9')
	split('A', 'Z')
	split('_', '_')
	split('a', 'z')
	split(0x80, 0xBF)
	for _, in := range b.nfa.insts {
		if in.op == nfaByte {
			split(int(in.lo), int(in.hi))
		}
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

// row adds a state's transitions to the table.
func (b *dfaBuilder) row(s dfaState) {
	for _, c := range b.samples {
		b.d.table = append(b.d.table, uint16(b.step(s, c)*b.d.columns))
	}
	end := dfaFailed
	if b.close(s, edge, true) {
		end = dfaMatched
	}
	b.d.table = append(b.d.table, uint16(end*b.d.columns))
}

func (b *dfaBuilder) step(s dfaState, c byte) int {
	continues := c >= 0x80 && c < 0xC0
	if b.close(s, contextOf(c), !continues) {
		return dfaMatched
	}
	var next []int
	for _, i := range b.followed {
		if in := &b.nfa.insts[i]; c >= in.lo && c <= in.hi {
			next = append(next, in.out)
		}
	}
	return b.state(next, contextOf(c))
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
