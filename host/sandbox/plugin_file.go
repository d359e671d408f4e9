package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"agentmesh/host/policy"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// PluginFile is a plugin as it was found.
type PluginFile struct {
	Path string
	// Wasm is the module with its manifest and cases as custom sections. What stood in files beside it is there too, so
	// the digest covers it.
	Wasm     []byte
	Manifest abi.Manifest
	// Cases are the golden cases as JSON; empty: there are none.
	Cases string
	// Digest is "sha256:…" over Wasm.
	Digest string
}

// ReadPlugin reads a plugin and, where it lacks their sections, its manifest from x.manifest.json and its cases from
// x.cases.json beside x.wasm. All must be files that only the operator can have written.
func ReadPlugin(path string) (*PluginFile, error) {
	files := trusted{seen: map[string]bool{}}
	module, err := files.ReadFile(path)
	if err != nil {
		return nil, err
	}
	module, err = withSections(module, path, &files)
	if err != nil {
		return nil, err
	}
	return NewPluginFile(path, module)
}

// NewPluginFile reads the sections of a module. The path is for messages. Errors are *abi.Failure.
func NewPluginFile(path string, module []byte) (*PluginFile, error) {
	body, ok, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	if !ok {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: "the module has no manifest; write one into " + beside(path, manifestEnd)}
	}
	m, err := abi.ReadManifest(string(body))
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: err.Error()}
	}
	cases, _, err := wasm.Custom(module, abi.SectionCases)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	f := &PluginFile{Path: path, Wasm: module, Manifest: m, Cases: string(cases)}
	if m.Entry != abi.EntryExtism {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: "entry direct is for compiled policies, which carry their source"}
	}
	if _, err := f.warmUps(); err != nil {
		return nil, &abi.Failure{Code: abi.CodeManifestInvalid, Detail: "cases: " + err.Error()}
	}
	sum := sha256.Sum256(module)
	f.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return f, nil
}

// The ends of the names of files beside a module.
const (
	moduleEnd   = ".wasm"
	manifestEnd = ".manifest.json"
	casesEnd    = ".cases.json"
	// signatureEnd follows the whole name, .wasm included; who vouches for modules reads it.
	signatureEnd = ".sig.json"
)

func beside(path, end string) string { return strings.TrimSuffix(path, moduleEnd) + end }

// withSections adds what stands beside a module that has no manifest of its own.
func withSections(module []byte, path string, files policy.Files) ([]byte, error) {
	_, ok, err := wasm.Custom(module, abi.SectionManifest)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	if ok {
		return module, nil
	}
	for _, side := range []struct{ end, section string }{{manifestEnd, abi.SectionManifest}, {casesEnd, abi.SectionCases}} {
		text, err := files.ReadFile(beside(path, side.end))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("beside the module: %w", err)
		}
		if _, has, _ := wasm.Custom(module, side.section); !has {
			module = wasm.AppendCustom(module[:len(module):len(module)], side.section, text)
		}
	}
	return module, nil
}
