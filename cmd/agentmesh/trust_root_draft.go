package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/identity"
	"agentmesh/host/release"
)

// rootFlags are what init and rotate take alike.
type rootFlags struct {
	scopes, signers           []string
	indexKeys                 []string
	threshold, indexThreshold int
	expires, source, out      string
}

func (f *rootFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.scopes, "scope", nil, "names it speaks for: 'eu.ai-act/*', acme/one or '*', with =THRESHOLD or =THRESHOLD:OWNER,OWNER after it")
	c.Flags().IntVar(&f.threshold, "threshold", 0, "how many distinct keys sign the root, and plugins where a scope says nothing else")
	c.Flags().StringArrayVar(&f.signers, "signer", nil, "public key that does not sign the root, to be named in scopes: NAME, or FILE.pub, with =OWNER after it")
	c.Flags().StringArrayVar(&f.indexKeys, "index-key", nil, "key that signs indexes, an owner's or one that signs nothing else; by default all owners do")
	c.Flags().IntVar(&f.indexThreshold, "index-threshold", 0, "how many distinct keys sign an index")
	c.Flags().StringVar(&f.expires, "expires", "365d", "how long this version lasts")
	c.Flags().StringVar(&f.source, "source", "", "oci:// reference that the index is followed from")
	c.Flags().StringVar(&f.out, "out", "", "file to write")
}

func initTrustRootCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "init NAME --key KEY... --scope SCOPE...",
		Short: "Draft version 1 of a trust root, to be signed",
		Long: `Writes a trust root without signatures to NAME.root.json. A KEY is the name of one in your keys folder, or a file NAME.pub that a signer
gave you; KEY=OWNER says whose it is where the name does not. Private keys are not needed here: the owners sign it, one after another.`,
		Example: `  agentmesh trust-root init acme --key ann.pub --key bob.pub --key cid.pub --threshold 2 --scope 'acme/*'
  agentmesh trust-root sign acme.root.json --key ann`,
		Args: takes(1, 1, "one name"),
	}
	var f rootFlags
	f.add(c)
	keys := c.Flags().StringArray("key", nil, "public key of an owner: NAME, or FILE.pub, with =OWNER after it")
	noIndex := c.Flags().Bool("no-index", false, "plugins need not be listed in an index")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(*keys) == 0 || len(f.scopes) == 0 {
			return usage("agentmesh trust-root init "+args[0]+" --key ann.pub --scope '"+args[0]+"/*'", "a root has keys (--key) and speaks for names (--scope)")
		}
		r := &release.Root{Name: args[0], Version: 1, Issued: seconds()}
		var err error
		if r.Keys, err = e.rootKeys(*keys); err != nil {
			return err
		}
		for _, k := range r.Keys {
			r.Root.Keys = append(r.Root.Keys, k.Key.ID())
		}
		r.Root.Threshold = max(f.threshold, 1)
		if !*noIndex {
			r.Index = &release.Role{Threshold: 1, Keys: r.Root.Keys}
		}
		return e.draft(r, &f)
	}
	return c
}

// draft sets what the flags say, and writes the root to be signed.
func (e *env) draft(r *release.Root, f *rootFlags) error {
	lasts, err := howLong(f.expires)
	if err != nil {
		return err
	}
	r.Expires = r.Issued.Add(lasts)
	if f.source != "" {
		r.Source = f.source
	}
	if err := e.know(r, f.signers); err != nil {
		return err
	}
	for _, arg := range f.scopes {
		s, err := scopeOf(r, arg)
		if err != nil {
			return err
		}
		r.Scopes = slices.DeleteFunc(r.Scopes, func(x release.Scope) bool { return x.Prefix == s.Prefix })
		r.Scopes = append(r.Scopes, s)
	}
	if err := e.index(r, f); err != nil {
		return err
	}
	env := r.Envelope()
	if _, err := release.ReadRoot(env.Payload); err != nil {
		return usage("`agentmesh trust-root init --help` shows the flags", "%w", err)
	}
	out := f.out
	if out == "" {
		out = fmt.Sprintf("%s.root.json", r.Name)
		if r.Version > 1 {
			out = fmt.Sprintf("%s.root-%d.json", r.Name, r.Version)
		}
	}
	if err := absent(out); err != nil {
		return err
	}
	if err := writeSigned(out, &env); err != nil {
		return err
	}
	e.printf("%s: root %s, version %d, to be signed\n", out, r.Name, r.Version)
	e.printf("fingerprint %s\n", env.Digest())
	e.printf("next: each owner runs agentmesh trust-root sign %s --key NAME\n", out)
	return nil
}

// know adds keys that the root lacks, without a role.
func (e *env) know(r *release.Root, args []string) error {
	keys, err := e.rootKeys(args)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !slices.ContainsFunc(r.Keys, func(x release.RootKey) bool { return x.Key.Equal(k.Key) }) {
			r.Keys = append(r.Keys, k)
		}
	}
	return nil
}

func (e *env) index(r *release.Root, f *rootFlags) error {
	if r.Index == nil && (len(f.indexKeys) > 0 || f.indexThreshold > 0) {
		r.Index = &release.Role{Threshold: 1, Keys: r.Root.Keys}
	}
	if len(f.indexKeys) > 0 {
		var ids []identity.KeyID
		for _, arg := range f.indexKeys {
			id, err := idOf(r, arg)
			if err != nil {
				if err := e.know(r, []string{arg}); err != nil {
					return err
				}
				id = r.Keys[len(r.Keys)-1].Key.ID()
			}
			ids = append(ids, id)
		}
		r.Index = &release.Role{Threshold: min(r.Index.Threshold, len(ids)), Keys: ids}
	}
	if f.indexThreshold > 0 {
		r.Index.Threshold = f.indexThreshold
	}
	return nil
}

func rotateTrustRootCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate ROOT|FILE",
		Short: "Draft the next version of a trust root, to be signed",
		Long: `Writes the version that follows a known root, or the one in a file, with what the flags change. It needs as many signatures of the version
before as that one wants, and as many of its own.

--revoke takes a key back for good: whatever it signed, whenever, counts no more, and modules that need it stop at once.`,
		Example: `  agentmesh trust-root rotate acme --revoke 'bob=laptop stolen' --add-key eve.pub
  agentmesh trust-root rotate acme.root.json --drop-key cid --threshold 2 --expires 180d`,
		Args: takes(1, 1, "one root"),
	}
	var f rootFlags
	f.add(c)
	var ch rootChange
	c.Flags().StringArrayVar(&ch.add, "add-key", nil, "public key of a new owner, for the root and all scopes: NAME, or FILE.pub, with =OWNER after it")
	c.Flags().StringArrayVar(&ch.drop, "drop-key", nil, "owner whose key counts for nothing any more")
	c.Flags().StringArrayVar(&ch.revoke, "revoke", nil, "OWNER=REASON: the key is no longer its owner's alone")
	c.Flags().StringArrayVar(&ch.dropScopes, "drop-scope", nil, "scope that the root speaks for no more")
	c.RunE = func(_ *cobra.Command, args []string) error {
		r, _, err := e.findRoot(args[0])
		if err != nil {
			return err
		}
		r.Version++
		r.Issued = seconds()
		if err := e.change(r, &ch); err != nil {
			return err
		}
		if f.threshold > 0 {
			r.Root.Threshold = f.threshold
		}
		return e.draft(r, &f)
	}
	return c
}

// rootChange is what rotate does to keys and scopes.
type rootChange struct {
	add, drop, revoke, dropScopes []string
}

func (e *env) change(r *release.Root, ch *rootChange) error {
	for _, prefix := range ch.dropScopes {
		before := len(r.Scopes)
		if r.Scopes = slices.DeleteFunc(r.Scopes, func(s release.Scope) bool { return s.Prefix == prefix }); len(r.Scopes) == before {
			return usage("`agentmesh trust-root show` lists its scopes", "root %s has no scope %s", r.Name, prefix)
		}
	}
	added, err := e.rootKeys(ch.add)
	if err != nil {
		return err
	}
	for _, k := range added {
		r.Keys = append(r.Keys, k)
		r.Root.Keys = append(r.Root.Keys, k.Key.ID())
		for i := range r.Scopes {
			r.Scopes[i].Keys = append(r.Scopes[i].Keys, k.Key.ID())
		}
	}
	for _, who := range ch.drop {
		id, err := idOf(r, who)
		if err != nil {
			return err
		}
		for _, role := range rolesOf(r) {
			without(role, id)
		}
		r.Keys = slices.DeleteFunc(r.Keys, func(k release.RootKey) bool { return k.Key.ID() == id })
	}
	return revoke(r, ch.revoke)
}

// revoke takes keys back. They stay known, and in the scopes, so that what they signed is told from what nobody knows.
func revoke(r *release.Root, args []string) error {
	for _, arg := range args {
		who, reason, _ := strings.Cut(arg, "=")
		id, err := idOf(r, who)
		if err != nil {
			return err
		}
		r.Revoked = append(r.Revoked, release.Revocation{Key: id, Reason: reason})
		without(&r.Root, id)
		if r.Index != nil {
			without(r.Index, id)
		}
	}
	return nil
}

func rolesOf(r *release.Root) []*release.Role {
	roles := []*release.Role{&r.Root}
	if r.Index != nil {
		roles = append(roles, r.Index)
	}
	for i := range r.Scopes {
		roles = append(roles, &r.Scopes[i].Role)
	}
	return roles
}

func without(role *release.Role, id identity.KeyID) {
	role.Keys = slices.DeleteFunc(slices.Clone(role.Keys), func(k identity.KeyID) bool { return k == id })
}
