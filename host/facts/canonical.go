package facts

import (
	"strings"

	"agentmesh/pdk/abi"
)

// Rewrite is an argument that names a file, and the canonical form of its path.
type Rewrite struct {
	At []abi.Step // from the arguments' root
	To string
}

// Canonical gives the canonical form of each argument of a tool call that the table says is a path of this machine, where
// that differs from what was written: absolute, without "." and "..", links followed. Relative paths begin at the call's
// base argument, else at the first root. URLs, and paths that lead through links in a circle, are left alone.
func (x *Extractor) Canonical(c *Call) []Rewrite {
	row := x.table.Find(firstText(x.pkg, c.Server), c.Tool)
	if row == nil || row.Remote || x.where != Here {
		return nil
	}
	k := canonicals{x: x, base: x.dir}
	if len(x.roots) > 0 {
		k.base = x.roots[0].named
	}
	if row.Base != "" {
		at := []abi.Step{{Name: row.Base}}
		if s, ok := c.Arguments.Get(row.Base).Str(); ok {
			k.add(at, s)
			k.base = x.absolute(s, k.base)
		}
	}
	for _, place := range row.Paths {
		k.walk([]abi.Step{{Name: place[0]}}, c.Arguments.Get(place[0]), place[1:])
	}
	return k.found
}

// canonicals gathers rewrites.
type canonicals struct {
	x     *Extractor
	base  string
	found []Rewrite
}

func (k *canonicals) walk(at []abi.Step, v abi.Value, steps argument) {
	if s, ok := v.Str(); ok {
		k.add(at, s)
		return
	}
	below := func(s abi.Step) []abi.Step { return append(at[:len(at):len(at)], s) }
	switch {
	case v.Kind() == abi.List:
		if len(steps) > 0 && steps[0] == "[]" {
			steps = steps[1:]
		}
		for i := range v.Len() {
			k.walk(below(abi.Step{Index: i, IsIndex: true}), v.At(i), steps)
		}
	case len(steps) > 0 && steps[0] != "[]":
		k.walk(below(abi.Step{Name: steps[0]}), v.Get(steps[0]), steps[1:])
	}
}

func (k *canonicals) add(at []abi.Step, s string) {
	scheme, _, ok := strings.Cut(s, ":")
	if s == "" || len(s) > maxPath || ok && schemeName(scheme) && len(scheme) > 1 || strings.IndexByte(s, 0) >= 0 {
		return
	}
	abs := k.x.absolute(s, k.base)
	if !strings.HasPrefix(abs, "/") {
		return
	}
	physical := s // ".." after a link leads up from where the link leads
	switch {
	case strings.HasPrefix(s, "~"):
		physical = abs
	case !strings.HasPrefix(s, "/"):
		physical = k.base + "/" + s
	}
	if real, ok := resolve(physical); ok && real != s {
		k.found = append(k.found, Rewrite{at, real})
	}
}
