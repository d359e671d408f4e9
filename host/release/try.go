package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Try says what Update would say, and remembers nothing: it works on a copy.
func (t *Trust) Try(ctx context.Context, chain [][]byte, index []byte) error {
	dir, err := os.MkdirTemp("", "agentmesh-trust-")
	if err != nil {
		return fmt.Errorf("copy of what is trusted: %w", err)
	}
	defer os.RemoveAll(dir)
	unlock, err := t.hold()
	if err != nil {
		return err
	}
	err = copyFolder(filepath.Join(dir, "trust"), t.dir)
	unlock()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("copy of what is trusted: %w", err)
	}
	copied, err := Open(filepath.Join(dir, "trust"), t.options)
	if err != nil {
		return err
	}
	return copied.Update(ctx, chain, index)
}

// hold keeps other processes from changing the folder, where there is one.
func (t *Trust) hold() (release func(), err error) {
	release, err = lock(t.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, &Refusal{Code: CodeStateInvalid, Place: t.dir, Detail: err.Error()}
	}
	return release, nil
}

// copyFolder copies a folder of trust, for this user alone.
func copyFolder(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch target := filepath.Join(to, rel); {
		case d.IsDir():
			return os.Mkdir(target, 0o700)
		case d.Type().IsRegular():
			data, err := readGuarded(path, maxState)
			if err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o600)
		default:
			return nil
		}
	})
}
