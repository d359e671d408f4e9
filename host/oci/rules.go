package oci

import (
	"context"
	"slices"
)

// RuleIndex is the signed list of what is current, and the chain of roots that says who may sign it: what an operator
// follows. All are envelopes as they were signed; this package does not look into them.
type RuleIndex struct {
	Index []byte
	Chain [][]byte // from the first root to the newest
}

// mostRoots is how many roots a chain may have.
const mostRoots = 1024

// PushIndex publishes an index under the reference's tag.
func (c *Client) PushIndex(ctx context.Context, ref Reference, x RuleIndex) (Descriptor, error) {
	a := Artifact{Type: RuleIndexType, Layers: []Layer{{MediaType: RuleListType, Data: x.Index, Title: "index.json"}}}
	for _, root := range x.Chain {
		a.Layers = append(a.Layers, Layer{MediaType: RuleRootType, Data: root})
	}
	return c.Push(ctx, ref, a)
}

// PullIndex fetches a published index unless its manifest still has the digest known, the one returned the last time:
// then it returns nil, and an unchanged index has cost one HEAD request. A registry can thus withhold an index, which
// its date of expiry brings to light; it cannot change one.
func (c *Client) PullIndex(ctx context.Context, ref Reference, known string) (x *RuleIndex, digest string, err error) {
	d, err := c.Resolve(ctx, ref)
	if err != nil {
		return nil, "", err
	}
	if known != "" && d.Digest.String() == known {
		return nil, known, nil
	}
	pinned := ref
	pinned.Digest = d.Digest.String()
	p, err := c.Pull(ctx, pinned, Limits{
		Layers: mostRoots + 1, Least: 2, Layer: 16 << 20, Total: 64 << 20,
		Types: []string{RuleListType, RuleRootType}, Configs: []string{EmptyType},
	})
	if err != nil {
		return nil, "", err
	}
	if p.Type != RuleIndexType || p.Layers[0].MediaType != RuleListType ||
		slices.ContainsFunc(p.Layers[1:], func(l Layer) bool { return l.MediaType != RuleRootType }) {
		return nil, "", at(ref.String(), fault(CodeMediaTypeUnknown, "it is %s, not one index and its roots", shown(p.Type)))
	}
	x = &RuleIndex{Index: p.Layers[0].Data}
	for _, l := range p.Layers[1:] {
		x.Chain = append(x.Chain, l.Data)
	}
	return x, d.Digest.String(), nil
}
