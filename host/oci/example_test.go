package oci_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"agentmesh/host/oci"
)

// A module and its attestation are pushed into a folder that can be carried to where there is no network, and pulled
// from it by the digest that the push gave.
func Example() {
	dir, err := os.MkdirTemp("", "carried")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, client := context.Background(), must(oci.New(oci.Options{}))
	ref := must(oci.ParseReference("oci-layout://" + filepath.Join(dir, "rules") + ":1.0.0"))

	pushed := must(client.Push(ctx, ref, oci.WasmArtifact([]byte("\x00asm…"), nil)))
	must(client.Push(ctx, ref.At(""), oci.Attestation(pushed, []byte(`{"payload":"…"}`))))

	pulled := must(client.Pull(ctx, ref.At(pushed.Digest.String()), oci.WasmLimits()))
	fmt.Println(oci.CheckWasm(pulled), len(pulled.Layers[0].Data), "bytes")
	for _, d := range must(client.Referrers(ctx, ref, oci.AttestationType)) {
		attestation := must(client.Pull(ctx, ref.At(d.Digest.String()), oci.Limits{Types: []string{oci.EnvelopeType}}))
		fmt.Printf("%s\n", attestation.Layers[0].Data)
	}
	// Output:
	// <nil> 7 bytes
	// {"payload":"…"}
}

// Content is kept by its digest and hashed again whenever it is read.
func ExampleBlobs() {
	dir, err := os.MkdirTemp("", "blobs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	blobs := must(oci.OpenBlobs(dir))
	digest := must(blobs.PutBytes(context.Background(), []byte("a rule")))

	os.WriteFile(filepath.Join(dir, "sha256", digest[len("sha256:"):]), []byte("another"), 0o600)
	_, err = blobs.Read(digest, 1<<20)
	fmt.Println(oci.CodeOf(err))
	// Output: digest_mismatch
}
