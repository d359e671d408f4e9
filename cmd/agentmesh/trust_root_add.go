package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/release"
)

func addTrustRootCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "add FILE...",
		Short: "Take a trust root, its next versions, an index or a permit",
		Long: `Takes a root that is not known yet by --fingerprint, which you got from its owners by another way than the file. Next versions of a known
root, an index of it and permits need none: their signatures are held against the root. Files are taken in the order in which they belong:
roots, then indexes, then permits.

Exits 0 when all was taken, 3 when something is refused; what was in force then stays.`,
		Example: `  agentmesh trust-root add acme.root.json --fingerprint sha256:1f0c…
  agentmesh trust-root add acme.root-2.json index.json`,
		Args: takes(1, -1, "files"),
	}
	fingerprint := c.Flags().String("fingerprint", "", "fingerprint of a root that is not known yet")
	only := c.Flags().StringArray("only", nil, "scope that the root may speak for, whatever it claims: 'eu.ai-act/*'")
	c.RunE = func(c *cobra.Command, args []string) error {
		var docs documents
		for _, name := range args {
			if err := docs.read(name); err != nil {
				return err
			}
		}
		return refusal(e.trusting(c.Context(), "trust-root add", func(t *release.Trust) ([]release.Event, error) {
			return nil, e.take(c.Context(), t, &docs, *fingerprint, *only)
		}))
	}
	return c
}

// documents are signed files, by what they are.
type documents struct {
	roots, indexes, permits [][]byte
	digests                 []string // of the roots
	name                    string   // of the roots
	newest                  int64    // version of them
}

func (d *documents) read(name string) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	envelope, err := release.ReadEnvelope(src)
	if err != nil {
		return refusal(fmt.Errorf("%s: %w", name, err))
	}
	switch envelope.PayloadType {
	case release.TypeRoot:
		r, err := release.ReadRoot(envelope.Payload)
		if err != nil {
			return refusal(fmt.Errorf("%s: %w", name, err))
		}
		d.roots, d.digests = append(d.roots, src), append(d.digests, envelope.Digest())
		if r.Version > d.newest {
			d.newest, d.name = r.Version, r.Name
		}
	case release.TypeIndex:
		d.indexes = append(d.indexes, src)
	case release.TypePermit:
		d.permits = append(d.permits, src)
	default:
		return usage("the statement of a plugin belongs beside its module, as NAME.wasm.sig.json", "%s holds %s", name, envelope.PayloadType)
	}
	return nil
}

func indexIn(src []byte) (*release.Index, error) {
	envelope, err := release.ReadEnvelope(src)
	if err != nil {
		return nil, err
	}
	return release.ReadIndex(envelope.Payload)
}

func (e *env) take(ctx context.Context, t *release.Trust, d *documents, fingerprint string, only []string) error {
	if fingerprint != "" {
		if err := e.takeFirst(t, d, fingerprint, only); err != nil {
			return err
		}
	} else if len(only) > 0 {
		return usage("remove the root and add it again", "--only is said when a root is added, with --fingerprint")
	}
	if len(d.roots) > 0 {
		if err := t.Update(ctx, d.roots, nil); err != nil {
			if release.CodeOf(err) == release.CodeUntrustedRoot && fingerprint == "" {
				return &exit{code: exitDenied, err: err, hint: "a new root is taken by --fingerprint, which its owners tell you by another way than the file"}
			}
			return err
		}
		if fingerprint == "" {
			e.printf("took root %s, version %d\n", d.name, d.newest)
		}
	}
	for _, src := range d.indexes {
		if err := t.Update(ctx, nil, src); err != nil {
			return err
		}
		x, err := indexIn(src)
		if err != nil {
			return err
		}
		e.printf("took the index of root %s, version %d, until %s\n", x.Root, x.Version, stamp(x.Expires))
	}
	for _, src := range d.permits {
		p, err := t.AddPermit(src)
		if err != nil {
			return err
		}
		e.printf("took a permit: %s may go back to %s until it is %s\n", p.Plugin, p.Version, stamp(p.Expires))
	}
	return nil
}

// takeFirst adds the root that the fingerprint names.
func (e *env) takeFirst(t *release.Trust, d *documents, fingerprint string, only []string) error {
	if len(d.roots) == 0 {
		return usage("", "--fingerprint is for a trust root, and no file holds one")
	}
	chosen := 0
	for i, digest := range d.digests {
		if strings.TrimPrefix(fingerprint, "sha256:") == strings.TrimPrefix(digest, "sha256:") {
			chosen = i
		}
	}
	r, err := t.AddRoot(d.roots[chosen], fingerprint, only...)
	if err != nil {
		return err
	}
	e.printf("trusts root %s, version %d, for %s\n", r.Name, r.Version, scopesOf(&release.Known{Root: r, Only: only}))
	return nil
}

func removeTrustRootCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ROOT",
		Short: "Trust a root no more",
		Long: `Forgets a trust root with its index and permits. What only it vouches for is not loaded any more. The highest versions that ran stay
remembered.`,
		Args: takes(1, 1, "one root"),
		RunE: func(c *cobra.Command, args []string) error {
			err := e.trusting(c.Context(), "trust-root remove", func(t *release.Trust) ([]release.Event, error) { return nil, t.RemoveRoot(args[0]) })
			if release.CodeOf(err) != release.CodeUntrustedRoot && err != nil {
				return refusal(err)
			}
			if err != nil {
				return withHint(err, "`agentmesh trust-root show` lists the roots that are known")
			}
			e.printf("root %s is trusted no more\n", args[0])
			return nil
		},
	}
}

func permitTrustRootCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "permit PLUGIN@VERSION --wasm FILE|DIGEST --root ROOT --reason TEXT",
		Short: "Draft or sign a permit to go back to an older version",
		Long: `Writes a permit for one older version of a plugin, named by its digest, and signs it with the keys given. It counts once as many of the
root's keys have signed as the root itself needs: pass the file round with agentmesh trust-root sign, then operators take it by
agentmesh trust-root add. Until it expires the version may be taken up; one that was taken up in time may stay.`,
		Example: "  agentmesh trust-root permit acme/rules@1.4.0 --wasm rules-1.4.0.wasm --root acme --reason '1.5.0 blocks payroll' --key ann",
		Args:    takes(1, 1, "one version"),
	}
	root := c.Flags().String("root", "", "trust root whose plugin it is: a known one, or its file")
	wasm := c.Flags().String("wasm", "", "the older module, or its digest sha256:…")
	reason := c.Flags().String("reason", "", "why, for those who sign and for those who look back")
	expires := c.Flags().String("expires", "7d", "for how long the version may be taken up")
	out := c.Flags().String("out", "permit.json", "file to write")
	s := signerFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		name, version, ok := strings.Cut(args[0], "@")
		if !ok || *wasm == "" || *root == "" || *reason == "" {
			return usage(c.Example, "a permit names PLUGIN@VERSION, --wasm, --root and --reason")
		}
		r, _, err := e.findRoot(*root)
		if err != nil {
			return err
		}
		lasts, err := howLong(*expires)
		if err != nil {
			return err
		}
		p := release.Permit{Root: r.Name, Plugin: name, Version: version, Reason: *reason, Issued: seconds()}
		p.Expires = p.Issued.Add(lasts)
		if p.Wasm, err = moduleDigest(*wasm, name, version); err != nil {
			return err
		}
		return e.permit(c.Context(), &p, *out, s)
	}
	return c
}

func (e *env) permit(ctx context.Context, p *release.Permit, out string, s signers) error {
	if err := absent(out); err != nil {
		return err
	}
	envelope := p.Envelope()
	if _, err := release.ReadPermit(envelope.Payload); err != nil {
		return usage("", "%w", err)
	}
	if err := writeSigned(out, &envelope); err != nil {
		return err
	}
	e.printf("%s: %s may go back to %s, %s\n", out, p.Plugin, p.Version, p.Wasm)
	if len(*s.names) == 0 {
		e.printf("next: the root's owners run agentmesh trust-root sign %s --key NAME\n", out)
		return nil
	}
	return e.signFile(ctx, out, "", s)
}

// moduleDigest is the digest of a module that an argument is or names; a file must be the version that is meant.
func moduleDigest(arg, name, version string) (string, error) {
	if strings.HasPrefix(arg, "sha256:") {
		return arg, nil
	}
	s, err := openModule(arg)
	if err != nil {
		return "", err
	}
	what, err := release.StatementOf(s.file.Wasm)
	if err != nil {
		return "", err
	}
	if what.Name != name || what.Version != version {
		return "", usage("", "%s is %s %s, not %s %s", arg, what.Name, what.Version, name, version)
	}
	return what.Wasm, nil
}
