package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"agentmesh/pdk/abi"
)

// Standing is how far the index of a root, or the root itself, can be gone by.
type Standing string

// The standings.
const (
	// StandingGood: in force.
	StandingGood Standing = "good"
	// StandingExpired: nothing new is taken up; what runs goes on.
	StandingExpired Standing = "expired"
	// StandingStale: what runs must stop too.
	StandingStale Standing = "stale"
	// StandingNone: there is none. For a root without an index role that is as it should be.
	StandingNone Standing = "none"
)

// RootStatus is one trust root as an operator wants to see it.
type RootStatus struct {
	Name        string
	Version     int64
	Fingerprint string
	Expires     time.Time
	Standing    Standing
	// Source is where its index is followed from, or empty.
	Source string
	// IndexVersion and IndexExpires are zero where IndexStanding is none.
	IndexVersion  int64
	IndexExpires  time.Time
	IndexStanding Standing
}

// Problem is something that somebody must see to.
type Problem struct {
	Code          abi.Code
	Message, Mend string
}

// Status is what there is to be said of trust, for /readyz and for people.
type Status struct {
	Roots    []RootStatus
	Problems []Problem
}

// Status says how the roots stand, and which of the versions that are in force were taken back.
func (t *Trust) Status(active []Versioned) Status {
	m, err := t.memory()
	if err != nil {
		return Status{Problems: []Problem{problemOf(err)}}
	}
	var s Status
	now := t.now(m)
	for _, k := range m.roots {
		r := t.rootStatus(k, now)
		s.Roots = append(s.Roots, r)
		s.Problems = append(s.Problems, r.problems(t.options.MaxStale)...)
		for _, v := range active {
			if e := k.entries[v.Name+"@"+v.Version]; e != nil && e.Wasm == v.Wasm && e.Yanked != "" {
				s.Problems = append(s.Problems, Problem{
					CodeYanked, fmt.Sprintf("%s %s is in force, and its publisher took it back: %s", v.Name, v.Version, e.Yanked),
					"agentmesh plugin promote another version, or plugin rollback; plugin yank --now stops this one",
				})
			}
		}
	}
	return s
}

func problemOf(err error) Problem {
	p := Problem{Code: CodeOf(err), Message: err.Error()}
	if r, ok := err.(*Refusal); ok {
		p.Mend = r.Mend
	}
	return p
}

func (t *Trust) rootStatus(k *known, now time.Time) RootStatus {
	r := RootStatus{
		Name: k.Name, Version: k.Version, Fingerprint: k.fingerprint, Expires: k.Expires, Standing: t.standing(now, k.Expires), Source: k.Source,
		IndexStanding: StandingNone,
	}
	if k.index != nil {
		r.IndexVersion = k.index.Version
		r.IndexExpires, _ = k.indexEnd()
		r.IndexStanding = t.standing(now, r.IndexExpires)
	}
	return r
}

func (t *Trust) standing(now, end time.Time) Standing {
	switch since := now.Sub(end); {
	case since < 0:
		return StandingGood
	case since < t.options.MaxStale:
		return StandingExpired
	default:
		return StandingStale
	}
}

func (r *RootStatus) problems(maxStale time.Duration) []Problem {
	var out []Problem
	const mend = "see that its source can be reached, and that its publisher signs a new one"
	switch r.Standing {
	case StandingExpired:
		out = append(out, Problem{CodeRootExpired, fmt.Sprintf("root %s expired on %s: nothing new is taken up under it, and what runs stops on %s",
			r.Name, r.Expires.Format(timeLayout), r.Expires.Add(maxStale).Format(timeLayout)), "its owners must sign a new version"})
	case StandingStale:
		out = append(out, Problem{CodeRootExpired, fmt.Sprintf("root %s expired on %s: what it vouches for is stopped", r.Name, r.Expires.Format(timeLayout)), "its owners must sign a new version"})
	}
	switch r.IndexStanding {
	case StandingExpired:
		out = append(out, Problem{CodeIndexExpired, fmt.Sprintf("the index of root %s ended on %s: nothing new is taken up under it, and what runs stops on %s",
			r.Name, r.IndexExpires.Format(timeLayout), r.IndexExpires.Add(maxStale).Format(timeLayout)), mend})
	case StandingStale:
		out = append(out, Problem{CodeIndexStale, fmt.Sprintf("the index of root %s ended on %s: what it lists is stopped", r.Name, r.IndexExpires.Format(timeLayout)), mend})
	}
	return out
}

// Epoch changes whenever an answer of Check or CheckSet could: with every root, index and permit that is taken, and when one
// of them ends. Compare it to know that modules must be checked again.
func (t *Trust) Epoch() string {
	m, err := t.memory()
	if err != nil {
		return "broken: " + err.Error()
	}
	now := t.now(m)
	var b strings.Builder
	for _, k := range m.roots {
		r := t.rootStatus(k, now)
		fmt.Fprintln(&b, r.Name, r.Fingerprint, r.Standing, r.IndexStanding, k.remembered.only)
		if i := k.remembered.index; i != nil {
			fmt.Fprintln(&b, i.digest)
		}
		var permits []string
		for _, p := range k.permits {
			if now.Before(p.Expires) {
				permits = append(permits, p.Plugin+p.Wasm)
			}
		}
		slices.Sort(permits)
		fmt.Fprintln(&b, permits)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}
