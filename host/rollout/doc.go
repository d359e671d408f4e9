// Package rollout says which version of a rule decides: what a deployment runs stands in plugins.lock, and each version goes
// through stages.
//
//	staged → shadow → canary → active → retired
//
// A staged version is known and does nothing. A shadow is asked about every action beside the versions that decide, and takes
// no part. A canary decides for a share of the agents, chosen by a hash of plugin, version and agent, and the version that
// decides for all others is asked beside it for them. Active versions are eligible: of those the newest whose dates,
// effective_from included and effective_until excluded, hold context.time decides, so a date changes what decides without
// anything being loaded. A retired version is what is left of one that decided once.
//
// # When no version is in effect
//
// Before the first date the plugin abstains and says so, a log finding by rule not_effective. Once a version has lapsed and
// none is in effect, on_lapse of the configuration holds: deny, with code lapsed, or abstain, a log finding by rule lapsed.
// That is so in the gap before a later version begins, too: the rule that held does not hold any more, and nobody said
// that nothing should. A canary outside its dates is asked beside, for its agents. A shadow has no dates: it is there to show
// what will be.
//
// # plugins.lock
//
// A JSON file, to be read and compared by people:
//
//	{"version":1,"revision":7,"plugins":[{"name":"eu.ai-act/transparency","kind":"policy","source":"oci://…","root":"eu","pinned":"1.0.0",
//	  "versions":[{"version":"1.0.0","wasm":"sha256:…","manifest":"sha256:…","oci":"sha256:…","size":41210,"stage":"canary","percent":10,
//	    "guard":{"max_errors":0,"max_differences":5,"min_decisions":200},"since":"2026-11-23T08:00:00Z","reason":"…",
//	    "effective_from":"2027-02-01T00:00:00Z","effective_until":"…","yanked":{"reason":"…","since":"…","stopped":true}}]}]}
//
// It is read strictly, and refused when others could have written it. Editors hold the lock of a file beside it while they read,
// change and replace it, so that of two edits neither is lost; revision counts them. Whoever only reads sees the file as it was
// before an edit or after it.
//
// # What the edits allow
//
//   - A version's digest never changes, not after it was retired either: another module of the same version is refused.
//   - Nothing is promoted to canary or active that is older than a version that is active; going back is a rollback, which
//     callers hold against the trust root's marks first (release.Trust.CheckSet).
//   - One canary of a plugin at a time: two shares would overlap.
//   - Promoting a version that is in effect and has no end retires the older ones, which could never decide again.
//   - A pinned plugin runs that version alone; others may be staged and shadow it.
//   - A yanked version cannot be promoted. What runs goes on until promote, rollback or yank with stop. Where a version is
//     stopped, a judge that denies stands in its place, until a later one is promoted or one goes back: absence denies, and an
//     older version decides again only where the trust root's marks let it.
//   - Versions of local/ are digests, which have no order: they are configuration, and not staged.
//
// # Guards
//
// A guard sends a shadow or canary back to staged when more than max_errors percent of its decisions failed, or more than
// max_differences percent differed from the version beside it in decision or rule, once it took part in min_decisions. Counts are
// those of one process, over the present and the previous window of 1,000 decisions (ten times min_decisions where that is more),
// so that a long good time does not hide a bad one. What a limit counted is no difference: those of monitored judges count apart.
// Where the operator has a plugin monitored none of its versions decides, so none differs from one that does.
//
// # What a set says
//
// Stage and share of a module are its tag (sandbox.Module), so they are part of the set's digest, and a change of them is a
// new set that goes to the ledger before it decides. The guard is not: it decides nothing.
package rollout
