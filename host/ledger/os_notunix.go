//go:build !unix

package ledger

import (
	"errors"
	"os"
)

func lockFile(*os.File, bool) (bool, error) {
	return false, errors.New("this system has no file locks that end with the process")
}
