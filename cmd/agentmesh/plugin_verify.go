package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/identity"
	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func verifyPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify FILE.wasm|REFERENCE",
		Short: "Say whether a plugin may be taken up here, and why not",
		Long: `Holds a module and its signatures (FILE.wasm.sig.json beside it, or what a registry has) against the trust roots that are known, their
indexes, and the versions that ran here. Nothing is changed, and indexes are not asked for anew.

Exits 0 when the module is trusted, 3 with the code and the reason when it is not.`,
		Example: "  agentmesh plugin verify rules.wasm\n  agentmesh plugin verify oci://registry.example.com/acme/rules:1.4.0 -o json",
		Args:    takes(1, 1, "one module"),
	}
	output := format(c, "table", "json")
	root := c.Flags().String("root", "", "the only trust root that may vouch")
	r := registryFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		t, err := e.trust()
		var v verifiedJSON
		if err == nil {
			v, err = e.verify(c.Context(), t, args[0], verifyOptions{*root, r})
		}
		if *output != "json" {
			if err == nil {
				e.trusted(&v)
			}
			return refusal(err)
		}
		return e.verifiedJSON(args[0], v, err)
	}
	return c
}

type verifyOptions struct {
	root     string
	registry *registry
}

type verifiedJSON struct {
	Subject      string           `json:"subject"`
	OK           bool             `json:"ok"`
	Plugin       string           `json:"plugin,omitempty"`
	Version      string           `json:"version,omitempty"`
	Kind         string           `json:"kind,omitempty"`
	Wasm         string           `json:"wasm,omitempty"`
	Manifest     string           `json:"manifest,omitempty"`
	OCI          string           `json:"oci,omitempty"`
	Root         string           `json:"root,omitempty"`
	RootVersion  int64            `json:"root_version,omitempty"`
	Fingerprint  string           `json:"fingerprint,omitempty"`
	Scope        string           `json:"scope,omitempty"`
	Threshold    int              `json:"threshold,omitempty"`
	Signers      []identity.KeyID `json:"signers,omitempty"`
	Owners       []string         `json:"owners,omitempty"`
	IndexVersion int64            `json:"index_version,omitempty"`
	Warnings     []string         `json:"warnings,omitempty"`
	Code         string           `json:"code,omitempty"`
	Reason       string           `json:"reason,omitempty"`
	Mend         string           `json:"mend,omitempty"`
}

// verifiedJSON prints the answer, a refusal too.
func (e *env) verifiedJSON(subject string, v verifiedJSON, err error) error {
	var no *release.Refusal
	var bad *oci.Error
	switch {
	case err == nil:
		v.OK = true
	case errors.As(err, &no):
		v = verifiedJSON{Code: string(no.Code), Reason: no.Error(), Mend: no.Mend}
	case errors.As(err, &bad) && bad.Refuses():
		v = verifiedJSON{Code: string(bad.Code), Reason: bad.Error(), Mend: bad.Mend}
	default:
		return err
	}
	v.Subject = subject
	if err := e.json(v); err != nil {
		return err
	}
	if v.OK {
		return nil
	}
	return told(exitDenied)
}

func (e *env) verify(ctx context.Context, t *release.Trust, subject string, o verifyOptions) (verifiedJSON, error) {
	c, err := e.candidate(ctx, subject, o.registry)
	if err != nil {
		return verifiedJSON{}, err
	}
	c.Root, c.New = o.root, true
	d, err := t.Check(c)
	if err != nil {
		return verifiedJSON{}, err
	}
	s := d.Statement
	taken := []release.Versioned{{Name: s.Name, Version: s.Version, Wasm: s.Wasm}}
	if d.Root == release.LocalName {
		taken = nil // who signs on this machine may go back
	}
	if err := t.CheckSet(taken); err != nil {
		return verifiedJSON{}, err
	}
	return verifiedJSON{
		Plugin: s.Name, Version: s.Version, Kind: s.Kind, Wasm: s.Wasm, Manifest: s.Manifest, OCI: c.OCI, Root: d.Root, RootVersion: d.RootVersion,
		Fingerprint: d.Fingerprint, Scope: d.Scope, Threshold: d.Threshold, Signers: d.Signers, Owners: d.Owners, IndexVersion: d.IndexVersion,
		Warnings: d.Warnings,
	}, nil
}

// candidate is a module with its signatures: a file, or what a reference names.
func (e *env) candidate(ctx context.Context, subject string, r *registry) (release.Candidate, error) {
	if strings.Contains(subject, "://") {
		return e.pulledCandidate(ctx, subject, r)
	}
	return e.moduleBeside(subject)
}

// moduleBeside is a module file with the signatures beside it.
func (e *env) moduleBeside(file string) (release.Candidate, error) {
	s, err := openModule(file)
	if err != nil {
		return release.Candidate{}, err
	}
	es, err := release.ReadBeside(file)
	return release.Candidate{Module: s.file.Wasm, Envelopes: es}, err
}

func (e *env) pulledCandidate(ctx context.Context, subject string, r *registry) (release.Candidate, error) {
	ref, err := oci.ParseReference(subject)
	if err != nil {
		return release.Candidate{}, err
	}
	client, err := r.client(nil)
	if err != nil {
		return release.Candidate{}, err
	}
	return release.Fetch(ctx, client, ref)
}

func (e *env) trusted(v *verifiedJSON) {
	rows := [][]string{
		{"trusted", v.Plugin + " " + v.Version},
		{"root", fmt.Sprintf("%s, version %d", v.Root, v.RootVersion)},
		{"fingerprint", v.Fingerprint},
		{"signed by", fmt.Sprintf("%s (%d needed for %s)", strings.Join(v.Owners, ", "), v.Threshold, v.Scope)},
	}
	if v.IndexVersion > 0 {
		rows = append(rows, []string{"index", fmt.Sprintf("version %d", v.IndexVersion)})
	}
	rows = append(rows, []string{"wasm", v.Wasm})
	if v.OCI != "" {
		rows = append(rows, []string{"artifact", v.OCI})
	}
	for _, w := range v.Warnings {
		rows = append(rows, []string{"warning", w})
	}
	e.table(nil, rows)
}
