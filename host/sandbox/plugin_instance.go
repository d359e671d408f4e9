package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// pluginInstance is one instance of a plugin. It is not safe for concurrent use.
type pluginInstance struct {
	plugin    *Plugin
	layout    *wasm.Layout
	instance  api.Module
	memory    []byte            // all of it
	cells     *wasm.Cells       // nil: there are none
	functions []api.Function    // as the kind's exports
	calls     []api.Function    // the same as wasm.Layout.Calls; nil before the snapshot, or where there are none
	fuel      api.MutableGlobal // of this slice
	depth     api.MutableGlobal
	size      api.MutableGlobal // nil: the memory tells
	globals   []api.MutableGlobal
	stack     [2]uint64
	ctx       *guestContext

	arena arena
	mail  mailbox
	wasi  wasiState
	log   guestLog
	known answers

	broken bool // not to be used again

	work   int64 // units that host calls cost
	limit  int64
	code   abi.Code // why the guest was stopped, which is its end; "" before
	detail string

	turn   atomic.Uint64 // who has it
	late   atomic.Bool   // the watchdog struck
	strike sync.Mutex
}

// What a host call costs in fuel, beside a unit for each wasm.FuelBulk bytes it moves.
const hostCallFuel = 16

// spend charges for a host call. It stops the guest when host calls alone used up all fuel.
func (i *pluginInstance) spend(n uint64) {
	if n == 0 {
		i.work += hostCallFuel
	} else {
		i.work += int64(n / wasm.FuelBulk)
	}
	if i.work > i.limit {
		i.stop(abi.CodeOutOfFuel, "its host calls cost more than "+strconv.FormatInt(i.limit, 10)+" units")
	}
}

// stop ends the guest's call with a code.
func (i *pluginInstance) stop(code abi.Code, detail string) {
	i.code, i.detail = code, detail
	panic(fault(detail))
}

// memoryBytes is how large the guest's memory is, in its own eyes.
func (i *pluginInstance) memoryBytes() uint64 {
	if i.size != nil {
		return i.size.Get() << 16
	}
	i.memory = wholeMemory(i.instance)
	return uint64(len(i.memory))
}

func wholeMemory(m api.Module) []byte {
	memory := m.Memory()
	all, _ := memory.Read(0, memory.Size())
	return all
}

// instantiate makes an instance that has not run yet.
func (pm *PluginModule) instantiate(p *Plugin) (*pluginInstance, error) {
	i := &pluginInstance{plugin: p, layout: pm.layout}
	i.ctx = &guestContext{Context: context.Background(), instance: i}
	instance, err := pm.host.instantiate(i.ctx, pm.compiled)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	i.instance, i.memory = instance, wholeMemory(instance)
	global := func(name string) api.MutableGlobal {
		g, _ := instance.ExportedGlobal(name).(api.MutableGlobal)
		return g
	}
	i.fuel, i.depth = global(pm.layout.FuelGlobal), global(pm.layout.DepthGlobal)
	i.size = global(pm.layout.SizeGlobal)
	if n := pm.layout.ArenaBytes; n > 0 {
		base := pm.layout.ArenaBase
		i.arena.shared = i.memory[base : base+n : base+n]
	}
	if i.size != nil {
		i.cells = pm.layout.Cells(i.memory)
		i.arena.cells = i.cells
	}
	for _, name := range pm.layout.Globals {
		if name != pm.layout.SizeGlobal {
			i.globals = append(i.globals, global(name))
		}
	}
	for _, name := range abi.Exports(pm.file.Manifest.Kind) {
		i.functions = append(i.functions, instance.ExportedFunction(name))
	}
	i.wasi = wasiState{}
	return i, nil
}

// settled has calls put the globals back from now on; those before the snapshot were to change them.
func (i *pluginInstance) settled() {
	for _, name := range i.layout.Calls {
		i.calls = append(i.calls, i.instance.ExportedFunction(name))
	}
}

// run calls a function of the guest with so much fuel, and says how much it used.
func (i *pluginInstance) run(f api.Function, limit int64) (used int64, err error) {
	first := i.refuel(limit)
	if i.fuel != nil {
		i.fuel.Set(first)
	}
	return i.ended(limit, f.CallWithStack(i.ctx, i.stack[:]))
}

// refuel gives the guest fuel, but for the slice that it begins with.
func (i *pluginInstance) refuel(limit int64) (first uint64) {
	i.work, i.limit = 0, limit
	if i.cells == nil {
		return uint64(limit)
	}
	n := min(limit, wasm.Slice)
	i.cells.SetRest(limit - n)
	return uint64(n)
}

// ended says what a call used, and why it failed.
func (i *pluginInstance) ended(limit int64, failure error) (used int64, err error) {
	if i.late.Load() { // wait until the watchdog has let go
		i.strike.Lock()
		defer i.strike.Unlock()
	}
	used = i.work
	if i.fuel != nil {
		left := int64(i.fuel.Get())
		if i.cells != nil {
			left += i.cells.Rest()
		}
		used += limit - max(left, 0)
	}
	if failure != nil {
		return used, i.why(failure)
	}
	return used, nil
}

// why gives a trap its code.
func (i *pluginInstance) why(err error) *abi.Failure {
	layout := i.layout
	switch {
	case i.late.Load():
		return &abi.Failure{Code: abi.CodeWatchdog, Detail: "it ran longer than the host waits"}
	case i.code != "" && i.code != abi.CodeTrap:
		return &abi.Failure{Code: i.code, Detail: i.detail}
	case i.fuel != nil && int64(i.fuel.Get()) < 0:
		return &abi.Failure{Code: abi.CodeOutOfFuel, Detail: "it used up its " + strconv.FormatInt(i.limit, 10) + " units"}
	case i.cells != nil && i.cells.Refused():
		return &abi.Failure{Code: abi.CodeOutOfMemory, Detail: fmt.Sprintf("it wanted more than its %d pages of memory", layout.MaxPages)}
	case i.depth != nil && uint32(i.depth.Get()) > wasm.MaxDepth:
		return &abi.Failure{Code: abi.CodeTrap, Detail: "call stack exhausted"}
	case i.code != "":
		return &abi.Failure{Code: i.code, Detail: i.detail}
	}
	var f fault
	if errors.As(err, &f) {
		return &abi.Failure{Code: abi.CodeTrap, Detail: f.Error()}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &abi.Failure{Code: abi.CodeTrap, Detail: strings.TrimPrefix(first, "wasm error: ")}
}

// answer calls an export of the kind, whose input stands in the arena already, and gives its answer, which is good until
// the next call. The instance must be restored afterwards, and dropped if it is broken then.
func (i *pluginInstance) answer(export int) (out []byte, used int64, err error) {
	i.broken = false
	i.log.reset()
	if i.mail.there {
		i.post()
	}
	limit := i.plugin.fuel
	if i.calls == nil {
		i.stack = [2]uint64{}
		used, err = i.run(i.functions[export], limit)
	} else {
		i.stack[0] = i.refuel(limit)
		if err = i.calls[export].CallWithStack(i.ctx, i.stack[:]); err != nil || i.late.Load() {
			used, err = i.ended(limit, err)
		} else {
			used = i.work + limit - max(int64(i.stack[1])+i.cells.Rest(), 0)
		}
	}
	if err != nil {
		i.broken = true
		return nil, used, err
	}
	if status := int32(i.stack[0]); status != 0 {
		return nil, used, &abi.Failure{Code: abi.CodeTrap, Detail: fmt.Sprintf("it gave up with status %d", status)}
	}
	if i.mail.there {
		if err := i.fetch(); err != nil {
			return nil, used, err
		}
	}
	out = i.arena.result()
	if len(out) > abi.DefaultOutputBytes {
		return nil, used, tooLarge(len(out))
	}
	return out, used, nil
}

// snapshot is an instance's state between two calls: what all instances of the plugin have there.
type snapshot struct {
	memory  []byte // the guest's, up to its last byte that is not 0
	globals []uint64
	pages   uint64
	wasi    wasiState
	mail    mailbox
}

func (i *pluginInstance) snapshot() *snapshot {
	s := &snapshot{wasi: i.wasi, mail: i.mail}
	if i.plugin.mode == restoreMarked {
		s.memory, s.pages = i.layout.Snapshot(i.memory), i.size.Get()
		i.cells.ForgetGrowth()
		i.settled()
	} else {
		i.memoryBytes()
		s.memory = bytes.Clone(i.memory)
	}
	for _, g := range i.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s
}

// become brings a new instance into a snapshot's state, as if it had done what the first one did.
func (i *pluginInstance) become(s *snapshot) {
	guest := i.memory[i.layout.Shift:]
	n := copy(guest, s.memory)
	clear(guest[n:max(n, int(i.layout.InitialPages)<<16)])
	i.size.Set(s.pages)
	i.mail = s.mail
	i.settle(s)
	i.settled()
}

func (i *pluginInstance) settle(s *snapshot) {
	i.wasi = s.wasi
	for at, g := range i.globals {
		g.Set(s.globals[at])
	}
	if i.cells != nil && i.cells.Grown() {
		i.size.Set(s.pages)
	}
}

// restore undoes what a call did, at a cost proportional to what it wrote. It reports how many pages that were. An instance
// that grew, or wrote much, is not to be used again: it would hold that memory of the system.
func (i *pluginInstance) restore(s *snapshot) (pages int) {
	if i.calls == nil {
		i.settle(s)
	} else {
		i.wasi = s.wasi // the globals are as they were
	}
	if i.cells.Asked() {
		i.broken = i.cells.Grown()
		i.cells.ForgetGrowth()
	}
	if pages = i.layout.Restore(i.memory, s.memory); pages > dirtyPages {
		i.broken = true
	}
	return pages
}

// dirtyPages is how many pages a call may write before its instance is dropped.
const dirtyPages = 1024

// restoreAll copies the whole of a guest back, where no barrier tells what it wrote.
func (i *pluginInstance) restoreAll(s *snapshot) {
	i.memoryBytes()
	i.settle(s)
	clear(i.memory[copy(i.memory, s.memory):])
}

func (i *pluginInstance) close() { i.instance.Close(context.Background()) } // frees memory; nothing that could fail and matter
