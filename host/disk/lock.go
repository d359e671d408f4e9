package disk

import (
	"errors"
	"os"
)

// ErrHeld says that another holds the lock.
var ErrHeld = errors.New("another process holds the lock")

// LockFile locks a file, which is made (0600) when it is not there, and waits for that or returns ErrHeld. Closing what it
// returns gives the lock back, and the kernel does when the process ends, however it ends. The same process is kept out too.
// A symbolic link is ErrLink. Where the system has no such locks the error is errors.ErrUnsupported, and the file nil, which
// may be closed all the same.
func LockFile(path string, wait bool) (*os.File, error) {
	f, err := OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f, wait); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
