package sandbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"agentmesh/host/disk"
	"agentmesh/host/policy"
)

// WatchOptions adjust a Watcher; the zero value works.
type WatchOptions struct {
	// Admit is asked before a set comes into force, the first one included; an error keeps the last good set (at the start:
	// fails). The host writes the set to the ledger here.
	Admit func(ctx context.Context, s *Set) error
	// Notify is told the status whenever it changed: other rules in force, another error, or no error any more.
	Notify func(Status)
	// Modules are loaded with what the paths name; nil: there are none. An error fails the load.
	Modules func(ctx context.Context) ([]Module, error)
	// Look describes what Modules and Options.Trust go by: whenever it answers otherwise, everything is loaded again. It is
	// asked at every look, and again and again while nothing happens; nil: nothing but the files counts.
	Look func() string
	// Hear are folders in which a change is worth a look at once.
	Hear []string
	// Quiet is how long nothing must happen to the files before they are loaded again; 0: 100 ms.
	Quiet time.Duration
	// Rescan is how often the files are looked at whether or not the system told of a change; 0: 5 s.
	Rescan time.Duration
}

// Status is how the rules in force came to be.
type Status struct {
	// Set is the digest of the set in force, Judges how many it has, Since when it came into force.
	Set    string
	Judges int
	Since  time.Time
	// Err says why the files as they are now could not be loaded; nil while they are what is in force. Failed is when that
	// was found.
	Err    error
	Failed time.Time
	// Warnings are those of the set in force, and of watching.
	Warnings []string
	// Loads and Failures count attempts.
	Loads, Failures int
}

// Watcher keeps a set in force that follows its files. It is safe for concurrent use.
type Watcher struct {
	engine  *Engine
	paths   []string
	options WatchOptions
	current atomic.Pointer[Set]

	loading  sync.Mutex // one load at a time
	mu       sync.Mutex // guards what follows
	status   Status
	looked   string // what the files looked like when they were loaded last
	events   *fsnotify.Watcher
	deafness string // why the system does not tell of changes
	stop     context.CancelFunc
	done     chan struct{}
}

// Watch loads what the paths name (see Load) and keeps it up to date until Close. What does not load now is an error; later
// the last good set stays in force.
func (e *Engine) Watch(ctx context.Context, o WatchOptions, paths ...string) (*Watcher, error) {
	if o.Quiet <= 0 {
		o.Quiet = 100 * time.Millisecond
	}
	if o.Rescan <= 0 {
		o.Rescan = 5 * time.Second
	}
	w := &Watcher{engine: e, paths: paths, options: o, done: make(chan struct{})}
	w.listen()
	if _, err := w.load(ctx); err != nil {
		w.deaf()
		return nil, err
	}
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	go w.run(ctx)
	return w, nil
}

// Acquire is the set in force, held for the caller, who releases it; nil once the watcher is closed.
func (w *Watcher) Acquire() *Set {
	for {
		s := w.current.Load()
		if s == nil || s.Acquire() {
			return s
		}
	}
}

// Status tells how the rules in force came to be, and what is wrong with those that are not.
func (w *Watcher) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Warnings = slices.Clone(s.Warnings)
	return s
}

// Reload loads the files now, changed or not.
func (w *Watcher) Reload(ctx context.Context) error {
	changed, err := w.load(ctx)
	if changed && w.options.Notify != nil {
		w.options.Notify(w.Status())
	}
	return err
}

// Close stops watching and lets go of the set in force.
func (w *Watcher) Close() {
	w.stop()
	<-w.done
	w.deaf()
	w.loading.Lock()
	defer w.loading.Unlock()
	if s := w.current.Swap(nil); s != nil {
		s.Release()
	}
}

// load brings the files as they are into force, or keeps what is and notes why. changed tells whether it came to another
// result than before.
func (w *Watcher) load(ctx context.Context) (changed bool, err error) {
	w.loading.Lock()
	defer w.loading.Unlock()
	looked := w.look()
	s, err := w.read(ctx)
	before := w.Status()
	if err == nil && s.Digest() != before.Set && w.options.Admit != nil {
		if err = w.options.Admit(ctx, s); err != nil {
			s.Release()
			err, looked = fmt.Errorf("admit the new rules: %w", err), "" // not the files' fault: try again
		}
	}
	if err != nil {
		stopped := w.stopWhatMust(ctx)
		w.keep(looked, err)
		return stopped || before.Err == nil || before.Err.Error() != err.Error(), err
	}
	w.enforce(looked, s)
	return before.Err != nil || before.Set != s.Digest(), nil
}

// stopWhatMust takes out of the set in force what must not go on deciding, when what the files have come to cannot take its place:
// the last good set stays for its rules, not for those that nobody vouches for any more.
func (w *Watcher) stopWhatMust(ctx context.Context) (stopped bool) {
	s := w.current.Load()
	if s == nil { // nothing is in force yet
		return false
	}
	next := s.withoutStopped(ctx)
	if next == nil {
		return false
	}
	if admit := w.options.Admit; admit != nil {
		if err := admit(ctx, next); err != nil { // to go on letting it decide would be worse than a set that the ledger lacks
			next.warnings = append(next.warnings, "what is stopped was not admitted: "+err.Error())
		}
	}
	w.enforce("", next)
	return true
}

func (w *Watcher) read(ctx context.Context) (*Set, error) {
	var modules []Module
	if w.options.Modules != nil {
		var err error
		if modules, err = w.options.Modules(ctx); err != nil {
			return nil, err
		}
	}
	return w.engine.LoadModules(ctx, modules, w.paths...)
}

func (w *Watcher) keep(looked string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = looked
	w.status.Loads++
	w.status.Failures++
	w.status.Err, w.status.Failed = err, time.Now()
}

func (w *Watcher) enforce(looked string, s *Set) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked = looked
	next := Status{
		Set: s.Digest(), Judges: s.Len(), Since: time.Now(), Warnings: slices.Clone(s.Warnings()),
		Loads: w.status.Loads + 1, Failures: w.status.Failures,
	}
	if next.Set == w.status.Set {
		next.Since = w.status.Since
	}
	if w.deafness != "" {
		next.Warnings = append(next.Warnings, w.deafness)
	}
	w.status = next
	if old := w.current.Swap(s); old != nil {
		old.Release()
	}
}

// run waits for changes.
func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	rescan := time.NewTicker(w.options.Rescan)
	defer rescan.Stop()
	quiet := time.NewTimer(w.options.Quiet)
	defer quiet.Stop()
	events, errs := w.heard()
	told := false // of a change of a file that counts: two edits within one tick of the clock can look the same
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-events:
			if !open {
				events = nil
				continue
			}
			told = told || w.concerns(event.Name)
			quiet.Reset(w.options.Quiet)
		case _, open := <-errs: // too much at once: something changed
			if !open {
				errs = nil
				continue
			}
			told = true
			quiet.Reset(w.options.Quiet)
		case <-quiet.C:
			w.follow(ctx, told)
			told = false
		case <-rescan.C:
			w.follow(ctx, false)
		}
	}
}

// concerns reports whether a file is one that is loaded.
func (w *Watcher) concerns(file string) bool {
	if s := w.current.Load(); s != nil && slices.Contains(s.Files(), filepath.Clean(file)) {
		return true
	}
	return policy.IsPolicyFile(filepath.Base(file)) || isModule(file) || standsBeside(file)
}

// standsBeside reports whether a file may stand beside a module: one that comes, as a signature does, can make good what did
// not load.
func standsBeside(file string) bool {
	return strings.HasSuffix(file, ".wasm"+signatureEnd) || strings.HasSuffix(file, manifestEnd) || strings.HasSuffix(file, casesEnd)
}

// follow loads the files if something told of a change, or they look otherwise than when they were loaded last.
func (w *Watcher) follow(ctx context.Context, told bool) {
	w.mu.Lock()
	same := w.looked == w.look()
	w.mu.Unlock()
	if same && !told {
		return
	}
	w.hear()
	w.Reload(ctx) // the status tells
}

// look describes all files that a load would read: name, size, time, mode, owner's file number; and what Look says.
func (w *Watcher) look() string {
	var b strings.Builder
	if w.options.Look != nil {
		fmt.Fprintf(&b, "%q\n", w.options.Look())
	}
	for _, p := range w.paths {
		if strings.HasPrefix(p, presetPrefix) {
			continue
		}
		describe(&b, p)
		entries, err := os.ReadDir(p)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if loadable(entry) || standsBeside(entry.Name()) {
				describe(&b, filepath.Join(p, entry.Name()))
			}
		}
	}
	if s := w.current.Load(); s != nil {
		for _, f := range s.Files() {
			describe(&b, f)
		}
	}
	return b.String()
}

func describe(b *strings.Builder, path string) {
	info, err := os.Stat(path)
	if err != nil {
		fmt.Fprintf(b, "%q %v\n", path, err)
		return
	}
	size, at := info.Size(), info.ModTime().UnixNano()
	if info.IsDir() {
		size, at = 0, 0 // files that are no policies come and go
	}
	fmt.Fprintf(b, "%q %d %d %v %s\n", path, size, at, info.Mode(), disk.Number(info))
}

// listen asks the system to tell of changes. Where it cannot, looking again and again must do.
func (w *Watcher) listen() {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		w.deafness = "the system does not tell of changes (" + err.Error() + "); files are looked at every " + w.options.Rescan.String()
		return
	}
	w.events = events
	w.hear()
}

// hear listens at every directory concerned; one that is listened at already, or is gone, does no harm.
func (w *Watcher) hear() {
	if w.events == nil {
		return
	}
	for _, p := range w.paths {
		if strings.HasPrefix(p, presetPrefix) {
			continue
		}
		w.events.Add(p)
		if info, err := os.Stat(p); err == nil && !info.IsDir() {
			w.events.Add(filepath.Dir(p)) // editors put another file in its place
		}
	}
	for _, dir := range w.options.Hear {
		w.events.Add(dir)
	}
	if s := w.current.Load(); s != nil {
		for _, f := range s.Files() {
			w.events.Add(filepath.Dir(f))
		}
	}
}

func (w *Watcher) heard() (<-chan fsnotify.Event, <-chan error) {
	if w.events == nil {
		return nil, nil
	}
	return w.events.Events, w.events.Errors
}

func (w *Watcher) deaf() {
	if w.events != nil {
		w.events.Close()
	}
}
