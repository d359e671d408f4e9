package abi

import "strings"

// The custom sections of a module: its manifest, its cases, a compiled policy's sources, and what its direct entry reads.
const (
	SectionManifest = "agentmesh.plugin"
	SectionCases    = "agentmesh.cases"
	SectionSource   = "agentmesh.source"
	SectionDirect   = "agentmesh.direct"
)

// The kinds of plugin.
const (
	KindPolicy     = "policy"
	KindCompliance = "compliance"
	KindReward     = "reward"
)

// Exports are the functions by which a plugin of that kind is asked.
func Exports(kind string) []string {
	switch kind {
	case KindPolicy:
		return []string{"evaluate"}
	case KindReward:
		return []string{"score"}
	default:
		return []string{"catalog", "check", "classify"}
	}
}

// The entries of a module, and the stages of an action.
const (
	EntryExtism = "extism"
	EntryDirect = "direct"

	StagePreTool  = "pre_tool"
	StagePostTool = "post_tool"
)

// Manifest says what a module is, as plugin.yaml beside its source does.
type Manifest struct {
	Name           string // scope/name, segments of a-z 0-9 . -
	Version        string // semver; a local policy's digest
	Kind           string
	Publisher      string
	Description    string
	Settings       Value // JSON Schema of the settings, or missing
	Effects        []string
	EffectiveFrom  string // RFC 3339, or empty
	EffectiveUntil string
	Citations      []string
	Entry          string
	Stages         []string
	MemoryPages    int64 // 64 KiB each; 0: the host's default
	Fuel           int64 // 0: the host's default
}

// MayGive are the decisions that the module may give: its effects, and where it names none every one but allow.
func (m *Manifest) MayGive() DecisionSet {
	if len(m.Effects) == 0 {
		return SetOf(Deny, RequireApproval, Warn, Log)
	}
	var s DecisionSet
	for _, name := range m.Effects {
		d, _ := ParseDecision(name)
		s |= SetOf(d)
	}
	return s
}

// AppendManifest appends the manifest; what is empty is left out.
func AppendManifest(dst []byte, m *Manifest) []byte {
	o := open(dst)
	o.text("name", m.Name)
	o.text("version", m.Version)
	o.text("kind", m.Kind)
	o.integer("abi", Version)
	o.optional("publisher", m.Publisher)
	o.optional("description", m.Description)
	if m.Settings.Exists() {
		o.name("settings")
		o.dst = AppendJSON(o.dst, m.Settings)
	}
	o.optionalTexts("effects", m.Effects)
	o.optional("effective_from", m.EffectiveFrom)
	o.optional("effective_until", m.EffectiveUntil)
	o.optionalTexts("citations", m.Citations)
	o.optional("entry", m.Entry)
	o.optionalTexts("stages", m.Stages)
	if m.MemoryPages != 0 {
		o.integer("memory_pages", m.MemoryPages)
	}
	if m.Fuel != 0 {
		o.integer("fuel", m.Fuel)
	}
	return o.close()
}

// ReadManifest reads a manifest strictly. Absent entry and stages read as extism and pre_tool. When the effective dates are
// right, and whether the settings' schema is one, is checked by whoever goes by them.
func ReadManifest(src string) (Manifest, error) {
	v, err := ReadValue(src)
	if err != nil {
		return Manifest{}, err
	}
	return ManifestOf(v)
}

// ManifestOf takes a manifest out of an object, as ReadManifest does.
func ManifestOf(v Value) (Manifest, error) {
	f := fieldsOf(v, "manifest", strict)
	f.version()
	m := Manifest{
		Name: f.required("name", "scope/name"), Version: f.required("version", "a version"), Kind: f.required("kind", "a kind"), Publisher: f.text("publisher"),
		Description: f.text("description"), Effects: f.texts("effects"), EffectiveFrom: f.text("effective_from"),
		EffectiveUntil: f.text("effective_until"), Citations: f.texts("citations"), Entry: f.text("entry"),
		Stages: f.texts("stages"), MemoryPages: f.count("memory_pages"), Fuel: f.count("fuel"),
	}
	m.Settings, _ = f.take("settings")
	m.check(&f)
	err := f.end("name", "version", "kind", "abi", "publisher", "description", "settings", "effects", "effective_from",
		"effective_until", "citations", "entry", "stages", "memory_pages", "fuel")
	if err != nil {
		return Manifest{}, err
	}
	if m.Entry == "" {
		m.Entry = EntryExtism
	}
	if len(m.Stages) == 0 {
		m.Stages = []string{StagePreTool}
	}
	return m, nil
}

func (m *Manifest) check(f *fields) {
	if !validName(m.Name) {
		f.refuse("name", "scope/name of a-z, 0-9, '.' and '-'")
	}
	if !validVersion(m.Version) {
		f.refuse("version", "a semantic version (1.2.3), or a local policy's digest (sha256:…)")
	}
	switch m.Kind {
	case KindPolicy, KindCompliance, KindReward:
	default:
		f.refuse("kind", "one of policy, compliance, reward")
	}
	switch m.Entry {
	case "", EntryExtism, EntryDirect:
	default:
		f.refuse("entry", "extism or direct")
	}
	if m.Settings.Exists() && m.Settings.kind != Object {
		f.wrong("settings", "a JSON Schema, an object", m.Settings)
	}
	if m.MemoryPages > 1<<16 {
		f.refuse("memory_pages", "at most 65536")
	}
	m.checkLists(f)
}

func (m *Manifest) checkLists(f *fields) {
	for _, s := range m.Stages {
		if s != StagePreTool && s != StagePostTool {
			f.refuse("stages", "pre_tool or post_tool")
		}
	}
	for _, e := range m.Effects {
		d, ok := ParseDecision(e)
		if !ok || d == Abstain {
			f.refuse("effects", "decisions")
		}
		if d == Allow && m.Kind == KindCompliance {
			f.refuse("effects", "without allow: compliance never allows")
		}
	}
}

// validName reports whether s is scope/name, each a run of a-z, 0-9, '.' and '-'. A run of dots alone would be another
// folder where names become paths, so it is none.
func validName(s string) bool {
	scope, name, ok := strings.Cut(s, "/")
	return ok && validSegment(scope) && validSegment(name)
}

func validSegment(s string) bool {
	dots := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			dots++
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
		default:
			return false
		}
	}
	return dots < len(s)
}

// validVersion reports whether s is a version of semver.org 2.0.0 or "sha256:" and 64 hexadecimal digits.
func validVersion(s string) bool {
	if digest, ok := strings.CutPrefix(s, "sha256:"); ok {
		return len(digest) == 64 && strings.Trim(digest, hexDigits) == ""
	}
	s, build, hasBuild := strings.Cut(s, "+")
	s, pre, hasPre := strings.Cut(s, "-")
	if hasBuild && !validIdentifiers(build, false) || hasPre && !validIdentifiers(pre, true) {
		return false
	}
	return strings.Count(s, ".") == 2 && validIdentifiers(s, true) && strings.Trim(s, "0123456789.") == ""
}

// validIdentifiers reports whether s is identifiers joined by dots; numeric ones of a version and a pre-release have no
// leading zero.
func validIdentifiers(s string, strictNumbers bool) bool {
	for id := range strings.SplitSeq(s, ".") {
		digits := 0
		for i := range len(id) {
			c := id[i]
			switch {
			case c >= '0' && c <= '9':
				digits++
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-':
			default:
				return false
			}
		}
		if id == "" || strictNumbers && digits == len(id) && digits > 1 && id[0] == '0' {
			return false
		}
	}
	return true
}
