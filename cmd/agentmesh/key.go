package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host"
	"agentmesh/host/identity"
)

func keyCommand(e *env) *cobra.Command {
	return noun("key", "Make and show the keys that rules are signed with",
		`A key signs with Ed25519 and ML-DSA-65 at once, so that a signature stands while either of them does. Private keys stay in the keys folder
of the state folder, or wherever you move the file NAME.key to; NAME.pub is for everybody.`,
		generateKeyCommand(e), showKeyCommand(e), listKeysCommand(e))
}

func generateKeyCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "generate NAME",
		Short: "Make a key",
		Long: `Makes a key and stores it as NAME.key and NAME.pub in the keys folder. A name that is taken is left alone.

With --passphrase the file is of use only to who knows the passphrase, which is asked for on the terminal, or read from the file that
--passphrase-file or $` + passphraseVariable + ` names. There is no way back to a key whose passphrase is lost.`,
		Example: "  agentmesh key generate release --passphrase\n  agentmesh key show release -o pem > release.pub",
		Args:    takes(1, 1, "one name"),
	}
	locked := c.Flags().Bool("passphrase", false, "put the key under a passphrase")
	from := passphraseFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		a := &asker{env: e, file: *from}
		return e.generateKey(c.Context(), args[0], a, *locked || c.Flags().Changed(passphraseFile))
	}
	return c
}

func (e *env) generateKey(ctx context.Context, name string, a *asker, locked bool) error {
	home, err := host.Home(e.environ)
	if err != nil {
		return err
	}
	state, err := host.OpenState(home)
	if err != nil {
		return err
	}
	keys, err := identity.OpenKeys(state.KeyDir())
	if err != nil {
		return err
	}
	if err := keys.Free(name); err != nil {
		return taken(err)
	}
	var passphrase []byte
	if locked {
		if passphrase, err = a.fresh(ctx, "key "+name); err != nil {
			return err
		}
	}
	key, err := identity.Generate()
	if err != nil {
		return err
	}
	if err := keys.Create(name, key, passphrase); err != nil {
		return taken(err)
	}
	file := filepath.Join(state.KeyDir(), name)
	e.printf("made key %s\n", name)
	guard := "in the clear: who reads it signs in your name, and --passphrase would keep them from it"
	if locked {
		guard = "under a passphrase"
	}
	e.table(nil, [][]string{
		{"  id", string(key.Public().ID())},
		{"  private", file + ".key, " + guard},
		{"  public", file + ".pub, for whoever is to trust it"},
	})
	return nil
}

func taken(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return withHint(err, "choose another name; `agentmesh key list` shows those that are taken")
	}
	return err
}

// keyJSON is a key in the output of commands.
type keyJSON struct {
	Name string         `json:"name,omitempty"`
	File string         `json:"file"`
	ID   identity.KeyID `json:"id,omitempty"`
	// Passphrase: the private key is under one. Absent where only the public key is known.
	Passphrase *bool  `json:"passphrase,omitempty"`
	Public     string `json:"public,omitempty"`
	Error      string `json:"error,omitempty"`
}

func showKeyCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Show the public part of a key",
		Long: `Shows the id and the public key of a key in the keys folder, or of a file: NAME.pub, or a private NAME.key. -o pem is the public key alone,
what others are given.`,
		Example: "  agentmesh key show release\n  agentmesh key show ./from-the-team.pub -o json",
		Args:    takes(1, 1, "one name or file"),
	}
	output := format(c, "text", "pem", "json")
	from := passphraseFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		k, err := e.shownKey(c.Context(), args[0], &asker{env: e, file: *from})
		if err != nil {
			return err
		}
		switch *output {
		case "json":
			return e.json(k)
		case "pem":
		default:
			e.printf("%s\n", k.ID)
		}
		e.printf("%s", k.Public)
		return nil
	}
	return c
}

func (e *env) shownKey(ctx context.Context, name string, a *asker) (keyJSON, error) {
	if isKeyFile(name) {
		public, err := publicOf(name, a.known(ctx))
		if err != nil {
			return keyJSON{}, keyHint(err)
		}
		return keyJSON{File: name, ID: public.ID(), Public: string(public.Text())}, nil
	}
	keys, dir, err := e.keys()
	if err != nil {
		return keyJSON{}, err
	}
	public, err := keys.Public(name)
	if err != nil {
		return keyJSON{}, keyHint(err)
	}
	return keyJSON{Name: name, File: filepath.Join(dir, name+".key"), ID: public.ID(), Public: string(public.Text())}, nil
}

func publicOf(file string, passphrase func() ([]byte, error)) (*identity.PublicKey, error) {
	if filepath.Ext(file) != ".key" {
		return identity.ReadPublic(file)
	}
	key, err := identity.ReadPrivate(file, passphrase)
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

func listKeysCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the private keys of the keys folder",
		Args:  takes(0, 0, "nothing"),
	}
	output := format(c, "table", "json")
	c.RunE = func(*cobra.Command, []string) error {
		keys, dir, err := e.keys()
		if err != nil {
			return err
		}
		all, err := keys.List()
		if err != nil {
			return err
		}
		return e.report(*output, map[string]any{"keys": listedKeys(all, dir)}, func() { e.keyTable(all) })
	}
	return c
}

func listedKeys(all []identity.Listed, dir string) []keyJSON {
	out := []keyJSON{}
	for _, l := range all {
		k := keyJSON{Name: l.Name, File: filepath.Join(dir, l.Name+".key"), ID: l.ID, Passphrase: &l.Locked}
		if l.Err != nil {
			k.Error, k.Passphrase = l.Err.Error(), nil
		}
		out = append(out, k)
	}
	return out
}

func (e *env) keyTable(all []identity.Listed) {
	if len(all) == 0 {
		e.printf("there are no keys yet; `agentmesh key generate NAME` makes one\n")
		return
	}
	var rows [][]string
	for _, l := range all {
		passphrase, problem := "no", ""
		if l.Locked {
			passphrase = "yes"
		}
		if l.Err != nil {
			passphrase, problem = "?", l.Err.Error()
		}
		rows = append(rows, []string{l.Name, passphrase, string(l.ID), problem})
	}
	e.table([]string{"NAME", "PASSPHRASE", "ID", ""}, rows)
}

// keys is the keys folder, which need not be there, and its path.
func (e *env) keys() (*identity.Keys, string, error) {
	state, err := e.state()
	if err != nil {
		return nil, "", err
	}
	keys, err := identity.OpenKeys(state.KeyDir())
	return keys, state.KeyDir(), err
}

// privateKey is the key that a command is to sign with: a name in the keys folder, or a file.
func (e *env) privateKey(ctx context.Context, name string, a *asker) (*identity.PrivateKey, error) {
	if isKeyFile(name) {
		key, err := identity.ReadPrivate(name, a.known(ctx))
		return key, keyHint(err)
	}
	keys, _, err := e.keys()
	if err != nil {
		return nil, err
	}
	key, err := keys.Load(name, a.known(ctx))
	return key, keyHint(err)
}

// isKeyFile tells the path of a key from the name of one.
func isKeyFile(arg string) bool {
	end := filepath.Ext(arg)
	return strings.ContainsRune(arg, os.PathSeparator) || end == ".key" || end == ".pub"
}

// keyHint says what to do about a key that does not open.
func keyHint(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return withHint(err, "`agentmesh key list` shows the keys there are, `agentmesh key generate` makes one; a path or NAME.pub is read as a file")
	case errors.Is(err, identity.ErrPassphrase):
		return withHint(err, "there is no way to a key but its passphrase")
	default:
		return err
	}
}
