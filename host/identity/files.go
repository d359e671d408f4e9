package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// private refuses what others may look into or what is another user's. Mode is what it should have.
func private(info fs.FileInfo, mode string) error {
	if uid, foreign := foreignOwner(info); foreign {
		return fmt.Errorf("it belongs to user %d, not to you", uid)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("others may use it (mode %04o); chmod %s, and make a new key if somebody may have read it", info.Mode().Perm(), mode)
	}
	return nil
}

// readCapped reads a regular file of at most maxKeyFile bytes that check is content with. What is checked is what is read:
// the file is not looked up again by its name.
func readCapped(file string, flags int, check func(fs.FileInfo) error) ([]byte, error) {
	f, err := os.OpenFile(file, flags|noBlock, 0)
	if isLink(err) {
		return nil, fmt.Errorf("%s: it is a symbolic link; name the file itself", file)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no regular file", file)
	}
	if err := check(info); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = fmt.Errorf("%s: more than the %d bytes that a key may have", file, maxKeyFile)
	}
	return text, err
}

// writeNew puts a whole durable file where there is none; one that is there is left as it is, fs.ErrExist.
func writeNew(file string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(file)
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil { // fails when the name is taken
		return err
	}
	return syncDir(dir)
}
