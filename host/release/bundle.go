package release

import "slices"

// Bundle is what crosses an air gap: everything that a machine without network needs to verify and run the modules, but
// the trust in the root itself, which it has by fingerprint.
type Bundle struct {
	Roots   []BundledRoot
	Modules []Stored
}

// BundledRoot are the signed files of a trust root.
type BundledRoot struct {
	Name  string
	Chain [][]byte
	// Index is nil where the root has none.
	Index []byte
}

// Bundle gathers modules of the depot with the files of the trust roots that vouch for them.
func (t *Trust) Bundle(d *Depot, wasm ...string) (*Bundle, error) {
	b := &Bundle{}
	for _, digest := range wasm {
		s, err := d.Get(digest)
		if err != nil {
			return nil, err
		}
		decision, err := t.Check(Candidate{Module: s.Module, Envelopes: s.Envelopes, OCI: s.Receipt.OCI})
		if err != nil {
			return nil, err
		}
		b.Modules = append(b.Modules, *s)
		if slices.ContainsFunc(b.Roots, func(r BundledRoot) bool { return r.Name == decision.Root }) {
			continue
		}
		r := BundledRoot{Name: decision.Root}
		if r.Chain, r.Index, err = t.Documents(decision.Root); err != nil {
			return nil, err
		}
		b.Roots = append(b.Roots, r)
	}
	return b, nil
}
