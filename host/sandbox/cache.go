package sandbox

import (
	"os"
	"path/filepath"
	"strings"
)

// mended compiles, and once more without what the cache holds if that was spoilt: a disk that was full or a machine that
// lost its power must not keep a host from starting. Nobody but this user can write there, and checksums tell chance from
// machine code.
func (e *Engine) mended(compile func() error) error {
	err := compile()
	if err == nil || e.cache == nil || !strings.Contains(err.Error(), spoilt) {
		return err
	}
	found, _ := filepath.Glob(filepath.Join(e.options.CacheDir, "wazero-*", "*")) // the pattern is sound
	for _, name := range found {
		os.Remove(name) // what stays is an error again
	}
	return compile()
}

// spoilt begins the engine's errors of machine code that it cannot use.
const spoilt = "compilationcache:"
