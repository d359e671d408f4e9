// Package replay decides the recorded past anew: under the very rules that decided then, to audit the ledger, or with a
// candidate in the place of one of them, to see which decisions it would have changed before it is let decide anything.
//
// # What is decided anew
//
// Every entry of kind decision that the filter chooses. The rules are those of the set that the entry names, rebuilt from an
// [Archive]: modules by digest, settings, limits on fuel and memory, and which version was active for whom. A rebuilt set
// counts only when its digest is the one that the entry names, so an archive that was altered, or is incomplete, is found
// out and never decides. The request is the recorded one, context.time included: a version that took effect at a date takes
// effect at that date in a replay as well. Limits stand where the entry says they stood.
//
// # What is not
//
// Each is counted apart, by reason, with entries to look at (Report.NotReplayed):
//
//   - redacted: a judge reads what was kept out of the ledger. A compiled policy is asked when no path it reads is
//     redacted, a plugin when nothing is.
//   - request_hidden: the whole request was kept out.
//   - body_lost, entry_unreadable: the ledger no longer has what was asked.
//   - set_unknown, module_missing: the archive does not know the set, or lacks a module of it.
//   - archive_altered: a module, or what is noted of the set, is not what the ledger says decided.
//   - set_broken: the set does not load here.
//
// What no rule decided (the mesh protects itself, a malformed message, a caller that went away) stands as it was, and is
// counted as standing.
//
// # Deterministic
//
// The same ledger, archive and candidate give the same report, whatever the number of workers: counts do not depend on
// order, and samples are the newest of their kind. Memory does not grow with the ledger.
package replay
