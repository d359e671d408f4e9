package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/identity"
	"agentmesh/host/release"
)

func signPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "sign FILE.wasm...",
		Short: "Sign built plugins",
		Long: `Signs what a module is (name, version, kind, effects, effective dates and the digests of the module and its manifest) and writes the signature
to FILE.wasm.sig.json beside it. Several signers sign one after another; their signatures add up.

Without --key this machine's own trust root signs, of one key, made on first use: hosts that share the state folder then run the module
and say that it is trusted locally.`,
		Example: "  agentmesh plugin sign bin/plugins/*.wasm\n  agentmesh plugin sign rules.wasm --key ann",
		Args:    takes(1, -1, "built modules"),
	}
	s := signerFlags(c)
	output := format(c, "table", "json")
	c.RunE = func(c *cobra.Command, args []string) error {
		keys, by, err := e.pluginSigners(c.Context(), s)
		if err != nil {
			return err
		}
		var all []signedJSON
		for _, name := range args {
			one, err := signModule(name, keys)
			if err != nil {
				return refusal(err)
			}
			if all = append(all, one); *output != "json" {
				e.printf("signed %s: %s %s by %s%s\n", plain(name), one.Plugin, one.Version, strings.Join(by, ", "), one.kept())
			}
		}
		if *output == "json" {
			return e.json(map[string]any{"signed": all})
		}
		return nil
	}
	return c
}

// pluginSigners are the keys that sign, and whose they are.
func (e *env) pluginSigners(ctx context.Context, s signers) ([]*identity.PrivateKey, []string, error) {
	if len(*s.names) > 0 {
		keys, err := s.open(ctx, e)
		return keys, *s.names, err
	}
	t, err := e.ownTrust()
	if err != nil {
		return nil, nil, err
	}
	keys, _, err := e.keys()
	if err != nil {
		return nil, nil, err
	}
	key, made, err := t.Local(keys)
	if err != nil {
		return nil, nil, refusal(err)
	}
	if made {
		fmt.Fprintf(e.stderr, "note: made a trust root for this machine: root local, of the new key local (%s)\n", key.Public().ID())
	}
	return []*identity.PrivateKey{key}, []string{"root local"}, nil
}

type signedJSON struct {
	File       string           `json:"file"`
	Plugin     string           `json:"plugin"`
	Version    string           `json:"version"`
	Wasm       string           `json:"wasm"`
	Signatures []identity.KeyID `json:"signatures"`

	signers int
	fresh   bool
}

// kept says that signatures of others stay, or that there was nothing to sign.
func (s *signedJSON) kept() string {
	switch {
	case !s.fresh:
		return " already"
	case len(s.Signatures) > s.signers:
		return ", beside those of others"
	default:
		return ""
	}
}

func signModule(name string, keys []*identity.PrivateKey) (signedJSON, error) {
	s, err := openModule(name)
	if err != nil {
		return signedJSON{}, err
	}
	what, err := release.StatementOf(s.file.Wasm)
	if err != nil {
		return signedJSON{}, err
	}
	envelope := what.Envelope()
	before, err := release.ReadBeside(name)
	if err != nil {
		return signedJSON{}, withHint(err, "remove the file: what is in it counts for nothing")
	}
	for _, b := range before {
		if b.PayloadType == envelope.PayloadType && bytes.Equal(b.Payload, envelope.Payload) { // else it is of an earlier build
			if err := envelope.Merge(b); err != nil {
				return signedJSON{}, err
			}
		}
	}
	out := signedJSON{File: name, Plugin: what.Name, Version: what.Version, Wasm: what.Wasm, signers: len(keys)}
	for _, key := range keys {
		if envelope.Holds(key.Public()) {
			continue // a new signature would only change the file
		}
		out.fresh = true
		if err := envelope.Sign(key); err != nil {
			return signedJSON{}, err
		}
	}
	for _, sig := range envelope.Signatures {
		out.Signatures = append(out.Signatures, sig.KeyID)
	}
	if !out.fresh {
		return out, nil
	}
	return out, release.WriteBeside(name, envelope)
}
