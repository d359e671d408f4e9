// Package host assembles the mesh: it opens the state folder, the store, the ledger, the sandbox with its directories
// of rules, and the gate over them, and closes them again in order. It is the only package that knows all the others;
// what cuts across them (metrics) is wrapped around them here.
package host
