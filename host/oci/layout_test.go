package oci_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agentmesh/host/oci"
)

// TestHostileLayouts: a folder that somebody carried here is as little to be believed as a registry.
func TestHostileLayouts(t *testing.T) {
	blob := func(dir string, data []byte) string { return filepath.Join(dir, "blobs", "sha256", digestOf(data)[7:]) }
	for _, c := range []struct {
		name  string
		alter func(t *testing.T, dir string)
		code  string
	}{
		{"no oci-layout", func(t *testing.T, dir string) { os.Remove(dir + "/oci-layout") }, "not_found"},
		{"another version", func(t *testing.T, dir string) {
			write(t, dir+"/oci-layout", []byte(`{"imageLayoutVersion":"2.0.0"}`), 0o600)
		}, "manifest_invalid"},
		{"no index", func(t *testing.T, dir string) { os.Remove(dir + "/index.json") }, "not_found"},
		{"index is no JSON", func(t *testing.T, dir string) { write(t, dir+"/index.json", []byte(`{`), 0o600) }, "manifest_invalid"},
		{"index of 5 MiB", func(t *testing.T, dir string) { write(t, dir+"/index.json", make([]byte, 5<<20), 0o600) }, "manifest_too_large"},
		{"index is a link", func(t *testing.T, dir string) {
			os.Rename(dir+"/index.json", dir+"/other.json")
			os.Symlink("other.json", dir+"/index.json")
		}, "storage_failed"},
		{"index is a pipe", func(t *testing.T, dir string) {
			os.Remove(dir + "/index.json")
			syscall.Mkfifo(dir+"/index.json", 0o600)
		}, "storage_failed"},
		{"a tag names two", func(t *testing.T, dir string) {
			one := `{"mediaType":%q,"digest":%q,"size":1,"annotations":{"org.opencontainers.image.ref.name":"1"}}`
			two := fmt.Sprintf(one, oci.ManifestType, sha("a")) + "," + fmt.Sprintf(one, oci.ManifestType, sha("b"))
			write(t, dir+"/index.json", []byte(`{"schemaVersion":2,"manifests":[`+two+`]}`), 0o600)
		}, "index_unexpected"},
		{"5,000 manifests", func(t *testing.T, dir string) {
			many := strings.Repeat(described(oci.ManifestType, sha("a"), 1)+",", 4_999) + described(oci.ManifestType, sha("a"), 1)
			write(t, dir+"/index.json", []byte(`{"schemaVersion":2,"manifests":[`+many+`]}`), 0o600)
		}, "index_unexpected"},
		{"a blob altered", func(t *testing.T, dir string) { write(t, blob(dir, module("1")), module("2"), 0o600) }, "digest_mismatch"},
		{"a blob cut", func(t *testing.T, dir string) { write(t, blob(dir, module("1")), nil, 0o600) }, "size_mismatch"},
		{"a blob gone", func(t *testing.T, dir string) { os.Remove(blob(dir, module("1"))) }, "not_found"},
		{"a blob is a link", func(t *testing.T, dir string) {
			os.Remove(blob(dir, module("1")))
			os.Symlink("/dev/zero", blob(dir, module("1")))
		}, "storage_failed"},
		{"a blob is a folder", func(t *testing.T, dir string) {
			os.Remove(blob(dir, module("1")))
			os.Mkdir(blob(dir, module("1")), 0o700)
		}, "storage_failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, client := t.TempDir(), client(t)
			ref := reference(t, "oci-layout://"+dir+":1")
			must(client.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
			must(client.Pull(t.Context(), ref, oci.WasmLimits()))
			c.alter(t, dir)
			_, err := client.Pull(t.Context(), ref, oci.WasmLimits())
			wantCode(t, err, c.code)
		})
	}
}

func TestHostileFiles(t *testing.T) {
	dir, c := t.TempDir(), client(t)
	file := filepath.Join(dir, "eu.wasm")
	ref := reference(t, "file://"+file)
	_, err := c.Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "not_found")
	pushed := must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	write(t, file, module("2"), 0o600)
	_, err = c.Pull(t.Context(), ref.At(pushed.Digest.String()), oci.WasmLimits())
	wantCode(t, err, "digest_mismatch")
	_, err = c.Push(t.Context(), ref, oci.Artifact{Type: "application/x", Layers: []oci.Layer{{MediaType: "x/y"}}})
	wantCode(t, err, "media_type_unknown")
	write(t, file+oci.AttestationEnd, []byte("["), 0o600)
	_, err = c.Push(t.Context(), ref, oci.Attestation(pushed, []byte("{}")))
	wantCode(t, err, "manifest_invalid")
	write(t, file+oci.AttestationEnd, make([]byte, 5<<20), 0o600)
	_, err = c.Referrers(t.Context(), ref, oci.AttestationType)
	wantCode(t, err, "manifest_too_large")
	os.Remove(file)
	syscall.Mkfifo(file, 0o600)
	_, err = c.Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "storage_failed")
}
