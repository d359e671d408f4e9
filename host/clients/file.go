package clients

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"agentmesh/host/disk"
)

// ErrChanged: somebody wrote the file after it was read. Nothing was written; read it again.
var ErrChanged = errors.New("the file was changed by another program meanwhile; nothing was written")

// backupSuffix is added to a configuration's name for the copy made before the first change.
const backupSuffix = ".before-agentmesh"

// BackupOf is where the copy of a configuration is kept.
func BackupOf(path string) string { return path + backupSuffix }

// Read reads and parses a configuration.
func Read(p Place) (*File, error) {
	src, err := readAll(p.Path)
	if err != nil {
		return nil, err
	}
	return Parse(p, src)
}

// readAll reads a regular file of at most maxSize.
func readAll(path string) ([]byte, error) {
	info, err := os.Stat(path) // before opening, which would wait for ever at a pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxSize+1))
}

// Write replaces the file by what [File.Wrap] made of it, after a copy was put beside it. It returns the copy's path, empty
// when nothing had to be written. The error is [ErrChanged] when the file is not what was read.
func (f *File) Write(after []byte) (backup string, err error) {
	if bytes.Equal(after, f.src) {
		return "", nil
	}
	target, info, err := f.target()
	if err != nil {
		return "", err
	}
	backup = BackupOf(target)
	made, err := f.backUp(backup, info)
	if err != nil {
		return "", fmt.Errorf("copy %s before changing it: %w", f.Path, err)
	}
	if err := f.replace(target, info, after); err != nil {
		if made {
			err = errors.Join(err, os.Remove(backup))
		}
		return "", err
	}
	return backup, nil
}

// Restore replaces the file by what [File.Unwrap] made of it. The copy from before the first change is removed when it
// holds the same bytes.
func (f *File) Restore(after []byte) error {
	if bytes.Equal(after, f.src) {
		return nil
	}
	target, info, err := f.target()
	if err != nil {
		return err
	}
	if err := f.replace(target, info, after); err != nil {
		return err
	}
	if kept, err := readAll(BackupOf(target)); err == nil && bytes.Equal(kept, after) {
		return os.Remove(BackupOf(target))
	}
	return nil
}

// target is the file that is to be replaced, links followed.
func (f *File) target() (string, os.FileInfo, error) {
	target, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", nil, err
	}
	if info.Mode().Perm()&0o200 == 0 {
		return "", nil, fmt.Errorf("%s: its owner may not write it (mode %04o); chmod u+w it if it is to be changed: %w",
			target, info.Mode().Perm(), fs.ErrPermission)
	}
	return target, info, nil
}

// backUp copies what was read, unless there is a copy already.
func (f *File) backUp(name string, info os.FileInfo) (made bool, err error) {
	if exists(name) {
		return false, nil
	}
	err = create(name, f.src, info)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// replace puts after in the place of the file, whole.
func (f *File) replace(target string, info os.FileInfo, after []byte) error {
	dir, base := filepath.Split(target)
	part, err := os.MkdirTemp(dir, "."+base+".") // a folder of our own, so that no other has the file before its mode is set
	if err != nil {
		return fmt.Errorf("replace %s: %w", target, err)
	}
	defer os.RemoveAll(part)
	next := filepath.Join(part, base)
	if err := create(next, after, info); err != nil {
		return fmt.Errorf("replace %s: %w", target, err)
	}
	if err := f.unchanged(target); err != nil {
		return err
	}
	if err := os.Rename(next, target); err != nil {
		return fmt.Errorf("replace %s: %w", target, err)
	}
	return disk.SyncDir(dir)
}

// unchanged reads the file again.
func (f *File) unchanged(target string) error {
	now, err := filepath.EvalSymlinks(f.Path)
	if err != nil || now != target {
		return fmt.Errorf("%s: %w", f.Path, ErrChanged)
	}
	src, err := readAll(target)
	if err != nil || !bytes.Equal(src, f.src) {
		return fmt.Errorf("%s: %w", f.Path, ErrChanged)
	}
	return nil
}

// create writes a new file with mode and owner of another, and syncs it.
func create(name string, content []byte, like os.FileInfo) (err error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			os.Remove(name)
		}
	}()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := keepOwner(file, like); err != nil {
		return err
	}
	if err := file.Chmod(like.Mode().Perm()); err != nil {
		return err
	}
	return file.Sync()
}
