package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"agentmesh/host/disk"
)

// How the files of a key end.
const (
	privateEnd = ".key"
	publicEnd  = ".pub"
)

// ledgerName is the name of files in the same folder that are keys of the ledger and none of ours.
const ledgerName = "ledger"

// Keys is a folder of keys: for each NAME.key, the private key (mode 0600), and NAME.pub, its public key in PEM. The
// folder and private keys must belong to this user and be open to nobody else. Files named ledger.* are not looked at.
type Keys struct {
	dir  string
	work int
}

// OpenKeys opens a folder of keys. One that is not there has no keys, and is made with the first.
func OpenKeys(dir string) (*Keys, error) {
	info, err := disk.Folder(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("keys folder: %w", err)
	default:
		if err := private(info, "700"); err != nil {
			return nil, fmt.Errorf("keys folder %s: %w", dir, err)
		}
	}
	return &Keys{dir: dir, work: workFactor}, nil
}

// Listed is a key as the folder shows it, without its secret.
type Listed struct {
	Name string
	// ID is empty where Err says what is wrong.
	ID KeyID
	// Locked: it takes a passphrase to use it.
	Locked bool
	Err    error
}

// List names the private keys of the folder, sorted by name.
func (k *Keys) List() ([]Listed, error) {
	entries, err := os.ReadDir(k.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var out []Listed
	for _, e := range entries {
		name, isKey := strings.CutSuffix(e.Name(), privateEnd)
		if isKey && checkName(name) == nil {
			out = append(out, k.look(name))
		}
	}
	return out, nil
}

func (k *Keys) look(name string) Listed {
	l := Listed{Name: name}
	file, err := readPrivate(k.file(name, privateEnd))
	if err == nil {
		var public *PublicKey
		if public, err = k.Public(name); err == nil {
			l.ID = public.ID()
		}
	}
	l.Locked, l.Err = locked(file), err
	return l
}

// Public returns the public key of a name. A name without a key is fs.ErrNotExist.
func (k *Keys) Public(name string) (*PublicKey, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	public, err := ReadPublic(k.file(name, publicEnd))
	if errors.Is(err, fs.ErrNotExist) { // a crash can come between the two files
		private, privateErr := ReadPrivate(k.file(name, privateEnd), nil)
		if privateErr != nil {
			return nil, privateErr
		}
		return private.Public(), nil
	}
	return public, err
}

// Load returns the private key of a name, calling passphrase where the file is under one; nil where nobody can be asked. A
// name without a key is fs.ErrNotExist.
func (k *Keys) Load(name string, passphrase func() ([]byte, error)) (*PrivateKey, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	key, err := ReadPrivate(k.file(name, privateEnd), passphrase)
	if err != nil {
		return nil, err
	}
	public, err := ReadPublic(k.file(name, publicEnd))
	if errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if err != nil {
		return nil, err
	}
	if !public.Equal(key.Public()) {
		return nil, fmt.Errorf("key %s: %s%s beside it is another key's; remove the one that is wrong", name, name, publicEnd)
	}
	return key, nil
}

// Free reports whether Create could store a key under a name. A name that is taken is fs.ErrExist.
func (k *Keys) Free(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	for _, end := range []string{privateEnd, publicEnd} {
		if _, err := os.Lstat(k.file(name, end)); err == nil {
			return fmt.Errorf("key %s: %s: %w", name, k.file(name, end), fs.ErrExist)
		}
	}
	return nil
}

// Create stores a new key under a name that has none, under a passphrase unless that is empty. When it returns without
// an error the files are durable. A name that is taken is fs.ErrExist.
func (k *Keys) Create(name string, key *PrivateKey, passphrase []byte) error {
	if err := k.Free(name); err != nil {
		return err
	}
	file := key.text()
	if len(passphrase) > 0 {
		var err error
		if file, err = lock(file, passphrase, k.work); err != nil {
			return fmt.Errorf("key %s: %w", name, err)
		}
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return fmt.Errorf("keys folder: %w", err)
	}
	if err := disk.Create(k.file(name, privateEnd), file, 0o600); err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	if err := disk.Create(k.file(name, publicEnd), key.Public().Text(), 0o644); err != nil {
		return fmt.Errorf("key %s: %w", name, err)
	}
	return nil
}

func (k *Keys) file(name, end string) string { return filepath.Join(k.dir, name+end) }

// checkName keeps names to what is a plain file name on every system.
func checkName(name string) error {
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`).MatchString(name) {
		return fmt.Errorf("key %q: a name has 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit", name)
	}
	if name == ledgerName {
		return fmt.Errorf("key %q: that name is the ledger's", name)
	}
	return nil
}

// ReadPrivate reads a key file. It must belong to this user, be open to nobody else, and be no symbolic link. See
// Keys.Load for passphrase.
func ReadPrivate(file string, passphrase func() ([]byte, error)) (*PrivateKey, error) {
	text, err := readPrivate(file)
	if err != nil {
		return nil, err
	}
	key, err := open(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	return key, nil
}

// ReadPublic reads a file that ParsePublic takes.
func ReadPublic(file string) (*PublicKey, error) {
	text, _, err := disk.Read(file, disk.Rule{Most: maxKeyFile, Links: true})
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	key, err := ParsePublic(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}
