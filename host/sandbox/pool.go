package sandbox

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// instance is one instance of a module, with room for what it answers.
type instance struct {
	direct  *Direct
	outcome policy.Outcome
}

// growth is how much an instance's memory may grow before it is dropped.
const growth = 1 << 20

// patience is how long a caller without a deadline waits for an instance.
const patience = 5 * time.Second

// pool holds a module's instances. Free ones lie in a channel, so that taking one is safe and allocates nothing; a nil in
// it is room to make another one, left by one that was dropped.
type pool struct {
	module *DirectModule
	free   chan *instance
	made   atomic.Int64 // instances and rooms handed out so far
	size   int          // memory of a fresh instance
}

func newPool(m *DirectModule, bound int) *pool {
	return &pool{module: m, free: make(chan *instance, bound)}
}

// warm makes the first instance, so that a module that cannot run fails when it is loaded.
func (p *pool) warm(ctx context.Context) error {
	p.made.Add(1)
	i, err := p.make(ctx)
	if err != nil {
		return err
	}
	p.size = i.direct.MemorySize()
	p.free <- i
	return nil
}

func (p *pool) make(ctx context.Context) (*instance, error) {
	direct, err := p.module.New(ctx)
	if err != nil {
		p.free <- nil
		return nil, err
	}
	return &instance{direct: direct}, nil
}

// get takes a free instance, makes one, or waits.
func (p *pool) get(ctx context.Context) (*instance, error) {
	select {
	case i := <-p.free:
		return p.orMake(ctx, i)
	default:
	}
	if p.made.Add(1) <= int64(cap(p.free)) {
		return p.make(ctx)
	}
	p.made.Add(-1)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case i := <-p.free:
		return p.orMake(ctx, i)
	case <-ctx.Done():
		return nil, &abi.Failure{Code: abi.CodeCancelled, Detail: "the caller went away while it waited for an instance"}
	case <-timer.C:
		return nil, &abi.Failure{Code: abi.CodeOverloaded, Detail: "no instance came free in time"}
	}
}

func (p *pool) orMake(ctx context.Context, i *instance) (*instance, error) {
	if i == nil {
		return p.make(ctx)
	}
	return i, nil
}

// put gives an instance back. One that failed or grew is dropped.
func (p *pool) put(i *instance, failed bool) {
	if failed || i.direct.MemorySize() > p.size+growth {
		i.direct.Close(context.Background()) // frees memory; there is nothing that could fail and matter
		i = nil
	}
	p.free <- i
}

// close closes all instances, which are all free.
func (p *pool) close(ctx context.Context) error {
	var errs []error
	for {
		select {
		case i := <-p.free:
			if i != nil {
				errs = append(errs, i.direct.Close(ctx))
			}
		default:
			return errors.Join(errs...)
		}
	}
}
