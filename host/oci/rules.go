package oci

import (
	"context"
	"slices"
)

// RuleIndex is the signed list of what is current, and the chain of roots that says who may sign it: what an operator
// follows. All are envelopes as they were signed; this package does not look into them.
type RuleIndex struct {
	Index []byte   // nil: the roots keep no list
	Chain [][]byte // from the first root to the newest; at least one
}

// mostRoots is how many roots a chain may have.
const mostRoots = 1024

// PushIndex publishes an index under the reference's tag.
func (c *Client) PushIndex(ctx context.Context, ref Reference, x RuleIndex) (Descriptor, error) {
	a := Artifact{Type: RuleIndexType}
	if x.Index != nil {
		a.Layers = []Layer{{MediaType: RuleListType, Data: x.Index, Title: "index.json"}}
	}
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
		Layers: mostRoots + 1, Least: 1, Layer: 16 << 20, Total: 64 << 20,
		Types: []string{RuleListType, RuleRootType}, Configs: []string{EmptyType},
	})
	if err != nil {
		return nil, "", err
	}
	x, err = ruleIndexOf(p)
	return x, d.Digest.String(), at(ref.String(), err)
}

func ruleIndexOf(p *Pulled) (*RuleIndex, error) {
	x, roots := &RuleIndex{}, p.Layers
	if roots[0].MediaType == RuleListType {
		x.Index, roots = roots[0].Data, roots[1:]
	}
	if p.Type != RuleIndexType || len(roots) == 0 || slices.ContainsFunc(roots, func(l Layer) bool { return l.MediaType != RuleRootType }) {
		return nil, fault(CodeMediaTypeUnknown, "it is %s, and not a list of rules with the roots that speak for it", shown(p.Type))
	}
	for _, l := range roots {
		x.Chain = append(x.Chain, l.Data)
	}
	return x, nil
}
