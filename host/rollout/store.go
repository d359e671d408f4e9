package rollout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"agentmesh/host/disk"
	"agentmesh/host/sandbox"
)

// The files in the folder of plugins.
const (
	lockName  = "plugins.lock"
	guardName = "plugins.lock.editing" // whose lock editors hold
)

// Options adjust a Store; the zero value works.
type Options struct {
	// Blob gives a module by its digest and size; nil: there are none, and nothing can be loaded.
	Blob func(ctx context.Context, digest string, size int64) ([]byte, error)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Store is plugins.lock in its folder. It is safe for concurrent use, by several processes too.
type Store struct {
	dir      string
	options  Options
	observer *Observer // nil: nobody counts
}

// Open opens the lock in a folder, which is made when it is not there. A folder or lock that others could have written is an
// error (*disk.UntrustedError).
func Open(dir string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the plugins' folder: %w", err)
	}
	s := &Store{dir: dir, options: o}
	if err := disk.TrustedDir(dir); err != nil {
		return nil, fmt.Errorf("open the plugins' folder: %w", err)
	}
	_, err := s.Read()
	return s, err
}

// File is the lock's path.
func (s *Store) File() string { return filepath.Join(s.dir, lockName) }

// Dir is the folder that the lock is in.
func (s *Store) Dir() string { return s.dir }

// Read reads the lock as it is now; one that is not there yet is empty.
func (s *Store) Read() (*Lock, error) {
	text, _, err := disk.Read(s.File(), disk.Rule{Most: maxLock, Check: disk.Trusted})
	if errors.Is(err, fs.ErrNotExist) {
		return &Lock{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lock: %w", err)
	}
	l, err := ReadLock(text)
	if err != nil {
		return nil, fmt.Errorf("read the lock: %s: %w; mend it by hand, or put back a copy", s.File(), err)
	}
	return l, nil
}

// Edit changes the lock: edit is given it as it is, alone, and what it left is written, durable when Edit returns. An error of
// edit leaves the lock as it was. When ctx ends while another process edits, so does the waiting.
func (s *Store) Edit(ctx context.Context, edit func(*Lock) (Change, error)) (c Change, err error) {
	held, err := s.hold(ctx)
	if err != nil {
		return Change{}, fmt.Errorf("edit the lock: %w", err)
	}
	defer held.Close()       // gives the lock back
	_, _ = disk.Sweep(s.dir) // what killed editors left behind; what stays does no harm
	l, err := s.Read()
	if err != nil {
		return Change{}, err
	}
	if c, err = edit(l); err != nil {
		return Change{}, err
	}
	l.Revision++
	c.Revision = l.Revision
	if err := s.write(l); err != nil {
		return Change{}, fmt.Errorf("edit the lock: %w", err)
	}
	return c, nil
}

// again is how often a lock that another process holds is tried.
const again = 10 * time.Millisecond

// hold waits until no other process edits. Closing what it returns lets others edit.
func (s *Store) hold(ctx context.Context) (*os.File, error) {
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		held, err := disk.LockFile(filepath.Join(s.dir, guardName), false)
		switch {
		case errors.Is(err, errors.ErrUnsupported): // one process at a time may then edit
			return nil, nil
		case !errors.Is(err, disk.ErrHeld):
			return held, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("another process edits it: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// write replaces the file: whoever reads sees the old one or the new one, and after a crash one of them is there.
func (s *Store) write(l *Lock) error {
	text, err := AppendLock(nil, l)
	if err != nil {
		return err
	}
	if len(text) > maxLock {
		return fmt.Errorf("it would have more than %d bytes; retired versions are what it could do without", maxLock)
	}
	if _, err := ReadLock(text); err != nil { // what cannot be read again would stop every host
		return err
	}
	return disk.Replace(s.File(), text, 0o600)
}

// Look describes the file, so that a change of it can be seen without reading it: sandbox.WatchOptions.Look.
func (s *Store) Look() string {
	info, err := os.Lstat(s.File())
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %d %v %s", info.Size(), info.ModTime().UnixNano(), info.Mode(), disk.Number(info))
}

// Modules are the modules that the lock runs, for sandbox.WatchOptions.Modules. Each one's tag is its stage. An observer of
// this store counts for the candidates among them from now on.
func (s *Store) Modules(ctx context.Context) ([]sandbox.Module, error) {
	l, err := s.Read()
	if err != nil {
		return nil, err
	}
	running := l.Running()
	out := make([]sandbox.Module, len(running))
	for i, r := range running {
		out[i] = sandbox.Module{Path: s.File() + ": " + r.Name + " " + r.Version.Version, Tag: r.tag(), Absent: r.Absent}
		if out[i].Wasm, err = s.blob(ctx, &r); err != nil {
			return nil, err
		}
	}
	if s.observer != nil {
		s.observer.follow(l)
	}
	return out, nil
}

func (s *Store) blob(ctx context.Context, r *Running) ([]byte, error) {
	if s.options.Blob == nil {
		return nil, fmt.Errorf("load %s %s of the lock: there is no store of modules here", r.Name, r.Version.Version)
	}
	module, err := s.options.Blob(ctx, r.Wasm, r.Size)
	if err == nil {
		err = r.is(module)
	}
	if err != nil {
		return nil, fmt.Errorf("load %s %s of the lock: %w", r.Name, r.Version.Version, err)
	}
	return module, nil
}
