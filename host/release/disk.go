package release

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// disk is what remembering does to the disk. Tests put one in its place that fails at a chosen step and forgets what was
// not synced.
type disk interface {
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

var _ disk = hardDisk{}

func (hardDisk) Mkdir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func (hardDisk) Write(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, 0o600)
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
func (hardDisk) SyncDir(dir string) error     { return syncDir(dir) }
func (hardDisk) Remove(path string) error     { return os.Remove(path) }

// replace puts data at path so that whatever happens the old content is there or the new, and the new stays when replace
// has returned. Only the holder of the lock calls it, so the temporary name is its own.
func replace(d disk, path string, data []byte) error {
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
func makeDir(d disk, dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil
	}
	if err := d.Mkdir(dir); err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(dir))
}

// guarded checks that only this user can have written what info describes.
func guarded(path string, info fs.FileInfo) error {
	if uid, foreign := foreignOwner(info); foreign {
		return fmt.Errorf("%s belongs to user %d", path, uid)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s can be written by others (mode %04o); chmod go-w it", path, info.Mode().Perm())
	}
	return nil
}

// guardedDir checks that dir is a folder that only this user can write, no symbolic link.
func guardedDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", dir)
	}
	return guarded(dir, info)
}

// readGuarded reads a regular file of at most most bytes that only this user can have written. What is checked is what is
// read.
func readGuarded(path string, most int64) ([]byte, error) {
	data, _, err := readStamped(path, most)
	return data, err
}

func readStamped(path string, most int64) ([]byte, stamp, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, stamp{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, stamp{}, err
	case !info.Mode().IsRegular():
		return nil, stamp{}, fmt.Errorf("%s is no regular file", path)
	}
	if err := guarded(path, info); err != nil {
		return nil, stamp{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, stampOf(info), err
}

// stamp tells whether a file is still the one that was read. A file that is replaced by renaming has another number.
type stamp struct {
	file     string
	mode     fs.FileMode
	size     int64
	modified int64
}

func stampOf(info fs.FileInfo) stamp {
	return stamp{fileNumber(info), info.Mode(), info.Size(), info.ModTime().UnixNano()}
}

// lock takes the lock of a folder of state, waiting for it, and returns what gives it back. The kernel frees it when the
// process ends, however it ends.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}
