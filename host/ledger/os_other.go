//go:build !linux

package ledger

import "os"

func datasync(f *os.File) error { return f.Sync() }

func extend(f *os.File, size int64) error { return extendSparse(f, size) }
