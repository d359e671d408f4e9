package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// What stands in an *fs.PathError when a name leads to something else than was asked for.
var (
	ErrLink      = errors.New("it is a symbolic link; name what it leads to")
	ErrIrregular = errors.New("it is no regular file")
	ErrNoFolder  = errors.New("it is no folder")
)

// OpenFile is os.OpenFile, but a name that is a symbolic link is refused, ErrLink, and a pipe that nobody writes to is not
// waited for. The folders above may be links.
func OpenFile(path string, flag int, mode fs.FileMode) (*os.File, error) {
	f, err := openFile(path, flag, mode)
	if isLink(err) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrLink}
	}
	return f, err
}

// Open opens a regular file for reading and describes it. Anything else is ErrLink or ErrIrregular, a missing one
// fs.ErrNotExist.
func Open(path string) (*os.File, fs.FileInfo, error) { return open(path, OpenFile) }

func open(path string, how func(string, int, fs.FileMode) (*os.File, error)) (*os.File, fs.FileInfo, error) {
	f, err := how(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: ErrIrregular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// Rule says which files Read takes.
type Rule struct {
	// Most is how many bytes the file may have.
	Most int64
	// Check refuses the open file, as Trusted does; nil: it may be anybody's.
	Check func(path string, info fs.FileInfo) error
	// Links: the name may be a symbolic link. What it leads to is what is checked.
	Links bool
}

// Read reads a regular file. The description is of the file that was read.
func Read(path string, r Rule) ([]byte, fs.FileInfo, error) {
	how := OpenFile
	if r.Links {
		how = follow
	}
	f, info, err := open(path, how)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if r.Check != nil {
		if err := r.Check(path, info); err != nil {
			return nil, nil, err
		}
	}
	data, err := io.ReadAll(io.LimitReader(f, r.Most+1))
	if err == nil && int64(len(data)) > r.Most {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", r.Most)}
	}
	if err != nil {
		return nil, nil, err
	}
	return data, info, nil
}

// Folder describes a folder; a symbolic link to one is ErrLink, anything else ErrNoFolder.
func Folder(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrLink}
	case !info.IsDir():
		return nil, &fs.PathError{Op: "open", Path: path, Err: ErrNoFolder}
	}
	return info, nil
}
