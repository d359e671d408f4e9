package ledger

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Names of the files in the keys folder.
const (
	keyFile    = "ledger.key"  // private, a note signer key
	publicFile = "ledger.pub"  // public, a note verifier key: what Verify needs
	hmacFile   = "ledger.hmac" // private, hex
	originBase = "agentmesh.ai/ledger/"
)

// Key is the public key of a ledger. One Ed25519 key signs for all shards; the name it signs under is the ledger's, with
// "/SHARD" for checkpoints, so that a checkpoint of one shard never passes for another's.
type Key struct {
	name string
	pub  ed25519.PublicKey
}

// ParseKey reads the public key of a ledger: a note verifier key, "agentmesh.ai/ledger/ID+HASH+KEY".
func ParseKey(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if _, err := note.NewVerifier(text); err != nil {
		return Key{}, fmt.Errorf("public key of the ledger: %w", err)
	}
	name, rest, _ := strings.Cut(text, "+")
	_, data, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || !strings.HasPrefix(name, originBase) {
		return Key{}, fmt.Errorf("public key of the ledger: %q is the key of something else", name)
	}
	return Key{name, raw[1:]}, nil
}

// ReadKey reads the public key from the keys folder of a state folder.
func ReadKey(keys string) (Key, error) {
	text, err := os.ReadFile(filepath.Join(keys, publicFile))
	if err != nil {
		return Key{}, fmt.Errorf("public key of the ledger: %w", err)
	}
	return ParseKey(string(text))
}

// Name is the ledger's own, "agentmesh.ai/ledger/ID".
func (k Key) Name() string { return k.name }

// Origin is the name and origin line of a shard, "agentmesh.ai/ledger/ID/0".
func (k Key) Origin(shard int) string { return k.name + "/" + strconv.Itoa(shard) }

// String gives the text that ParseKey reads.
func (k Key) String() string {
	text, err := note.NewEd25519VerifierKey(k.name, k.pub)
	if err != nil {
		return ""
	}
	return text
}

// Shard returns the verifier of a shard's checkpoints, for tools that know only signed notes.
func (k Key) Shard(shard int) (note.Verifier, error) { return k.verifier(k.Origin(shard)) }

// ShardText returns the verifier key of a shard in text, for tools that know nothing of shards: it is the same public key
// under the shard's name.
func (k Key) ShardText(shard int) (string, error) {
	return note.NewEd25519VerifierKey(k.Origin(shard), k.pub)
}

func (k Key) verifier(name string) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(name, k.pub)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// keyring is the private side.
type keyring struct {
	Key
	seed []byte
	hmac []byte
}

// openKeys reads the keys of a folder, making on first use what is not there.
func openKeys(dir string) (*keyring, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("keys folder: %w", err)
	}
	text, err := createOnce(filepath.Join(dir, keyFile), newSignerKey)
	if err != nil {
		return nil, fmt.Errorf("key of the ledger: %w", err)
	}
	k, err := parseSignerKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("key of the ledger: %s: %w", filepath.Join(dir, keyFile), err)
	}
	public := func() ([]byte, error) { return []byte(k.String() + "\n"), nil }
	if text, err = createOnce(filepath.Join(dir, publicFile), public); err != nil {
		return nil, fmt.Errorf("public key of the ledger: %w", err)
	}
	if strings.TrimSpace(string(text)) != k.String() {
		return nil, fmt.Errorf("%s does not belong to %s beside it; remove it, and it is made anew", publicFile, keyFile)
	}
	secret, err := createOnce(filepath.Join(dir, hmacFile), newSecret)
	if err != nil {
		return nil, fmt.Errorf("HMAC key of the ledger: %w", err)
	}
	k.hmac, err = hex.DecodeString(strings.TrimSpace(string(secret)))
	if err != nil || len(k.hmac) != sha256.Size {
		return nil, fmt.Errorf("HMAC key of the ledger: %s is damaged", filepath.Join(dir, hmacFile))
	}
	return k, nil
}

func newSecret() ([]byte, error) {
	b := make([]byte, sha256.Size)
	rand.Read(b) // never fails
	return []byte(hex.EncodeToString(b) + "\n"), nil
}

func newSignerKey() ([]byte, error) {
	id := make([]byte, 16)
	rand.Read(id) // never fails
	key, _, err := note.GenerateKey(rand.Reader, originBase+hex.EncodeToString(id))
	return []byte(key + "\n"), err
}

func parseSignerKey(text string) (*keyring, error) {
	text = strings.TrimSpace(text)
	if _, err := note.NewSigner(text); err != nil {
		return nil, err
	}
	parts := strings.SplitN(text, "+", 5) // PRIVATE KEY name hash key
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize || !strings.HasPrefix(parts[2], originBase) {
		return nil, errors.New("it is the key of something else")
	}
	pub := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	return &keyring{Key: Key{parts[2], pub}, seed: raw[1:]}, nil
}

// sign makes a signed note of text under name.
func (k *keyring) sign(name, text string) ([]byte, error) {
	v, err := k.verifier(name)
	if err != nil {
		return nil, err
	}
	key := append([]byte{1}, k.seed...) // 1 is Ed25519
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, v.KeyHash(), base64.StdEncoding.EncodeToString(key)))
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: text}, s)
}

// mac is HMAC-SHA-256 under the ledger's secret, in hex.
func (k *keyring) mac(data string) string {
	h := hmac.New(sha256.New, k.hmac)
	h.Write([]byte(data))
	return hex.EncodeToString(h.Sum(nil))
}
