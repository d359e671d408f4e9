package policy

import (
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"agentmesh/pdk/abi"
)

// What the keys version and apiVersion must say.
const (
	version    = "1.0"
	apiVersion = "governance.toolkit/v1"
)

// file is one policy file by itself, before its parents are merged in.
type file struct {
	doc    *document
	policy Policy
	// extends is what the key names, with its node, or empty.
	extends     string
	extendsNode *yaml.Node
	written     written
	text        string // as read, byte order mark and all
	errs        Errors
}

// readPolicy reads a policy file. What is wrong with it stands in errs; the policy is of use only if there is nothing.
func readPolicy(name, text string) *file {
	f := &file{doc: newDocument(name, text)}
	n, errs := parseFile(f.doc)
	if f.errs = errs; errs != nil {
		return f
	}
	r := &reader{doc: f.doc}
	r.policy(n, f)
	f.errs = r.errs
	return f
}

func (r *reader) policy(n *yaml.Node, f *file) {
	p := &f.policy
	p.Name = nameOfFile(f.doc.file)
	f.written = r.mapping(n, "a policy", []key{
		{"version", func(v *yaml.Node) { p.Version = r.version(v, "version", version) }},
		{"apiVersion", func(v *yaml.Node) { p.Version = r.version(v, "apiVersion", apiVersion) }},
		{"name", func(v *yaml.Node) { p.Name = r.policyName(v) }},
		{"description", func(v *yaml.Node) { p.Description, _ = r.text(v, "description") }},
		{"agent", func(v *yaml.Node) { p.Agents = r.selectors([]*yaml.Node{v}) }},
		{"agents", func(v *yaml.Node) { p.Agents = r.selectors(r.items(v, "agents")) }},
		{"default_action", func(v *yaml.Node) { p.Default = r.defaultAction(v) }},
		{"mode", func(v *yaml.Node) { p.Monitor = r.mode(v) }},
		{"conflict", func(v *yaml.Node) { p.Conflict = r.conflict(v) }},
		{"extends", func(v *yaml.Node) { f.extends, _ = r.text(v, "extends"); f.extendsNode = v }},
		{"rules", func(v *yaml.Node) { p.Rules = r.rules(v) }},
	})
	if f.written["version"] == nil && f.written["apiVersion"] == nil && n.Kind == yaml.MappingNode {
		r.fail(n, `begin the file with version: "1.0"`, "version is missing")
	}
	if key := f.written["agents"]; key != nil && f.written["agent"] != nil {
		r.fail(key, "write all of them under agents", "agent and agents in one policy")
	}
}

// version reads the format's number, which looks like a number to YAML if it is not quoted; that is let pass.
func (r *reader) version(n *yaml.Node, key, want string) string {
	if n.Kind != yaml.ScalarNode || n.Value != want {
		r.fail(n, "write "+key+": "+quoteYAML(want), "unknown %s", key)
	}
	return n.Value
}

func quoteYAML(s string) string { return `"` + s + `"` }

// A policy's name becomes the second segment of its judge's name, local/NAME, and so keeps to what such segments may be.
var segment = regexp.MustCompile(`^[a-z0-9.-]*[a-z0-9-][a-z0-9.-]*$`)

// maxName is how long names may be, in bytes.
const maxName = 128

func (r *reader) policyName(n *yaml.Node) string {
	s, ok := r.text(n, "name")
	switch {
	case ok && !segment.MatchString(s):
		r.fail(n, "write "+slug(s), "a policy's name is made of a-z, 0-9, . and -")
	case len(s) > maxName:
		r.fail(n, "", "name is longer than %d bytes", maxName)
	}
	return s
}

// nameOfFile names a policy that does not name itself.
func nameOfFile(file string) string {
	base := path.Base(strings.TrimPrefix(file, presetPrefix))
	if ext := path.Ext(base); ext == ".yaml" || ext == ".yml" || ext == ".json" {
		base = strings.TrimSuffix(base, ext)
	}
	return slug(base)
}

// slug makes a name that may be a policy's of one that may not.
func slug(s string) string {
	mapped := strings.Map(func(c rune) rune {
		if c == '.' || isDigit(byte(c&0x7F)) && c < 0x80 || 'a' <= c && c <= 'z' {
			return c
		}
		return '-'
	}, strings.ToLower(s))
	if mapped = strings.Trim(mapped, "-."); mapped == "" {
		return "policy"
	}
	return mapped[:min(len(mapped), maxName)]
}

func (r *reader) selectors(nodes []*yaml.Node) []string {
	var out []string
	for _, n := range nodes {
		s, ok := r.text(n, "agent")
		if ok && (strings.TrimSpace(s) != s || strings.ContainsAny(s, space)) {
			r.fail(n, "write a name, a DID, or a pattern with * and ?", "an agent's name holds no white space")
		}
		if ok {
			out = append(out, s)
		}
	}
	return out
}

func (r *reader) defaultAction(n *yaml.Node) *abi.Decision {
	word, ok := r.choice(n, "default_action", abi.Allow.String(), abi.Deny.String())
	if !ok {
		return nil
	}
	d, _ := abi.ParseDecision(word)
	return &d
}

func (r *reader) mode(n *yaml.Node) (monitor bool) {
	word, _ := r.choice(n, "mode", "enforce", "monitor")
	return word == "monitor"
}

func (r *reader) conflict(n *yaml.Node) Conflict {
	word, _ := r.choice(n, "conflict", "deny_overrides", "priority_first_match")
	if word == "priority_first_match" {
		return PriorityFirstMatch
	}
	return DenyOverrides
}
