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
	digest   string
	warnings []string
	files    []string
	holders  atomic.Int64
}

// newSet takes over the modules. The caller holds the set.
func newSet(e *Engine, judges []Judge, modules []*module) *Set {
	slices.SortFunc(judges, func(a, b Judge) int { return cmp.Compare(a.Info().Name, b.Info().Name) })
	s := &Set{engine: e, judges: judges, modules: modules, digest: digestOf(judges, e.options.ConfigDigest)}
	s.holders.Store(1)
	return s
}

// digestOf is over everything that decides: one line for each judge, and the configuration's digest.
func digestOf(judges []Judge, config string) string {
	var text []byte
	for _, j := range judges {
		i := j.Info()
		for _, field := range []string{i.Name, i.Version, i.Digest, i.SettingsDigest, strconv.FormatBool(i.Monitored)} {
			text = append(abi.AppendString(text, field), ' ')
		}
		text = append(text, '\n')
	}
	sum := sha256.Sum256(abi.AppendString(text, config))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Digest is "sha256:…" over name, version, digest and settings of every judge, whether it is monitored, and the host's
// configuration.
func (s *Set) Digest() string { return s.digest }

// Len is the number of judges.
func (s *Set) Len() int { return len(s.judges) }

// Judge is the i-th judge, by name.
func (s *Set) Judge(i int) Judge { return s.judges[i] }

// Warnings are what the loader has to say of what it loaded nevertheless.
func (s *Set) Warnings() []string { return s.warnings }

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
	return errors.Join(errs...)
}
