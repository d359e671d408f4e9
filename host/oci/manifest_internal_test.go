package oci

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// FuzzReadManifest: what is taken is read by the library that registries use in the same way, so that nobody is shown
// another artifact than the one that is pulled; and it fits the caps, or is refused.
func FuzzReadManifest(f *testing.F) {
	for _, a := range []Artifact{
		WasmArtifact([]byte("\x00asm"), map[string]string{"a": "b"}), Attestation(describe(ManifestType, []byte("{}")), []byte("{}")),
	} {
		p, err := Pack(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Manifest)
	}
	f.Add([]byte(`{"schemaVersion":2,"Layers":[{}],"config":{"mediaType":"a/b","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1},"layers":[]}`))
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:` + strings.Repeat("0", 64) + `","size":1,"Size":2},"layers":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readManifest(data)
		if err != nil {
			if CodeOf(err) == "" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if err := m.within(Limits{}.filled()); err == nil && m.size() < 0 {
			t.Fatalf("a size of %d is within the caps", m.size())
		}
		var theirs ocispec.Manifest
		decoder := json.NewDecoder(bytes.NewReader(data))
		if err := decoder.Decode(&theirs); err != nil {
			return // fields that we do not read may be of any type
		}
		if theirs.Config.Digest != m.config.Digest || theirs.Config.Size != m.config.Size || len(theirs.Layers) != len(m.layers) || (theirs.Subject == nil) != (m.subject == nil) {
			t.Fatalf("we read %+v, they %+v", m, theirs)
		}
		for i, l := range m.layers {
			if o := theirs.Layers[i]; o.Digest != l.Digest || o.Size != l.Size || o.MediaType != l.MediaType {
				t.Fatalf("layer %d: we read %+v, they %+v", i, l, o)
			}
		}
	})
}

// FuzzEnvelopes: what is beside a module stays readable JSON, and adding twice adds once.
func FuzzEnvelopes(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[{"a":1},{"b":2}]`, ` `, `[`, `[1,]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := envelopes(nil, data)
		if err != nil {
			return
		}
		again, err := envelopes(all, data)
		if err != nil || !reflect.DeepEqual(all, again) {
			t.Fatalf("added twice: %q, then %q, %v", all, again, err)
		}
		if out, err := json.Marshal(all); err != nil || !json.Valid(out) {
			t.Fatalf("%q cannot be written: %v", all, err)
		}
	})
}
