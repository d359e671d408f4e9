package identity

import (
	"fmt"
	"io/fs"
	"os"

	"agentmesh/host/disk"
)

// private refuses what others may look into or what is another user's, root's too. Mode is what it should have.
func private(info fs.FileInfo, mode string) error {
	if uid, known := disk.Owner(info); known && uid != os.Geteuid() {
		return fmt.Errorf("it belongs to user %d, not to you", uid)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return fmt.Errorf("others may use it (mode %04o); chmod %s, and make a new key if somebody may have read it", info.Mode().Perm(), mode)
	}
	return nil
}

func readPrivate(file string) ([]byte, error) {
	text, _, err := disk.Read(file, disk.Rule{Most: maxKeyFile, Check: func(file string, info fs.FileInfo) error {
		if err := private(info, "600"); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	return text, nil
}
