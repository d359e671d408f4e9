package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"agentmesh/host/policy"
)

// UntrustedError says that a file or directory could have been written by others than its operator.
type UntrustedError struct {
	Path string
	// Why says what is wrong, Mend the command that sets it right.
	Why, Mend string
}

// Error names path, reason and mend.
func (e *UntrustedError) Error() string {
	return e.Path + " " + e.Why + ", so it is not trusted; run: " + e.Mend
}

// writableByOthers are the permissions that let others write.
const writableByOthers fs.FileMode = 0o022

// trust checks that only the operator can have written what info describes: it belongs to this user or to root, and nobody
// else may write it.
func trust(path string, info fs.FileInfo) error {
	if uid, foreign := foreignOwner(info); foreign {
		return &UntrustedError{path, fmt.Sprintf("belongs to user %d", uid), "chown " + fmt.Sprint(os.Geteuid()) + " " + quoted(path)}
	}
	if info.Mode().Perm()&writableByOthers != 0 {
		return &UntrustedError{path, fmt.Sprintf("can be written by others (mode %04o)", info.Mode().Perm()), "chmod go-w " + quoted(path)}
	}
	return nil
}

// Trusted is an *UntrustedError when others than the operator can have written what info describes, as for policy files.
func Trusted(path string, info fs.FileInfo) error { return trust(path, info) }

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if !strings.ContainsAny(path, " \t\n'\"\\$&;|<>()*?[]#~`!{}") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// maxFile is the size of a policy file or module at most.
const maxFile = 16 << 20

// trusted reads files that only the operator can have written. What is checked is what is read: the open file. It
// remembers the names it was asked for.
type trusted struct {
	seen map[string]bool
}

var _ policy.Files = (*trusted)(nil)

// ReadFile implements policy.Files.
func (t *trusted) ReadFile(name string) ([]byte, error) {
	name = filepath.Clean(filepath.FromSlash(name))
	t.seen[name] = true
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is not a regular file")}
	}
	if err := trust(name, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("it has more than %d bytes", maxFile)}
	}
	return data, err
}

// privateDir makes a directory that only this user can enter, or checks that it is one. Whoever could write it would run
// machine code in this process.
func privateDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a directory")}
	}
	if err := trust(path, info); err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return &UntrustedError{path, fmt.Sprintf("can be entered by others (mode %04o)", info.Mode().Perm()), "chmod 700 " + quoted(path)}
	}
	return nil
}
