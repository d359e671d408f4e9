//go:build !unix

package release

import (
	"errors"
	"io/fs"
	"os"
)

const noFollow = 0

func flock(*os.File) error {
	return errors.New("this system has no file locks that end with the process")
}

func foreignOwner(fs.FileInfo) (uid int, foreign bool) { return 0, false }

func fileNumber(fs.FileInfo) string { return "" }

func syncDir(string) error { return nil }
