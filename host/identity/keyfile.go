package identity

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// A key file in the clear is two lines: a comment that names the public key, and the seed.
const (
	commentStart = "# agentmesh private key of "
	seedStart    = "AGENTMESH-SECRET-KEY-1" // host/scan knows it too
)

const (
	// maxKeyFile is more than any key file has, under a passphrase too.
	maxKeyFile = 16 << 10
	// workFactor is what making a key of a passphrase costs, 2^n rounds of scrypt: age's own default, about a second and
	// 256 MiB.
	workFactor = 18
	// maxWorkFactor is the most that opening a file may cost: 1 GiB.
	maxWorkFactor = 20
)

// What commands tell apart when a key file does not open.
var (
	// ErrPassphrase: the passphrase is wrong.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrLocked: the key needs a passphrase, and there is nobody to ask for one.
	ErrLocked = errors.New("the key is under a passphrase, and none was given")
)

// text is the key in the clear.
func (k *PrivateKey) text() []byte {
	seed := base64.RawURLEncoding.EncodeToString(k.seed[:])
	return []byte(commentStart + string(k.public.id) + "\n" + seedStart + seed + "\n")
}

// parseKey reads what text writes, and nothing that differs in a byte.
func parseKey(text []byte) (*PrivateKey, error) {
	_, second, _ := strings.Cut(string(text), "\n")
	encoded, ours := strings.CutPrefix(strings.TrimSuffix(second, "\n"), seedStart)
	if !ours {
		return nil, errors.New("not a key file")
	}
	seed, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, errors.New("damaged: the seed is not in base64")
	}
	k, err := FromSeed(seed)
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	if !bytes.Equal(k.text(), text) {
		return nil, errors.New("damaged: the seed does not belong to the public key that the first line names")
	}
	return k, nil
}

// locked reports whether a key file is under a passphrase.
func locked(file []byte) bool { return bytes.HasPrefix(file, []byte(armor.Header)) }

// lock puts text under a passphrase, in age's armored format.
func lock(text, passphrase []byte, work int) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(work)
	var out bytes.Buffer
	outer := armor.NewWriter(&out)
	inner, err := age.Encrypt(outer, recipient)
	if err != nil {
		return nil, err
	}
	if _, err := inner.Write(text); err != nil {
		return nil, err
	}
	err = errors.Join(inner.Close(), outer.Close())
	return out.Bytes(), err
}

// unlock is the reverse of lock.
func unlock(file, passphrase []byte) ([]byte, error) {
	scrypt, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	scrypt.SetMaxWorkFactor(maxWorkFactor)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(file)), scrypt)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, ErrPassphrase
	}
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("damaged: %w", err)
	}
	return text, nil
}

// open reads a key file, asking for a passphrase where it needs one. A nil passphrase means that nobody can be asked.
func open(file []byte, passphrase func() ([]byte, error)) (*PrivateKey, error) {
	if !locked(file) {
		return parseKey(file)
	}
	if passphrase == nil {
		return nil, ErrLocked
	}
	secret, err := passphrase()
	if err != nil {
		return nil, err
	}
	text, err := unlock(file, secret)
	if err != nil {
		return nil, err
	}
	return parseKey(text)
}
