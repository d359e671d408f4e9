// Package ledger is the tamper-evident log of everything that was decided.
package ledger
