package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// ErrClosed is what a closed ledger answers.
var ErrClosed = errors.New("ledger is closed")

// StoppedError says that a write or a sync failed, and that the ledger therefore takes nothing more until it is opened
// again.
type StoppedError struct {
	// Dir is the folder of the shard.
	Dir string
	// Cause is what the operating system said.
	Cause error
}

// Error says what happened and how to mend it.
func (e *StoppedError) Error() string {
	mend := "look after the disk and start again"
	switch {
	case errors.Is(e.Cause, syscall.ENOSPC):
		mend = "the disk is full: free space on it and start again"
	case errors.Is(e.Cause, syscall.EDQUOT):
		mend = "the quota is used up: free space within it and start again"
	case errors.Is(e.Cause, fs.ErrPermission), errors.Is(e.Cause, syscall.EROFS):
		mend = "make the folder writable for this user and start again"
	}
	return fmt.Sprintf("ledger %s stopped: %v; %s", e.Dir, e.Cause, mend)
}

// Unwrap gives the cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// DamageError says that a shard is not as it was left, so that nothing may be appended to it.
type DamageError struct {
	// Shard and Dir say which; File is the path in it.
	Shard int
	Dir   string
	File  string
	// Index is the first entry concerned, -1 when that is not known.
	Index int64
	// Reason says what is wrong.
	Reason string
}

// Error says where, what, and how to mend it.
func (e *DamageError) Error() string {
	where := fmt.Sprintf("ledger shard %d is damaged: %s", e.Shard, e.File)
	if e.Index >= 0 {
		where += fmt.Sprintf(", entry %d", e.Index)
	}
	return fmt.Sprintf("%s: %s; nothing was appended. Restore the file from a backup, or set the shard aside with an empty"+
		" file %s/%s: its entries stay readable, and verifying goes on naming the damage", where, e.Reason, e.Dir, retiredFile)
}
