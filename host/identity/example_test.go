package identity_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"agentmesh/host/identity"
)

func Example() {
	key, err := identity.Generate()
	if err != nil {
		panic(err)
	}
	statement := []byte(`{"name":"eu.ai-act/logging","version":"2.1.0"}`)
	sig, err := key.Sign(identity.PurposePlugin, statement)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(sig), "bytes")
	fmt.Println(key.Public().Verify(identity.PurposePlugin, statement, sig))
	fmt.Println(key.Public().Verify(identity.PurposePermit, statement, sig))
	half := sig[len(sig)-64:]
	err = key.Public().Verify(identity.PurposePlugin, statement, half)
	fmt.Println(errors.Is(err, identity.ErrIncomplete), err)
	// Output:
	// 3373 bytes
	// <nil>
	// signature does not verify
	// true half a signature is none: the ML-DSA-65 half is missing
}

func ExampleOpenKeys() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	keys, err := identity.OpenKeys(filepath.Join(dir, "keys"))
	if err != nil {
		panic(err)
	}
	key, err := identity.FromSeed([]byte("thirty-two bytes of one half ....and thirty-two of the other one"))
	if err != nil {
		panic(err)
	}
	if err := keys.Create("team-a", key, nil); err != nil {
		panic(err)
	}
	loaded, err := keys.Load("team-a", nil)
	fmt.Println(loaded.Public().ID(), err)
	// Output:
	// sha256:0f9a119b65cab737f33472d53f4cbb9735dc26b4c8d7bdc31eb362dfcc804fbf <nil>
}
