package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func pullPluginCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "pull REFERENCE|NAME@VERSION|--locked",
		Short: "Pull a plugin, verify it, and keep it",
		Long: `Pulls a module with its signatures, holds it against the trust roots and indexes that are known here, and keeps it in the state folder.
Nothing runs for it: agentmesh plugin stage and promote make it do so. NAME@VERSION is found by the indexes that are known.

With --index the indexes of the trust roots are asked for first, where their roots say that they are published; --index=REFERENCE names
another place. With --locked everything that plugins.lock names is fetched, but retired versions, and must be what the lock says: a lock
that was copied to another state folder, whose roots are trusted there, makes the same deployment. Exits 3 with the code and the reason when the plugin is not trusted, or is not what it should be.`,
		Example: "  agentmesh plugin pull oci://registry.example.com/acme/rules:1.4.0 --index\n  agentmesh plugin pull acme/rules@1.4.0\n  agentmesh plugin pull --locked --index",
	}
	locked := c.Flags().Bool("locked", false, "fetch all that plugins.lock names")
	c.Args = func(c *cobra.Command, args []string) error {
		if *locked {
			return takes(0, 0, "no reference beside --locked")(c, args)
		}
		return takes(1, 1, "one reference")(c, args)
	}
	output := format(c, "table", "json")
	o := pullOptions{registry: registryFlags(c)}
	c.Flags().StringVar(&o.index, "index", "", "first ask for the indexes of trust roots")
	c.Flags().Lookup("index").NoOptDefVal = everyIndex
	c.Flags().StringVar(&o.root, "root", "", "the only trust root that may vouch")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *locked {
			return e.pullLocked(c.Context(), o, *output)
		}
		var k *keptJSON
		err := e.trusting(c.Context(), "plugin pull", func(t *release.Trust) (events []release.Event, err error) {
			if k, err = e.pull(c.Context(), t, args[0], o); err == nil {
				events = append(events, k.event())
			}
			return events, err
		})
		if err != nil {
			return refusal(o.advise(err))
		}
		if *output == "json" {
			return e.json(k)
		}
		e.kept("pulled", k)
		return nil
	}
	return c
}

// pullLocked pulls what the lock names, and tells.
func (e *env) pullLocked(ctx context.Context, o pullOptions, output string) error {
	var all []lockedJSON
	err := e.trusting(ctx, "plugin pull", func(t *release.Trust) (events []release.Event, err error) {
		all, err = e.locked(ctx, t, o)
		for _, k := range all {
			if !k.Present {
				events = append(events, k.event())
			}
		}
		return events, err
	})
	if output == "json" && err == nil {
		return e.json(map[string]any{"locked": all})
	}
	for _, k := range all {
		if k.Present {
			e.kept("here already:", k.keptJSON)
		} else {
			e.kept("pulled", k.keptJSON)
		}
	}
	if r, ok := errors.AsType[*release.Refusal](o.advise(err)); ok {
		return &exit{code: exitDenied, err: err, hint: r.Mend}
	}
	return err
}

// everyIndex is what --index alone means.
const everyIndex = "all"

type pullOptions struct {
	index, root string
	registry    *registry
}

// advise names the flag that may help against a refusal.
func (o *pullOptions) advise(err error) error {
	r, ok := errors.AsType[*release.Refusal](err)
	if !ok || o.index != "" || (r.Code != release.CodeNotListed && r.Code != release.CodeIndexExpired) {
		return err
	}
	better := *r
	better.Mend = "--index asks for the newest index first"
	return &better
}

// keptJSON is a module that was put into the depot, and why it is trusted.
type keptJSON struct {
	Plugin   string   `json:"plugin"`
	Version  string   `json:"version"`
	Kind     string   `json:"kind"`
	Wasm     string   `json:"wasm"`
	OCI      string   `json:"oci,omitempty"`
	Source   string   `json:"source"`
	Size     int64    `json:"size"`
	Root     string   `json:"root"`
	Owners   []string `json:"owners"`
	Index    int64    `json:"index_version,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func (e *env) kept(how string, k *keptJSON) {
	e.printf("%s %s %s\n", how, k.Plugin, k.Version)
	trusted := k.Root + ", signed by " + strings.Join(k.Owners, ", ")
	if k.Index > 0 {
		trusted += fmt.Sprintf(", index %d", k.Index)
	}
	rows := [][]string{{"  trusted by", trusted}, {"  wasm", k.Wasm}, {"  from", k.Source}}
	for _, w := range k.Warnings {
		rows = append(rows, []string{"  warning", w})
	}
	e.table(nil, rows)
}

func (k *keptJSON) event() release.Event {
	return release.Event{
		Action: release.EventModuleTaken, Root: k.Root, Digest: k.Wasm, Plugin: k.Plugin, Version: k.Version, Source: k.Source,
	}
}

func (e *env) pull(ctx context.Context, t *release.Trust, what string, o pullOptions) (*keptJSON, error) {
	bar := e.progress("bytes")
	defer bar.clear()
	client, err := o.client(ctx, t, bar.show)
	if err != nil {
		return nil, err
	}
	refs, err := referencesOf(t, what)
	if err != nil {
		return nil, err
	}
	i := &intake{client: client, trust: t, root: o.root}
	if i.depot, err = e.depot(); err != nil {
		return nil, err
	}
	for n, ref := range refs {
		k, err := i.take(ctx, ref)
		if oci.CodeOf(err) == oci.CodeNotFound && n < len(refs)-1 {
			continue
		}
		return k, err
	}
	return nil, fmt.Errorf("%s names nothing", what)
}

// client speaks to the registry, and has asked for the newest indexes where that is wanted.
func (o *pullOptions) client(ctx context.Context, t *release.Trust, progress func(done, total int64)) (*oci.Client, error) {
	client, err := o.registry.client(progress)
	if err == nil && o.index != "" {
		err = refresh(ctx, client, t, o.index)
	}
	return client, err
}

// depot is where pulled modules are kept.
func (e *env) depot() (*release.Depot, error) {
	state, err := e.state()
	if err != nil {
		return nil, err
	}
	return release.OpenDepot(state.PluginDir())
}

// refresh takes the published indexes of the roots that are known, or the one that a reference names.
func refresh(ctx context.Context, client *oci.Client, t *release.Trust, from string) error {
	sources := []string{from}
	if from == everyIndex {
		roots, err := t.Roots()
		if err != nil {
			return err
		}
		sources = nil
		for _, k := range roots {
			if k.Root.Source != "" {
				sources = append(sources, k.Root.Source)
			}
		}
	}
	for _, source := range sources {
		ref, err := oci.ParseReference(source)
		if err != nil {
			return err
		}
		x, _, err := client.PullIndex(ctx, ref, "")
		if err != nil {
			return fmt.Errorf("index: %w", err)
		}
		if err := t.Update(ctx, x.Chain, x.Index); err != nil {
			return fmt.Errorf("index %s: %w", source, err)
		}
	}
	return nil
}

// referencesOf is where a module may lie: where the reference says, or, for NAME@VERSION, near the index that lists it.
func referencesOf(t *release.Trust, what string) ([]oci.Reference, error) {
	name, version, named := strings.Cut(what, "@")
	if strings.Contains(what, "://") || !named {
		ref, err := oci.ParseReference(what)
		return []oci.Reference{ref}, err
	}
	roots, err := t.Roots()
	if err != nil {
		return nil, err
	}
	for _, k := range roots {
		if k.Index == nil || k.Index.Find(name, version) == nil {
			continue
		}
		entry := k.Index.Find(name, version)
		index, err := oci.ParseReference(k.Root.Source)
		if err != nil || entry.OCI == "" {
			return nil, withHint(fmt.Errorf("root %s lists %s %s and does not say where it is", k.Root.Name, name, version), "name it by its reference")
		}
		return beside(index.At(entry.OCI), name), nil
	}
	return nil, withHint(fmt.Errorf("no index that is known lists %s %s", name, version), "--index asks for the indexes first")
}

// beside is where modules lie that an index names by digest: in its own repository, layout or folder, or at a registry in one
// named for the plugin, below the index's or next to it. As the digest binds, it does not matter whose they are.
func beside(index oci.Reference, name string) []oci.Reference {
	refs := []oci.Reference{index}
	if index.Scheme != oci.SchemeOCI {
		return refs
	}
	own := index.Repository
	for _, repository := range []string{
		path.Join(own, name), path.Join(path.Dir(own), name), path.Join(path.Dir(own), path.Base(name)),
	} {
		index.Repository = repository
		refs = append(refs, index)
	}
	return refs
}

// intake takes modules into the depot.
type intake struct {
	client *oci.Client
	trust  *release.Trust
	depot  *release.Depot
	root   string // the only one that may vouch; empty: any
}

// take fetches a module once, by digest, and keeps the bytes that were verified.
func (i *intake) take(ctx context.Context, ref oci.Reference) (*keptJSON, error) {
	c, err := release.Fetch(ctx, i.client, ref)
	if err != nil {
		return nil, err
	}
	c.New = true
	return i.keep(ctx, ref, c)
}

// keep verifies what was fetched, and puts it into the depot.
func (i *intake) keep(ctx context.Context, ref oci.Reference, c release.Candidate) (*keptJSON, error) {
	c.Root = i.root
	d, err := i.trust.Check(c)
	if err != nil {
		return nil, err
	}
	pinned := ref
	pinned.Digest = c.OCI
	receipt, err := i.depot.Put(ctx, release.Stored{
		Receipt: release.Receipt{OCI: c.OCI, Root: d.Root, Source: pinned.String()}, Module: c.Module, Envelopes: c.Envelopes,
	})
	if err != nil {
		return nil, err
	}
	if err := i.keepManifest(ctx, pinned, c); err != nil {
		return nil, err
	}
	return keptOf(receipt, &d), nil
}

func keptOf(receipt release.Receipt, d *release.Decision) *keptJSON {
	return &keptJSON{
		Plugin: receipt.Name, Version: receipt.Version, Kind: receipt.Kind, Wasm: receipt.Wasm, OCI: receipt.OCI, Source: receipt.Source,
		Size: receipt.Size, Root: d.Root, Owners: slices.Sorted(slices.Values(d.Owners)), Index: d.IndexVersion, Warnings: d.Warnings,
	}
}

// keepManifest keeps the artifact's manifest where another tool wrote it: ours follows from the module. An index may name its
// digest, so it must be there to be carried on.
func (i *intake) keepManifest(ctx context.Context, ref oci.Reference, c release.Candidate) error {
	if c.OCI == "" {
		return nil
	}
	if ours, err := release.ArtifactDigest(c.Module); err != nil || ours == c.OCI {
		return err
	}
	p, err := i.client.Pull(ctx, ref, oci.WasmLimits())
	if err != nil {
		return err
	}
	return i.depot.Blobs().KeepArtifact(ctx, p)
}

// storedModules finds modules of the depot: NAME is every version of it, NAME@VERSION one, a digest one.
func storedModules(d *release.Depot, args []string) ([]release.Receipt, error) {
	all, err := d.List()
	if err != nil {
		return nil, err
	}
	var out []release.Receipt
	for _, arg := range args {
		before := len(out)
		for _, r := range all {
			if arg == r.Name || arg == r.Name+"@"+r.Version || arg == r.Wasm {
				out = append(out, r)
			}
		}
		if len(out) == before {
			return nil, withHint(fmt.Errorf("%s: %w", arg, errNotPulled), "`agentmesh plugin pull` brings it")
		}
	}
	return out, nil
}

var errNotPulled = errors.New("no such plugin was pulled")
