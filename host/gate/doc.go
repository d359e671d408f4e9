// Package gate is the one room where everything is decided: every adapter hands it the facts of an action and gets a
// verdict back, and nothing else in the house says yes.
//
// # The order of a decision
//
//  1. The request is checked: what is too large, not UTF-8 or still unknown is refused (input_too_large, malformed).
//  2. Self-protection, which the facts found before any policy was asked: denied (self_protected).
//  3. The judges in force are asked, each blind to the others. A judge that fails in any way, by panicking too, denies;
//     one that failed five times in a row for an agent denies that agent for a while without being asked (breaker_open).
//  4. Their findings are combined (Combine): any deny, then require_approval, then allow; if nobody allows, deny (no_rule).
//     Monitored judges are recorded and take no part.
//  5. If, and only if, the result would be an allow, every matching limit is consumed in one transaction. One that is used
//     up denies (rate_limited) and nothing is consumed; state that cannot be read or written denies (state_failed).
//  6. The decision goes to the ledger, redacted. It is durable before the caller learns it; if it cannot be made so, the
//     verdict is a deny (ledger_failed).
//
// A crash between 5 and 6, or after 6, costs budget and never gives it.
//
// A verdict permits an action only as Permits says: an allow that was recorded, or a recorded verdict of a gate that
// merely monitors. The zero Verdict permits nothing. A monitoring gate still enforces self-protection and the ledger, and
// what no policy decided: a cancelled call, a panic in the gate.
//
// # Choices where the design is silent
//
//   - Among denials those by a rule come before failures, which have no rule: a written rule holds whatever else broke.
//   - Until approvals exist, Eval too gives require_approval the code approval_unavailable: one code path, one answer.
//   - An agent whose name or DID is no string is malformed: selectors and limits go by them.
//   - A judge that fails while tools are listed counts as one that can only deny: its tools are hidden.
//   - When tools are listed, data and resource are unknown unless the call gives them, and context.time always is.
//   - Two limits of one rule share one count: the action is checked against both and counted once.
//   - Limits count an action against the agent's DID, or its name where it has none; a name that holds a secret, or is longer
//     than 512 bytes, is known to the store by its keyed hash.
//   - In a monitoring gate a verdict that denies consumes nothing, though the action goes on: counts are those that
//     enforcing would have had.
//   - Versions of one judge are told apart by name, version and whether they are monitored: by the breaker, and where a limit that is
//     used up is laid to a judge. Their limits count together, so that a new version gives no budget back.
//   - Where a monitored version came to another decision or rule than the one that decided, the entry has it under differences:
//     what each found before limits were counted. An Observer is told once the decision is recorded.
//   - A judge that is absent or lapsed opens no breaker: asking it costs nothing, and its own code says better why.
//   - A policy edit that lengthens a limit's window starts from the hits that the old window kept.
package gate
