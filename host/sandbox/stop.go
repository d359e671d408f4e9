package sandbox

import (
	"context"
	"slices"

	"agentmesh/pdk/abi"
)

// withoutStopped is the set with judges that deny in the places of those that must not go on deciding, by what Options.Trust says
// of them now; nil when all may. Nothing is loaded for it, so it can be had when the files as they are now do not load. The
// caller holds both sets.
func (s *Set) withoutStopped(ctx context.Context) *Set {
	ask := s.engine.options.Trust
	if ask == nil {
		return nil
	}
	c := contents{judges: slices.Clone(s.judges), modules: s.modules, plugins: slices.Clone(s.plugins), origins: slices.Clone(s.origins), found: slices.Clone(s.found)}
	warnings := slices.Clone(s.warnings)
	for i := range c.origins {
		o := &c.origins[i]
		if o.Absent != "" {
			continue
		}
		if _, err := ask(ctx, *c.found[i]); stops(err) {
			o.Absent = err.Error()
			c.replace(o, s.engine.standIn(&c.found[i].Manifest, o))
			warnings = append(warnings, o.stopped())
		}
	}
	if len(warnings) == len(s.warnings) {
		return nil
	}
	s.engine.share(c.modules, c.plugins)
	next := newSet(s.engine, c)
	next.warnings, next.files = warnings, s.files
	return next
}

// replace puts a judge in the place of the one of its name and version, and takes the plugin of that name and version out.
func (c *contents) replace(o *Origin, by Judge) {
	is := func(i abi.Judged) bool { return i.Name == o.Name && i.Version == o.Version }
	for i, j := range c.judges {
		if is(j.Info()) {
			c.judges[i] = by
		}
	}
	c.plugins = slices.DeleteFunc(c.plugins, func(p *Plugin) bool { return is(p.info) })
}

// share holds what another set holds, once more.
func (e *Engine) share(modules []*module, plugins []*Plugin) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range modules {
		m.refs++
	}
	for _, p := range plugins {
		p.refs++
	}
}
