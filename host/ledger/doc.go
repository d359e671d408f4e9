// Package ledger is the tamper-evident log of what was decided: append-only, durable before it is acted on, and verifiable
// by others with nothing but its files and a public key. It is a transparency log after RFC 6962, laid out as C2SP
// tlog-tiles, behind a journal that makes one sync serve all callers.
//
// # Use
//
// [Open] takes a shard and returns when its opening entry is durable and, in a new shard, signed; else the signature follows
// while the caller goes on. [Ledger.Append] returns when the entry is durable; [Ledger.AppendAsync] queues what may follow
// without waiting (outcomes). [NewReader] reads all shards as one list, [Verify] checks them, [Reader.Prove] makes a proof
// for one entry, [Reader.Export] hands entries on.
//
// # What is promised
//
//   - Mode [Sync]: what Append acknowledged survives a power cut. Mode [OS]: it survives a killed process; a power cut may
//     take the last second. Checkpoints are signed only over what is on the disk, in either mode.
//   - A failed write or sync stops the ledger for good: every later Append returns the same *[StoppedError], which says why
//     and how to mend it. After a failed sync nobody knows what the disk has, so trying again would lie.
//   - Open never appends to a shard that is not as it was left: it returns a *[DamageError] that names the place, and
//     changes nothing. What it sets right by itself is an unfinished commit at the journal's end, which was never
//     acknowledged, and tiles, bundles or checkpoints that follow from an intact journal whose root was signed. Both are
//     recorded in the opening entry.
//   - Against somebody who owns the folder and the private key only a checkpoint kept elsewhere proves anything:
//     see [Anchor] and [VerifyOptions].
//
// # Folders
//
//	keys/ledger.key    note signer key, 0600: "PRIVATE+KEY+agentmesh.ai/ledger/ID+HASH+KEY"
//	keys/ledger.pub    note verifier key: "agentmesh.ai/ledger/ID+HASH+KEY"; all that Verify needs
//	keys/ledger.hmac   32 random bytes in hex, for Ledger.HMAC
//	ledger/shards      signed note: how many shards there are
//	ledger/lock        held while shards changes
//	ledger/0/          shard 0
//	  lock             held by the process that writes the shard
//	  retired          if it is there (by hand), no process takes the shard any more
//	  checkpoint       signed note: size and root
//	  tile/…           hash tiles and entry bundles
//	  journal/…        segments
//
// ID is 32 random hex digits, made with the key on first use. One Ed25519 key signs for all shards, each under its own
// name, agentmesh.ai/ledger/ID/SHARD, which is also the origin line of its checkpoints; [Key.ShardText] gives the verifier
// key that other tools need. The list of shards is signed under the ledger's own name; its text is
// "agentmesh.ai/ledger/ID/shards\n", the number, and a newline.
//
// # Shards
//
// A process takes the lowest shard that no other has locked (flock; the kernel frees it when the process ends, however it
// ends), so nobody waits. The entries start and stop, written by the ledger, name the size and root that each sibling's
// checkpoint had, {"shards":[{"shard":1,"size":120,"root":"BASE64"}]}: together with the signed list a shard that is
// missing, or was put back to an earlier state, shows. start also has "mode", "pid", Config.About as "about", and, when
// something had to be set right, "recovered":{"cut":BYTES,"rewritten":[PATH,…]}.
//
// # Entries
//
// An entry is one JSON object, at most 65,535 bytes, its fields in this order and empty ones left out; DecodeEntry takes
// nothing else:
//
//	{"v":1,"kind":"decision","time":"2026-11-23T08:10:00.000000Z","id":"…","agent":"…","server":"…","tool":"…",
//	 "method":"…","decision":"…","code":"…","rule":"…","policy":"…","set":"…","body":…}
//
// body is the caller's JSON, byte for byte. A body over 60,000 bytes, or one that would make the entry too long, stands in
// a frame of the journal, and the entry has {"$body":"sha256:HEX","len":BYTES} in its place. Entries are ordered by their
// index in the shard, never by time: clocks go backwards. Lists over several shards merge by time.
//
// # Journal
//
// A segment is named by the index of its first entry in twenty digits, and is a sequence of frames. Numbers are
// big-endian:
//
//	0   4  length of the payload, from 1
//	4   4  CRC-32C of everything from byte 8 to the payload's end
//	8   1  kind: 1 entry, 2 body of the entry whose frame follows, 3 head
//	9   1  flags: 1 last frame of its commit, 2 acknowledged without a sync (mode OS)
//	10  2  zero
//	12  4  which entry of its commit, from 0
//	16  8  index of the entry in the shard
//	24     payload
//
// The first frame is a head, whose payload is the origin line and whose index the segment's first entry. Index minus
// number in the commit tells commits apart. Zeros end the written part: space is reserved ahead, so that a sync has no
// length to write. A commit is one write and one sync; the next is written only after that. Therefore what stands after the
// last intact frame may be torn remains of one commit and nothing more (unless written in mode OS); an intact frame of a
// later commit there means damage. A segment ends at the first commit after 4 MiB.
//
// Once all entries of a segment stand in synced tiles and bundles under a checkpoint, the segment is dropped; its body
// frames, if it has any, remain in a file of the same name with ".bodies", after its head.
//
// # Tiles, bundles, checkpoints
//
// tile/L/N and tile/entries/N are as C2SP tlog-tiles has them: 256 hashes of 32 bytes, or 256 entries each after its
// 16-bit length; N in groups of three digits, x001/x234/067; partial ones N.p/W. Only the partial files of the newest
// checkpoint are kept: an older one is a prefix. Within a second of an append, and on Close, the checkpoint is signed
// anew: origin, size and base64 root, a line each. Files are replaced whole, by rename. A ledger that is being written may
// be read and verified.
//
// # Index
//
// With Config.Index, queries use two tables, ledger_shards and ledger_entries. They follow from the log and are never
// trusted: what the index offers is held against the entry itself, what it does not cover yet is read from the log, and an
// index that is missing, or of another log, is left alone. [RebuildIndex] makes it anew. An index that hides rows hides
// them from lists; Verify does not use it.
package ledger
