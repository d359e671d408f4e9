// Package identity holds the keys of the mesh and makes and checks its signatures.
//
// Every signature is the composite id-MLDSA65-Ed25519-SHA512 of draft-ietf-lamps-pq-composite-sigs (version -19): one
// message, signed by an ML-DSA-65 key (FIPS 204) and by an Ed25519 key (RFC 8032), valid only when both halves verify. A
// forger would have to break both.
//
//	public key   1984 bytes: ML-DSA-65 public key (1952), Ed25519 public key (32)
//	private key  64 bytes:   ML-DSA-65 seed (32), Ed25519 seed (32)
//	signature    3373 bytes: ML-DSA-65 signature (3309), Ed25519 signature (64)
//	signed       "CompositeAlgorithmSignatures2025" "COMPSIG-MLDSA65-Ed25519-SHA512" len(ctx) ctx SHA-512(message)
//
// Both halves sign what the last line shows; ML-DSA-65 also takes the label, the second of its texts, as its own context. So
// neither half passes for a signature of ML-DSA-65 or of Ed25519 alone, nor the reverse. The ctx is the Purpose: a signature made
// for one purpose does not verify for another.
//
// Beyond the draft, what an honest signer never makes is refused: an Ed25519 key or R that is of small order, is no
// canonical encoding, or is no point of the curve; an ML-DSA-65 key whose t1 is zero. Signing is hedged with fresh randomness, and each signature is verified
// before it is given out, so that a fault of the machine gives an error and not half a private key.
//
// A PublicKey stands in PEM as a SubjectPublicKeyInfo of the draft's OID, 1.3.6.1.5.5.7.6.48; see ParsePublic. A KeyID is the
// SHA-256 of the raw public key: where one comes with a signature it is a hint and proves nothing.
//
// # Files
//
// A folder of keys (Keys) holds two files for each NAME. NAME.pub is the public key in PEM. NAME.key, mode 0600, is two lines,
//
//	# agentmesh private key of sha256:HEX
//	AGENTMESH-SECRET-KEY-1BASE64
//
// the id of the public key and the seed in base64url without padding; or an armored age file of these lines under a
// passphrase, which `age --decrypt` opens too. A file that others may read, that is another user's or that is a symbolic link
// is refused, and so is one in which id and seed do not belong together.
package identity
