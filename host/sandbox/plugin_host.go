package sandbox

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// pluginHost runs all plugins of an engine: one runtime with the host's functions in it. It is made when the first plugin
// is compiled.
type pluginHost struct {
	runtime wazero.Runtime
	budget  budget
	watch   watchdog

	instances int // of one plugin at most
	hear      func(GuestLog)
}

func (e *Engine) pluginHost(ctx context.Context) (*pluginHost, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, ErrClosed
	case e.host != nil:
		return e.host, nil
	}
	config := wazero.NewRuntimeConfig()
	if e.options.Interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	config = config.WithDebugInfoEnabled(false).WithMemoryCapacityFromMax(true)
	if e.cache != nil {
		config = config.WithCompilationCache(e.cache)
	}
	h := &pluginHost{runtime: wazero.NewRuntimeWithConfig(ctx, config), instances: e.options.Instances, hear: e.options.Guest}
	h.budget.most = e.options.MemoryBudget
	for name, functions := range map[string][]hostFunc{extismModule: extismFuncs(), wasiModule: wasiFuncs()} {
		if err := exportHost(ctx, h.runtime, name, functions); err != nil {
			h.runtime.Close(ctx)
			return nil, fmt.Errorf("the host's functions for plugins: %w", err)
		}
	}
	h.watch.start(e.options.Watchdog)
	e.host = h
	return h, nil
}

func (h *pluginHost) close(ctx context.Context) error {
	h.watch.end()
	return h.runtime.Close(ctx)
}

// instantiate makes an instance in memory of its own from the system: untouched pages of it cost nothing, and the garbage
// collector does not take it for live data.
func (h *pluginHost) instantiate(ctx *guestContext, m wazero.CompiledModule) (api.Module, error) {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	return h.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, allocator()), m, config)
}

// budget bounds the memory of all instances together, by what they may grow to.
type budget struct {
	most int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.most {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// watchdog is the last resort behind fuel: it looks at running instances now and then and takes the fuel of one that has
// been in the same call for too long. The guest ends with its slice then.
type watchdog struct {
	mu      sync.Mutex
	running map[*pluginInstance]sighting
	stop    chan struct{}
	stopped chan struct{}
}

// sighting is which call an instance was seen in, and how often.
type sighting struct {
	turn uint64
	seen int
}

// looks is how often a call must be seen before it is stopped.
const looks = 5

func (w *watchdog) start(patience time.Duration) {
	w.running, w.stop, w.stopped = map[*pluginInstance]sighting{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.stopped)
		tick := time.NewTicker(max(patience/looks, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
				w.look()
			}
		}
	}()
}

func (w *watchdog) end() {
	close(w.stop)
	<-w.stopped
}

func (w *watchdog) add(i *pluginInstance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[i] = sighting{}
}

func (w *watchdog) remove(i *pluginInstance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.running, i)
}

func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.running {
		now := i.turn.Load()
		if now != s.turn {
			s = sighting{turn: now}
		}
		if s.seen++; s.seen > looks && turn(now).state() == turnRunning {
			i.exhaust(now)
		}
		w.running[i] = s
	}
}

// exhaust takes the fuel of a call. It races with the guest's own counting, which may put back what was left: so it is done
// again at every look until the call has ended.
func (i *pluginInstance) exhaust(seen uint64) {
	if i.cells == nil {
		return
	}
	i.late.Store(true) // before the turn is looked at: one of both sides sees the other
	i.strike.Lock()
	defer i.strike.Unlock()
	if i.turn.Load() == seen {
		i.cells.SetRest(0)
	}
}
