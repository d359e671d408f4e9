package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agentmesh/host/disk"
	"agentmesh/host/oci"
	"agentmesh/pdk/abi"
)

// Receipt says what a module in the depot is and where it came from. It proves nothing: what is loaded is checked again.
type Receipt struct {
	Name, Version, Kind string
	Wasm, Manifest      string
	// OCI is the digest of the artifact's manifest, empty for a module that came as a file.
	OCI  string
	Size int64
	// Root is the trust root that vouched for it, Source the reference it came from.
	Root, Source string
}

// Stored is a module in the depot with all that belongs to it.
type Stored struct {
	Receipt   Receipt
	Module    []byte
	Envelopes []Envelope
}

// Depot keeps modules that were pulled, with their signatures, each by the digest of the module. A module is there once its
// receipt is, which is written last. Several processes may use one depot at once.
//
//	blobs/sha256/HEX        the module
//	attestations/HEX.json   its envelopes
//	receipts/HEX.json       its receipt
type Depot struct {
	dir   string
	blobs *oci.Blobs
	disk  drive
}

// maxModule is the size of a module in the depot, that of a module that a host reads.
const maxModule = 16 << 20

// OpenDepot opens a folder of modules, and makes it where there is none.
func OpenDepot(dir string) (*Depot, error) {
	d := &Depot{dir: dir, disk: hardDisk{}}
	for _, sub := range []string{dir, d.path(attestations), d.path(receipts)} {
		err := makeDir(d.disk, sub)
		if err == nil {
			err = disk.TrustedDir(sub)
		}
		if err != nil {
			return nil, fmt.Errorf("depot: %w", err)
		}
	}
	var err error
	d.blobs, err = oci.OpenBlobs(d.path("blobs"))
	if err != nil {
		return nil, fmt.Errorf("depot: %w", err)
	}
	return d, nil
}

const (
	attestations = "attestations"
	receipts     = "receipts"
)

func (d *Depot) path(name ...string) string {
	return filepath.Join(append([]string{d.dir}, name...)...)
}

func (d *Depot) file(folder, wasm string) string {
	return d.path(folder, strings.TrimPrefix(wasm, digestPrefix)+".json")
}

// Blobs are the modules, by digest.
func (d *Depot) Blobs() *oci.Blobs { return d.blobs }

// Put keeps a module. Name, version, kind, digests and size of the receipt are taken from the module itself, whatever it says
// there. Envelopes are added to those that are there; the receipt replaces the one before.
func (d *Depot) Put(ctx context.Context, s Stored) (Receipt, error) {
	what, err := StatementOf(s.Module)
	if err != nil {
		return Receipt{}, err
	}
	r := s.Receipt
	r.Name, r.Version, r.Kind, r.Wasm, r.Manifest, r.Size = what.Name, what.Version, what.Kind, what.Wasm, what.Manifest, int64(len(s.Module))
	if len(s.Module) > maxModule {
		return Receipt{}, fmt.Errorf("depot: %s has %d bytes; a module has at most %d", r.Name, len(s.Module), maxModule)
	}
	unlock, err := lock(d.dir)
	if err != nil {
		return Receipt{}, fmt.Errorf("depot: %w", err)
	}
	defer unlock()
	if _, err := d.blobs.PutBytes(ctx, s.Module); err != nil {
		return Receipt{}, fmt.Errorf("depot: %w", err)
	}
	es, err := d.envelopes(r.Wasm)
	if err != nil {
		es = nil // what is damaged there is replaced by what was just verified
	}
	es = Gather(append(slices.Clone(s.Envelopes), es...))
	if len(es) > MaxEnvelopes {
		es = es[:MaxEnvelopes]
	}
	if err := replace(d.disk, d.file(attestations, r.Wasm), AppendEnvelopes(nil, es)); err != nil {
		return Receipt{}, fmt.Errorf("depot: %w", err)
	}
	if err := replace(d.disk, d.file(receipts, r.Wasm), appendReceipt(&r)); err != nil {
		return Receipt{}, fmt.Errorf("depot: %w", err)
	}
	return r, nil
}

// Get reads a module by its digest, with its signatures and its receipt. Its bytes are hashed as they are read; nothing is
// verified. One that is not there is fs.ErrNotExist.
func (d *Depot) Get(wasm string) (*Stored, error) {
	if !validDigest(wasm) {
		return nil, fmt.Errorf("depot: %q is no digest", wasm)
	}
	r, err := d.receipt(wasm)
	if err != nil {
		return nil, err
	}
	s := &Stored{Receipt: r}
	if s.Module, err = d.blobs.Read(wasm, maxModule); err != nil {
		return nil, fmt.Errorf("depot: %w", err)
	}
	s.Envelopes, err = d.envelopes(wasm)
	return s, err
}

func (d *Depot) envelopes(wasm string) ([]Envelope, error) {
	path := d.file(attestations, wasm)
	src, err := readGuarded(path, MaxEnvelope)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("depot: %w", err)
	}
	es, err := ReadEnvelopes(src)
	return es, at(path, err)
}

func (d *Depot) receipt(wasm string) (Receipt, error) {
	path := d.file(receipts, wasm)
	src, err := readGuarded(path, maxSmallPayload)
	if err != nil {
		return Receipt{}, fmt.Errorf("depot: %w", err)
	}
	r, err := readReceipt(src)
	if err == nil && r.Wasm != wasm {
		err = fmt.Errorf("it is of %s", r.Wasm)
	}
	if err != nil {
		return Receipt{}, fmt.Errorf("depot: %s: %w", path, err)
	}
	return r, nil
}

// List is what the depot holds, sorted by name, then version. A receipt that cannot be read is an error, beside those that
// can.
func (d *Depot) List() ([]Receipt, error) {
	entries, err := os.ReadDir(d.path(receipts))
	if err != nil {
		return nil, fmt.Errorf("depot: %w", err)
	}
	var out []Receipt
	var errs []error
	for _, e := range entries {
		wasm := digestPrefix + strings.TrimSuffix(e.Name(), ".json")
		if !validDigest(wasm) {
			continue
		}
		r, err := d.receipt(wasm)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Receipt) int {
		if a.Name != b.Name {
			return strings.Compare(a.Name, b.Name)
		}
		if c := CompareVersions(a.Version, b.Version); c != 0 {
			return c
		}
		return strings.Compare(a.Wasm, b.Wasm)
	})
	return out, errors.Join(errs...)
}

// Look describes what the depot holds, so that what is put into it, signatures of a module that is there too, can be seen without
// reading it.
func (d *Depot) Look() string {
	text := ""
	for _, folder := range []string{d.path(receipts), d.path(attestations), filepath.Join(d.path("blobs"), "sha256")} {
		info, err := os.Lstat(folder)
		if err != nil {
			text += err.Error() + " "
			continue
		}
		text += fmt.Sprint(info.ModTime().UnixNano(), " ")
	}
	return text
}

// Find is the receipt of a version, fs.ErrNotExist when the depot has none, and an error when it has two modules of it.
func (d *Depot) Find(name, version string) (Receipt, error) {
	all, err := d.List()
	if err != nil {
		return Receipt{}, err
	}
	var found []Receipt
	for _, r := range all {
		if r.Name == name && r.Version == version {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return Receipt{}, fmt.Errorf("depot: %s %s: %w", name, version, fs.ErrNotExist)
	case 1:
		return found[0], nil
	default:
		return Receipt{}, fmt.Errorf("depot: %s %s is there as %s and as %s; name the digest", name, version, found[0].Wasm, found[1].Wasm)
	}
}

// Remove takes a module out of the depot; one that is not there is no error.
func (d *Depot) Remove(wasm string) error {
	if !validDigest(wasm) {
		return fmt.Errorf("depot: %q is no digest", wasm)
	}
	unlock, err := lock(d.dir)
	if err != nil {
		return fmt.Errorf("depot: %w", err)
	}
	defer unlock()
	for _, folder := range []string{receipts, attestations} {
		if err := d.disk.Remove(d.file(folder, wasm)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("depot: %w", err)
		}
	}
	if err := d.blobs.Remove(wasm); err != nil {
		return fmt.Errorf("depot: %w", err)
	}
	return nil
}

func appendReceipt(r *Receipt) []byte {
	return append(abi.AppendJSON(nil, abi.ObjectValue(
		text("name", r.Name), text("version", r.Version), text("kind", r.Kind), text("wasm", r.Wasm), text("manifest", r.Manifest),
		text("oci", r.OCI), number("size", r.Size), text("root", r.Root), text("source", r.Source),
	)), '\n')
}

func readReceipt(src []byte) (Receipt, error) {
	f := readFields(src, "receipt")
	r := Receipt{
		Name: f.text("name"), Version: f.text("version"), Kind: f.text("kind"), Wasm: f.digest("wasm"), Manifest: f.digest("manifest"),
		OCI: f.maybe("oci"), Size: f.count("size"), Root: f.maybe("root"), Source: f.maybe("source"),
	}
	return r, f.end()
}
