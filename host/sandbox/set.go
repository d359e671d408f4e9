package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"

	"agentmesh/pdk/abi"
)

// Set is judges that decide together. It is immutable and counts who holds it; when the last one lets go, it closes the
// modules that no other set shares.
type Set struct {
	engine   *Engine
	judges   []Judge
	modules  []*module
	plugins  []*Plugin // by name
	origins  []Origin
	found    []*Found // of origins, in the same order
	digest   string
	warnings []string
	files    []string
	holders  atomic.Int64
}

// contents is what a set is made of.
type contents struct {
	judges  []Judge
	modules []*module
	plugins []*Plugin
	origins []Origin
	found   []*Found // of origins, in the same order
}

func (l *loader) contents() contents {
	return contents{l.judges, l.modules, l.plugins, l.origins, l.found}
}

// newSet takes over the modules and plugins. The caller holds the set.
func newSet(e *Engine, c contents) *Set {
	slices.SortFunc(c.judges, func(a, b Judge) int { return byName(a.Info(), b.Info()) })
	slices.SortFunc(c.plugins, func(a, b *Plugin) int { return byName(a.info, b.info) })
	sortOrigins(c)
	s := &Set{engine: e, judges: c.judges, modules: c.modules, plugins: c.plugins, origins: c.origins, found: c.found}
	s.digest = digestOf(c, &e.options)
	s.holders.Store(1)
	return s
}

// sortOrigins orders origins, and what was found of them, by name and version.
func sortOrigins(c contents) {
	found := make(map[[2]string]*Found, len(c.found))
	for i, o := range c.origins {
		found[[2]string{o.Name, o.Version}] = c.found[i]
	}
	slices.SortFunc(c.origins, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	for i, o := range c.origins {
		c.found[i] = found[[2]string{o.Name, o.Version}]
	}
}

// byName orders by name and, of one name, by version as text.
func byName(a, b abi.Judged) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
}

// digestOf is over everything that decides: one line for each judge and each other plugin, what the plugins may use, what
// is absent, what the modules' givers say of them and what holds when one lapses, and the configuration's digest.
func digestOf(c contents, o *Options) string {
	var text []byte
	line := func(fields ...string) {
		for _, field := range fields {
			text = append(abi.AppendString(text, field), ' ')
		}
		text = append(text, '\n')
	}
	named := func(i abi.Judged) {
		line(i.Name, i.Version, i.Digest, i.SettingsDigest, strconv.FormatBool(i.Monitored))
	}
	for _, j := range c.judges {
		named(j.Info())
	}
	for _, p := range c.plugins {
		if p.Kind() != abi.KindPolicy {
			named(p.info)
		}
		line(p.info.Name, strconv.FormatInt(p.fuel, 10), strconv.FormatInt(p.module.MemoryPages(), 10))
	}
	for _, m := range c.origins {
		if m.Tag != "" {
			line("tag", m.Name, m.Version, m.Wasm, m.Tag)
		}
		if m.Absent != "" {
			line("absent", m.Name, m.Version, m.Wasm)
		}
		if lapse := o.Plugins[m.Name].OnLapse; lapse != "" {
			line("on_lapse", m.Name, lapse)
		}
	}
	sum := sha256.Sum256(abi.AppendString(text, o.ConfigDigest))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Digest is "sha256:…" over name, version, digest and settings of every judge, whether it is monitored, its module's tag, and
// the host's configuration.
func (s *Set) Digest() string { return s.digest }

// Len is the number of judges.
func (s *Set) Len() int { return len(s.judges) }

// Judge is the i-th judge, by name and version.
func (s *Set) Judge(i int) Judge { return s.judges[i] }

// Plugins are the plugins of all kinds, by name; those of kind policy are judges besides.
func (s *Set) Plugins() []*Plugin { return s.plugins }

// Warnings are what the loader has to say of what it loaded nevertheless.
func (s *Set) Warnings() []string { return s.warnings }

// Provenances says of every module of the set where it came from and who vouches for it, by name and version. Policy files
// are no modules.
func (s *Set) Provenances() []Origin { return s.origins }

// Options are what the operator says of the plugin of that name.
func (s *Set) Options(name string) PluginOptions { return s.engine.options.Plugins[name] }

// Files are the files that were read for it, sorted, parents of policies included.
func (s *Set) Files() []string { return s.files }

// Acquire holds the set once more, unless nobody holds it any longer.
func (s *Set) Acquire() bool {
	for {
		n := s.holders.Load()
		if n == 0 {
			return false
		}
		if s.holders.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release lets go of the set. The last holder closes what only this set runs.
func (s *Set) Release() {
	if s.holders.Add(-1) == 0 {
		s.close() // frees memory; there is nothing that could fail and matter
	}
}

func (s *Set) close() error {
	var errs []error
	for _, m := range s.modules {
		errs = append(errs, s.engine.release(context.Background(), m))
	}
	for _, p := range s.plugins {
		errs = append(errs, s.engine.releasePlugin(context.Background(), p))
	}
	return errors.Join(errs...)
}
