package sandbox

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// isPlugin reports whether a module says that it is a plugin: it has a manifest of another entry than direct, and no
// policy's source.
func isPlugin(module []byte) bool {
	if _, has, err := wasm.Custom(module, abi.SectionSource); has || err != nil {
		return false
	}
	body, has, err := wasm.Custom(module, abi.SectionManifest)
	if !has || err != nil {
		return false
	}
	m, err := abi.ReadManifest(string(body))
	return err != nil || m.Entry != abi.EntryDirect
}

// openPlugins makes plugins of the modules, several at a time, and judges of those of kind policy.
func (l *loader) openPlugins(ctx context.Context) {
	if len(l.errs) > 0 {
		return
	}
	plugins, errs := make([]*Plugin, len(l.foreign)), make([]error, len(l.foreign))
	var wait sync.WaitGroup
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, f := range l.foreign {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			plugins[i], errs[i] = l.engine.plugin(ctx, f, l.engine.options.Plugins[f.Manifest.Name])
		})
	}
	wait.Wait()
	for i, f := range l.foreign {
		if errs[i] != nil {
			l.fail(f.Path, fmt.Errorf("plugin %s: %w", f.Manifest.Name, errs[i]))
			continue
		}
		l.plugins = append(l.plugins, plugins[i])
		if plugins[i].Kind() == abi.KindPolicy {
			l.judges = append(l.judges, plugins[i].Judge(l.engine.options.Plugins[f.Manifest.Name].Mode == ModeMonitor))
		}
	}
}

// plugin makes a plugin ready, or shares the one that runs already.
func (e *Engine) plugin(ctx context.Context, f *PluginFile, o PluginOptions) (*Plugin, error) {
	if err := o.check(); err != nil {
		return nil, &abi.Failure{Code: abi.CodeSettingsInvalid, Detail: err.Error()}
	}
	key := fmt.Sprintf("%s %d %d %s", f.Digest, o.MemoryPages, o.Fuel, abi.AppendJSON(nil, sorted(o.Settings)))
	if p := e.running(key); p != nil {
		return p, nil
	}
	if admit := e.options.Admission; admit != nil {
		if err := admit(ctx, f, o); err != nil {
			return nil, err
		}
	}
	pm, err := e.CompilePlugin(ctx, f, o)
	if err != nil {
		return nil, err
	}
	p, err := pm.New(o.Settings)
	if err != nil {
		pm.Close(ctx) // frees memory; the failure is what matters
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p.key, p.refs = key, 1
	if e.plugins[key] == nil { // else another load was quicker; both serve their sets
		e.plugins[key] = p
	}
	return p, nil
}

func (e *Engine) running(key string) *Plugin {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.plugins[key]
	if p != nil {
		p.refs++
	}
	return p
}

// releasePlugin gives a plugin back; the last one closes it. Its instances are all free then.
func (e *Engine) releasePlugin(ctx context.Context, p *Plugin) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.refs--; p.refs > 0 || e.closed {
		return nil
	}
	if e.plugins[p.key] == p {
		delete(e.plugins, p.key)
	}
	p.Close()
	return p.module.Close(ctx)
}
