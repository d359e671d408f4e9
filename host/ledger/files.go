package ledger

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"agentmesh/host/disk"
)

// journalFile is what the writer does to a segment; tests put faults in its place.
type journalFile interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
	// Sync makes the content durable, and of the metadata only what reading it back needs.
	Sync() error
	// Extend reserves space so that the file is at least size long, the new part reading as zeros.
	Extend(size int64) error
	Truncate(size int64) error
}

// opener opens a segment for writing.
type opener func(path string) (journalFile, error)

// diskFile is a journalFile on disk.
type diskFile struct{ *os.File }

var _ journalFile = diskFile{}

func openDisk(path string) (journalFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (f diskFile) Sync() error             { return datasync(f.File) }
func (f diskFile) Extend(size int64) error { return extend(f.File, size) }

// makeDir makes a folder, 0700, and its name durable.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(dir))
}

// replaceFile puts data at path so that a crash leaves the old content or the new; durable adds the syncs that make this
// hold for a power cut and that make the new content stay.
func replaceFile(path string, data []byte, durable bool) error {
	temp := path + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return err
	}
	if durable {
		return disk.SyncDir(filepath.Dir(path))
	}
	return nil
}

// createOnce writes a file that must be made by one process only, and returns what is there in the end.
func createOnce(path string, make func() ([]byte, error)) ([]byte, error) {
	if data, err := os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	data, err := make()
	if err != nil {
		return nil, err
	}
	// Of several processes one wins, and all read the winner's, which may not be durable yet.
	if err := disk.Create(path, data, 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := disk.SyncDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// extendSparse makes a file longer without reserving blocks.
func extendSparse(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	return f.Truncate(size)
}
