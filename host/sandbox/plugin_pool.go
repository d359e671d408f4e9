package sandbox

import (
	"context"
	"sync/atomic"
	"time"

	"agentmesh/pdk/abi"
)

// pluginPool holds a plugin's instances. One of them is the first to be tried, so that a caller who is alone has the one
// it used last at the price of two atomic operations; the others lie in a channel, as does room for another (nil) that one
// dropped has left.
type pluginPool struct {
	plugin  *Plugin
	exports []string
	free    chan *pluginInstance
	hot     atomic.Pointer[pluginInstance] // the one tried first, whether it is free (its turn tells) or not
	waiting atomic.Int64                   // callers at the channel
	rooms   atomic.Int64                   // instances and rooms handed out so far, each paid for
	alive   atomic.Int64
	dropped atomic.Int64
	price   int64  // of a room, in the memory budget
	size    uint64 // guest memory of a fresh instance
}

func (p *pluginPool) open(plugin *Plugin, bound int) {
	layout := plugin.module.layout
	p.plugin, p.free = plugin, make(chan *pluginInstance, bound)
	p.exports = abi.Exports(plugin.module.file.Manifest.Kind)
	p.price = int64(layout.Shift) + int64(layout.MaxPages)<<16
}

// turn tells who has an instance: its low bits are one of these states, the others count.
type turn uint64

const (
	turnParked  turn = iota // nobody: whoever changes this has it
	turnRunning             // a caller
	turnStored              // the channel
	turnStates  turn = 1 << 2
)

func (t turn) state() turn { return t % turnStates }

// to is the next turn, in another state.
func (t turn) to(state turn) uint64 { return uint64(t-t.state()+turnStates) + uint64(state) }

func (i *pluginInstance) turns(state turn) { i.turn.Store(turn(i.turn.Load()).to(state)) }

// claim takes an instance that is parked.
func (i *pluginInstance) claim(state turn) bool {
	t := turn(i.turn.Load())
	return t.state() == turnParked && i.turn.CompareAndSwap(uint64(t), t.to(state))
}

// first takes the instance that the plugin was made with; its room is paid for.
func (p *pluginPool) first(i *pluginInstance) {
	p.size = i.memoryBytes()
	p.rooms.Store(1)
	p.alive.Store(1)
	p.hot.Store(i)
	i.turns(turnParked)
}

// get takes a free instance, makes one, or waits.
func (p *pluginPool) get(ctx context.Context) (*pluginInstance, error) {
	if i := p.hot.Load(); i != nil && i.claim(turnRunning) {
		return i, nil
	}
	return p.other(ctx)
}

// other takes another than the first to be tried.
func (p *pluginPool) other(ctx context.Context) (*pluginInstance, error) {
	select {
	case i := <-p.free:
		return p.orMake(i)
	default:
	}
	if p.room() {
		return p.orMake(nil)
	}
	return p.wait(ctx)
}

// room pays for room for another instance, within the pool's bound and the budget of all plugins.
func (p *pluginPool) room() bool {
	if p.rooms.Add(1) <= int64(cap(p.free)) && p.plugin.module.host.budget.take(p.price) {
		return true
	}
	p.rooms.Add(-1)
	return false
}

func (p *pluginPool) wait(ctx context.Context) (*pluginInstance, error) {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	// Whoever gave one back before it could see us waiting has put it here.
	if i := p.hot.Load(); i != nil && i.claim(turnRunning) {
		return i, nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case i := <-p.free:
		return p.orMake(i)
	case <-ctx.Done():
		return nil, &abi.Failure{Code: abi.CodeCancelled, Detail: "the caller went away while it waited for an instance"}
	case <-timer.C:
		return nil, &abi.Failure{Code: abi.CodeOverloaded, Detail: "no instance came free in time"}
	}
}

func (p *pluginPool) orMake(i *pluginInstance) (*pluginInstance, error) {
	if i != nil {
		i.turns(turnRunning)
		return i, nil
	}
	i, err := p.plugin.make()
	if err != nil {
		p.free <- nil
		return nil, err
	}
	p.alive.Add(1)
	return i, nil
}

// put gives an instance back; a broken one is dropped and leaves its room.
func (p *pluginPool) put(i *pluginInstance) {
	if i.broken || i.late.Load() {
		p.hot.CompareAndSwap(i, nil)
		p.plugin.drop(i)
		p.alive.Add(-1)
		p.dropped.Add(1)
		p.free <- nil
		return
	}
	if p.waiting.Load() > 0 || p.hot.Load() != i && !p.hot.CompareAndSwap(nil, i) {
		p.hot.CompareAndSwap(i, nil)
		i.turns(turnStored)
		p.free <- i
		return
	}
	i.turns(turnParked)
	// Somebody may have come meanwhile and looked too early.
	if p.waiting.Load() > 0 && i.claim(turnStored) {
		p.hot.CompareAndSwap(i, nil)
		p.free <- i
	}
}

// close closes all instances, which are all free, and gives back what their rooms cost.
func (p *pluginPool) close() {
	if i := p.hot.Swap(nil); i != nil {
		p.plugin.drop(i) // parked: no call is under way
	}
	for {
		select {
		case i := <-p.free:
			if i != nil {
				p.plugin.drop(i)
			}
		default:
			p.alive.Store(0)
			p.plugin.module.host.budget.give(p.price * p.rooms.Swap(0))
			return
		}
	}
}
