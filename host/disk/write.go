package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// leftover begins the names of files that are being written, or were when the writer was killed.
const leftover = ".part-"

// Part is a file that is being written, 0600, beside the place that it will take. It is locked meanwhile, so that Sweep
// leaves it alone. Discard it in the end, whatever became of it.
type Part struct {
	file *os.File
	done bool // it has taken its place: its first name is not ours any more
}

// NewPart makes a file to write to, in the folder of the place that it will take.
func NewPart(dir string) (*Part, error) {
	for {
		f, err := os.CreateTemp(dir, leftover+"*") // mode 0600
		if err != nil {
			return nil, err
		}
		p := &Part{file: f}
		if err := lock(f, true); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			p.Discard()
			return nil, err
		}
		if !unlinked(f) {
			return p, nil
		}
		f.Close() // swept between the two: there is another
	}
}

// Write appends to the file.
func (p *Part) Write(data []byte) (int, error) { return p.file.Write(data) }

// Chmod sets the mode of the file.
func (p *Part) Chmod(mode fs.FileMode) error { return p.file.Chmod(mode) }

// Replace puts the file at path, in the place of what is there, and returns when that is durable: a crash leaves the old
// content or the new.
func (p *Part) Replace(path string) error {
	return p.put(path, func(from, to string) error {
		err := os.Rename(from, to)
		p.done = err == nil
		return err
	})
}

// Create puts the file at path where there is nothing, durable; otherwise fs.ErrExist. Of several processes one wins.
func (p *Part) Create(path string) error { return p.put(path, os.Link) }

func (p *Part) put(path string, move func(from, to string) error) error {
	err := p.file.Sync()
	if closeFirst {
		err = errors.Join(err, p.file.Close())
	}
	if err != nil {
		return err
	}
	if err := move(p.file.Name(), path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Discard closes the file, and removes it unless it has taken its place.
func (p *Part) Discard() {
	if !p.done {
		os.Remove(p.file.Name())
	}
	p.file.Close() // what was written is synced, or of no account
}

// Replace puts data at path with that mode, whole and durable: a crash leaves the old content or the new. What was there
// may be a symbolic link, which is then replaced itself.
func Replace(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, (*Part).Replace)
}

// Create puts a whole durable file where there is none; one that is there is left as it is, fs.ErrExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, (*Part).Create)
}

func write(path string, data []byte, mode fs.FileMode, put func(*Part, string) error) error {
	p, err := NewPart(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer p.Discard()
	if _, err := p.Write(data); err != nil {
		return err
	}
	if err := p.Chmod(mode); err != nil {
		return err
	}
	return put(p, path)
}

// Sweep removes from a folder what killed writers left behind, and returns how many files that were. What others are
// writing now stays; where there are no locks to tell it by, all stays.
func Sweep(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	swept := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), leftover) && sweep(filepath.Join(dir, e.Name())) {
			swept++
		}
	}
	return swept, nil
}

func sweep(path string) bool {
	f, err := OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return lock(f, false) == nil && os.Remove(path) == nil
}
