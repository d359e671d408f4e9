package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"agentmesh/host/oci"
	"agentmesh/host/release"
)

func indexCommand(e *env) *cobra.Command {
	return noun("index", "Publish and read lists of current plugin versions",
		`An index is a signed list of the versions of plugins that are current under one trust root, and of those taken back (yanked). Operators load
nothing new that it does not list, and nothing new once it has expired: publish it again before.`,
		publishIndexCommand(e), showIndexCommand(e), verifyIndexCommand(e))
}

// openedIndex is an index with where it came from; the chain is what came along.
type openedIndex struct {
	envelope release.Envelope
	index    *release.Index
	chain    [][]byte
}

// openIndex reads an index from a file or a reference, or the one that is known of a root.
func (e *env) openIndex(ctx context.Context, arg string, r *registry) (*openedIndex, error) {
	var src []byte
	var o openedIndex
	switch {
	case strings.Contains(arg, "://"):
		ref, err := oci.ParseReference(arg)
		if err != nil {
			return nil, err
		}
		client, err := r.client(nil)
		if err != nil {
			return nil, err
		}
		x, _, err := client.PullIndex(ctx, ref, "")
		if err != nil {
			return nil, err
		}
		src, o.chain = x.Index, x.Chain
	case strings.ContainsRune(arg, os.PathSeparator) || strings.HasSuffix(arg, ".json"):
		var err error
		if src, err = os.ReadFile(arg); err != nil {
			return nil, err
		}
	default:
		t, err := e.trust()
		if err != nil {
			return nil, err
		}
		chain, index, err := t.Documents(arg)
		if err != nil {
			return nil, withHint(err, "`agentmesh trust-root show` lists the roots that are known; a file is named by its path")
		}
		if index == nil {
			return nil, fmt.Errorf("no index of root %s is known", arg)
		}
		src, o.chain = index, chain
	}
	return o.read(src, arg)
}

func (o *openedIndex) read(src []byte, place string) (*openedIndex, error) {
	var err error
	if o.envelope, err = release.ReadEnvelope(src); err != nil {
		return nil, refusal(fmt.Errorf("%s: %w", place, err))
	}
	if o.envelope.PayloadType != release.TypeIndex {
		return nil, usage("", "%s holds %s, and no index", place, o.envelope.PayloadType)
	}
	if o.index, err = release.ReadIndex(o.envelope.Payload); err != nil {
		return nil, refusal(fmt.Errorf("%s: %w", place, err))
	}
	return o, nil
}

func showIndexCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "show ROOT|FILE|REFERENCE",
		Short: "List what an index lists",
		Long:  `Shows an index: the one that is known of a root, one in a file, or what is published. Nothing is verified; agentmesh index verify does.`,
		Args:  takes(1, 1, "one index"),
	}
	output := format(c, "table", "json")
	r := registryFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		o, err := e.openIndex(c.Context(), args[0], r)
		if err != nil {
			return err
		}
		if *output == "json" {
			return e.json(indexOf(o.index))
		}
		e.showIndex(o.index)
		return nil
	}
	return c
}

type indexJSON struct {
	Root    string      `json:"root"`
	Version int64       `json:"version"`
	Issued  string      `json:"issued"`
	Expires string      `json:"expires"`
	Entries []entryJSON `json:"entries"`
}

type entryJSON struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Kind     string `json:"kind"`
	Wasm     string `json:"wasm"`
	Manifest string `json:"manifest"`
	OCI      string `json:"oci,omitempty"`
	Size     int64  `json:"size"`
	From     string `json:"effective_from,omitempty"`
	Until    string `json:"effective_until,omitempty"`
	Yanked   string `json:"yanked,omitempty"`
}

func indexOf(x *release.Index) *indexJSON {
	out := &indexJSON{Root: x.Root, Version: x.Version, Issued: stamp(x.Issued), Expires: stamp(x.Expires), Entries: []entryJSON{}}
	for _, n := range x.Entries {
		out.Entries = append(out.Entries, entryJSON(n))
	}
	return out
}

func (e *env) showIndex(x *release.Index) {
	e.printf("index of root %s, version %d, issued %s, expires %s\n", plain(x.Root), x.Version, stamp(x.Issued), stamp(x.Expires))
	var rows [][]string
	for _, n := range x.Entries {
		state := "current"
		if n.Yanked != "" {
			state = "yanked: " + n.Yanked
		}
		rows = append(rows, []string{n.Name, n.Version, n.Kind, orNone(n.From), orNone(n.Until), n.Wasm, state})
	}
	e.table([]string{"PLUGIN", "VERSION", "KIND", "FROM", "UNTIL", "WASM", ""}, rows)
}

func verifyIndexCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify FILE|REFERENCE",
		Short: "Say whether an index would be taken here, and why not",
		Long: `Does with an index, and the chain of roots that came with it, what a host does that follows it, on a copy: signatures, dates, that it is not
older than the one that is known, that no version's bytes changed. Nothing is remembered.

Exits 0 when it would be taken, 3 with the code and the reason when not.`,
		Args: takes(1, 1, "one index"),
	}
	output := format(c, "table", "json")
	r := registryFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		t, err := e.trust()
		if err != nil {
			return err
		}
		o, err := e.openIndex(c.Context(), args[0], r)
		if err != nil {
			return err
		}
		err = t.Try(c.Context(), o.chain, release.AppendEnvelope(nil, &o.envelope))
		if *output == "json" {
			return e.triedJSON(args[0], o.index, err)
		}
		if err != nil {
			return refusal(err)
		}
		e.printf("would be taken: the index of root %s, version %d, until %s, lists %d versions\n",
			plain(o.index.Root), o.index.Version, stamp(o.index.Expires), len(o.index.Entries))
		return nil
	}
	return c
}

func (e *env) triedJSON(subject string, x *release.Index, err error) error {
	out := struct {
		Subject string     `json:"subject"`
		OK      bool       `json:"ok"`
		Index   *indexJSON `json:"index"`
		Code    string     `json:"code,omitempty"`
		Reason  string     `json:"reason,omitempty"`
		Mend    string     `json:"mend,omitempty"`
	}{Subject: subject, OK: err == nil, Index: indexOf(x)}
	var no *release.Refusal
	if errors.As(err, &no) {
		out.Code, out.Reason, out.Mend = string(no.Code), no.Error(), no.Mend
	} else if err != nil {
		return err
	}
	if err := e.json(out); err != nil {
		return err
	}
	if out.OK {
		return nil
	}
	return told(exitDenied)
}
