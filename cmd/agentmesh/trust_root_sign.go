package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/identity"
	"agentmesh/host/release"
)

func signTrustRootCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "sign FILE --key KEY...",
		Short: "Add signatures to a trust root, an index or a permit",
		Long: `Adds a signature of each key to the file, and says how many there must be. A root of version 2 or later is held against the version before
where that is known, or given by --previous.`,
		Example: "  agentmesh trust-root sign acme.root.json --key ann",
		Args:    takes(1, 1, "one file"),
	}
	previous := c.Flags().String("previous", "", "file of the version before")
	signers := signerFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return e.signFile(c.Context(), args[0], *previous, signers)
	}
	return c
}

// signers are the keys that a command signs with.
type signers struct {
	names      *[]string
	passphrase *string
}

func signerFlags(c *cobra.Command) signers {
	return signers{
		names:      c.Flags().StringArray("key", nil, "key to sign with: NAME in the keys folder, or a file NAME.key"),
		passphrase: passphraseFlag(c),
	}
}

func (s *signers) open(ctx context.Context, e *env) ([]*identity.PrivateKey, error) {
	var keys []*identity.PrivateKey
	for _, name := range *s.names {
		key, err := e.privateKey(ctx, name, &asker{env: e, file: *s.passphrase})
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (e *env) signFile(ctx context.Context, name, previous string, s signers) error {
	if len(*s.names) == 0 {
		return usage("agentmesh trust-root sign "+name+" --key NAME", "nobody is to sign: name a key by --key")
	}
	envelope, err := readSigned(name)
	if err != nil {
		return err
	}
	if envelope.PayloadType == release.TypeStatement {
		return usage("agentmesh plugin sign signs those", "%s holds the statement of a plugin", name)
	}
	lines, err := e.counts(&envelope, previous) // read first: nobody signs what is no root, index or permit
	if err != nil {
		return err
	}
	keys, err := s.open(ctx, e)
	if err != nil {
		return err
	}
	for i, key := range keys {
		if err := envelope.Sign(key); err != nil {
			return err
		}
		counts := func(c count) bool { return slices.Contains(c.role.Keys, key.Public().ID()) }
		if len(lines) > 0 && !slices.ContainsFunc(lines, counts) {
			fmt.Fprintf(e.stderr, "warning: %s is no key of those who must sign: its signature counts for nothing\n", plain((*s.names)[i]))
		}
	}
	if err := writeSigned(name, &envelope); err != nil {
		return err
	}
	e.printf("signed %s by %s\n", name, strings.Join(*s.names, ", "))
	for _, l := range lines {
		e.printf("%s\n", l.of(&envelope))
	}
	if envelope.PayloadType == release.TypeRoot {
		e.printf("fingerprint %s\n", envelope.Digest())
	}
	return nil
}

// count is a threshold that a file must meet.
type count struct {
	root *release.Root
	role release.Role
	what string
}

func (c *count) of(e *release.Envelope) string {
	got := c.root.SignedBy(e, c.role)
	var owners []string
	for _, id := range got {
		owners = append(owners, c.root.Owner(id))
	}
	by := ""
	if len(owners) > 0 {
		by = " (" + strings.Join(owners, ", ") + ")"
	}
	if len(got) < c.role.Threshold {
		return fmt.Sprintf("  %s: %d of %d signatures%s", c.what, len(got), c.role.Threshold, by)
	}
	return fmt.Sprintf("  %s: enough, %d of %d%s", c.what, len(got), c.role.Threshold, by)
}

// counts are the thresholds of a file.
func (e *env) counts(envelope *release.Envelope, previous string) ([]count, error) {
	switch envelope.PayloadType {
	case release.TypeRoot:
		return e.rootCounts(envelope, previous)
	case release.TypeIndex:
		x, err := release.ReadIndex(envelope.Payload)
		if err != nil {
			return nil, refusal(err)
		}
		r, _, err := e.findRoot(x.Root)
		if err != nil || r.Index == nil {
			return nil, nil // who must sign is not known here
		}
		return []count{{r, *r.Index, "index role of root " + r.Name}}, nil
	case release.TypePermit:
		p, err := release.ReadPermit(envelope.Payload)
		if err != nil {
			return nil, refusal(err)
		}
		r, _, err := e.findRoot(p.Root)
		if err != nil {
			return nil, nil
		}
		return []count{{r, r.Root, "root role of root " + r.Name}}, nil
	default:
		return nil, usage("", "the file holds %s, which nobody signs", envelope.PayloadType)
	}
}

func (e *env) rootCounts(envelope *release.Envelope, previous string) ([]count, error) {
	r, err := release.ReadRoot(envelope.Payload)
	if err != nil {
		return nil, refusal(err)
	}
	out := []count{{r, r.Root, fmt.Sprintf("version %d", r.Version)}}
	if r.Version == 1 {
		return out, nil
	}
	from := previous
	if from == "" {
		from = r.Name
	}
	before, _, err := e.findRoot(from)
	if previous != "" && err != nil {
		return nil, err
	}
	if err == nil && before.Version == r.Version-1 {
		out = append(out, count{before, before.Root, fmt.Sprintf("version %d", before.Version)})
	}
	return out, nil
}
