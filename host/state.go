package host

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"agentmesh/host/disk"
)

// State is the state folder: what the mesh remembers, for its owner's eyes alone.
type State string

// Where things lie in the state folder.
func (s State) path(name string) string { return filepath.Join(string(s), name) }

// ConfigFile is the configuration file, which need not exist.
func (s State) ConfigFile() string { return s.path("config.yaml") }

// TokenFile holds the bearer token of the decision API.
func (s State) TokenFile() string { return s.path("token") }

// KeyDir holds keys.
func (s State) KeyDir() string { return s.path("keys") }

// LedgerDir holds the ledger's shards.
func (s State) LedgerDir() string { return s.path("ledger") }

// StoreFile is the embedded database.
func (s State) StoreFile() string { return s.path("store.db") }

// CacheDir holds what was compiled of modules, for the next start.
func (s State) CacheDir() string { return s.path(filepath.Join("cache", "wasm")) }

// OpenState makes the state folder where there is none. A folder that others may look into is refused: the token and
// the keys in it would be theirs.
func OpenState(dir string) (State, error) {
	if dir == "" {
		return "", errors.New("state folder: it has no name; the working folder is none")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return "", fmt.Errorf("state folder %s: others may enter it (mode %04o); chmod 700 %[1]s, or name another by AGENTMESH_HOME", dir, info.Mode().Perm())
	}
	return State(dir), nil
}

// tokenBytes is the entropy of a token; its file holds it in hexadecimal.
const tokenBytes = 32

// Token reads the bearer token of the decision API, made on first use.
func (s State) Token() (string, error) {
	token, err := readToken(s.TokenFile())
	if errors.Is(err, fs.ErrNotExist) {
		if err = createToken(s.TokenFile()); err == nil {
			token, err = readToken(s.TokenFile())
		}
	}
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}

func readToken(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return "", fmt.Errorf("%s: others may read it (mode %04o); remove it, and a new one is made", name, info.Mode().Perm())
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if len(token) < hex.EncodedLen(tokenBytes) {
		return "", fmt.Errorf("%s: too short to be a token; remove it, and a new one is made", name)
	}
	return token, nil
}

// createToken makes a whole new token, unless another process has just made one.
func createToken(name string) error {
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	err := disk.Create(name, []byte(hex.EncodeToString(secret)+"\n"), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
