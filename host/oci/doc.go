// Package oci moves content-addressed artifacts between machines: it pushes, resolves, pulls and lists what refers to
// what, at OCI registries (OCI distribution 1.1), in OCI layout folders and beside local files, through one [Client]; and
// it keeps blobs in a flat store, [Blobs]. It knows nothing of signatures or of who may be believed: to it every
// registry is an attacker, who may answer anything, slowly, and too much of it.
//
// What is believed of an answer is therefore only what its digest proves. A reference is resolved once to a digest;
// manifest, config and layers are then read by their digests, each no further than its declared size and one byte, and
// refused where size or SHA-256 differ. Declared sizes are held against caps before anything is fetched or allocated.
// The header Docker-Content-Digest is used for nothing but learning which digest to ask for. Nothing is ever unpacked,
// and names that an artifact gives (titles, annotations) are for showing and become no file names.
//
// A redirect is followed on the same host; to another host only for a blob, whose digest is known, without credentials,
// and never from TLS to plain text. Plain HTTP is spoken to loopback, elsewhere only when asked for, and then
// without credentials. A registry that sends nothing for a while, or less than a few kilobytes a second, is stalled.
//
// Modules travel as the Wasm working group of the CNCF has laid down: config application/vnd.wasm.config.v0+json, one
// layer application/wasm ([WasmArtifact]). The bytes of a manifest depend on the artifact alone, so the same module
// with the same annotations has the same digest wherever it is pushed.
//
// References:
//
//	oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:HEX]   at a registry
//	oci-layout://FOLDER[:TAG][@sha256:HEX]            in an OCI image layout
//	file://PATH                                       a Wasm module, its attestations in PATH.sig.json beside it
//
// A digest binds, whatever the tag says; without either the tag is "latest".
//
// Errors for which something can be done are of type [*Error]. Methods are safe for concurrent use.
package oci
