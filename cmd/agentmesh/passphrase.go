package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agentmesh/host"
)

const (
	// passphraseFile is the flag, passphraseVariable the environment variable that names a file with the passphrase.
	passphraseFile     = "passphrase-file"
	passphraseVariable = host.PassphraseVariable
	// maxPassphrase is in bytes.
	maxPassphrase = 4 << 10
)

// passphraseFlag adds --passphrase-file to a command that opens private keys.
func passphraseFlag(c *cobra.Command) *string {
	return c.Flags().String(passphraseFile, "", "file that holds the passphrase of the key, in place of $"+passphraseVariable+" and the terminal")
}

// asker finds out the passphrase of a key: from a file, else from the person at the terminal.
type asker struct {
	env  *env
	file string // of the flag
}

// known gives the passphrase of a key that there is, when identity asks for one.
func (a *asker) known(ctx context.Context) func() ([]byte, error) {
	return func() ([]byte, error) {
		if file := a.source(); file != "" {
			return readPassphrase(file)
		}
		return a.ask(ctx, "passphrase: ")
	}
}

// fresh is a passphrase for a new key, asked for twice where it is typed.
func (a *asker) fresh(ctx context.Context, what string) ([]byte, error) {
	if file := a.source(); file != "" {
		return readPassphrase(file)
	}
	first, err := a.ask(ctx, "new passphrase for "+what+": ")
	if err != nil {
		return nil, err
	}
	if len(first) == 0 {
		return nil, errors.New("an empty passphrase protects nothing; leave --passphrase out for a key without one")
	}
	second, err := a.ask(ctx, "once more: ")
	if err == nil && !bytes.Equal(first, second) {
		err = errors.New("the two differ; nothing was made")
	}
	return first, err
}

func (a *asker) source() string {
	if a.file != "" {
		return a.file
	}
	return valueOf(a.env.environ, passphraseVariable)
}

// readPassphrase reads a file whose line end, if it has one, is no part of the passphrase. It may be a pipe.
func readPassphrase(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
	if err != nil {
		return nil, fmt.Errorf("passphrase: %w", err)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	switch {
	case len(text) == 0:
		return nil, fmt.Errorf("passphrase: %s is empty", file)
	case len(text) > maxPassphrase || bytes.ContainsAny(text, "\r\n"):
		return nil, fmt.Errorf("passphrase: %s has more than one line of at most %d bytes", file, maxPassphrase)
	}
	return text, nil
}

// ask reads a line from the terminal, unseen. An interrupt leaves the terminal as it was.
func (a *asker) ask(ctx context.Context, prompt string) ([]byte, error) {
	in, ok := a.env.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		err := errors.New("the key is under a passphrase, and there is no terminal to ask for it")
		return nil, withHint(err, "name a file that holds it by --%s or $%s", passphraseFile, passphraseVariable)
	}
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	fmt.Fprint(a.env.stderr, prompt)
	defer fmt.Fprintln(a.env.stderr)
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(int(in.Fd()))
		typed <- answer{line, err}
	}()
	select {
	case got := <-typed:
		return got.line, got.err
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), term.Restore(int(in.Fd()), before))
	}
}
