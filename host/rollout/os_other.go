//go:build !unix

package rollout

import (
	"io/fs"
	"os"
)

func openPlain(name string) (*os.File, error) { return os.Open(name) }

// lockFile always succeeds where there are no such locks: one process at a time may then edit.
func lockFile(*os.File) (bool, error) { return true, nil }

// fileNumber tells nothing where files have no number.
func fileNumber(fs.FileInfo) string { return "" }
