package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// appendSections adds the custom sections: the manifest, the sources the module was compiled from, what its direct entry
// reads, and the cases when there are any. All are JSON but the cases, which are as written.
func appendSections(code []byte, m *Module, as Packaging) []byte {
	manifest := m.manifest(as)
	code = wasm.AppendCustom(code, abi.SectionManifest, abi.AppendManifest(nil, &manifest))
	code = wasm.AppendCustom(code, abi.SectionSource, abi.AppendJSON(nil, sourcesValue(m.Policy)))
	code = wasm.AppendCustom(code, abi.SectionDirect, abi.AppendJSON(nil, m.directValue()))
	if as.Cases != "" {
		code = wasm.AppendCustom(code, abi.SectionCases, []byte(as.Cases))
	}
	return code
}

// manifest says what the policy is. A local one has its sources' digest for a version.
func (m *Module) manifest(as Packaging) abi.Manifest {
	var out abi.Manifest
	if as.Manifest != nil {
		out = *as.Manifest
	} else {
		out = abi.Manifest{Name: "local/" + localName(m.Policy.Name), Version: sourceDigest(m.Policy), Description: m.Policy.Description}
	}
	out.Kind, out.Entry = abi.KindPolicy, abi.EntryDirect
	out.Effects, out.Stages = m.effects(), m.stages()
	return out
}

// localName is the policy's name with what a manifest's name cannot hold replaced.
func localName(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, name)
	if clean == "" {
		return "policy"
	}
	return clean
}

func sourceDigest(p *Policy) string {
	sum := sha256.Sum256(abi.AppendJSON(nil, sourcesValue(p)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// effects are the decisions that the policy may give, in a fixed order.
func (m *Module) effects() []string {
	var given abi.DecisionSet
	for i := range m.Rules {
		given |= abi.SetOf(m.rule(i).Action)
	}
	if d := m.Policy.Default; d != nil {
		given |= abi.SetOf(*d)
	}
	var out []string
	for d := abi.Deny; d < abi.Abstain; d++ {
		if given.Has(d) {
			out = append(out, d.String())
		}
	}
	return out
}

func (m *Module) stages() []string {
	out := []string{abi.StagePreTool}
	for i := range m.Rules {
		if m.rule(i).Stage == PostTool {
			return append(out, abi.StagePostTool)
		}
	}
	return out
}

func member(name string, v abi.Value) abi.Member { return abi.Member{Name: name, Value: v} }

// sourcesValue is [{name,text},…], the policy's own file first.
func sourcesValue(p *Policy) abi.Value {
	out := make([]abi.Value, len(p.Sources))
	for i, s := range p.Sources {
		out[i] = abi.ObjectValue(member("name", abi.StringValue(s.Name)), member("text", abi.StringValue(s.Text)))
	}
	return abi.ListValue(out...)
}

// ErrNoSource says that a module does not carry the sources it was compiled from, and so cannot be trusted to be what
// the compiler makes of them.
var ErrNoSource = errors.New("the module carries no policy source")

// ReadSource reads back the sources that Compile embedded, the policy's own file first, and the cases when there are any.
func ReadSource(module []byte) (sources Sources, cases string, err error) {
	body, ok, err := wasm.Custom(module, abi.SectionSource)
	if err != nil {
		return nil, "", fmt.Errorf("read source: %w", err)
	}
	if !ok {
		return nil, "", ErrNoSource
	}
	v, err := abi.ReadValue(string(body))
	if err != nil {
		return nil, "", fmt.Errorf("read source: %w", err)
	}
	for _, item := range v.Items() {
		name, isName := item.Value.Get("name").Str()
		text, isText := item.Value.Get("text").Str()
		if !isName || !isText {
			return nil, "", errors.New("read source: an entry has no name or text")
		}
		sources = append(sources, Source{Name: name, Text: text})
	}
	if len(sources) == 0 {
		return nil, "", ErrNoSource
	}
	body, _, err = wasm.Custom(module, abi.SectionCases)
	return sources, string(body), err
}

// directValue describes the direct entry: {slots, strings, rules, slot_base, result_base, scratch_base}, slots as
// abi.Slot with what is not asked left out, rules by name in the order of the result words.
func (m *Module) directValue() abi.Value {
	rules := make([]string, len(m.Rules))
	for i := range m.Rules {
		rules[i] = m.rule(i).Name
	}
	return abi.ObjectValue(
		member("slots", slotsValue(m.Slots)),
		member("strings", abi.StringsValue(m.Strings)),
		member("rules", abi.StringsValue(rules)),
		member("slot_base", abi.IntValue(int64(m.SlotBase))),
		member("result_base", abi.IntValue(int64(m.ResultBase))),
		member("scratch_base", abi.IntValue(int64(m.ScratchBase))),
	)
}

func slotsValue(slots []abi.Slot) abi.Value {
	out := make([]abi.Value, len(slots))
	for i := range slots {
		out[i] = slotValue(&slots[i])
	}
	return abi.ListValue(out...)
}

func slotValue(s *abi.Slot) abi.Value {
	var asked []string
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"lower", s.Lower}, {"len", s.Len}, {"id", s.ID}, {"bytes", s.Bytes}, {"mask", s.Mask}, {"canonical", s.Canonical},
	} {
		if flag.set {
			asked = append(asked, flag.name)
		}
	}
	v := abi.ObjectValue(member("path", pathValue(s.Path)), member("write", abi.StringsValue(asked)))
	if s.HasItems {
		v = v.With("item", slotValue(s.Item)).With("items", slotsValue(s.Items))
	}
	return v
}

func pathValue(path []abi.Step) abi.Value {
	out := make([]abi.Value, len(path))
	for i, s := range path {
		if s.IsIndex {
			out[i] = abi.IntValue(int64(s.Index))
		} else {
			out[i] = abi.StringValue(s.Name)
		}
	}
	return abi.ListValue(out...)
}
