package release_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"agentmesh/host/identity"
	"agentmesh/host/release"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// A machine signs a module by its own trust root, and then trusts it.
func Example() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	trust, err := release.Open(filepath.Join(dir, "trust"), release.Options{})
	if err != nil {
		panic(err)
	}
	keys, err := identity.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		panic(err)
	}
	key, _, err := trust.Local(keys)
	if err != nil {
		panic(err)
	}

	manifest := `{"name":"acme/no-exports","version":"1.0.0","kind":"policy","abi":1,"effects":["deny"]}`
	module := wasm.AppendCustom([]byte("\x00asm\x01\x00\x00\x00"), abi.SectionManifest, []byte(manifest))
	statement, err := release.StatementOf(module)
	if err != nil {
		panic(err)
	}
	signed := statement.Envelope()
	if err := signed.Sign(key); err != nil {
		panic(err)
	}

	d, err := trust.Check(release.Candidate{Module: module, Envelopes: []release.Envelope{signed}, New: true})
	fmt.Println(d.Statement.Name, d.Statement.Version, "by root", d.Root, err)

	changed := append(module[:len(module):len(module)], 0, 1, 0)
	_, err = trust.Check(release.Candidate{Module: changed, Envelopes: []release.Envelope{signed}, New: true})
	fmt.Println(release.CodeOf(err))
	// Output:
	// acme/no-exports 1.0.0 by root local <nil>
	// digest_mismatch
}

// A root of one key is taken by its fingerprint.
func ExampleTrust_AddRoot() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	key, err := identity.Generate()
	if err != nil {
		panic(err)
	}
	only := release.Role{Threshold: 1, Keys: []identity.KeyID{key.Public().ID()}}
	now := time.Now().UTC().Truncate(time.Second)
	root := release.Root{
		Name: "acme", Version: 1, Issued: now, Expires: now.AddDate(1, 0, 0),
		Keys: []release.RootKey{{Key: key.Public(), Owner: "ann"}}, Root: only, Scopes: []release.Scope{{Prefix: "acme/*", Role: only}},
	}
	signed := root.Envelope()
	if err := signed.Sign(key); err != nil {
		panic(err)
	}
	file, fingerprint := release.AppendEnvelope(nil, &signed), signed.Digest()

	trust, err := release.Open(filepath.Join(dir, "trust"), release.Options{})
	if err != nil {
		panic(err)
	}
	_, err = trust.AddRoot(file, "sha256:0000000000000000000000000000000000000000000000000000000000000000")
	fmt.Println(release.CodeOf(err))
	r, err := trust.AddRoot(file, fingerprint)
	fmt.Println(r.Name, r.Version, err)
	// Output:
	// fingerprint_mismatch
	// acme 1 <nil>
}
