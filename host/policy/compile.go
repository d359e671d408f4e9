package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// Limits of a compiled policy. Beyond them Compile refuses.
const (
	MaxRules  = 10_000
	MaxSlots  = 4_096
	MaxStatic = 16 << 20 // bytes of tables, slots, constants and results
	// MaxPages is the most memory a module may have, in pages of 64 KiB: its constants and what one request brings.
	MaxPages = 2048
)

// Module is a policy compiled to WebAssembly, and all that is needed to run it by the direct entry and to understand
// its answers. It is immutable.
//
// One module holds the rules of both stages; ModePost chooses which are asked.
type Module struct {
	Policy *Policy
	// Rules gives, for each rule of the module, its place in Policy.Rules: by priority, higher first, then in file order.
	// Disabled rules are left out.
	Rules []int
	// Slots are what the module reads, at SlotBase one after the other; Strings have the ids from abi.IDFirst on.
	Slots   []abi.Slot
	Strings []string
	// Wasm is the module, custom sections included.
	Wasm []byte
	// SlotBase, ResultBase and ScratchBase are addresses in its memory. From ScratchBase on the host may write.
	SlotBase, ResultBase, ScratchBase uint32
	// Code is the number of bytes of Wasm without custom sections.
	Code int

	digest   string
	findings []prepared
	defaults []abi.Finding // none or one
	redact   []abi.Obligation
}

// Digest is "sha256:" and the hexadecimal SHA-256 of Wasm. Identical policies have identical digests.
func (m *Module) Digest() string { return m.digest }

// Packaging is what a compiled policy carries besides its rules; the zero value is a local policy without cases.
type Packaging struct {
	// Manifest replaces the one a local policy gets (local/<name>); its kind, entry, effects and stages are set by what
	// the policy does.
	Manifest *abi.Manifest
	// Cases is the text of cases.yaml, or empty.
	Cases string
}

// Compile compiles a checked policy. What it refuses is an *Error with its place: an automaton that grows too large, and
// sizes beyond the limits above. Identical input gives identical bytes.
func Compile(p *Policy) (*Module, error) { return CompileAs(p, Packaging{}) }

// CompileAs is Compile with a manifest or cases to embed.
func CompileAs(p *Policy, as Packaging) (*Module, error) {
	m := &Module{Policy: p, Rules: ruleOrder(p)}
	if len(m.Rules) > MaxRules {
		return nil, &Error{File: p.File, Message: fmt.Sprintf("%d rules are over the limit of %d", len(m.Rules), MaxRules)}
	}
	n := newNormaliser()
	stages, err := plan(m, n)
	if err != nil {
		return nil, err
	}
	if count := n.root.count(); count > MaxSlots {
		return nil, &Error{File: p.File, Message: fmt.Sprintf("%d attributes are over the limit of %d", count, MaxSlots)}
	}
	b, err := m.generate(n, stages)
	if err != nil {
		return nil, err
	}
	m.prepare()
	code := b.Module()
	m.Code = len(code)
	m.Wasm = appendSections(code, m, as)
	sum := sha256.Sum256(m.Wasm)
	m.digest = "sha256:" + hex.EncodeToString(sum[:])
	return m, nil
}

// ruleOrder is the enabled rules' places, by priority and then file order.
func ruleOrder(p *Policy) []int {
	var order []int
	for i := range p.Rules {
		if p.Rules[i].Enabled {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p.Rules[b].Priority, p.Rules[a].Priority) })
	return order
}

// rule is the rule at that place of the module's table.
func (m *Module) rule(i int) *Rule { return &m.Policy.Rules[m.Rules[i]] }

// plan normalises the rules, by stage. Rules that can never fire are left out of the code.
func plan(m *Module, n *normaliser) (stages [2][]*plannedRule, err error) {
	var errs Errors
	for i := range m.Rules {
		r := m.rule(i)
		f, err := n.formula(r)
		switch {
		case err != nil:
			errs = append(errs, m.Policy.ErrorAt(r.Source, err.Pos, err.Message, err.Hint))
		case f.op != opFalse:
			stages[r.Stage] = append(stages[r.Stage], &plannedRule{index: i, formula: f})
		}
	}
	return stages, errs.sorted()
}

// generate writes the module. Memory is laid out as compile_data.go says; constants come up while code is generated, so
// the result area, which follows them, is known last, and fire gets its address from a constant of its own.
func (m *Module) generate(n *normaliser, stages [2][]*plannedRule) (*wasm.Builder, error) {
	slots := n.root.describe()
	m.Slots, m.Strings, m.SlotBase = slots, n.strings.list, slotBase
	m.ResultBase = slotBase + abi.SlotSize*uint32(len(slots))
	results := 4 * 4 * uint32(len(m.Rules))
	e := &emitter{b: &wasm.Builder{}, root: n.root, strings: &n.strings, pool: newPool((m.ResultBase + results + 7) &^ 7)}
	e.helpers(m.ResultBase)
	var groups [2][]group
	for s, rules := range stages {
		groups[s] = groupRules(rules, n.root.slots)
	}
	e.evaluate(groups)
	m.ScratchBase = e.pool.end() + 8
	if m.ScratchBase > MaxStatic {
		return nil, &Error{File: m.Policy.File, Message: fmt.Sprintf("constants and automata of %d bytes are over the limit of %d", m.ScratchBase, MaxStatic)}
	}
	e.b.Memory(m.ScratchBase>>16+1, MaxPages)
	e.b.Export("memory", wasm.ExportMemory, 0)
	e.b.Data(tableBase, tables())
	if len(e.pool.bytes) > 0 {
		e.b.Data(e.pool.base, e.pool.bytes)
	}
	return e.b, nil
}
