// Package release decides which modules are trusted: by whose signatures, from which list of current versions, and never older
// than what ran before. It makes and reads the signed files that this takes, and remembers what it has seen.
//
// # Signed files
//
// Each is an envelope after DSSE 1.0.2, {"payload":BASE64,"payloadType":TYPE,"signatures":[{"keyid":ID,"sig":BASE64},…]}; several
// envelopes of one payload add up. A signature is the composite one of package identity over DSSE's encoding of type and payload,
// with a context that follows from the type, so that nothing signed as one thing passes for another. The keyid is a hint: what
// counts are distinct keys under which a signature verifies. All JSON is read strictly: no unknown members, none twice, capped
// in size. Times are UTC in whole seconds; digests are "sha256:" and 64 hexadecimal digits.
//
//   - A statement (in-toto v1, predicate https://agentmesh.ai/plugin/v1) says what a module is: name, version, kind, abi,
//     effects, effective dates, publisher, and as subjects the digests of the whole module file and of its section
//     agentmesh.plugin. Its bytes follow from the module, so that several signers sign the same ones.
//   - A trust root: {"type":"root",name,version,issued,expires,algorithm,keys:{ID:{public,owner}},root:{threshold,keys},
//     index:{threshold,keys},scopes:[{prefix,threshold,keys}],revoked:[{key,reason}],source}. Its fingerprint is the digest
//     of this payload.
//   - An index: {"type":"index",root,version,issued,expires,entries:[{name,version,kind,wasm,manifest,oci,size,effective_from,
//     effective_until,yanked:{reason}}]}, a snapshot of what is current.
//   - A permit: {"type":"permit",root,plugin,version,wasm,reason,issued,expires}, signed as its root is.
//
// # What is decided, and how
//
// [Trust.Check] asks the trust roots whose scope fits the name most closely: the name itself before "scope/*" before "*", over
// all roots; a less close scope has no say. As many distinct keys of that scope as its threshold says, none revoked, must have
// signed the statement of exactly this module. Where the root has an index, that must be in date and list exactly this module:
// name, version, kind, size, dates, digests of module, manifest and, where it was pulled, artifact. Of two roots that fit equally
// closely one is enough, unless the other knows this very version and says no (yanked, revoked, other bytes).
//
// A module that ran here before ([Trust.Adopt] has its digest) is given more: under an index or root that has expired, or when
// it was yanked or is no longer listed, it goes on with a warning; Options.MaxStale after the date it must stop, and at once when
// the signatures it needs are of keys that are revoked or no longer count. [Refusal.Stops] says so.
//
// [Trust.CheckSet] holds the newest version of each name against the highest that ran here, whichever root vouched then. Going
// back takes a permit that names the digest; a version taken up while the permit held may stay. When the index has yanked what
// set the mark, the mark falls to the permitted version.
//
// [Trust.AddRoot] takes a root by file and fingerprint, never on first use. [Trust.Update] follows it: version N+1 exactly,
// signed by the thresholds of N and of N+1, nothing un-revoked, at most 1,024 versions at once; then the index: never older than one
// seen, never two of one version (both are kept as evidence), at most 1,000,000 versions on, never other bytes for a version that
// was ever listed. A root that changes who signs indexes ends the index: it counts as expired since then, and the next one starts
// the count of versions again. Every refusal leaves what was in force.
//
// The clock is believed to be no earlier than the latest date that a signed file has shown; a file from more than ten minutes ahead of
// the clock is refused.
//
// The root "local" is the machine's own ([Trust.Local]): one key, scope "*", no index.
//
// # What is remembered
//
//	state.json               versions and digests of roots and indexes, marks, digests that ran; replaced whole
//	lock                     held by the process that changes something
//	NAME/root-N.json         every version of a root since the one that was added
//	NAME/index-N-HEX.json    its index
//	NAME/permit-HEX.json     its permits
//	NAME/fork-N-HEX.json     indexes that contradict each other, as evidence
//
// The folder is 0700, files 0600. A file is written beside its place, synced, renamed, and the folder synced; state.json comes
// last and names every other file by its digest, so that a machine that stops at any moment remembers the step before or the
// step itself. What others could have written, links, and a state that is gone while roots are there are refused: nobody is
// trusted then. Against whoever owns the folder nothing here helps.
package release
