//go:build !unix

package oci

import "os"

const noFollow = 0

// lock always succeeds where there are no such locks: one process at a time may then use a store.
func lock(*os.File, bool) (bool, error) { return true, nil }

func unlinked(*os.File) bool { return false }

// syncDir does nothing where folders cannot be synced.
func syncDir(string) error { return nil }
