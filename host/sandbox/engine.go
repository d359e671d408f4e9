package sandbox

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/disk"
	"agentmesh/host/policy"
)

// Options adjust an Engine; the zero value works.
type Options struct {
	// CacheDir keeps compiled code between starts; empty: nothing is kept. It is made with mode 0700, and refused when
	// others can write or enter it.
	CacheDir string
	// Instances is how many instances of one module there are at most; 0: two for each processor, at least four.
	Instances int
	// Presets gives the text of "preset:NAME"; nil: there are none.
	Presets func(name string) ([]byte, error)
	// ConfigDigest is that of the host's configuration; it becomes part of every set's digest.
	ConfigDigest string
	// Plugins are what the operator says of plugins, by name; all named must be found when a set is loaded.
	Plugins map[string]PluginOptions
	// MemoryBudget bounds the memory of all plugins' instances together, by what each may grow to; 0: 1 GiB.
	MemoryBudget int64
	// Watchdog is how long one call of a plugin may take whatever its fuel; 0: 5 s. Fuel ends guests long before.
	Watchdog time.Duration
	// Admission is asked before a plugin is compiled here, for every plugin of a set; nil admits all. Plugins are hostile
	// until it has spoken: what compiles them for the first time is best another process.
	Admission func(ctx context.Context, f *PluginFile, o PluginOptions) error
	// Trust is asked who vouches for a module, for each *.wasm and each Module before anything in it is compiled or run. An
	// error with a method Stops() bool that answers true puts a judge that denies in the module's place (code absent, the
	// error's text); any other error fails the load. Nil: every module is taken, with a warning.
	Trust func(ctx context.Context, m Found) (Provenance, error)
	// Guest is told what plugins say, after each call in which they did; nil: it is lost.
	Guest func(GuestLog)
	// Interpreter runs plugins without compiling them: the same answers for the same fuel, some twenty times slower. It is
	// for checking one engine by the other.
	Interpreter bool
}

// Engine compiles and runs modules. It is safe for concurrent use.
type Engine struct {
	options Options
	runtime wazero.Runtime
	cache   wazero.CompilationCache

	mu      sync.Mutex
	modules map[string]*module
	host    *pluginHost        // nil until there is a plugin
	plugins map[string]*Plugin // by what they are made of
	closed  bool
}

// ErrClosed says that an engine was closed.
var ErrClosed = errors.New("the sandbox is closed")

// NewEngine makes an engine. Close it when all its sets are released.
func NewEngine(ctx context.Context, o Options) (*Engine, error) {
	if o.Instances <= 0 {
		o.Instances = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if o.MemoryBudget <= 0 {
		o.MemoryBudget = 1 << 30
	}
	if o.Watchdog <= 0 {
		o.Watchdog = 5 * time.Second
	}
	e := &Engine{options: o, modules: make(map[string]*module), plugins: make(map[string]*Plugin)}
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(policy.MaxPages)
	if o.CacheDir != "" {
		// Whoever could write there would run machine code in this process.
		if err := disk.PrivateDir(o.CacheDir); err != nil {
			return nil, fmt.Errorf("open module cache: %w", err)
		}
		cache, err := wazero.NewCompilationCacheWithDir(o.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("open module cache: %w", err)
		}
		e.cache = cache
		config = config.WithCompilationCache(cache)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	return e, nil
}

// Close frees everything. Sets that are not released must not be used any more.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	err := e.runtime.Close(ctx)
	if e.host != nil {
		err = errors.Join(err, e.host.close(ctx))
	}
	if e.cache != nil {
		err = errors.Join(err, e.cache.Close(ctx))
	}
	return err
}

// module is a compiled policy with its instances, shared by all sets that hold it.
type module struct {
	direct *DirectModule
	pool   *pool
	refs   int // guarded by Engine.mu
}

// module compiles a policy's module, or shares the one that runs already.
func (e *Engine) module(ctx context.Context, m *policy.Module) (*module, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if mod := e.modules[m.Digest()]; mod != nil {
		mod.refs++
		return mod, nil
	}
	var direct *DirectModule
	err := e.mended(func() (err error) {
		direct, err = CompileDirect(ctx, e.runtime, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	mod := &module{direct: direct, pool: newPool(direct, e.options.Instances), refs: 1}
	if err := mod.pool.warm(ctx); err != nil {
		return nil, errors.Join(err, direct.Close(ctx))
	}
	e.modules[m.Digest()] = mod
	return mod, nil
}

// release gives a module back; the last one closes it.
func (e *Engine) release(ctx context.Context, mod *module) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if mod.refs--; mod.refs > 0 || e.closed {
		return nil
	}
	delete(e.modules, mod.direct.Module().Digest())
	return errors.Join(mod.pool.close(ctx), mod.direct.Close(ctx))
}
