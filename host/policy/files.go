package policy

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxFileBytes is the size of a policy or cases file at most.
const maxFileBytes = 1 << 20

// Files is where policies are read from, by names with slashes. A name "preset:NAME" is a preset; WithPresets answers those.
type Files interface {
	ReadFile(name string) ([]byte, error)
}

// OS reads files of the operating system by their names as they stand.
type OS struct{}

// ReadFile reads a file, and refuses one that is larger than any policy may be.
func (OS) ReadFile(name string) ([]byte, error) {
	f, err := os.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// FS reads the files of a file system, an embedded one or os.DirFS; what it holds above its root cannot be named.
type FS struct{ fs.FS }

// ReadFile reads a file, and refuses one that is larger than any policy may be.
func (f FS) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s lies outside the folder that policies are read from", name)
	}
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file)
}

func readAll(f fs.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file", info.Name())
	}
	return io.ReadAll(io.LimitReader(f, maxFileBytes+1))
}

// Sources are files held in memory. Those of a loaded policy are all it takes to load it again:
// Load(p.Sources, p.Sources[0].Name).
type Sources []Source

// ReadFile gives the text of the source of that name.
func (s Sources) ReadFile(name string) ([]byte, error) {
	for i := range s {
		if s[i].Name == name {
			return []byte(s[i].Text), nil
		}
	}
	return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
}

// WithPresets adds presets to files: preset is asked for the text of each name behind "preset:", and answers an error that
// names the presets there are, or wraps fs.ErrNotExist.
func WithPresets(files Files, preset func(name string) ([]byte, error)) Files {
	return presets{files, preset}
}

type presets struct {
	Files
	preset func(name string) ([]byte, error)
}

func (p presets) ReadFile(name string) ([]byte, error) {
	if preset, ok := strings.CutPrefix(name, presetPrefix); ok {
		return p.preset(preset)
	}
	return p.Files.ReadFile(name)
}

const presetPrefix = "preset:"

func isPreset(name string) bool { return strings.HasPrefix(name, presetPrefix) }

// Names lists the policy files of a folder, sorted, by the names Load takes for the same file system. Folders within it are
// not entered.
func Names(fsys fs.FS, folder string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && IsPolicyFile(e.Name()) {
			names = append(names, path.Join(folder, e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

// IsPolicyFile reports whether a file in a policy folder is taken for a policy: its name ends in .yaml, .yml or .json, does
// not begin with a dot (editors' and file systems' own files), and is none of cases, plugin, *.cases, *.manifest and
// *.wasm.sig before that end, which stand beside policies and plugins.
func IsPolicyFile(name string) bool {
	base := path.Base(name)
	stem := strings.TrimSuffix(base, path.Ext(base))
	switch {
	case !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(base)), strings.HasPrefix(base, "."):
		return false
	case stem == "cases", stem == "plugin":
		return false
	default:
		return !strings.HasSuffix(stem, ".cases") && !strings.HasSuffix(stem, ".manifest") && !strings.HasSuffix(stem, ".wasm.sig")
	}
}
