package policy

import (
	"slices"
)

// Rules are generated in chunks, functions of limited size: compile time grows faster than a function does. Where many
// rules ask first that one attribute equals a constant ("action.tool == 'x' and …"), that attribute is a pivot: chunks
// hold rules by constant, and only the chunk for the value at hand runs.
const (
	chunkRules = 64 // rules in a chunk
	pivotChunk = 8  // rules in a pivot's chunk
	pivotRules = 40 // rules that make a pivot worth its dispatch
	pivotMost  = 4
)

// plannedRule is a rule ready to be generated.
type plannedRule struct {
	index   int // in the module's rule table
	formula *formula
}

// group is chunks that run one after the other or, with a pivot, those of which at most one runs.
type group struct {
	pivot  *slot
	chunks []*chunk
}

// chunk is one function's rules and, under a pivot, the ids that lead to it.
type chunk struct {
	rules []*plannedRule
	ids   []uint32
}

// guards are, by slot, the ids one of which it must have for the rule to be anything but false: the rule's conjuncts
// that say so.
func (r *plannedRule) guards() map[*slot][]uint32 {
	out := map[*slot][]uint32{}
	for _, k := range r.formula.conjuncts() {
		if k.op != opAtom || k.atom.kind != atomSet || k.atom.negated || k.atom.l.bind != nil {
			continue
		}
		if s := k.atom.l.slot; out[s] == nil {
			out[s] = k.atom.ids
		}
	}
	return out
}

// groupRules divides rules into groups. Every rule stands in exactly one chunk.
func groupRules(rules []*plannedRule, slots []*slot) []group {
	var groups []group
	for range pivotMost {
		pivot := commonest(rules, slots)
		if pivot == nil {
			break
		}
		chunks, rest := byPivot(rules, pivot)
		if len(chunks) == 0 {
			break
		}
		groups = append(groups, group{pivot: pivot, chunks: chunks})
		rules = rest
	}
	if len(rules) == 0 {
		return groups
	}
	var plain group
	for part := range slices.Chunk(rules, chunkRules) {
		plain.chunks = append(plain.chunks, &chunk{rules: part})
	}
	return append(groups, plain)
}

// commonest is the slot that guards the most rules, if they are enough for a pivot.
func commonest(rules []*plannedRule, slots []*slot) *slot {
	count := map[*slot]int{}
	for _, r := range rules {
		for s := range r.guards() {
			count[s]++
		}
	}
	var best *slot
	for _, s := range slots {
		if count[s] >= pivotRules && (best == nil || count[s] > count[best]) {
			best = s
		}
	}
	return best
}

// byPivot gathers the rules guarded by the pivot in chunks. Ids that one rule names together must lead to one chunk, so
// chunks are made of whole families of ids; rules of a family too large for a chunk stay in the rest.
func byPivot(rules []*plannedRule, pivot *slot) (chunks []*chunk, rest []*plannedRule) {
	families := joinFamilies(rules, pivot)
	members := map[uint32][]*plannedRule{}
	var order []uint32
	for _, r := range rules {
		ids := r.guards()[pivot]
		if ids == nil {
			continue
		}
		root := families.find(ids[0])
		if members[root] == nil {
			order = append(order, root)
		}
		members[root] = append(members[root], r)
	}
	placed := map[*plannedRule]bool{}
	where := map[uint32]*chunk{}
	var open *chunk
	for _, root := range order {
		family := members[root]
		if len(family) > chunkRules {
			continue
		}
		if open == nil || len(open.rules)+len(family) > pivotChunk {
			open = &chunk{}
			chunks = append(chunks, open)
		}
		open.rules = append(open.rules, family...)
		where[root] = open
		for _, r := range family {
			placed[r] = true
		}
	}
	for id := range families.sorted() {
		if x := where[families.find(id)]; x != nil {
			x.ids = append(x.ids, id)
		}
	}
	for _, r := range rules {
		if !placed[r] {
			rest = append(rest, r)
		}
	}
	return chunks, rest
}

// unionFind joins ids into families.
type unionFind map[uint32]uint32

func joinFamilies(rules []*plannedRule, pivot *slot) unionFind {
	u := unionFind{}
	for _, r := range rules {
		ids := r.guards()[pivot]
		for _, id := range ids {
			u[u.find(id)] = u.find(ids[0])
		}
	}
	return u
}

func (u unionFind) find(id uint32) uint32 {
	parent, ok := u[id]
	if !ok {
		u[id] = id
		return id
	}
	if parent == id {
		return id
	}
	root := u.find(parent)
	u[id] = root
	return root
}

// sorted goes through the ids in their order.
func (u unionFind) sorted() func(yield func(uint32) bool) {
	ids := make([]uint32, 0, len(u))
	for id := range u {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Values(ids)
}
