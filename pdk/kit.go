// Package pdk holds the author's kits as files, for agentmesh plugin new to write beside a new plugin: pdk/go with the
// contract it speaks (pdk/abi), and pdk/rust.
package pdk

import (
	"embed"
	"io/fs"
	"strings"
)

// goVersion is the language version that the Go kit is written in, and so the oldest Go that builds plugins.
const goVersion = "1.24"

//go:embed go/*.go go/pdktest/*.go abi/*.go
var goFiles embed.FS

//go:embed rust/Cargo.toml rust/README.md rust/src rust/examples rust/macros/Cargo.toml rust/macros/src
var rustFiles embed.FS

// File is one file of a kit, by its slash path within the kit's folder.
type File struct {
	Name string
	Text []byte
}

// Go is the Go kit as a module of its own, named agentmesh and without requirements: a plugin's go.mod says
//
//	require agentmesh v0.0.0
//	replace agentmesh => ./kit
//
// and it builds without a network.
func Go() ([]File, error) {
	out := []File{{"go.mod", []byte("module agentmesh\n\ngo " + goVersion + "\n")}}
	err := files(goFiles, func(name string, text []byte) {
		if !strings.HasSuffix(name, "_test.go") {
			out = append(out, File{"pdk/" + name, text})
		}
	})
	return out, err
}

// GoVersion is the oldest Go that builds plugins, as go.mod has it.
func GoVersion() string { return goVersion }

// Rust is the crate agentmesh-pdk with its macros, for a dependency by path. The crates that it needs itself come from
// the registry.
func Rust() ([]File, error) {
	var out []File
	err := files(rustFiles, func(name string, text []byte) {
		out = append(out, File{strings.TrimPrefix(name, "rust/"), text})
	})
	return out, err
}

func files(of embed.FS, take func(name string, text []byte)) error {
	return fs.WalkDir(of, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := of.ReadFile(name)
		take(name, text)
		return err
	})
}
