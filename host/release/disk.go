package release

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"agentmesh/host/disk"
)

// drive is what remembering does to the disk. Tests put one in its place that fails at a chosen step and forgets what was
// not synced.
type drive interface {
	// Mkdir makes a folder, 0700; one that is there is no error.
	Mkdir(dir string) error
	// Write makes a file, 0600, and syncs its content.
	Write(path string, data []byte) error
	Rename(from, to string) error
	// SyncDir makes names made, renamed or removed in a folder durable.
	SyncDir(dir string) error
	Remove(path string) error
}

// hardDisk is the disk itself.
type hardDisk struct{}

var _ drive = hardDisk{}

func (hardDisk) Mkdir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func (hardDisk) Write(path string, data []byte) error {
	f, err := disk.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (hardDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (hardDisk) SyncDir(dir string) error     { return disk.SyncDir(dir) }
func (hardDisk) Remove(path string) error     { return os.Remove(path) }

// replace puts data at path so that whatever happens the old content is there or the new, and the new stays when replace
// has returned. Only the holder of the lock calls it, so the temporary name is its own.
func replace(d drive, path string, data []byte) error {
	part := path + ".part"
	if err := d.Write(part, data); err != nil {
		return err
	}
	if err := d.Rename(part, path); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// makeDir makes a folder and its name durable.
func makeDir(d drive, dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := d.Mkdir(dir); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(dir))
}

// readGuarded reads a regular file of at most most bytes that only this user can have written.
func readGuarded(path string, most int64) ([]byte, error) {
	data, _, err := disk.Read(path, disk.Rule{Most: most, Check: disk.Trusted})
	return data, err
}

// stamp tells whether a file is still the one that was read. A file that is replaced by renaming has another number.
type stamp struct {
	file     string
	mode     fs.FileMode
	size     int64
	modified int64
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{disk.Number(info), info.Mode(), info.Size(), info.ModTime().UnixNano()}
}

// lock takes the lock of a folder of state, waiting for it, and returns what gives it back. The kernel frees it when the
// process ends, however it ends.
func lock(dir string) (unlock func(), err error) {
	f, err := disk.LockFile(filepath.Join(dir, "lock"), true)
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}
