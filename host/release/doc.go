// Package release decides which modules are trusted: by whose signatures, from which list of current versions, and never
// older than what ran before.
package release
