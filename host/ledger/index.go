package ledger

import (
	"context"

	"agentmesh/host/store"
)

type index struct{}

const indexStep = 5000

func newIndex(context.Context, *store.DB, string, Key) (*index, error) { return &index{}, nil }
func (*index) update(context.Context, int, int) error                  { return nil }

func candidates(_ context.Context, _ *store.DB, v *view, f Filter) (candidateFunc, error) {
	return scan(0, v.size(), f.OldestFirst), nil
}

func candidatesByID(_ context.Context, _ *store.DB, v *view, _ string) (candidateFunc, error) {
	return scan(0, v.size(), false), nil
}
