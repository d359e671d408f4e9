// Package sandbox runs judges: compiled policies by the direct entry of pdk/abi, each in WebAssembly memory of its own.
//
// # What is loaded
//
// Policies are loaded from files and from directories (not from folders within them): *.yaml, *.yml and *.json as
// policy.IsPolicyFile tells, and *.wasm, which holds a policy compiled earlier. A module is never run as found: its
// embedded source is compiled again and our own output runs. Where the two differ, that is a warning of the set; a module
// without source is refused. "preset:NAME" loads a preset. All errors of everything named come at once, and one error
// means that nothing is loaded.
//
// # Trust
//
// Policies are the operator's configuration, trusted by owner and mode: a policy file, and the directory it is loaded
// from, must belong to the user who runs the host or to root, and nobody else may be able to write it. Otherwise it is
// refused, with the command that mends it. Signatures of *.wasm do not exist yet: every one loaded says so in the set's
// warnings.
//
// # Sets
//
// A Set is immutable: judges sorted by name, and a digest over all of them, their settings and the host's configuration.
// A Watcher holds the one in force and swaps it when files change; whoever took the old one keeps it whole until it is
// released, and only then its modules close. An edit that does not load changes nothing: the last good set stays, and
// Status says what is wrong until it is mended.
//
// # Instances
//
// Each module has a pool of instances, which grows on demand to a bound; beyond it callers wait. An instance that failed,
// or that a large request made grow, is dropped. In the steady state a decision allocates nothing.
package sandbox
