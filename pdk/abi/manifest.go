package abi

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

func (o *object) optionalTexts(name string, ss []string) {
	if len(ss) > 0 {
		o.texts(name, ss)
	}
}

// ReadManifest reads a manifest strictly. Absent entry and stages read as extism and pre_tool.
func ReadManifest(src string) (Manifest, error) {
	v, err := ReadValue(src)
	if err != nil {
		return Manifest{}, err
	}
	f := fieldsOf(v, "manifest")
	f.version()
	m := Manifest{
		Name: f.text("name"), Version: f.text("version"), Kind: f.text("kind"), Publisher: f.text("publisher"),
		Description: f.text("description"), Effects: f.texts("effects"), EffectiveFrom: f.text("effective_from"),
		EffectiveUntil: f.text("effective_until"), Citations: f.texts("citations"), Entry: f.text("entry"),
		Stages: f.texts("stages"), MemoryPages: f.integer("memory_pages"), Fuel: f.integer("fuel"),
	}
	m.Settings, _ = f.take("settings")
	m.check(f)
	if m.Entry == "" {
		m.Entry = EntryExtism
	}
	if len(m.Stages) == 0 {
		m.Stages = []string{StagePreTool}
	}
	return m, f.end("name", "version", "kind", "abi", "publisher", "description", "settings", "effects", "effective_from",
		"effective_until", "citations", "entry", "stages", "memory_pages", "fuel")
}

func (m *Manifest) check(f *fields) {
	if !validName(m.Name) {
		f.wrong("name", "scope/name of a-z, 0-9, '.' and '-'", StringValue(m.Name))
	}
	switch m.Kind {
	case KindPolicy, KindCompliance, KindReward:
	default:
		f.wrong("kind", "one of policy, compliance, reward", StringValue(m.Kind))
	}
	switch m.Entry {
	case "", EntryExtism, EntryDirect:
	default:
		f.wrong("entry", "extism or direct", StringValue(m.Entry))
	}
	for _, s := range m.Stages {
		if s != StagePreTool && s != StagePostTool {
			f.wrong("stages", "pre_tool or post_tool", StringValue(s))
		}
	}
	for _, e := range m.Effects {
		if d, ok := ParseDecision(e); !ok || d == Abstain {
			f.wrong("effects", "decisions", StringValue(e))
		}
	}
	if m.MemoryPages < 0 || m.Fuel < 0 {
		f.wrong("memory_pages or fuel", "positive", IntValue(m.MemoryPages))
	}
}

// validName reports whether s is scope/name, each a run of a-z, 0-9, '.' and '-'.
func validName(s string) bool {
	slashes, run := 0, 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '/' && run > 0:
			slashes, run = slashes+1, 0
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-':
			run++
		default:
			return false
		}
	}
	return slashes == 1 && run > 0
}
