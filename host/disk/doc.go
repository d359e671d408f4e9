// Package disk is the care that files take which must survive: replaced whole, locked, written by nobody else.
//
//   - [Replace] and [Create] put a file in its place whole or not at all, durable when they return; a [Part] is for what is
//     too much to have in memory, and [Sweep] removes what killed writers left.
//   - [LockFile] lets one process at a time, and the kernel frees the lock when the process ends, however it ends.
//   - [Read] and [Open] take no symbolic link, pipe or device for a file, and what is checked is what is read: nothing is
//     looked up a second time by its name.
//   - [Trusted] and [TrustedDir] say who could have written a file besides this user and root: nobody may.
//
// Where the system has no numeric owners, links or locks, what guards a file are the rights of its folder, and LockFile
// says that it cannot.
package disk
