package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"agentmesh/pdk/abi"
)

// Entry is one version of a plugin in an index.
type Entry struct {
	Name, Version, Kind string
	// Wasm and Manifest are those of the statement; OCI is the digest of the artifact's manifest in a registry, or empty when
	// the module travels as a file only.
	Wasm, Manifest, OCI string
	// Size of the module in bytes.
	Size int64
	// From and Until are the effective dates, as in the plugin's manifest.
	From, Until string
	// Yanked is why the publisher took the version back; empty: it stands.
	Yanked string
}

// Index is a snapshot of what is current under one trust root: all of it is taken or nothing.
type Index struct {
	Root            string
	Version         int64
	Issued, Expires time.Time
	Entries         []Entry // sorted by name, then version, when written
}

// maxEntries is how many versions an index may list.
const maxEntries = 20_000

// Payload is the index as JSON, the bytes that are signed.
func (x *Index) Payload() []byte {
	entries := slices.Clone(x.Entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		if c := CompareVersions(a.Version, b.Version); c != 0 {
			return c
		}
		return strings.Compare(a.Version, b.Version)
	})
	list := make([]abi.Value, len(entries))
	for i, e := range entries {
		yanked := abi.Value{}
		if e.Yanked != "" {
			yanked = abi.ObjectValue(text("reason", e.Yanked))
		}
		list[i] = abi.ObjectValue(
			text("name", e.Name), text("version", e.Version), text("kind", e.Kind), text("wasm", e.Wasm), text("manifest", e.Manifest),
			text("oci", e.OCI), number("size", e.Size), text("effective_from", e.From), text("effective_until", e.Until), member("yanked", yanked),
		)
	}
	return abi.AppendJSON(nil, abi.ObjectValue(
		text("type", "index"), text("root", x.Root), number("version", x.Version), moment("issued", x.Issued), moment("expires", x.Expires),
		member("entries", abi.ListValue(list...)),
	))
}

// Envelope is the index ready to be signed.
func (x *Index) Envelope() Envelope { return Envelope{PayloadType: TypeIndex, Payload: x.Payload()} }

// Find is the entry of a version, nil when it is not listed.
func (x *Index) Find(name, version string) *Entry {
	for i := range x.Entries {
		if x.Entries[i].Name == name && x.Entries[i].Version == version {
			return &x.Entries[i]
		}
	}
	return nil
}

// EntryOf is the entry of a module; ociDigest is the digest of its artifact's manifest, or empty.
func EntryOf(module []byte, ociDigest string) (Entry, error) {
	s, err := StatementOf(module)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Name: s.Name, Version: s.Version, Kind: s.Kind, Wasm: s.Wasm, Manifest: s.Manifest, OCI: ociDigest, Size: int64(len(module)),
		From: s.From, Until: s.Until,
	}, nil
}

// ReadIndex reads the payload of an index and holds it against the rules for indexes. Signatures, dates and what was seen
// before are not looked at. The error is a *Refusal.
func ReadIndex(payload []byte) (*Index, error) {
	x, err := readIndex(payload)
	if err != nil {
		return nil, &Refusal{Code: CodeIndexInvalid, Detail: err.Error()}
	}
	return x, nil
}

func readIndex(payload []byte) (*Index, error) {
	f := readFields(payload, "index")
	f.is("type", "index")
	x := &Index{Root: f.text("root"), Version: f.count("version"), Issued: f.time("issued"), Expires: f.time("expires")}
	entries := f.list("entries", maxEntries)
	if err := f.end(); err != nil {
		return nil, err
	}
	if !x.Issued.Before(x.Expires) {
		return nil, fmt.Errorf("index: it expires before it was issued")
	}
	seen := map[string]bool{}
	x.Entries = make([]Entry, 0, len(entries))
	for _, item := range entries {
		e, err := readEntry(item.Value)
		if err != nil {
			return nil, err
		}
		if seen[e.id()] {
			return nil, fmt.Errorf("index: %s is there twice", e.id())
		}
		seen[e.id()] = true
		x.Entries = append(x.Entries, e)
	}
	return x, nil
}

func (e *Entry) id() string { return e.Name + "@" + e.Version }

func readEntry(v abi.Value) (Entry, error) {
	f := fieldsOf(v, "index: entry")
	e := Entry{
		Name: f.text("name"), Version: f.text("version"), Kind: f.text("kind"), Wasm: f.digest("wasm"), Manifest: f.digest("manifest"),
		Size: f.count("size"), From: f.maybe("effective_from"), Until: f.maybe("effective_until"),
	}
	if e.OCI = f.maybe("oci"); e.OCI != "" && !validDigest(e.OCI) {
		f.fail("oci must be a sha256 digest")
	}
	if y := f.take("yanked"); y.Exists() {
		g := fieldsOf(y, "index: entry: yanked")
		e.Yanked = g.text("reason")
		if err := g.end(); err != nil {
			return Entry{}, err
		}
	}
	if err := f.end(); err != nil {
		return Entry{}, err
	}
	return e, e.check()
}

func (e *Entry) check() error {
	switch {
	case checkPrefix(e.Name) != nil || strings.HasSuffix(e.Name, "*"):
		return fmt.Errorf("index: entry: %q is no plugin's name", e.Name)
	case !semantic(e.Version):
		return fmt.Errorf("index: entry %s: version %q is not semantic, so nothing could be newer", e.Name, e.Version)
	case !slices.Contains([]string{abi.KindPolicy, abi.KindCompliance, abi.KindReward}, e.Kind):
		return fmt.Errorf("index: entry %s: unknown kind %q", e.id(), e.Kind)
	}
	if err := checkDates(e.From, e.Until); err != nil {
		return fmt.Errorf("index: entry %s: %w", e.id(), err)
	}
	return nil
}

// semantic reports whether a version is one of semver.org, whole.
func semantic(version string) bool {
	base, _, _ := strings.Cut(version, "+")
	return semver.IsValid("v"+version) && semver.Canonical("v"+version) == "v"+base
}

// same reports whether both entries name the same bytes.
func (e *Entry) same(o *Entry) bool {
	return e.Wasm == o.Wasm && e.Manifest == o.Manifest && e.OCI == o.OCI && e.Size == o.Size && e.Kind == o.Kind && e.From == o.From && e.Until == o.Until
}

// CompareVersions orders versions after semver.org: -1, 0 or 1. A version that is not semantic, a local policy's digest, is
// older than any that is, and equal to every other such: nothing tells which of them came first.
func CompareVersions(a, b string) int { return semver.Compare("v"+a, "v"+b) }

// VerifyIndex verifies an index under the root: its signatures, its name, and that each entry is in a scope of the root.
// Dates and what was seen before are Trust's.
func (r *Root) VerifyIndex(e *Envelope) (*Index, error) {
	place := "index of root " + r.Name
	switch {
	case e.PayloadType != TypeIndex:
		return nil, &Refusal{Code: CodeIndexInvalid, Place: place, Detail: fmt.Sprintf("payload type %q is no index's", e.PayloadType)}
	case r.Index == nil:
		return nil, &Refusal{Code: CodeIndexInvalid, Place: place, Detail: "that root has nobody who signs indexes"}
	}
	if _, refusal := r.signers([]*Envelope{e}, r.Index, "the index role"); refusal != nil {
		refusal.Stop, refusal.Place = false, place
		return nil, refusal
	}
	x, err := ReadIndex(e.Payload)
	if err != nil {
		return nil, at(place, err)
	}
	if x.Root != r.Name {
		return nil, &Refusal{Code: CodeIndexInvalid, Place: place, Detail: fmt.Sprintf("it is of root %s", x.Root)}
	}
	for i := range x.Entries {
		if s, _ := r.scope(x.Entries[i].Name); s == nil {
			return nil, &Refusal{Code: CodeIndexInvalid, Place: place, Detail: fmt.Sprintf("%s is in no scope of the root", x.Entries[i].Name)}
		}
	}
	return x, nil
}
