package disk

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
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

// writableByOthers and openToOthers are the permissions that let others write, and do anything at all.
const (
	writableByOthers fs.FileMode = 0o022
	openToOthers     fs.FileMode = 0o077
)

// Trusted checks that only the operator can have written what info describes: it belongs to this user or to root, and nobody
// else may write it. Otherwise it is an *UntrustedError.
func Trusted(path string, info fs.FileInfo) error {
	if uid, known := Owner(info); known && uid != 0 && uid != os.Geteuid() {
		return &UntrustedError{path, fmt.Sprintf("belongs to user %d", uid), "chown " + fmt.Sprint(os.Geteuid()) + " " + quoted(path)}
	}
	if info.Mode().Perm()&writableByOthers != 0 {
		return &UntrustedError{path, fmt.Sprintf("can be written by others (mode %04o)", info.Mode().Perm()), "chmod go-w " + quoted(path)}
	}
	return nil
}

// TrustedDir checks that path is a folder, and no link to one, into which only the operator can have put something.
func TrustedDir(path string) error {
	info, err := Folder(path)
	if err != nil {
		return err
	}
	return Trusted(path, info)
}

// PrivateDir makes a folder that only this user can enter, with those above it, or checks that it is one.
func PrivateDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := Folder(path)
	if err != nil {
		return err
	}
	if err := Trusted(path, info); err != nil {
		return err
	}
	if info.Mode().Perm()&openToOthers != 0 {
		return &UntrustedError{path, fmt.Sprintf("can be entered by others (mode %04o)", info.Mode().Perm()), "chmod 700 " + quoted(path)}
	}
	return nil
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if !strings.ContainsAny(path, " \t\n'\"\\$&;|<>()*?[]#~`!{}") {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
