//go:build !unix

package sandbox

import "io/fs"

// foreignOwner reports nothing where files have no numeric owner.
func foreignOwner(fs.FileInfo) (uid int, foreign bool) { return 0, false }

// fileNumber tells nothing where files have no number.
func fileNumber(fs.FileInfo) string { return "" }
