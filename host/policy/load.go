package policy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"agentmesh/pdk/abi"
)

// maxExtends is how many parents a policy may have above it, one over the other.
const maxExtends = 8

// Load reads the policy file of that name and those it extends, checks all of it and merges it. The error is of type Errors
// and holds everything that is wrong with any of them; there is no policy then.
func Load(files Files, name string) (*Policy, error) {
	l := loader{files: files, read: map[string]*file{}}
	p := l.load(name)
	if err := l.errs.sorted(); err != nil {
		return nil, err
	}
	return p, nil
}

// LoadAll loads several policies that are to be active together, in the order of their names as files. Two of one name are an
// error. The error is of type Errors and holds everything wrong with any of them; there are no policies then.
func LoadAll(files Files, names []string) ([]*Policy, error) {
	l := loader{files: files, read: map[string]*file{}}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	policies := make([]*Policy, len(names))
	owner := map[string]string{}
	for i, name := range names {
		policies[i] = l.load(name)
		if f := l.read[name]; f != nil && len(f.errs) == 0 {
			l.claim(owner, f)
		}
	}
	if err := l.errs.sorted(); err != nil {
		return nil, err
	}
	return policies, nil
}

// loader reads each file once, however many policies extend it.
type loader struct {
	files Files
	read  map[string]*file
	errs  Errors
}

// claim reports a policy whose name another one of those loaded has.
func (l *loader) claim(owner map[string]string, f *file) {
	name := f.policy.Name
	other, taken := owner[name]
	if !taken {
		owner[name] = f.doc.file
		return
	}
	var pos Pos
	if key := f.written["name"]; key != nil {
		pos = nodePos(key)
	}
	l.errs = append(l.errs, f.doc.errorAt(pos, "rename one of them", "policy %q is already in %s", name, other))
}

func (l *loader) load(name string) *Policy {
	f, err := l.file(name)
	if err != nil {
		l.errs = append(l.errs, &Error{File: name, Message: err.Error(), cause: err})
		return nil
	}
	p := l.merged(f, path.Base(name), []string{name})
	if p != nil {
		p.File = name
	}
	return p
}

// file reads and checks one file by itself. The error is that of reading it; what is wrong within has been noted.
func (l *loader) file(name string) (*file, error) {
	if f := l.read[name]; f != nil {
		return f, nil
	}
	text, err := l.files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := readPolicy(name, string(text))
	f.text = string(text)
	l.read[name] = f
	l.errs = append(l.errs, f.errs...)
	return f, nil
}

// merged is the policy of a file with its parents in front, or nil if anything is wrong with one of them. Its sources go by
// the names they have from the policy's own folder, the first of them source; trail are the files below, this one last.
func (l *loader) merged(f *file, source string, trail []string) *Policy {
	if len(f.errs) > 0 {
		return nil
	}
	p := f.policy
	p.Sources = Sources{{Name: source, Text: f.text}}
	if f.extends == "" {
		return &p
	}
	parent := l.parent(f, source, trail)
	if parent == nil {
		return nil
	}
	found := len(l.errs)
	l.inherit(f, &p, parent)
	if len(l.errs) > found {
		return nil
	}
	return &p
}

// parent finds and loads the file that f extends.
func (l *loader) parent(f *file, source string, trail []string) *Policy {
	name, problem := resolve(f.doc.file, f.extends)
	switch {
	case problem != "":
		return l.refuse(f, `write preset:NAME, or a path from this file's folder`, problem)
	case slices.Contains(trail, name):
		return l.refuse(f, "", "a circle: "+strings.Join(append(trail, name), " → "))
	case len(trail) > maxExtends:
		return l.refuse(f, "", fmt.Sprintf("more than %d policies extend one another", maxExtends))
	}
	g, err := l.file(name)
	if err != nil {
		return l.refuse(f, "", err.Error())
	}
	source, _ = resolve(source, f.extends)
	return l.merged(g, source, append(trail, name))
}

// refuse reports what is wrong with what extends names; there is no policy then.
func (l *loader) refuse(f *file, hint, message string) *Policy {
	l.errs = append(l.errs, f.doc.errorAt(nodePos(f.extendsNode), hint, "extends: %s", message))
	return nil
}

// resolve is the name of the file that extends names, as seen from the file it stands in.
func resolve(from, extends string) (name, problem string) {
	switch {
	case extends == presetPrefix:
		return "", "a preset without a name"
	case isPreset(extends):
		return extends, ""
	case isPreset(from):
		return "", "a preset can extend presets alone"
	case path.IsAbs(extends), strings.ContainsAny(extends, `\:`), strings.HasPrefix(extends, "~"):
		return "", strconv.Quote(extends) + " is not a path from this file's folder"
	default:
		return path.Join(path.Dir(from), extends), ""
	}
}

// inherit puts the parent's rules in front of the policy's own, and holds it to what binds.
func (l *loader) inherit(f *file, p, parent *Policy) {
	l.bind(f, p, parent)
	first := make(map[string]*Rule, len(parent.Rules))
	rules := slices.Clone(parent.Rules)
	for i := range rules {
		rules[i].Source++
		first[rules[i].Name] = &rules[i]
	}
	p.Sources = append(p.Sources, parent.Sources...)
	for _, rule := range p.Rules {
		if before := first[rule.Name]; before != nil {
			l.errs = append(l.errs, f.doc.errorAt(rule.Pos, "choose another name; a parent's rule cannot be replaced",
				"rule %q is already in %s, line %d", rule.Name, p.Sources[before.Source].Name, before.Pos.Line))
		}
	}
	p.Rules = append(rules, p.Rules...)
	if len(p.Rules) > maxRules {
		l.refuse(f, "split the policy", fmt.Sprintf("more than %d rules with those of the parents", maxRules))
	}
}

// bind takes over what the policy leaves to its parent, and refuses what would loosen it.
func (l *loader) bind(f *file, p, parent *Policy) {
	refuse := func(key, hint, format string, args ...any) {
		l.errs = append(l.errs, f.doc.errorAt(nodePos(f.written[key]), hint, format, args...))
	}
	switch {
	case f.written["mode"] == nil:
		p.Monitor = parent.Monitor
	case p.Monitor != parent.Monitor:
		refuse("mode", "remove mode", "mode differs from the parent's, which binds")
	}
	switch {
	case f.written["conflict"] == nil:
		p.Conflict = parent.Conflict
	case p.Conflict != parent.Conflict:
		refuse("conflict", "remove conflict", "conflict differs from the parent's, which binds")
	}
	switch {
	case p.Default == nil:
		p.Default = parent.Default
	case *p.Default == abi.Allow && (parent.Default == nil || *parent.Default != abi.Allow):
		refuse("default_action", "remove default_action, or write deny", "default_action is looser than the parent's")
	}
	if len(p.Agents) == 0 && len(parent.Agents) > 0 {
		refuse("extends", "write agent: as the parent does, or the agents meant here",
			"the parent selects agents and this policy does not say which it is for")
	}
}
