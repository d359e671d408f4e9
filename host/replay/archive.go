package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"agentmesh/host/disk"
	"agentmesh/host/oci"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// Archive keeps what every set of rules was made of, so that each can be made again however long ago it decided:
//
//	FOLDER/sha256/HEX     the modules, by digest (oci.Blobs)
//	FOLDER/sets/HEX.json  what a set was made of, by the digest that decisions name it by
//
// Nothing in it is believed: a module is hashed when it is read, and a set that comes out with another digest than the one it
// is asked for by is not used. Several processes may write to one archive.
type Archive struct {
	dir   string
	blobs *oci.Blobs
	also  []*oci.Blobs
}

// maxModule and maxRecipe are the most bytes that are read of one module and of one set's description.
const (
	maxModule = 256 << 20
	maxRecipe = 16 << 20
)

// OpenArchive opens an archive and makes its folder where there is none. Modules are looked for in also besides: a module that
// was pulled lies there under the digest it was signed by.
func OpenArchive(dir string, also ...*oci.Blobs) (*Archive, error) {
	blobs, err := oci.OpenBlobs(dir)
	if err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "sets"), 0o700); err != nil {
		return nil, fmt.Errorf("open archive: %w", err)
	}
	return &Archive{dir: dir, blobs: blobs, also: also}, nil
}

// recipe is what a set is made of, as it stands in a file.
type recipe struct {
	Version int    `json:"version"`
	Set     string `json:"set"`
	Config  string `json:"config,omitempty"`
	// Modules are the judges' and the other plugins', in the set's order.
	Modules []ingredient `json:"modules"`
	// Plugins are what the operator said of them, by name.
	Plugins map[string]said `json:"plugins,omitempty"`
}

type ingredient struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Wasm is the digest of what runs; Found that of the module it was made of, where that is another.
	Wasm   string `json:"wasm"`
	Found  string `json:"found,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Absent string `json:"absent,omitempty"`
}

// said is a sandbox.PluginOptions.
type said struct {
	Mode        string          `json:"mode,omitempty"`
	Settings    json.RawMessage `json:"settings,omitempty"`
	OnLapse     string          `json:"on_lapse,omitempty"`
	MemoryPages int64           `json:"memory_pages,omitempty"`
	Fuel        int64           `json:"fuel,omitempty"`
}

const recipeVersion = 1

// Put keeps what a set is made of; it returns when that is durable. Call it before the set decides. What is there already
// costs no writing. config is the digest of the configuration that the set was loaded under (sandbox.Options.ConfigDigest).
func (a *Archive) Put(ctx context.Context, s *sandbox.Set, config string) error {
	if err := a.put(ctx, s, config); err != nil {
		return fmt.Errorf("archive set %s: %w", s.Digest(), err)
	}
	return nil
}

func (a *Archive) put(ctx context.Context, s *sandbox.Set, config string) error {
	r := recipe{Version: recipeVersion, Set: s.Digest(), Config: config, Plugins: map[string]said{}}
	for _, m := range modulesOf(s) {
		if err := a.keep(ctx, &m); err != nil {
			return err
		}
		r.Modules = append(r.Modules, m.ingredient)
		o := s.Options(m.Name)
		if !m.origin {
			o.OnLapse = "" // of no account for what is no module, and it will be one
		}
		r.say(m.Name, &o)
	}
	text, err := json.Marshal(&r)
	if err != nil {
		return err
	}
	return a.write(r.Set, text)
}

func (r *recipe) say(name string, o *sandbox.PluginOptions) {
	s := said{Mode: o.Mode, OnLapse: o.OnLapse, MemoryPages: o.MemoryPages, Fuel: o.Fuel}
	if o.Settings.Exists() {
		s.Settings = abi.AppendJSON(nil, o.Settings)
	}
	if s.Mode != "" || s.OnLapse != "" || s.MemoryPages != 0 || s.Fuel != 0 || s.Settings != nil {
		r.Plugins[name] = s
	}
}

// archived is a module about to be kept.
type archived struct {
	ingredient
	bytes  []byte // none of one that is absent
	origin bool   // it was a module, and no policy's file
}

// modulesOf are the modules of a set: those of its judges, and of plugins that judge nothing.
func modulesOf(s *sandbox.Set) []archived {
	type id struct{ name, version string }
	origins := map[id]sandbox.Origin{}
	for _, o := range s.Provenances() {
		origins[id{o.Name, o.Version}] = o
	}
	var out []archived
	add := func(info abi.Judged, module []byte) {
		m := archived{ingredient: ingredient{Name: info.Name, Version: info.Version, Wasm: info.Digest}, bytes: module}
		if o, ok := origins[id{info.Name, info.Version}]; ok {
			m.origin, m.Tag, m.Absent = true, o.Tag, o.Absent
			if o.Wasm != info.Digest {
				m.Found = o.Wasm
			}
		}
		out = append(out, m)
	}
	for i := range s.Len() {
		add(s.Judge(i).Info(), s.Judge(i).Module())
	}
	for _, p := range s.Plugins() {
		if p.Kind() != abi.KindPolicy {
			add(p.Info(), p.Module().File().Wasm)
		}
	}
	return out
}

// keep stores a module and, where it is at hand, the one it was made of: what somebody said of a module names that.
func (a *Archive) keep(ctx context.Context, m *archived) error {
	if m.Absent == "" && !a.blobs.Has(m.Wasm) {
		if got, err := a.blobs.PutBytes(ctx, m.bytes); err != nil || got != m.Wasm {
			return errors.Join(err, differs(got, m.Wasm))
		}
	}
	for _, d := range []string{m.Found, m.Wasm} {
		if d == "" || a.blobs.Has(d) {
			continue
		}
		if found, err := a.module(d); err == nil {
			if _, err := a.blobs.PutBytes(ctx, found); err != nil {
				return err
			}
		}
	}
	return nil
}

func differs(got, want string) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("the module has the digest %s, its judge says %s", got, want)
}

func (a *Archive) file(digest string) (string, error) {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is no sha256 digest", digest)
	}
	return filepath.Join(a.dir, "sets", hex+".json"), nil
}

// write puts a set's description in its place, whole or not at all.
func (a *Archive) write(digest string, text []byte) error {
	name, err := a.file(digest)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(name); err == nil && bytes.Equal(have, text) {
		return nil
	}
	return disk.Replace(name, text, 0o600)
}

// recipe reads what a set is made of.
func (a *Archive) recipe(digest string) (*recipe, error) {
	name, err := a.file(digest)
	if err != nil {
		return nil, &Unavailable{ReasonSetUnknown, err.Error()}
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Unavailable{ReasonSetUnknown, digest}
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRecipe {
		return nil, &Unavailable{ReasonAltered, name + " is too large"}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var r recipe
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	switch err := d.Decode(&r); {
	case err != nil:
		return nil, &Unavailable{ReasonAltered, filepath.Base(name) + ": " + err.Error()}
	case r.Version != recipeVersion:
		return nil, &Unavailable{ReasonBroken, fmt.Sprintf("%s is of version %d, which this agentmesh does not read", filepath.Base(name), r.Version)}
	case r.Set != digest:
		return nil, &Unavailable{ReasonAltered, filepath.Base(name) + " describes another set"}
	}
	return &r, nil
}

// module reads a module by its digest, wherever it is.
func (a *Archive) module(digest string) ([]byte, error) {
	var worst error
	for _, b := range append([]*oci.Blobs{a.blobs}, a.also...) {
		data, err := b.Read(digest, maxModule)
		if err == nil {
			return data, nil
		}
		if reason := reasonOf(err); worst == nil || reason == ReasonAltered {
			worst = &Unavailable{reason, digest + ": " + err.Error()}
		}
	}
	return nil, worst
}

func reasonOf(err error) string {
	var e *oci.Error
	if errors.As(err, &e) && e.Code == oci.CodeDigestMismatch {
		return ReasonAltered
	}
	return ReasonMissing
}
