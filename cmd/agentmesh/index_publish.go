package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func publishIndexCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "publish [REFERENCE]",
		Short: "Make the next version of an index, sign it, and publish it",
		Long: `Makes the version that follows the one in --from, else the file named by --out, else what the REFERENCE has, else version 1, with what the flags
change, and signs it with the keys given. With a REFERENCE it is pushed there, with the chain of its root; without one it is left in
the file. Where several must sign, write it to a file, pass that round with agentmesh trust-root sign, and push it by --signed.

An index that changes nothing is worth publishing too: it moves the date on which it expires. What was published from here is remembered:
a REFERENCE that gives an older index back, or none, is refused, as what was taken back since would stand again.`,
		Example: `  agentmesh index publish --root acme --add rules.wasm --key ida oci://registry.example.com/acme/index
  agentmesh index publish --root acme --yank acme/rules@1.4.0 --reason 'blocks payroll' --key ida oci://registry.example.com/acme/index`,
		Args: takes(0, 1, "one reference at most"),
	}
	var p publication
	c.Flags().StringVar(&p.root, "root", "", "trust root that the index is of: a known one, or its file")
	c.Flags().StringVar(&p.from, "from", "", "index to begin with: a file, a reference, or a known root")
	c.Flags().StringArrayVar(&p.add, "add", nil, "module to list; FILE.wasm=sha256:… names the artifact where it was pushed by another tool")
	c.Flags().StringArrayVar(&p.yank, "yank", nil, "PLUGIN@VERSION to take back")
	c.Flags().StringVar(&p.reason, "reason", "", "why it is taken back")
	c.Flags().StringArrayVar(&p.unyank, "unyank", nil, "PLUGIN@VERSION that stands again")
	c.Flags().StringVar(&p.expires, "expires", "7d", "how long this version lasts")
	c.Flags().StringVar(&p.out, "out", "", "file to write; without a REFERENCE index.json")
	c.Flags().StringVar(&p.signed, "signed", "", "file of a signed index to push as it is")
	p.signers = signerFlags(c)
	p.registry = registryFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			p.ref = args[0]
		}
		return e.publish(c.Context(), &p)
	}
	return c
}

// publication is what is to be published.
type publication struct {
	root, from, reason, expires, out, signed, ref string
	add, yank, unyank                             []string
	signers                                       signers
	registry                                      *registry
}

func (e *env) publish(ctx context.Context, p *publication) error {
	if p.signed != "" {
		o, err := e.openIndex(ctx, p.signed, p.registry)
		if err != nil {
			return err
		}
		return e.send(ctx, p, o)
	}
	if p.root == "" {
		return usage("agentmesh index publish --root acme --add rules.wasm --key ida", "an index is of a trust root: name it by --root")
	}
	r, _, err := e.findRoot(p.root)
	if err != nil {
		return err
	}
	if p.ref == "" && p.out == "" {
		p.out = "index.json"
	}
	x, err := e.nextIndex(ctx, p, r)
	if err != nil {
		return err
	}
	envelope, err := e.signIndex(ctx, p, x)
	if err != nil {
		return err
	}
	if p.out != "" {
		if err := writeSigned(p.out, envelope); err != nil {
			return err
		}
	}
	e.published(x, r, envelope, p)
	e.warnUnsigned(p, r)
	if p.ref == "" {
		return nil
	}
	return e.send(ctx, p, &openedIndex{envelope: *envelope, index: x})
}

func (e *env) signIndex(ctx context.Context, p *publication, x *release.Index) (*release.Envelope, error) {
	envelope := x.Envelope()
	if _, err := release.ReadIndex(envelope.Payload); err != nil {
		return nil, refusal(err)
	}
	keys, err := p.signers.open(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if err := envelope.Sign(key); err != nil {
			return nil, err
		}
	}
	return &envelope, nil
}

func (e *env) published(x *release.Index, r *release.Root, envelope *release.Envelope, p *publication) {
	where := ""
	if p.out != "" {
		where = p.out + ": "
	}
	yanked := 0
	for _, n := range x.Entries {
		if n.Yanked != "" {
			yanked++
		}
	}
	e.printf("%sindex of root %s, version %d, until %s: %d versions, %d yanked\n", where, x.Root, x.Version, stamp(x.Expires), len(x.Entries), yanked)
	if r.Index != nil {
		c := count{r, *r.Index, "index role of root " + r.Name}
		e.printf("%s\n", c.of(envelope))
	}
}

// nextIndex is the version that follows the one that there is, changed.
func (e *env) nextIndex(ctx context.Context, p *publication, r *release.Root) (*release.Index, error) {
	x, err := e.baseIndex(ctx, p, r)
	if err != nil {
		return nil, err
	}
	if x.Root != r.Name {
		return nil, usage("", "the index to begin with is of root %s, not %s", x.Root, r.Name)
	}
	lasts, err := howLong(p.expires)
	if err != nil {
		return nil, err
	}
	x.Version++
	x.Issued = seconds()
	x.Expires = x.Issued.Add(lasts)
	for _, arg := range p.add {
		if err := addEntry(x, arg); err != nil {
			return nil, err
		}
	}
	return x, p.mark(x)
}

// baseIndex is the index to begin with; an empty one when there is none yet.
func (e *env) baseIndex(ctx context.Context, p *publication, r *release.Root) (*release.Index, error) {
	none := &release.Index{Root: r.Name}
	var o *openedIndex
	var err error
	switch {
	case p.from != "":
		o, err = e.openIndex(ctx, p.from, p.registry)
	case p.out != "" && exists(p.out):
		file, pathErr := filepath.Abs(p.out)
		if pathErr != nil {
			return nil, pathErr
		}
		o, err = e.openIndex(ctx, file, p.registry)
	case p.ref != "":
		if o, err = e.openIndex(ctx, p.ref, p.registry); oci.CodeOf(err) == oci.CodeNotFound {
			return none, nil
		}
	default:
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	if r.Index != nil { // nobody extends what a stranger put there
		if _, err := r.VerifyIndex(&o.envelope); err != nil && len(o.envelope.Signatures) > 0 {
			return nil, refusal(err)
		}
	}
	return o.index, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// addEntry lists a module, by FILE.wasm or FILE.wasm=DIGEST.
func addEntry(x *release.Index, arg string) error {
	file, artifact, given := strings.Cut(arg, "=sha256:")
	s, err := openModule(file)
	if err != nil {
		return err
	}
	if artifact = "sha256:" + artifact; !given {
		if artifact, err = release.ArtifactDigest(s.file.Wasm); err != nil {
			return refusal(err)
		}
	}
	n, err := release.EntryOf(s.file.Wasm, artifact)
	if err != nil {
		return refusal(err)
	}
	if old := x.Find(n.Name, n.Version); old != nil {
		n.Yanked = old.Yanked
		if *old != n {
			return withHint(fmt.Errorf("%s: %s %s is listed already, as %s", file, n.Name, n.Version, old.Wasm), "a change needs a new version in plugin.yaml")
		}
		return nil
	}
	x.Entries = append(x.Entries, n)
	return nil
}

// mark takes versions back, or lets them stand again.
func (p *publication) mark(x *release.Index) error {
	if len(p.yank) > 0 && p.reason == "" {
		return usage("operators read it: --reason 'blocks payroll'", "why is a version taken back? say it by --reason")
	}
	for _, arg := range slices.Concat(p.yank, p.unyank) {
		name, version, _ := strings.Cut(arg, "@")
		n := x.Find(name, version)
		if n == nil {
			return usage("`agentmesh index show` lists what there is", "the index does not list %s", arg)
		}
		n.Yanked = ""
		if slices.Contains(p.yank, arg) {
			n.Yanked = p.reason
		}
	}
	return nil
}

// send pushes an index with the chain of its root.
func (e *env) send(ctx context.Context, p *publication, o *openedIndex) error {
	if p.ref == "" {
		return usage("", "where to? name a reference, oci://…")
	}
	ref, err := oci.ParseReference(p.ref)
	if err != nil {
		return err
	}
	t, err := e.trust()
	if err != nil {
		return err
	}
	chain, _, err := t.Documents(o.index.Root)
	if err != nil {
		return withHint(err, "agentmesh trust-root add takes it: the chain of the root is published with the index")
	}
	src := release.AppendEnvelope(nil, &o.envelope)
	if err := t.Try(ctx, nil, src); err != nil { // nobody would take it, so nobody should have to see it
		return refusal(notNewer(o.index.Root, err))
	}
	client, err := p.registry.client(nil)
	if err != nil {
		return err
	}
	d, err := client.PushIndex(ctx, ref, oci.RuleIndex{Index: src, Chain: chain})
	if err != nil {
		return err
	}
	e.printf("published %s@%s\n", p.ref, d.Digest)
	err = e.trusting(ctx, "index publish", func(t *release.Trust) ([]release.Event, error) { return nil, t.Update(ctx, nil, src) })
	if err != nil {
		return fmt.Errorf("it was published, and is not remembered here: %w", refusal(err))
	}
	return nil
}

// notNewer says how to go on from the index that is known, where what was begun with is older: registries can give old ones back.
func notNewer(root string, err error) error {
	r, ok := errors.AsType[*release.Refusal](err)
	if !ok || r.Code != release.CodeIndexRollback && r.Code != release.CodeIndexFork {
		return err
	}
	better := *r
	better.Mend = "what it began with is older than what was published or seen from here: --from " + root + " begins with that"
	return &better
}

// warnUnsigned tells of modules that are listed and that no host will take yet.
func (e *env) warnUnsigned(p *publication, r *release.Root) {
	t, err := e.trust()
	if err != nil {
		return // publishing says so
	}
	for _, arg := range p.add {
		file, _, _ := strings.Cut(arg, "=sha256:")
		c, err := e.moduleBeside(file)
		if err == nil {
			c.New, c.Root = true, r.Name
			_, err = t.Check(c)
		}
		switch code := release.CodeOf(err); code {
		case release.CodeUnsigned, release.CodeThresholdNotMet, release.CodeWrongSigner, release.CodeSignatureInvalid, release.CodeHybridIncomplete, release.CodeStatementMismatch, release.CodeDigestMismatch, release.CodeKeyRevoked:
			fmt.Fprintf(e.stderr, "warning: %s is listed and not signed as it must be: %s\n", plain(file), plain(err.Error()))
		}
	}
}
